"""The image files of a user's folder, and what lies there that is not read as an image."""

import collections
from collections.abc import Iterable, Sequence
import dataclasses
import pathlib
from typing import NamedTuple

from cyclegan_jax.errors import UserError
from cyclegan_jax.image_files import images, walk
from datasets import archives, storing

_MAX_LISTED = 12

Parts = tuple[str, ...]


@dataclasses.dataclass(frozen=True)
class ImageFile:
  """A file with an image's extension below the source folder."""

  path: str  # absolute, or as the source folder was given
  parts: Parts  # relative to the source folder
  size: int
  mtime_ns: int

  @property
  def relative(self) -> str:
    """The path below the source folder, with slashes."""
    return '/'.join(self.parts)


class Scan(NamedTuple):
  """What a source folder holds.

  Attributes:
    images: sorted by path.
    others: the parts of all other files.
    passed_over: the relative paths of systems' folders in which nobody looked.
  """

  images: list[ImageFile]
  others: list[Parts]
  passed_over: list[str]


def scan(source: pathlib.Path) -> list[ImageFile]:
  """Lists the image files below a folder, sorted by path; raises as `look_through` does."""
  return look_through(source).images


def look_through(source: pathlib.Path) -> Scan:
  """Lists the files below a folder; see `walk.files_below`.

  Raises:
    UserError: `source` is missing, not a folder, unreadable or has no images.
  """
  archives.check_folder(source, 'RGB and IR images')
  passed_over: set[str] = set()
  files, others = [], []
  for path, parts, info in walk.files_below(source, passed_over=passed_over):
    if walk.extension(parts[-1]) in images.EXTENSIONS:
      size, time = (info.st_size, info.st_mtime_ns) if info else (-1, -1)
      files.append(ImageFile(path, parts, size, time))
    else:
      others.append(parts)
  if not files:
    found = walk.described(dict(walk.by_kind(parts[-1] for parts in others).most_common(5)))
    raise UserError(
      f'--source_dir={source}: no images found; expected files ending in '
      f'{", ".join(images.EXTENSIONS)}, found {found or "no files at all"}.'
    )
  return Scan(sorted(files, key=lambda file: file.parts), others, sorted(passed_over))


def listing(files: Iterable[ImageFile], what: str = 'images', others: Iterable[Parts] = ()) -> str:
  """Names the folders that hold these files, with counts, and those with `others` alone."""
  counts = collections.Counter('/'.join(file.parts[:-1]) or '.' for file in files)
  listed = storing.some([f'{folder} ({n})' for folder, n in sorted(counts.items())], _MAX_LISTED)
  text = f'Folders with {what}: {listed}.'
  unread = collections.defaultdict(list)
  for parts in others:
    unread['/'.join(parts[:-1]) or '.'].append(parts[-1])
  alone = [
    f'{folder} ({walk.described(walk.by_kind(names))})'
    for folder, names in sorted(unread.items())
    if folder not in counts
  ]
  return f'{text} Folders without: {storing.some(alone, _MAX_LISTED)}.' if alone else text


class NamedFolder(NamedTuple):
  """A folder that the user named, directly below the source folder or at any depth."""

  names: Parts
  at_top: bool

  @classmethod
  def find(
    cls, source: pathlib.Path, files: Sequence[ImageFile], flag: str, name: str, what: str
  ) -> 'NamedFolder':
    """Returns the folder that a flag names; UserError if none of the files, `what`, is in it."""
    path = pathlib.PurePosixPath(name)
    if path.is_absolute() or '..' in path.parts or not path.parts:
      raise UserError(f"--{flag}={name}: must be a folder relative to {source}, without '..'.")
    at_top = any(file.parts[: len(path.parts)] == path.parts for file in files)
    found = cls(path.parts, at_top)
    if not any(found.places(file.parts) for file in files):
      raise UserError(
        f'--{flag}={name}: no {what} in a folder of that name below {source}. '
        f'{listing(files, what)}'
      )
    return found

  def places(self, parts: Parts) -> list[int]:
    """Indices at which its names occur one after the other in the path of a file."""
    count = len(parts) - len(self.names)
    starts = range(min(count, 1) if self.at_top else count)
    return [i for i in starts if parts[i:][: len(self.names)] == self.names]

  def without(self, parts: Parts) -> Parts | None:
    """Returns the path of a file without the folder; None if the file is not in it."""
    start = max(self.places(parts), default=-1)
    return None if start < 0 else parts[:start] + parts[start + len(self.names) :]
