"""The decoders behind `images.read_image`: Pillow, and imagecodecs for 16 bits per sample.

Pillow cuts 16-bit colour down to 8 bits without a word, so whatever has 16 bits per sample
goes through imagecodecs instead.
"""

import contextlib
import dataclasses
import os
from typing import BinaryIO, Iterator, NamedTuple

import numpy as np
from PIL import Image

from cyclegan_jax import errors

# 8192 x 8192. Below the level at which Pillow starts to warn of decompression bombs.
MAX_PIXELS = 2**26

_FORMATS = ('PNG', 'JPEG', 'BMP', 'TIFF')
_EXPECTED = 'expected a PNG, JPEG, BMP or TIFF file with 8 or 16 bits per sample'
_PNG_SIGNATURE = b'\x89PNG\r\n\x1a\n'
_TIFF_SIGNATURES = (b'II*\0', b'MM\0*', b'II+\0', b'MM\0+')
_MODE_CHANNELS = {
    '1': 1, 'L': 1, 'LA': 1, 'La': 1, 'I;16': 1, 'I;16L': 1, 'I;16B': 1, 'I;16N': 1,
    'RGB': 3, 'RGBA': 3, 'RGBX': 3, 'RGBa': 3, 'CMYK': 3, 'YCbCr': 3,
}
_ORIENTATION_TAG = 274
_ORIENT = {
    2: lambda a: a[:, ::-1],
    3: lambda a: a[::-1, ::-1],
    4: lambda a: a[::-1],
    5: lambda a: a.swapaxes(0, 1),
    6: lambda a: np.rot90(a, -1),
    7: lambda a: a.swapaxes(0, 1)[::-1, ::-1],
    8: lambda a: np.rot90(a),
}


class ImageError(errors.UserError):
  """An image file that cannot be used; the message names the file and the reason."""


class ImageHeader(NamedTuple):
  """Shape and dtype that `read_image` would return."""

  height: int
  width: int
  channels: int
  dtype: np.dtype


class _Png(NamedTuple):
  """What the chunks of a PNG file say beyond what Pillow reports."""

  bit_depth: int
  is_grey: bool
  is_plain: bool  # no palette, alpha, animation or odd bit depth
  has_metadata: bool  # Pillow has to be asked for an orientation


@dataclasses.dataclass(frozen=True)
class Opened:
  """An opened but not yet decoded image."""

  image: Image.Image
  name: str
  channels: int
  is_deep: bool  # 16 bits per sample, for imagecodecs
  orientation: int
  is_plain: bool

  @property
  def header(self) -> ImageHeader:
    width, height = self.image.size
    # Pillow already reports the rotated size for TIFF, but not for the others.
    if self.orientation >= 5 and self.image.format != 'TIFF':
      width, height = height, width
    is_16_bit = self.is_deep or self.image.mode.startswith('I;16')
    return ImageHeader(height, width, self.channels, np.dtype('u2' if is_16_bit else 'u1'))


@contextlib.contextmanager
def explained(name: str) -> Iterator[None]:
  """Turns whatever reading an image may raise into an ImageError."""
  try:
    yield
  except ImageError:
    raise
  except FileNotFoundError as error:
    raise ImageError(f'{name}: no such file.') from error
  except OSError as error:
    # Pillow's own complaints are OSErrors too; only the system's have a number.
    reason = f'cannot be read: {error.strerror}' if error.errno else f'is damaged: {error}'
    raise ImageError(f'{name}: {reason}.') from error
  except Image.DecompressionBombError as error:
    raise ImageError(f'{name}: larger than the allowed {MAX_PIXELS} pixels.') from error
  except Exception as error:  # Damaged files make the decoders raise nearly anything.
    raise ImageError(f'{name}: is damaged or unsupported ({error}); {_EXPECTED}.') from error


@contextlib.contextmanager
def opened_image(stream: BinaryIO, name: str) -> Iterator[Opened]:
  """Opens an image without decoding it and checks that it can be used."""
  start = stream.read(8)
  if not start:
    raise ImageError(f'{name}: the file is empty (zero bytes); {_EXPECTED}.')
  png = _scan_png(stream) if start == _PNG_SIGNATURE else None
  stream.seek(0)
  try:
    image = Image.open(stream, formats=_FORMATS)
  except Image.UnidentifiedImageError as error:
    kind = ('a TIFF file with a pixel type that cannot be read, or a damaged one'
            if start.startswith(_TIFF_SIGNATURES)
            else f'not an image of a known kind (it starts with {start!r})')
    raise ImageError(f'{name}: {kind}; {_EXPECTED}.') from error
  with image:
    width, height = image.size
    if width * height > MAX_PIXELS:
      raise ImageError(f'{name}: {width}x{height} pixels, more than the allowed {MAX_PIXELS}.')
    yield _examine(image, png, name)


def _scan_png(stream: BinaryIO) -> _Png:
  """Walks over the chunks of a PNG file, skipping their contents."""
  depth, colour, names = 0, 0, set()
  while len(head := stream.read(8)) == 8:
    length, chunk = int.from_bytes(head[:4], 'big'), head[4:]
    names.add(chunk)
    if chunk == b'IHDR':
      depth, colour = stream.read(10)[8:10]
      length -= 10
    if chunk == b'IEND':
      break
    stream.seek(length + 4, os.SEEK_CUR)
  plain = depth in (8, 16) and colour in (0, 2) and not names & {b'tRNS', b'acTL'}
  return _Png(depth, colour in (0, 4), plain,
              bool(names & {b'eXIf', b'zTXt', b'tEXt', b'iTXt'}))


def _examine(image: Image.Image, png: _Png | None, name: str) -> Opened:
  """Finds out what the decoded image will be."""
  if png:
    is_deep = png.bit_depth == 16
    # Asking Pillow for EXIF decodes the whole PNG, so only where there may be some.
    exif = image.getexif() if png.has_metadata else {}
    plain = png.is_plain
  else:
    is_deep = image.format == 'TIFF' and set(image.tag_v2.get(258, (1,))) == {16}
    exif = image.getexif()
    plain = image.format in ('JPEG', 'MPO') and image.mode in ('L', 'RGB')
  orientation = exif.get(_ORIENTATION_TAG, 1)
  orientation = orientation if orientation in _ORIENT else 1
  if is_deep and png:
    channels = 1 if png.is_grey else 3
  else:
    channels = _channels(image, name)
  return Opened(image, name, channels, is_deep, orientation, plain and orientation == 1)


def _channels(image: Image.Image, name: str) -> int:
  """Channels of an image as Pillow reports it; refuses kinds that cannot be used."""
  mode = image.mode
  if mode in ('P', 'PA'):
    palette = np.array(image.getpalette('RGB'), np.uint8).reshape(-1, 3)
    return 1 if (palette == palette[:, :1]).all() else 3
  if mode in _MODE_CHANNELS:
    return _MODE_CHANNELS[mode]
  kind = {'F': 'floating-point pixels', 'I': '32-bit or signed pixels'}.get(
      mode, f'pixels of mode {mode!r}')
  raise ImageError(f'{name}: a {image.format} file with {kind}; {_EXPECTED}, unsigned.')


def decode(opened: Opened, data: bytes) -> np.ndarray:
  """The pixels of an opened image, whose file content is `data`: [height, width, channels]."""
  return _decode_deep(opened, data) if opened.is_deep else _decode_plain(opened)


def _decode_plain(opened: Opened) -> np.ndarray:
  """Decodes with Pillow."""
  image = opened.image
  image.load()
  if image.mode.startswith('I;16'):
    pixels = np.array(image, np.uint16)
  else:
    pixels = np.array(image.convert('L' if opened.channels == 1 else 'RGB'))
  pixels = pixels.reshape(*pixels.shape[:2], opened.channels)
  # Pillow turns TIFFs by itself while loading.
  return pixels if image.format == 'TIFF' else _orient(pixels, opened.orientation)


def _decode_deep(opened: Opened, data: bytes) -> np.ndarray:
  """Decodes 16-bit samples, which Pillow would cut down to 8 bits where there is colour."""
  import imagecodecs  # Slow to import, and most data sets have only 8 bits.
  if opened.image.format == 'PNG':
    pixels = imagecodecs.png_decode(data)
  else:
    tags = opened.image.tag_v2
    if tags.get(262) not in (0, 1, 2) or set(tags.get(339, (1,))) != {1}:
      raise ImageError(f'{opened.name}: a 16-bit TIFF that is neither grey nor RGB with '
                       f'unsigned integers; {_EXPECTED}.')
    pixels = imagecodecs.tiff_decode(data)
    if tags.get(284, 1) == 2 and pixels.ndim == 3:  # channels stored one after the other
      pixels = np.moveaxis(pixels, 0, -1)
    if tags.get(262) == 0:  # white is zero
      pixels = np.uint16(65535) - pixels
  pixels = pixels.reshape(*pixels.shape[:2], -1)[..., : opened.channels]
  return _orient(pixels, opened.orientation)


def _orient(pixels: np.ndarray, orientation: int) -> np.ndarray:
  """Applies an EXIF orientation to [height, width, channels]."""
  turned = _ORIENT[orientation](pixels) if orientation in _ORIENT else pixels
  return np.ascontiguousarray(turned)
