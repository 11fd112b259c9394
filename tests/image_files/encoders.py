"""Small arrays, and image files made of arrays in ways that the library does not write."""

import io
import struct
import zlib

import numpy as np
from PIL import Image
import tifffile

RNG = np.random.default_rng(0)
# Odd sizes: rows of fewer than eight bits end within a byte.
GRAY8 = RNG.integers(0, 256, (9, 13, 1), np.uint8)
RGB8 = RNG.integers(0, 256, (9, 13, 3), np.uint8)
GRAY16 = RNG.integers(0, 65536, (9, 13, 1), np.uint16)
RGB16 = RNG.integers(0, 65536, (9, 13, 3), np.uint16)
# Without detail, so that JPEG is nearly lossless.
SMOOTH = np.repeat(np.linspace(60, 180, 16).astype(np.uint8)[:, None], 24, 1)[..., None]
SMOOTH_RGB = np.concatenate([SMOOTH, SMOOTH // 2, 255 - SMOOTH], -1)

_ADAM7 = (
  (0, 0, 8, 8),
  (0, 4, 8, 8),
  (4, 0, 8, 4),
  (0, 2, 4, 4),
  (2, 0, 4, 2),
  (0, 1, 2, 2),
  (1, 0, 2, 1),
)


def chunk(name: bytes, data: bytes) -> bytes:
  """A PNG chunk with its checksum."""
  return struct.pack('>I', len(data)) + name + data + struct.pack('>I', zlib.crc32(name + data))


def png(
  array: np.ndarray,
  color: int,
  extra: bytes = b'',
  interlaced: bool = False,
  size: tuple[int, int] | None = None,
) -> bytes:
  """[height, width, samples] as PNG of a color type; `size` is a lie about (width, height)."""
  width, height = size or array.shape[1::-1]
  passes = _ADAM7 if interlaced else ((0, 0, 1, 1),)
  rows = [
    b'\0' + row.astype(array.dtype.newbyteorder('>')).tobytes()
    for y, x, dy, dx in passes
    for row in array[y::dy, x::dx]
    if row.size
  ]
  header = struct.pack('>IIBBBBB', width, height, array.itemsize * 8, color, 0, 0, interlaced)
  return (
    b'\x89PNG\r\n\x1a\n'
    + chunk(b'IHDR', header)
    + extra
    + chunk(b'IDAT', zlib.compress(b''.join(rows)))
    + chunk(b'IEND', b'')
  )


def saved(array: np.ndarray, format_: str, mode: str | None = None, **options) -> bytes:
  """An array, squeezed, as Pillow writes it; in another mode if one is given."""
  image, buffer = Image.fromarray(array.squeeze()), io.BytesIO()
  (image.convert(mode) if mode else image).save(buffer, format_, **options)
  return buffer.getvalue()


def tiff(array: np.ndarray, **options) -> bytes:
  """An array, squeezed, as tifffile writes it."""
  buffer = io.BytesIO()
  tifffile.imwrite(buffer, array.squeeze(), **options)
  return buffer.getvalue()


def orientation(value: int) -> Image.Exif:
  """EXIF with nothing but an orientation."""
  exif = Image.Exif()
  exif[274] = value
  return exif
