"""Files that belong to images by their names, such as depth/day/7.png to photos/day/7.jpg."""

import collections
from collections.abc import Iterable, Sequence
import pathlib

from cyclegan_jax.data import images, walk
from cyclegan_jax.errors import UserError
from cyclegan_jax.inference.inputs import Job

_Parts = tuple[str, ...]


def find(place: pathlib.Path, jobs: Sequence[Job], flag: str) -> dict[int, pathlib.Path]:
  """Returns the files that belong to the sources of jobs, by the index of the job.

  A file has the path of an image below its folder, or the end of that path, or has it as its end,
  without the extension.

  Args:
    place: A folder; or, for a single job, a file.
    jobs: Images to translate.
    flag: That names the place, for messages.

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
  named = _by_stem(place)
  found, used = {}, {}
  for i, job in enumerate(jobs):
    fits = _alike((*job.relative.parent.parts, job.source.stem), named[job.source.stem])
    if len(fits) > 1:
      raise UserError(
        f'{flag}={place}: {fits[0]} and {fits[1]} both have the name of {job.source}. Give a '
        'folder in which one has.'
      )
    for file in fits:
      if file in used:
        raise UserError(
          f'{flag}={place}: {file} has the name of both {used[file]} and {job.source}. Put it into '
          'folders called like those of the images.'
        )
      found[i], used[file] = file, job.source
  if not found:
    there = [file for files in named.values() for _, file in files]
    if not there:
      kinds = walk.described(walk.by_kind(file.path for file in walk.files_below(place)))
      raise UserError(
        f'{flag}={place}: expected images ({", ".join(images.EXTENSIONS)}), found '
        f'{kinds or "no files"}.'
      )
    raise UserError(
      f'{flag}={place}: none of its {len(there)} images, such as {there[0]}, has the name of an '
      f'image to translate, such as {jobs[0].source}. Name them like these, but for the extension.'
    )
  return found


def _by_stem(folder: pathlib.Path) -> dict[str, list[tuple[_Parts, pathlib.Path]]]:
  """The images of a folder, with the parts of their names, by the last part."""
  named = collections.defaultdict(list)
  for file in walk.files_below(folder):
    if walk.extension(file.parts[-1]) in images.EXTENSIONS:
      path = pathlib.Path(file.path)
      named[path.stem].append(((*file.parts[:-1], path.stem), path))
  return named


def _alike(
  wanted: _Parts, candidates: Iterable[tuple[_Parts, pathlib.Path]]
) -> Sequence[pathlib.Path]:
  """The files of this name, or else those of which one name is the end of the other."""
  exact, ends = [], []
  for parts, file in candidates:
    if parts == wanted:
      exact.append(file)
    elif parts[-len(wanted) :] == wanted or wanted[-len(parts) :] == parts:
      ends.append(file)
  return exact or ends
