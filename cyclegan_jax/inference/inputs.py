"""What is translated, and what each result is called.

Inputs are folders, files, and patterns such as 'photos/*.jpg'. Names and sub-folders are kept, and
several inputs are kept apart by the names of their folders.
"""

import collections
from collections.abc import Iterator, Sequence
import dataclasses
import glob
import pathlib

from cyclegan_jax.data import images
from cyclegan_jax.errors import UserError

FORMATS = {'png': '.png', 'tiff': '.tif'}
VIDEOS = ('.avi', '.m4v', '.mkv', '.mov', '.mp4', '.mpeg', '.mpg', '.ts', '.webm', '.wmv')
# Frames without loss, 8 or 16 bit: see video.py.
VIDEO_OUTPUT = '.mkv'


@dataclasses.dataclass(frozen=True)
class Job:
  """One file to translate.

  Attributes:
    source: the image or video.
    target: the file that it becomes.
    relative: the target's path below the output folder.
  """

  source: pathlib.Path
  target: pathlib.Path
  relative: pathlib.Path

  @property
  def is_video(self) -> bool:
    """Whether it is one, by its name."""
    return is_video(self.source)


@dataclasses.dataclass(frozen=True)
class Plan:
  """All of them.

  Attributes:
    jobs: in order of their names.
    roots: the folder that names were kept from, and its place below the output folder, for each
      input.
    left_out: how many files in folders are neither images nor videos, by the end of their names.
  """

  jobs: tuple[Job, ...]
  roots: tuple[tuple[pathlib.Path, pathlib.Path], ...]
  left_out: collections.Counter[str]


def is_video(file: pathlib.Path) -> bool:
  """Whether it is one, by its name."""
  return file.suffix.lower() in VIDEOS


def plan(
  inputs: Sequence[str], output: pathlib.Path, *, recursive: bool = True, suffix: str = '.png'
) -> Plan:
  """Which file becomes which.

  Args:
    inputs: folders, files and patterns.
    output: a folder; for a single file also the name of the result.
    recursive: walk folders with their sub-folders.
    suffix: of translated images.

  Raises:
    UserError: nothing to translate, two inputs with one output, or an output that would replace
      an input or become one.
  """
  found = [(root, files) for text in inputs for root, files in _expanded(text, recursive)]
  folders = {root for root, files in found if isinstance(files, _Walked)}
  jobs, roots, left_out = [], [], collections.Counter()
  named = _named_output(inputs, found, output, suffix)
  for root, files in found:
    walked = isinstance(files, _Walked)
    below = pathlib.Path(root.resolve().name if walked and len(folders) > 1 else '')
    roots.append((root, below))
    if not named and walked and output.resolve().is_relative_to(root.resolve()):
      raise UserError(
        f'--output={output} lies inside --input={root}: the results would be the '
        'next inputs. Choose a folder outside.'
      )
    for file in files:
      ending = file.suffix.lower()
      if walked and ending not in (*images.EXTENSIONS, *VIDEOS):
        left_out[ending or 'no ending'] += 1
        continue
      relative = below / file.relative_to(root).with_suffix(
        VIDEO_OUTPUT if is_video(file) else suffix
      )
      jobs.append(
        Job(
          file,
          output if named else output / relative,
          pathlib.Path(output.name) if named else relative,
        )
      )
  if not jobs:
    raise UserError(
      f'--input={",".join(inputs)} holds no images '
      f'({", ".join(images.EXTENSIONS)}) and no videos ({", ".join(VIDEOS)}).'
    )
  _check_targets(jobs)
  return Plan(tuple(sorted(jobs, key=lambda job: str(job.relative))), tuple(roots), left_out)


class _Walked(list):
  """Files that a folder was found to hold: those that are no images are left out."""


def _expanded(text: str, recursive: bool) -> Iterator[tuple[pathlib.Path, list[pathlib.Path]]]:
  """The folder that names are kept from, and the files, of an input."""
  path = pathlib.Path(text).expanduser()
  if path.is_dir():
    walk = path.rglob('*') if recursive else path.glob('*')
    yield (
      path,
      _Walked(sorted(file for file in walk if file.is_file() and not file.name.startswith('.'))),
    )
  elif path.exists():
    yield path.parent, [path]
  elif glob.has_magic(str(path)):
    fixed = pathlib.Path(*_until(glob.has_magic, path.parts))
    matches = [pathlib.Path(match) for match in sorted(glob.glob(str(path), recursive=True))]
    for folder in (match for match in matches if match.is_dir() and '**' not in str(path)):
      yield from _expanded(str(folder), recursive)
    files = [match for match in matches if match.is_file()]
    if files:
      yield fixed, files
    elif not matches:
      raise UserError(
        f'--input={text} matches no file. (Quote a pattern, so that the shell leaves it alone.)'
      )
  else:
    raise UserError(
      f'--input={text} does not exist. Give images, videos, folders of them, or a '
      "pattern such as 'photos/*.jpg'."
    )


def _until(stop, parts: Sequence[str]) -> list[str]:
  kept = []
  for part in parts:
    if stop(part):
      break
    kept.append(part)
  return kept


def _named_output(
  inputs: Sequence[str], found: Sequence, output: pathlib.Path, suffix: str
) -> bool:
  """Whether `output` is the name of the only result, not a folder."""
  ending = output.suffix.lower()
  if ending not in (*images.EXTENSIONS, *VIDEOS) or output.is_dir():
    return False
  files = [file for _, group in found for file in group]
  if len(files) != 1 or isinstance(found[0][1], _Walked):
    raise UserError(
      f'--output={output} names a file, but --input={",".join(inputs)} is a folder '
      'or several files. Give a folder.'
    )
  wanted = VIDEO_OUTPUT if is_video(files[0]) else suffix
  if ending != wanted and not (wanted == '.tif' and ending == '.tiff'):
    kind = 'videos' if is_video(files[0]) else 'images'
    raise UserError(
      f'--output={output}: translated {kind} are {wanted[1:].upper()} files. Give a '
      f'name that ends in {wanted}.'
    )
  return True


def _check_targets(jobs: Sequence[Job]) -> None:
  """Refuses results that would replace an input or each other."""
  inputs, owner = {job.source.resolve() for job in jobs}, {}
  for job in jobs:
    if job.target.resolve() in inputs:
      raise UserError(f'{job.target} is an input and would be replaced. Choose another --output.')
    if job.target in owner:
      if owner[job.target] == job.source:
        raise UserError(f'--input names {job.source} twice. Give it once.')
      raise UserError(
        f'{owner[job.target]} and {job.source} would both become {job.target}. '
        'Rename one, or translate them into different folders.'
      )
    owner[job.target] = job.source
