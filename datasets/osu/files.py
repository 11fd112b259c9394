"""Finds the frames of OSU Color-Thermal, in zips or unpacked, and reads them."""

import collections
import os
import pathlib
import re
import threading
from typing import Iterator, NamedTuple
import zipfile
import zlib

from cyclegan_jax import errors
from cyclegan_jax.data import images

SEQUENCES = ('1', '2', '3', '4', '5', '6')
LETTERS = ('a', 'b')

_PART = re.compile(r'([1-6])([ab])', re.IGNORECASE)
_NUMBER = re.compile(r'(\d+)\D*$')
_EXTENSIONS = ('.bmp', '.jpeg', '.jpg', '.png')
_BROKEN_ZIP = (OSError, zipfile.BadZipFile, zlib.error, EOFError, RuntimeError,
               NotImplementedError)


class Frame(NamedTuple):
  """An image file on disk or in a zip.

  Attributes:
    number: the last number in its name.
    archive: path of the zip; '' for a file on disk.
    name: its name in the zip, or its path.
    size: bytes.
    stamp: what changes with the content: CRC-32 in a zip, else the time of change in ns.
  """

  number: int
  archive: str
  name: str
  size: int
  stamp: int

  @property
  def shown(self) -> str:
    """For messages."""
    return f'{self.archive}/{self.name}' if self.archive else self.name


class Found(NamedTuple):
  """What lies below a source folder.

  Attributes:
    parts: '1a' and so on -> frame number -> frame.
    notes: sentences on what is not used.
  """

  parts: dict[str, dict[int, Frame]]
  notes: tuple[str, ...]


def scan(source: pathlib.Path) -> Found:
  """Finds zips called 1a.zip to 6b.zip and folders called 1a to 6b, at any depth.

  Hidden files are passed over, symbolic links are followed. A zip with another name is
  looked into for folders called 1a to 6b.

  Raises:
    UserError: the folder is missing, a zip is damaged, or it is not clear which files are
      meant. A folder in which there is nothing of use gives no error but no parts.
  """
  if not source.is_dir():
    found = 'is not a folder' if source.exists() else 'does not exist'
    raise errors.UserError(f'--source_dir={source}: {found}; expected a folder with 1a.zip to '
                           '6b.zip or their content.')
  containers = collections.defaultdict(list)  # (part, zip or folder) -> frames
  ignored = 0
  for parts, container, name, size, stamp in _files(source):
    match = [i for i, part in enumerate(parts) if _PART.fullmatch(part)]
    number = _NUMBER.search(pathlib.PurePosixPath(name).stem)
    if not match or not number:
      ignored += 1
      continue
    home = container or os.path.join(source, *parts[:match[-1] + 1])
    frame = Frame(int(number[1]), container, name, size, stamp)
    containers[parts[match[-1]].lower(), home].append(frame)
  found, notes = {}, []
  for part in sorted({part for part, _ in containers}):
    homes = [home for name, home in containers if name == part]
    home, note = _choose(part, homes)
    found[part] = _by_number(containers[part, home])
    notes += note
  if ignored:
    notes.append(f'{ignored} other images (outside of 1a to 6b, or without a number in their '
                 'names) are ignored.')
  return Found(found, tuple(notes))


def _files(source: pathlib.Path) -> Iterator[tuple[tuple[str, ...], str, str, int, int]]:
  """Yields (folders from the source on, zip or '', name, size, stamp) of every image."""
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
        yield from _members(path, (*above, stem))
      elif extension.lower() in _EXTENSIONS:
        info = os.stat(path)
        yield above, '', path, info.st_size, info.st_mtime_ns


def _members(
    archive: str, above: tuple[str, ...]
) -> Iterator[tuple[tuple[str, ...], str, str, int, int]]:
  try:
    with zipfile.ZipFile(archive) as opened:
      members = sorted(opened.infolist(), key=lambda member: member.filename)
  except _BROKEN_ZIP as error:
    raise errors.UserError(f'{archive}: not a whole zip file ({error}); expected an archive as '
                           'published. Download it again.') from error
  for member in members:
    *folders, name = member.filename.split('/')
    extension = os.path.splitext(name)[1].lower()
    if extension in _EXTENSIONS and not any(_hidden(part) for part in (*folders, name)):
      yield (*above, *folders), archive, member.filename, member.file_size, member.CRC


def _hidden(name: str) -> bool:
  return name.startswith('.') or name == '__MACOSX'


def _choose(part: str, homes: list[str]) -> tuple[str, list[str]]:
  """The zip or folder to read a part from; a zip goes before what it was unpacked to."""
  zips = [home for home in homes if os.path.isfile(home)]
  if len(homes) == 1:
    return homes[0], []
  if len(zips) != 1:
    raise errors.UserError(f'{part} is there {len(homes)} times: {", ".join(homes)}; expected '
                           'once. Remove or rename all but one.')
  others = ', '.join(home for home in homes if home not in zips)
  return zips[0], [f'{part} is read from {zips[0]}; {others} is ignored.']


def _by_number(frames: list[Frame]) -> dict[int, Frame]:
  by_number = {}
  for frame in sorted(frames):
    other = by_number.setdefault(frame.number, frame)
    if other is not frame:
      raise errors.UserError(f'{other.shown} and {frame.shown} are both frame {frame.number}; '
                             'expected one file for each frame. Remove one of them.')
  return by_number


class Reader:
  """Reads frames, from several threads at once; a context manager that closes the zips."""

  def __init__(self):
    self._archives = {}
    self._lock = threading.Lock()

  def __enter__(self) -> 'Reader':
    return self

  def __exit__(self, *exception) -> None:
    for archive in self._archives.values():
      archive.close()

  def read(self, frame: Frame) -> bytes:
    """The content of a frame's file.

    Raises:
      ImageError: it cannot be read.
    """
    try:
      if not frame.archive:
        return pathlib.Path(frame.name).read_bytes()
      with self._lock:
        if frame.archive not in self._archives:
          self._archives[frame.archive] = zipfile.ZipFile(frame.archive)
      return self._archives[frame.archive].read(frame.name)
    except (*_BROKEN_ZIP, KeyError) as error:
      raise images.ImageError(f'{frame.shown}: cannot be read ({error}).') from error
