"""Files that belong to images by their names, such as depth/day/7.png to photos/day/7.jpg."""

import collections
from collections.abc import Collection, Iterable, Mapping, Sequence
import pathlib
from typing import TypeVar

from cyclegan_jax.errors import UserError
from cyclegan_jax.image_files import images, walk
from cyclegan_jax.inference.files.inputs import Job

T = TypeVar('T')
# What something is called: the parts of a path, the last one without its extension.
_Parts = tuple[str, ...]


def listed(place: pathlib.Path) -> list[pathlib.Path]:
  """Returns the files below a folder; none if it is a file."""
  return [pathlib.Path(file.path) for file in walk.files_below(place)] if place.is_dir() else []


def find(
  place: pathlib.Path,
  files: Sequence[pathlib.Path],
  jobs: Sequence[Job],
  flag: str,
  extensions: Collection[str] = images.EXTENSIONS,
) -> dict[int, pathlib.Path]:
  """Returns the files that belong to the sources of jobs, by the index of the job.

  A file has the path of an image below its folder, or the end of that path, or has it as its end,
  without the extension.

  Args:
    place: A folder; or, for a single job, a file.
    files: What the folder holds, as `listed`.
    jobs: Images to translate.
    flag: That names the place, for messages.
    extensions: Of the files that count.

  Raises:
    UserError: No file fits, several fit a job, or one fits several jobs; or the place is among the
      images.
  """
  if not place.is_dir():
    if len(jobs) > 1:
      raise UserError(f'{flag}={place} is one file, for {len(jobs)} images. Give a folder.')
    return {0: place}
  for folder in {job.source.parent for job in jobs}:
    if folder.resolve().is_relative_to(place.resolve()):
      raise UserError(
        f'{flag}={place} is among the images of --input, so that its own would be translated, too. '
        'Give folders that lie beside each other.'
      )
  named = {str(file): file for file in files if walk.extension(file.name) in extensions}
  if not named:
    kinds = walk.described(walk.by_kind(map(str, files)))
    raise UserError(
      f'{flag}={place}: expected images ({", ".join(images.EXTENSIONS)}), found '
      f'{kinds or "no files"}.'
    )
  return match(named, jobs, f'{flag}={place}', place)


def match(
  named: Mapping[str, T], jobs: Sequence[Job], where: str, root: pathlib.Path = pathlib.Path()
) -> dict[int, T]:
  """Returns what belongs to the sources of jobs, by the index of the job; see `find`.

  Args:
    named: By path, below `root`.
    jobs: Images to translate.
    where: The flag and its value, for messages.
    root: Is no part of the names.

  Raises:
    UserError: Nothing fits, several fit a job, or one fits several jobs.
  """
  by_stem: dict[str, list[tuple[_Parts, str]]] = collections.defaultdict(list)
  for path in named:
    name = pathlib.PurePosixPath(path)
    own = name.relative_to(root) if name.is_relative_to(root) else name
    by_stem[name.stem].append(((*own.parent.parts, name.stem), path))
  found, used = {}, {}
  for i, job in enumerate(jobs):
    fits = _alike((*job.relative.parent.parts, job.source.stem), by_stem[job.source.stem])
    if len(fits) > 1:
      raise UserError(
        f'{where}: {fits[0]} and {fits[1]} both have the name of {job.source}. Give a folder in '
        'which one has.'
      )
    for path in fits:
      if path in used:
        raise UserError(
          f'{where}: {path} has the name of both {used[path]} and {job.source}. Put it into '
          'folders called like those of the images.'
        )
      found[i], used[path] = named[path], job.source
  if not found:
    raise UserError(
      f'{where}: none of its {len(named)} images, such as {min(named)}, has the name of an image '
      f'to translate, such as {jobs[0].source}. Name them like these, but for the extension.'
    )
  return found


def _alike(wanted: _Parts, candidates: Iterable[tuple[_Parts, str]]) -> Sequence[str]:
  """The paths of this name, or else those of which one name is the end of the other."""
  exact, ends = [], []
  for parts, path in candidates:
    if parts == wanted:
      exact.append(path)
    elif parts[-len(wanted) :] == wanted or wanted[-len(parts) :] == parts:
      ends.append(path)
  return exact or ends
