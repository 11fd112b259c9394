"""Published image files as they lie on disk: in folders, or still in their zips."""

import collections
from collections.abc import Collection, Iterable, Iterator
import contextlib
import os
import pathlib
import re
import stat
import threading
from typing import NamedTuple, TypeVar
import zipfile
import zlib

from cyclegan_jax.errors import UserError
from cyclegan_jax.image_files import decoding, images, walk as walk_lib

# Extensions of the published frames.
FRAMES = ('.bmp', '.jpeg', '.jpg', '.png')

_NUMBER = re.compile(r'(\d+)\D*$')
_BROKEN_ZIP = (OSError, zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, NotImplementedError)
# For a table or a calibration; the largest published ones have a tenth of it.
_MAX_TEXT_BYTES = 256 * 2**20
# Methods of compression whose reader can be told when to stop.
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)

Frame = TypeVar('Frame', int, str)


class StoredFile(NamedTuple):
  """A file on disk or in a zip.

  Attributes:
    archive: path of the zip; '' for a file on disk.
    name: its name in the zip, or its path.
    size: bytes.
    stamp: changes with the content: CRC-32 in a zip, otherwise the time of change in ns.
  """

  archive: str
  name: str
  size: int
  stamp: int

  @property
  def shown(self) -> str:
    """Its path for messages; in a zip, the zip and the path in it."""
    return f'{self.archive}/{self.name}' if self.archive else self.name

  @property
  def stem(self) -> str:
    """The name without folders and extension."""
    return pathlib.PurePosixPath(self.name).stem

  @property
  def extension(self) -> str:
    """Lower case, such as '.png'."""
    return os.path.splitext(self.name)[1].lower()

  @property
  def is_image(self) -> bool:
    """Whether the extension is that of an image."""
    return self.extension in FRAMES

  @property
  def number(self) -> int | None:
    """The last number in its name, which is a frame's number."""
    match = _NUMBER.search(self.stem)
    return int(match[1]) if match else None


class Located(NamedTuple):
  """A file and the names of its folders from the source on; a zip counts as one of its stem."""

  folders: tuple[str, ...]
  file: StoredFile


def check_folder(source: pathlib.Path, content: str) -> None:
  """Raises UserError, naming the expected content, unless --source_dir names a folder."""
  if not source.is_dir():
    found = 'is not a folder' if source.exists() else 'does not exist'
    raise UserError(f'--source_dir={source}: {found}; expected a folder with {content}.')


def walk(source: pathlib.Path, extensions: Collection[str]) -> Iterator[Located]:
  """Yields the files with certain lower-case extensions at any depth, those in zips included.

  Skips hidden files. Follows symbolic links, but visits no folder twice.

  Raises:
    UserError: a folder cannot be read, a zip is damaged, or something else is called like a file.
  """
  seen = set()
  for path, (*folders, name), info in walk_lib.files_below(source):
    stem, extension = os.path.splitext(name)
    real = os.path.realpath(os.path.dirname(path)), name
    if extension.lower() not in ('.zip', *extensions) or real in seen:
      continue
    seen.add(real)
    if info is None:
      raise UserError(f'{path}: cannot be read: a symbolic link to nowhere. Remove it.')
    if not stat.S_ISREG(info.st_mode):
      # Opening a FIFO waits for a writer, and a device may have no end.
      raise UserError(f'{path}: not a regular file. Remove it.')
    if extension.lower() == '.zip':
      for parts, file in _members(path):
        if file.extension in extensions:
          yield Located((*folders, stem, *parts), file)
    else:
      yield Located(tuple(folders), StoredFile('', path, info.st_size, info.st_mtime_ns))


def _members(archive: str) -> Iterator[Located]:
  try:
    with zipfile.ZipFile(archive) as opened:
      members = sorted(opened.infolist(), key=lambda member: member.filename)
  except _BROKEN_ZIP as error:
    raise UserError(
      f'{archive}: not a whole zip file ({error}); expected an archive as published. '
      'Download it again.'
    ) from error
  for member in members:
    *folders, name = member.filename.split('/')
    if not any(map(walk_lib.is_passed_over, (*folders, name))):
      stored = StoredFile(archive, member.filename, member.file_size, member.CRC)
      yield Located(tuple(folders), stored)


def find_parts(
  source: pathlib.Path, extensions: Collection[str], folder: re.Pattern, title: str = ''
) -> tuple[dict[str, tuple[str, list[Located]]], list[str], int]:
  """Finds the parts of a published data set, which are folders or zips with certain names.

  Each part is read from one place only; a zip goes before what was unpacked from it.

  Args:
    source: where to look, at any depth.
    extensions: of the files to find, lower case.
    folder: matches the names of the parts' folders; its first group is the part.
    title: is put before the part in messages.

  Returns:
    (part in lower case -> (its place for messages, its files with their folders from there on),
    notes on places that are not read, the number of images outside of all parts)

  Raises:
    UserError: see `walk`; or it is unclear where a part is to be read.
  """
  places = collections.defaultdict(lambda: collections.defaultdict(list))
  outside = 0
  for folders, file in walk(source, extensions):
    matches = [(i, match) for i, name in enumerate(folders, 1) if (match := folder.fullmatch(name))]
    if not matches:
      outside += file.is_image
      continue
    depth, match = matches[-1]
    home, unpacked = os.path.join(source, *folders[:depth]), os.path.splitext(file.archive)[0]
    place = '', home
    # A zip within a part's folder is only a piece of the part.
    if file.archive and home.startswith(unpacked):
      place = file.archive, home.replace(unpacked, file.archive, 1)
    places[match[1].lower()][place].append(Located(folders[depth:], file))
  parts, notes = {}, []
  for part, found in sorted(places.items()):
    zipped = [place for place in found if place[0]]
    if len(found) > 1 and len(zipped) != 1:
      raise UserError(
        f'{title}{part} is there {len(found)} times: {", ".join(home for _, home in found)}; '
        'expected once. Remove or rename all but one.'
      )
    chosen = (zipped or list(found))[0]
    parts[part] = chosen[1], found[chosen]
    if others := [home for _, home in found if home != chosen[1]]:
      notes.append(f'{title}{part} is read from {chosen[1]}; {", ".join(others)} is ignored.')
  return parts, notes, outside


def by_frame(files: Iterable[tuple[Frame, StoredFile]], kind: str = '') -> dict[Frame, StoredFile]:
  """Returns frame -> its file, sorted by frame; UserError if two files are of one frame."""
  found: dict[Frame, StoredFile] = {}
  for frame, file in sorted(files):
    other = found.setdefault(frame, file)
    if other is not file:
      raise UserError(
        f'{other.shown} and {file.shown} are both frame {frame}{kind and " of " + kind}; expected '
        'one file for each frame. Remove one of them.'
      )
  return found


class Reader(contextlib.ExitStack):
  """Reads files, from several threads at once; as a context manager it closes the zips."""

  def __init__(self):
    super().__init__()
    self._archives: dict[str, zipfile.ZipFile] = {}
    self._lock = threading.Lock()

  def read(self, file: StoredFile) -> bytes:
    """Returns the content of a file; ImageError if it cannot be read or is too large."""
    if file.extension in images.EXTENSIONS:
      decoding.check_bytes(file.size, file.shown)
    elif file.size > _MAX_TEXT_BYTES:
      raise images.ImageError(
        f'{file.shown}: {file.size} bytes, more than the {_MAX_TEXT_BYTES} that a text file may '
        'have.'
      )
    try:
      if not file.archive:
        return pathlib.Path(file.name).read_bytes()
      with self._lock:
        if file.archive not in self._archives:
          self._archives[file.archive] = self.enter_context(zipfile.ZipFile(file.archive))
      return _member(self._archives[file.archive], file)
    except (*_BROKEN_ZIP, KeyError) as error:
      raise images.ImageError(f'{file.shown}: cannot be read ({error}).') from error


def _member(archive: zipfile.ZipFile, file: StoredFile) -> bytes:
  """Unpacks a member, but no more of it than its declared size."""
  member = archive.getinfo(file.name)
  if member.compress_type not in _METHODS:
    raise images.ImageError(
      f'{file.shown}: compressed by method {member.compress_type}; expected a zip with deflate, as '
      'published: pack it again.'
    )
  with archive.open(member) as stream:
    return stream.read(file.size)
