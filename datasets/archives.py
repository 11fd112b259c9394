"""Published image files as they lie on disk: in folders, or still in their zips."""

import os
import pathlib
import re
import threading
from typing import Collection, Iterator, NamedTuple
import zipfile
import zlib

from cyclegan_jax import errors
from cyclegan_jax.data import images

_NUMBER = re.compile(r'(\d+)\D*$')
_BROKEN_ZIP = (OSError, zipfile.BadZipFile, zlib.error, EOFError, RuntimeError,
               NotImplementedError)


class StoredFile(NamedTuple):
  """A file on disk or in a zip.

  Attributes:
    archive: path of the zip; '' for a file on disk.
    name: its name in the zip, or its path.
    size: bytes.
    stamp: what changes with the content: CRC-32 in a zip, else the time of change in ns.
  """

  archive: str
  name: str
  size: int
  stamp: int

  @property
  def shown(self) -> str:
    """For messages."""
    return f'{self.archive}/{self.name}' if self.archive else self.name

  @property
  def stem(self) -> str:
    """The name without folders and extension."""
    return pathlib.PurePosixPath(self.name).stem

  @property
  def number(self) -> int | None:
    """The last number in its name: a frame's."""
    match = _NUMBER.search(self.stem)
    return int(match[1]) if match else None


class Located(NamedTuple):
  """A file and where it was met.

  Attributes:
    folders: names of the folders from the source on; a zip counts as a folder of its stem.
    file: the file.
  """

  folders: tuple[str, ...]
  file: StoredFile


def walk(source: pathlib.Path, extensions: Collection[str]) -> Iterator[Located]:
  """Yields the files with certain extensions at any depth, those in zips included.

  Hidden files are passed over, symbolic links are followed.

  Args:
    source: a folder.
    extensions: lower case, such as '.png'.

  Raises:
    UserError: a zip is damaged.
  """
  seen = set()
  for folder, folders, names in os.walk(source, followlinks=True):
    real = os.path.realpath(folder)
    if real in seen:  # A symbolic link to a folder above.
      folders.clear()
      continue
    seen.add(real)
    folders[:] = sorted(name for name in folders if not _hidden(name))
    above = pathlib.Path(folder).relative_to(source).parts
    for name in sorted(name for name in names if not _hidden(name)):
      path, (stem, extension) = os.path.join(folder, name), os.path.splitext(name)
      if extension.lower() == '.zip':
        yield from _members(path, (*above, stem), extensions)
      elif extension.lower() in extensions:
        info = os.stat(path)
        yield Located(above, StoredFile('', path, info.st_size, info.st_mtime_ns))


def _members(
    archive: str, above: tuple[str, ...], extensions: Collection[str]
) -> Iterator[Located]:
  try:
    with zipfile.ZipFile(archive) as opened:
      members = sorted(opened.infolist(), key=lambda member: member.filename)
  except _BROKEN_ZIP as error:
    raise errors.UserError(f'{archive}: not a whole zip file ({error}); expected an archive as '
                           'published. Download it again.') from error
  for member in members:
    *folders, name = member.filename.split('/')
    extension = os.path.splitext(name)[1].lower()
    if extension in extensions and not any(_hidden(part) for part in (*folders, name)):
      yield Located((*above, *folders),
                    StoredFile(archive, member.filename, member.file_size, member.CRC))


def _hidden(name: str) -> bool:
  return name.startswith('.') or name == '__MACOSX'


class Reader:
  """Reads files, from several threads at once; a context manager that closes the zips."""

  def __init__(self):
    self._archives = {}
    self._lock = threading.Lock()

  def __enter__(self) -> 'Reader':
    return self

  def __exit__(self, *exception) -> None:
    for archive in self._archives.values():
      archive.close()

  def read(self, file: StoredFile) -> bytes:
    """The content of a file.

    Raises:
      ImageError: it cannot be read.
    """
    try:
      if not file.archive:
        return pathlib.Path(file.name).read_bytes()
      with self._lock:
        if file.archive not in self._archives:
          self._archives[file.archive] = zipfile.ZipFile(file.archive)
      return self._archives[file.archive].read(file.name)
    except (*_BROKEN_ZIP, KeyError) as error:
      raise images.ImageError(f'{file.shown}: cannot be read ({error}).') from error
