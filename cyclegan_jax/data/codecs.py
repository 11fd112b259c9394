"""The pixels of an opened image file: by Pillow, and by imagecodecs for 16 bits per sample.

Pillow reduces 16-bit color to 8 bits without a word.
"""

import re

import numpy as np
from PIL import Image, TiffImagePlugin

from cyclegan_jax.data.decoding import EXPECTED, ImageError, is_planar, Opened

# A scan of a progressive JPEG takes few bytes and covers the whole image. Encoders write ten.
_MAX_SCANS = 100
_SCAN = re.compile(rb'\xff\xda\0(?:\x08\x01|\x0a\x02|\x0c\x03|\x0e\x04)')

# Gray, palette and bilevel images, whose values may be class indices.
_INDEX_MODES = ('L', 'P', '1')

# What each EXIF orientation does to [height, width, channels].
_ORIENT = {
  2: lambda a: a[:, ::-1],
  3: lambda a: a[::-1, ::-1],
  4: lambda a: a[::-1],
  5: lambda a: a.swapaxes(0, 1),
  6: lambda a: np.rot90(a, -1),
  7: lambda a: a.swapaxes(0, 1)[::-1, ::-1],
  8: lambda a: np.rot90(a),
}


def decode(opened: Opened, data: bytes) -> np.ndarray:
  """Decodes an image of the file content `data`: uint8 or uint16 [height, width, channels].

  On damaged files decoders may raise anything: call this within `decoding.explained`.
  """
  scans = len(_SCAN.findall(data)) if opened.image.format == 'JPEG' else 0
  if scans > _MAX_SCANS:
    raise ImageError(f'{opened.name}: a JPEG file with {scans} scans, more than {_MAX_SCANS}.')
  return _decode_deep(opened, data) if opened.is_deep else _decode_plain(opened, data)


def decode_indices(opened: Opened, data: bytes) -> np.ndarray:
  """Decodes class indices, uint8 [height, width], of the file content `data`; see `decode`."""
  image = opened.image
  if opened.is_deep or image.mode not in _INDEX_MODES:
    raise ImageError(
      f'{opened.name}: not an image of class indices; expected one channel or a palette with 8 '
      'bits: 0 for the first class, and 255 for pixels without a label.'
    )
  image.load()
  if image.format == 'PNG':
    _check_rows(image, data)
  return np.array(image).astype(np.uint8)


def _decode_plain(opened: Opened, data: bytes) -> np.ndarray:
  image = opened.image
  image.load()
  if image.format == 'PNG':
    _check_rows(image, data)
  if image.mode.startswith('I;16'):
    pixels = np.array(image, np.uint16)
  else:
    pixels = np.array(image.convert('L' if opened.channels == 1 else 'RGB'))
  pixels = pixels.reshape(*pixels.shape[:2], opened.channels)
  # Pillow rotates TIFF images itself when it loads them.
  return pixels if image.format == 'TIFF' else _orient(pixels, opened.orientation)


def _check_rows(image: Image.Image, data: bytes) -> None:
  """Refuses a PNG with fewer rows than its header says; Pillow leaves the others zero."""
  width, height = image.size
  # Two rows, because of interlacing.
  end = np.asarray(image.crop((0, max(0, height - 2), width, height)))
  if not end.reshape(len(end), -1).any(1).all():
    import imagecodecs

    imagecodecs.png_decode(data)  # Raises if rows are missing. Slow, but few images end in black.


def _decode_deep(opened: Opened, data: bytes) -> np.ndarray:
  import imagecodecs  # Slow to import, and most data sets have only 8 bits.

  # imagecodecs may read a damaged file differently than Pillow; this bounds what it writes.
  pixels = np.empty(opened.stored_shape, np.uint16)
  if not isinstance(opened.image, TiffImagePlugin.TiffImageFile):
    imagecodecs.png_decode(data, out=pixels)
  else:
    tags = opened.image.tag_v2
    if tags.get(262) not in (0, 1, 2) or set(tags.get(339, (1,))) != {1}:
      raise ImageError(
        f'{opened.name}: a 16-bit TIFF that is neither gray nor RGB with unsigned integers; '
        f'{EXPECTED}.'
      )
    if tags.next == tags._offset:  # Pillow stopped there; the rest may say that there are signs.
      raise ImageError(f'{opened.name}: is damaged: its tags cannot be read.')
    imagecodecs.tiff_decode(data, out=pixels)
    if is_planar(tags):
      pixels = np.moveaxis(pixels, 0, -1)
    if tags.get(262) == 0:  # White is zero.
      pixels = np.uint16(65535) - pixels
  return _orient(pixels[..., : opened.channels], opened.orientation)


def _orient(pixels: np.ndarray, orientation: int) -> np.ndarray:
  """Applies an EXIF orientation to [height, width, channels]."""
  turned = _ORIENT[orientation](pixels) if orientation in _ORIENT else pixels
  return np.ascontiguousarray(turned)
