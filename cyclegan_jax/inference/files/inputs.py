"""The files to translate, and the name of each result.

Inputs are folders, files, and patterns such as 'photos/*.jpg'. Names and subfolders are kept.
Several folders each keep their own name, so that they do not mix.
"""

import collections
from collections.abc import Iterator, Mapping, Sequence
import dataclasses
import fnmatch
import glob
import itertools
import pathlib
from typing import NamedTuple

from cyclegan_jax import files as files_lib
from cyclegan_jax.data.boxes import LabelFile
from cyclegan_jax.errors import UserError
from cyclegan_jax.image_files import images, walk

FORMATS = {'png': '.png', 'tiff': '.tif'}
VIDEOS = ('.avi', '.m4v', '.mkv', '.mov', '.mp4', '.mpeg', '.mpg', '.ts', '.webm', '.wmv')
# For lossless frames of 8 or 16 bits, see video/videos.py.
VIDEO_OUTPUT = '.mkv'


@dataclasses.dataclass(frozen=True)
class Job:
  """One image or video to translate, the file to write, and its path below the output folder.

  `layers` are the files of its layers by their names, see layer_files.py.
  """

  source: pathlib.Path
  target: pathlib.Path
  relative: pathlib.Path
  layers: Mapping[str, LabelFile] = dataclasses.field(default_factory=dict)

  @property
  def is_video(self) -> bool:
    """True if the source has the name of a video."""
    return _is_video(self.source)


@dataclasses.dataclass(frozen=True)
class Plan:
  """All files to translate.

  Attributes:
    jobs: sorted by the names of their targets.
    roots: for each input, the folder that names are relative to, and its place below the output.
    left_out: the number of files in folders that are neither images nor videos, by kind.
    passed_over: the paths of systems' folders in which nobody looked.
  """

  jobs: tuple[Job, ...]
  roots: tuple[tuple[pathlib.Path, pathlib.Path], ...]
  left_out: collections.Counter[str]
  passed_over: tuple[str, ...] = ()


class _Group(NamedTuple):
  """The files of one input. Names are relative to `root`; of a folder, only images are wanted."""

  root: pathlib.Path
  files: list[pathlib.Path]
  is_folder: bool = False
  odd: int = 0  # Links to nowhere, FIFOs, and the like.
  passed_over: frozenset[str] = frozenset()


def plan(
  inputs: Sequence[str],
  output: pathlib.Path,
  *,
  recursive: bool = True,
  suffix: str = '.png',
  flag: str = '--input',
) -> Plan:
  """Finds the files to translate and names their results.

  Args:
    inputs: folders, files and patterns.
    output: a folder; for a single file, the name of the result is fine, too.
    recursive: search subfolders.
    suffix: extension of translated images.
    flag: that names the inputs, for messages.

  Raises:
    UserError: there is nothing to translate, two inputs have the same output, or an output would
      replace an input or become one.
  """
  groups = [group for text in inputs for group in _groups(text, recursive)]
  is_file = _is_file_name(f'{flag}={",".join(inputs)}', groups, output, suffix)
  several = len({group.root for group in groups if group.is_folder}) > 1
  jobs, roots, left_out = [], [], collections.Counter()
  for group in groups:
    root = group.root.resolve()
    below = pathlib.Path(root.name if group.is_folder and several else '')
    roots.append((group.root, below))
    if group.is_folder and output.resolve().is_relative_to(root):
      raise UserError(
        f'--output={output} lies inside --input={group.root}: the results would be the next '
        'inputs. Choose a folder outside.'
      )
    if group.odd:
      left_out['links to nowhere or special files'] += group.odd
    for file in group.files:
      if group.is_folder and file.suffix.lower() not in (*images.EXTENSIONS, *VIDEOS):
        left_out += walk.by_kind([file.name])
        continue
      relative = below / file.relative_to(group.root).with_suffix(_suffix(file, suffix))
      target = output if is_file else output / relative
      jobs.append(Job(file, target, pathlib.Path(output.name) if is_file else relative))
  if not jobs:
    found = f' It holds {walk.described(left_out)}.' if left_out else ''
    raise UserError(
      f'{flag}={",".join(inputs)} holds no images ({", ".join(images.EXTENSIONS)}) and no videos '
      f'({", ".join(VIDEOS)}).{found}'
    )
  _check_targets(jobs)
  passed_over = {str(group.root / path) for group in groups for path in group.passed_over}
  return Plan(
    tuple(sorted(jobs, key=lambda job: str(job.relative))),
    tuple(roots),
    left_out,
    tuple(sorted(passed_over)),
  )


def _is_video(file: pathlib.Path) -> bool:
  return file.suffix.lower() in VIDEOS


def _suffix(file: pathlib.Path, suffix: str) -> str:
  """Returns the extension of a file's translation."""
  return VIDEO_OUTPUT if _is_video(file) else suffix


def _groups(text: str, recursive: bool) -> Iterator[_Group]:
  """Yields the files of an input; for a pattern, one group for each folder that it matches."""
  path = files_lib.expanded(text)
  if path.is_dir():
    passed_over: set[str] = set()
    found = list(walk.files_below(path, recursive=recursive, passed_over=passed_over))
    files = [pathlib.Path(file.path) for file in found if file.is_regular]
    odd = len(found) - len(files)
    yield _Group(path, files, is_folder=True, odd=odd, passed_over=frozenset(passed_over))
  elif path.exists():
    yield _Group(path.parent, [path])
  elif glob.has_magic(str(path)):
    fixed = pathlib.Path(*itertools.takewhile(lambda part: not glob.has_magic(part), path.parts))
    matches = _matches(path, fixed)
    if not matches:
      raise UserError(
        f'--input={text} matches no file. (Quote a pattern, so that the shell leaves it alone.)'
      )
    for folder in (match for match in matches if match.is_dir()):
      yield from _groups(str(folder), recursive)
    files = [match for match in matches if match.is_file()]
    if files:
      yield _Group(fixed, files)
  else:
    raise UserError(
      f'--input={text} does not exist. Give images, videos, folders of them, or a pattern such as '
      "'photos/*.jpg'."
    )


def _matches(pattern: pathlib.Path, fixed: pathlib.Path) -> list[pathlib.Path]:
  """Returns what a pattern matches, sorted; `fixed` is the folder above its first wildcard."""
  wanted = pattern.parts[len(fixed.parts) :]
  if '**' in wanted:
    # glob would follow a loop of links as far as the system does.
    found = walk.files_below(fixed) if fixed.is_dir() else ()
    return [pathlib.Path(file.path) for file in found if _fits(file.parts, wanted)]
  found = [pathlib.Path(match) for match in sorted(glob.glob(str(pattern)))]
  # glob itself leaves out what is hidden.
  return [
    match
    for match in found
    if not any(walk.is_system(part) for part in match.parts[len(fixed.parts) :])
  ]


def _fits(parts: Sequence[str], pattern: Sequence[str]) -> bool:
  """Returns whether the names of a path fit those of a pattern, where ** is any number of them."""
  if not pattern or not parts:
    return not parts and set(pattern) <= {'**'}
  if pattern[0] == '**':
    return _fits(parts, pattern[1:]) or _fits(parts[1:], pattern)
  return fnmatch.fnmatchcase(parts[0], pattern[0]) and _fits(parts[1:], pattern[1:])


def _is_file_name(given: str, groups: Sequence[_Group], output: pathlib.Path, suffix: str) -> bool:
  """True if `output` is the name of the only result, of the flag `given`, and no folder."""
  extension = output.suffix.lower()
  if extension not in (*images.EXTENSIONS, *VIDEOS) or output.is_dir():
    return False
  files = [file for group in groups for file in group.files]
  if len(files) != 1 or groups[0].is_folder:
    raise UserError(
      f'--output={output} names a file, but {given} is a folder or several files. Give a folder.'
    )
  wanted = _suffix(files[0], suffix)
  if extension != wanted and not (wanted == '.tif' and extension == '.tiff'):
    kind = 'videos' if _is_video(files[0]) else 'images'
    raise UserError(
      f'--output={output}: translated {kind} are {wanted[1:].upper()} files. Give a name that ends '
      f'in {wanted}.'
    )
  return True


def _check_targets(jobs: Sequence[Job]) -> None:
  """Raises UserError if a result would replace an input or another result."""
  inputs = {job.source.resolve() for job in jobs}
  sources: dict[pathlib.Path, pathlib.Path] = {}
  for job in jobs:
    if job.target.resolve() in inputs:
      raise UserError(f'{job.target} is an input and would be replaced. Choose another --output.')
    other = sources.get(job.target)
    if other == job.source:
      raise UserError(f'--input names {job.source} twice. Give it once.')
    if other:
      raise UserError(
        f'{other} and {job.source} would both become {job.target}. Rename one, or translate them '
        'into different folders.'
      )
    sources[job.target] = job.source
