"""Which files below a folder count: one rule for training, checking, and translating.

Passed over are hidden files and folders, and those that systems keep beside photographs: previews,
waste bins, the other halves of files from Macs. Symbolic links are followed, but not back to a
folder that they lie in.
"""

import collections
from collections.abc import Iterable, Iterator, Mapping
import os
import pathlib
import stat
from typing import NamedTuple

from cyclegan_jax.errors import UserError
from cyclegan_jax.image_files import formats

# In lower case.
_SYSTEM = frozenset(
  (
    *('__macosx', '@eadir', '#recycle', '$recycle.bin', 'recycler', 'lost+found'),
    *('system volume information', 'thumbs.db', 'ehthumbs.db', 'desktop.ini'),
  )
)


class File(NamedTuple):
  """A file below a folder.

  Attributes:
    path: begins with the folder as it was given.
    parts: the names of folders from the first one on, and its own.
    info: None for a link to nowhere.
  """

  path: str
  parts: tuple[str, ...]
  info: os.stat_result | None

  @property
  def is_regular(self) -> bool:
    """Whether it can be read to an end: no link to nowhere, FIFO, socket or device."""
    return self.info is not None and stat.S_ISREG(self.info.st_mode)


def is_system(name: str) -> bool:
  """Returns whether a file or folder of this name is a system's, not the user's."""
  return name.lower() in _SYSTEM


def is_passed_over(name: str) -> bool:
  """Returns whether a file or folder of this name does not count."""
  return name.startswith('.') or is_system(name)


def files_below(
  folder: str | os.PathLike, *, recursive: bool = True, passed_over: set[str] | None = None
) -> Iterator[File]:
  """Yields the files of a folder that count, those of each folder sorted by name.

  Args:
    folder: where to look.
    recursive: look into its subfolders, too.
    passed_over: takes the paths below `folder` of systems' folders.

  Raises:
    UserError: a folder cannot be read.
  """
  above = frozenset(map(_inode, pathlib.Path(os.path.realpath(folder)).parents))
  yield from _below(folder, (), above, recursive, set() if passed_over is None else passed_over)


def _below(
  folder: str | os.PathLike,
  names: tuple[str, ...],
  above: frozenset[tuple[int, int] | str],
  recursive: bool,
  passed_over: set[str],
) -> Iterator[File]:
  """See `files_below`; `names` lead to the folder, `above` are the folders that it lies in."""
  try:
    own = _inode(folder)
    entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
  except OSError as error:
    raise UserError(f'{folder}: cannot be read: {error.strerror}.') from error
  if own in above:
    return
  for entry in entries:
    parts = (*names, entry.name)
    if is_passed_over(entry.name):
      if is_system(entry.name) and entry.is_dir():
        passed_over.add('/'.join(parts))
      continue
    try:
      info = entry.stat()
    except OSError:
      info = None
    if info is None or not stat.S_ISDIR(info.st_mode):
      yield File(entry.path, parts, info)
    elif recursive:
      yield from _below(entry.path, parts, above | {own}, recursive, passed_over)


def _inode(folder: str | os.PathLike) -> tuple[int, int] | str:
  """Returns what tells whether two paths lead to one folder."""
  info = os.stat(folder)
  # Some file systems of other machines have no numbers.
  return (info.st_dev, info.st_ino) if info.st_ino else os.path.realpath(folder)


def extension(name: str) -> str:
  """Returns the extension of a name in lower case; '' if it has none."""
  return os.path.splitext(name)[1].lower()


def by_kind(names: Iterable[str]) -> collections.Counter[str]:
  """Counts files by extension, 'without extension' for those that have none."""
  return collections.Counter(extension(name) or 'without extension' for name in names)


def described(kinds: Mapping[str, int]) -> str:
  """Returns counts of files that are not read for people: '8 .gif, 2 .heic (HEIC needs ...)'."""
  advice = f' ({formats.HEIF_ADVICE})'
  return ', '.join(
    f'{count} {kind}{advice if kind in formats.HEIF_EXTENSIONS else ""}'
    for kind, count in sorted(kinds.items())
  )
