"""Ways to damage a file, for fuzzing: the result depends on the draws alone."""

import struct
import zlib

import numpy as np

from cyclegan_jax.image_files import images
from tests.image_files import corpus

_PNG = b'\x89PNG\r\n\x1a\n'
_VALUES = (
  0,
  1,
  2,
  3,
  4,
  7,
  8,
  16,
  32,
  127,
  255,
  256,
  32767,
  65535,
  10**4,
  10**5,
  2**20,
  2**24,
  2**31 - 1,
  2**31,
  2**32 - 1,
)
# Where sizes and pointers are: the start of a file, and of its directory or header.
_HEADER_BYTES = 128


def case(
  samples: list[corpus.Sample], seed: int, number: int
) -> tuple[corpus.Sample, list[str], bytes]:
  """The sample that a case starts from, the names of what is done to it, and the result."""
  rng = np.random.default_rng((seed, number))
  sample = samples[rng.integers(len(samples))]
  other = samples[rng.integers(len(samples))].data
  names = [str(rng.choice(list(DAMAGES))) for _ in range(rng.choice((1, 2, 3), p=(0.6, 0.2, 0.2)))]
  data = sample.data
  for name in names:
    data = DAMAGES[name](data, other, rng)
  # Otherwise hardly any damage of a PNG gets past the checksums.
  return sample, names, mended(data) if rng.random() < 0.7 else data


def mended(data: bytes) -> bytes:
  """A PNG with the checksums that its chunks should have; other files as they are."""
  if not data.startswith(_PNG):
    return data
  return _PNG + b''.join(corpus.chunk(name, content) for name, content in _chunks(data))


def quietly_read(data: bytes) -> np.ndarray | None:
  """The image, or None if it is refused."""
  try:
    return images.read_image(data)
  except images.ImageError:
    return None


def _chunks(data: bytes) -> list[tuple[bytes, bytes]]:
  """Name and content of each PNG chunk, the last one perhaps cut off."""
  found, place = [], len(_PNG)
  while place + 8 <= len(data):
    (length,) = struct.unpack_from('>I', data, place)
    found.append((data[place + 4 : place + 8], data[place + 8 : place + 8 + length]))
    place += 12 + length
  return found


def _place(data: bytes, rng: np.random.Generator) -> int:
  return int(rng.integers(len(data) + 1))


def _truncate(data, other, rng):
  return data[: _place(data, rng)]


def _flip(data, other, rng):
  changed = bytearray(data)
  for _ in range(rng.integers(1, 9) if data else 0):
    changed[rng.integers(len(data))] ^= 1 << rng.integers(8)
  return bytes(changed)


def _block(data, other, rng):
  """A stretch is overwritten: with noise, zeros or ones."""
  start, length = _place(data, rng), int(rng.integers(1, 65))
  block = [rng.bytes(length), bytes(length), b'\xff' * length][rng.integers(3)]
  return data[:start] + block + data[start + length :]


def _insert(data, other, rng):
  start = _place(data, rng)
  return data[:start] + rng.bytes(rng.integers(1, 65)) + data[start:]


def _delete(data, other, rng):
  start = _place(data, rng)
  return data[:start] + data[start + int(rng.integers(1, 65)) :]


def _number(data, other, rng):
  """A number becomes another, of any width and byte order, at the start or anywhere."""
  width, order = ('B', 'H', 'I', 'Q')[rng.integers(4)], '<>'[rng.integers(2)]
  size = struct.calcsize(width)
  end = min(len(data), _HEADER_BYTES) if rng.random() < 0.6 else len(data)
  start = int(rng.integers(max(1, end)))
  value = _VALUES[rng.integers(len(_VALUES))] % 2 ** (8 * size)
  return data[:start] + struct.pack(order + width, value) + data[start + size :]


def _tag(data, other, rng):
  """The type, count or value of an entry of a TIFF's first directory; else a number."""
  order = {b'II*\0': '<', b'MM\0*': '>'}.get(data[:4])
  start = struct.unpack_from(order + 'I', data, 4)[0] if order and len(data) >= 8 else len(data)
  if start + 2 > len(data):
    return _number(data, other, rng)
  count = struct.unpack_from(order + 'H', data, start)[0]
  entry = start + 2 + 12 * int(rng.integers(max(1, min(count, 30))))
  field, width = ((0, 'H'), (2, 'H'), (4, 'I'), (8, 'I'), (8, 'H'))[rng.integers(5)]
  value = struct.pack(
    order + width, _VALUES[rng.integers(len(_VALUES))] % 2 ** (8 * struct.calcsize(width))
  )
  return data[: entry + field] + value + data[entry + field + len(value) :]


def _chunk(data, other, rng):
  """A PNG chunk is repeated, dropped, moved, changed or given another length; else a number."""
  chunks = _chunks(data) if data.startswith(_PNG) else []
  if not chunks:
    return _number(data, other, rng)
  index, way = int(rng.integers(len(chunks))), rng.integers(5)
  name, content = chunks.pop(index)
  if way == 3:
    length = struct.pack('>I', _VALUES[rng.integers(len(_VALUES))])
    whole = corpus.chunk(name, content)
    return data.replace(whole, length + whole[4:], 1)
  if way == 4:
    content = _number(content, other, rng)
  copies = [(name, content)] * (0, 1, 2, 0, 1)[way]
  place = int(rng.integers(len(chunks) + 1))
  chunks[place:place] = copies
  return _PNG + b''.join(corpus.chunk(*item) for item in chunks)


def _pixels(data, other, rng):
  """What a PNG packs is changed, or grows a thousandfold; else bits are flipped."""
  chunks = _chunks(data) if data.startswith(_PNG) else []
  for index, (name, content) in enumerate(chunks):
    if name == b'IDAT':
      try:
        rows = zlib.decompress(content)
      except zlib.error:
        break
      rows = rows + bytes(2**20) if rng.random() < 0.2 else _flip(rows, other, rng)
      chunks[index] = name, zlib.compress(rows)
      return _PNG + b''.join(corpus.chunk(*item) for item in chunks)
  return _flip(data, other, rng)


def _splice(data, other, rng):
  """The start of one file and the end of another."""
  return data[: _place(data, rng)] + other[_place(other, rng) :]


DAMAGES = {
  'truncated': _truncate,
  'bits flipped': _flip,
  'block overwritten': _block,
  'bytes inserted': _insert,
  'bytes deleted': _delete,
  'number changed': _number,
  'TIFF tag changed': _tag,
  'PNG chunk changed': _chunk,
  'PNG pixels changed': _pixels,
  'spliced': _splice,
}
