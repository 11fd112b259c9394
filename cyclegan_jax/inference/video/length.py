"""Whether a video file is cut off: shorter than its own structure says.

Counts of frames and durations in headers do not tell: an edited file shows fewer frames than it
holds, and sound may be longer than the picture. The sizes of the largest parts do tell.
"""

from collections.abc import Callable
import os
import pathlib
from typing import BinaryIO

_EBML, _SEGMENT = b'\x1a\x45\xdf\xa3', b'\x18\x53\x80\x67'
# The parts of an MP4 file that are whole in a file that is.
_BOXES = (b'ftyp', b'moov', b'moof', b'mdat', b'free', b'skip', b'wide', b'uuid', b'styp', b'sidx')


def missing_bytes(path: pathlib.Path) -> int:
  """Returns how many bytes a file lacks at its end; 0 if it is whole or does not say.

  MP4 and its relatives, Matroska, WebM and AVI say; streams, live recordings and others do not.

  Raises:
    OSError: the file cannot be read.
  """
  size = os.path.getsize(path)
  with path.open('rb') as file:
    head = file.read(12)
    end = _kind(head)(file, size)
  return max(end - size, 0)


def _kind(head: bytes) -> Callable[[BinaryIO, int], int]:
  if head[:4] == _EBML:
    return _matroska_end
  if head[:4] == b'RIFF':
    return _riff_end
  return _boxes_end if head[4:8] in _BOXES else lambda file, size: 0


def _boxes_end(file: BinaryIO, size: int) -> int:
  """The end of the last box of an MP4 file (ISO 14496-12, 4.2)."""
  place = 0
  while place + 8 <= size:
    file.seek(place)
    head = file.read(16)
    length, kind = int.from_bytes(head[:4], 'big'), head[4:8]
    if length == 1:
      length = int.from_bytes(head[8:16], 'big')
    if length < 8 or kind not in _BOXES:  # To the end of the file, or something else.
      break
    place += length
  return place


def _riff_end(file: BinaryIO, size: int) -> int:
  """The end of the last RIFF list of an AVI file; large files have several."""
  place = 0
  while place + 8 <= size:
    file.seek(place)
    head = file.read(8)
    length = int.from_bytes(head[4:8], 'little')
    if head[:4] != b'RIFF' or not 0 < length < 2**32 - 1:
      break
    place += 8 + length + length % 2
  return place


def _matroska_end(file: BinaryIO, size: int) -> int:
  """The end of the segment of a Matroska file (RFC 8794); 0 if its length is not known."""
  del size
  file.seek(4)
  header = _vint(file)
  if header is None:
    return 0
  file.seek(header, os.SEEK_CUR)
  if file.read(4) != _SEGMENT:
    return 0
  length = _vint(file)
  return 0 if length is None else file.tell() + length


def _vint(file: BinaryIO) -> int | None:
  """Reads a size of EBML; None if it is unknown or damaged."""
  first = file.read(1)
  if not first or not first[0]:
    return None
  more = 8 - first[0].bit_length()
  bits = 7 * (more + 1)
  value = int.from_bytes(first + file.read(more), 'big') & (1 << bits) - 1
  return None if value == (1 << bits) - 1 else value
