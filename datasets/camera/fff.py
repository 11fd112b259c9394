"""The records in a radiometric JPEG file, without what they mean.

FLIR cuts a file of its own format FFF into pieces and puts them into APP1 segments of a JPEG file.
A FFF file is a header of 64 bytes, a directory, and records. What is known of it is in ExifTool's
documentation (https://exiftool.org/TagNames/FLIR.html) and in the package flyr. flyr's own reader
(5.1.0) looks for the directory at the start of the header and so misses the last two records, which
are all that the files of some drones (Zenmuse XT) have.
"""

from collections.abc import Iterator
import struct

from cyclegan_jax.image_files.decoding import ImageError

# Types of records.
RAW, PHOTOGRAPH, CAMERA, PICTURE_IN_PICTURE = 1, 14, 32, 42

_START = b'\xff\xd8'
_APP1, _SCAN, _END = 0xE1, 0xDA, 0xD9
_FLIR = b'FLIR\0'
_PIECE_HEADER = 8  # The name, a version, the number of the piece, that of the last one.
_HEADER, _ENTRY = 64, 32
_VERSIONS = range(100, 200)  # In the right byte order.
_MOST_RECORDS = 4096


def segments(data: bytes, name: str) -> Iterator[tuple[int, memoryview]]:
  """Yields the marker and the content of the segments of a JPEG file before its pixels.

  Raises:
    ImageError: It is no JPEG file, or is cut off within a segment.
  """
  if not data.startswith(_START):
    raise ImageError(f'{name}: not a JPEG file (it starts with {data[:8]!r}).')
  view, place = memoryview(data), 2
  while place + 4 <= len(data) and data[place] == 0xFF:
    marker = data[place + 1]
    if marker == 0xFF:  # Padding.
      place += 1
      continue
    if marker in (_SCAN, _END):
      return
    (length,) = struct.unpack_from('>H', data, place + 2)
    if length < 2 or place + 2 + length > len(data):
      raise ImageError(f'{name}: is damaged: it is cut off in its metadata.')
    yield marker, view[place + 4 : place + 2 + length]
    place += 2 + length


def records(data: bytes, name: str) -> dict[int, bytes]:
  """Returns the first record of each type in a radiometric JPEG file of FLIR's format.

  It is empty if the file has none.

  Raises:
    ImageError: The file is damaged.
  """
  pieces: dict[int, memoryview] = {}
  last = 0
  for marker, content in segments(data, name):
    if marker == _APP1 and content[:5] == _FLIR and len(content) >= _PIECE_HEADER:
      number, last = content[6], max(last, content[7])
      pieces.setdefault(number, content[_PIECE_HEADER:])
  if not pieces:
    return {}
  missing = [number for number in range(last + 1) if number not in pieces]
  if missing:
    raise ImageError(
      f'{name}: is damaged: {len(missing)} of {last + 1} pieces of its thermal data are missing.'
    )
  return _of_file(b''.join(pieces[number] for number in range(last + 1)), name)


def _of_file(fff: bytes, name: str) -> dict[int, bytes]:
  """The first record of each type of a FFF file."""
  order = next((o for o in '><' if _version(fff, o) in _VERSIONS), None)
  if order is None or fff[:4] not in (b'FFF\0', b'AFF\0'):
    raise ImageError(f'{name}: is damaged: its thermal data start with {fff[:4]!r}, not FFF.')
  directory, count = struct.unpack_from(f'{order}II', fff, 24)
  if count > _MOST_RECORDS or directory + count * _ENTRY > len(fff):
    raise ImageError(f'{name}: is damaged: the directory of its thermal data is cut off.')
  found: dict[int, bytes] = {}
  for entry in range(directory, directory + count * _ENTRY, _ENTRY):
    kind, _, _, _, offset, length = struct.unpack_from(f'{order}HHIIII', fff, entry)
    if not kind or kind in found:
      continue
    if offset + length > len(fff):
      raise ImageError(f'{name}: is damaged: record {kind} of its thermal data is cut off.')
    found[kind] = fff[offset : offset + length]
  return found


def _version(fff: bytes, order: str) -> int:
  return struct.unpack_from(f'{order}I', fff, 20)[0] if len(fff) >= _HEADER else 0
