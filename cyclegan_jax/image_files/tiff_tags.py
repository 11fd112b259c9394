"""What the tags of a TIFF file say about its pixels, and kinds that are refused with a way on."""

from typing import Any, BinaryIO

import numpy as np
from PIL import TiffImagePlugin

# Tags of TIFF 6.0, and one of GDAL's.
SUBFILE, SIZE, BITS, PHOTOMETRIC, ORIENTATION = 254, (256, 257), 258, 262, 274
STRIPS, SAMPLES, STRIP_ROWS, PLANAR = 273, 277, 278, 284
TILE_WIDTH, TILE_ROWS, TILES, FORMAT, NODATA = 322, 323, 324, 339, 42113
# The samples of a color by PhotometricInterpretation: RGB, CMYK, YCbCr, Lab; otherwise one.
_COLORS = {2: 3, 5: 4, 6: 3, 8: 3}
# Pillow opens floating-point numbers of 32 bits only, though it need not decode any here.
for _bits in (16, 64):
  for _order in (TiffImagePlugin.II, TiffImagePlugin.MM):
    for _photometric in (0, 1):
      _key = (_order, _photometric, (3,), 1, (_bits,), ())
      TiffImagePlugin.OPEN_INFO.setdefault(_key, ('F', f'F;{_bits}F'))
_FORMATS = {1: 'unsigned integers', 2: 'signed integers', 3: 'floating-point numbers'}


def is_planar(tags: TiffImagePlugin.ImageFileDirectory_v2) -> bool:
  """Returns whether a TIFF file stores its channels one after the other."""
  return tags.get(PLANAR, 1) == 2 and tags.get(SAMPLES, 1) > 1


def is_packed_12_bit(tags: TiffImagePlugin.ImageFileDirectory_v2) -> bool:
  """Returns whether samples have 12 bits: values from 0 to 4095."""
  return set(_numbers(tags.get(BITS, 1))) == {12}


def float_type(tags: TiffImagePlugin.ImageFileDirectory_v2) -> np.dtype:
  """Returns the type of floating-point samples, of 16, 32, or 64 bits."""
  (bits,) = _numbers(tags.get(BITS, 32))
  return np.dtype(f'f{bits // 8}')


def extra_bands(tags: TiffImagePlugin.ImageFileDirectory_v2) -> int:
  """Returns the number of samples of a pixel beyond its color or gray level, alpha among them."""
  return max(0, tags.get(SAMPLES, 1) - _COLORS.get(tags.get(PHOTOMETRIC, 1), 1))


def too_many_bands(tags: TiffImagePlugin.ImageFileDirectory_v2, name: str) -> str:
  """Returns why a file with several extra bands is refused, and what to do; '' for others."""
  extra, samples = extra_bands(tags), tags.get(SAMPLES, 1)
  if extra < 2:
    return ''
  return (
    f'{name}: a TIFF file with {samples} bands; expected 1 or 3, or one more for alpha. Nothing '
    'says what the others show. Choose the bands that you want, such as the first three with GDAL: '
    'gdal_translate -b 1 -b 2 -b 3 OLD.tif NEW.tif'
  )


def described(stream: BinaryIO) -> str:
  """Describes the pixels of a TIFF file that Pillow does not read; '' if its tags are damaged."""
  try:
    stream.seek(0)
    start = stream.read(8)
    start += stream.read(8) if start[2:4] in (b'\x2b\0', b'\0\x2b') else b''  # BigTIFF.
    tags = TiffImagePlugin.ImageFileDirectory_v2(start)
    stream.seek(tags.next)
    tags.load(stream)
    bits, kinds = set(_numbers(tags[BITS])), set(_numbers(tags.get(FORMAT, 1)))
    samples, (kind,) = tags.get(SAMPLES, 1), kinds
    number = f'{samples} samples' if samples > 1 else 'one sample'
    return f'{number} a pixel, {_FORMATS[kind]} of {" and ".join(map(str, sorted(bits)))} bits'
  except Exception:  # On damaged files, Pillow raises nearly anything.
    return ''


def no_data(tags: TiffImagePlugin.ImageFileDirectory_v2) -> float | None:
  """Returns the value that stands for pixels without data according to GDAL; None for none."""
  try:
    return float(str(tags.get(NODATA, '')).strip('\0 '))
  except ValueError:
    return None


def _numbers(value: Any) -> tuple[int, ...]:
  return value if isinstance(value, tuple) else (value,)
