"""Published image files as they lie on disk: in folders, or still in their zips."""

from collections.abc import Collection, Iterator
import os
import pathlib
import re
import stat
import threading
from typing import NamedTuple
import zipfile
import zlib

from cyclegan_jax import errors
from cyclegan_jax.data import decoding, images

_NUMBER = re.compile(r'(\d+)\D*$')
_BROKEN_ZIP = (OSError, zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, NotImplementedError)
# Of a table or a calibration: the largest published ones have a tenth of it.
_MAX_TEXT_BYTES = 256 * 2**20
# Those whose reader can be told when to stop.
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)


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
    UserError: a zip is damaged, or something with such an extension is no file.
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
      if extension.lower() not in ('.zip', *extensions):
        continue
      info = _stat(path)
      if extension.lower() == '.zip':
        yield from _members(path, (*above, stem), extensions)
      else:
        yield Located(above, StoredFile('', path, info.st_size, info.st_mtime_ns))


def _stat(path: str) -> os.stat_result:
  try:
    info = os.stat(path)
  except OSError as error:  # A symbolic link to nowhere, or to itself.
    raise errors.UserError(f'{path}: cannot be read: {error.strerror}.') from error
  if not stat.S_ISREG(info.st_mode):
    # Opening a FIFO waits for a writer, and a device may have no end.
    raise errors.UserError(f'{path}: not a regular file. Remove it.')
  return info


def _members(
  archive: str, above: tuple[str, ...], extensions: Collection[str]
) -> Iterator[Located]:
  try:
    with zipfile.ZipFile(archive) as opened:
      members = sorted(opened.infolist(), key=lambda member: member.filename)
  except _BROKEN_ZIP as error:
    raise errors.UserError(
      f'{archive}: not a whole zip file ({error}); expected an archive as '
      'published. Download it again.'
    ) from error
  for member in members:
    *folders, name = member.filename.split('/')
    extension = os.path.splitext(name)[1].lower()
    if extension in extensions and not any(_hidden(part) for part in (*folders, name)):
      yield Located(
        (*above, *folders), StoredFile(archive, member.filename, member.file_size, member.CRC)
      )


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
      ImageError: it cannot be read, or is too large.
    """
    _check_size(file)
    try:
      if not file.archive:
        return pathlib.Path(file.name).read_bytes()
      with self._lock:
        if file.archive not in self._archives:
          self._archives[file.archive] = zipfile.ZipFile(file.archive)
      return _member(self._archives[file.archive], file)
    except (*_BROKEN_ZIP, KeyError) as error:
      raise images.ImageError(f'{file.shown}: cannot be read ({error}).') from error


def _check_size(file: StoredFile) -> None:
  """Refuses what would fill the memory, going by the size that is declared."""
  if os.path.splitext(file.name)[1].lower() in images.EXTENSIONS:
    decoding.check_bytes(file.size, file.shown)
  elif file.size > _MAX_TEXT_BYTES:
    raise images.ImageError(
      f'{file.shown}: {file.size} bytes, more than the {_MAX_TEXT_BYTES} that a text file may have.'
    )


def _member(archive: zipfile.ZipFile, file: StoredFile) -> bytes:
  """A zip's member, of which no more is unpacked than the size that is declared."""
  member = archive.getinfo(file.name)
  if member.compress_type not in _METHODS:
    raise images.ImageError(
      f'{file.shown}: compressed by method {member.compress_type}; expected '
      'a zip with deflate, as published: pack it again.'
    )
  with archive.open(member) as stream:
    return stream.read(file.size)
