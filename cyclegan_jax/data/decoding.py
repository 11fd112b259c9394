"""The decoders behind `images.read_image`: Pillow, and imagecodecs for 16 bits per sample.

Pillow cuts 16-bit color down to 8 bits without a word, so whatever has 16 bits per sample
goes through imagecodecs instead. How much memory an image may need is checked before it is decoded.
"""

from collections.abc import Iterator
import contextlib
import dataclasses
import os
import re
from typing import BinaryIO, NamedTuple

import numpy as np
from PIL import BmpImagePlugin, Image, JpegImagePlugin, PngImagePlugin, TiffImagePlugin

from cyclegan_jax import errors

# Changed by limit_megapixels() alone. 67 whole megapixels: 8192 x 8192 is allowed.
MAX_PIXELS = 67_999_999

# A file may be as large as 16-bit RGBA without compression, and metadata besides.
_BYTES_PER_PIXEL = 8
_METADATA_BYTES = 16 * 2**20
# A scan of a progressive JPEG takes few bytes and goes over the whole image. Encoders write ten.
_MAX_SCANS = 100
_SCAN = re.compile(rb'\xff\xda\0(?:\x08\x01|\x0a\x02|\x0c\x03|\x0e\x04)')

_EXPECTED = 'expected a PNG, JPEG, BMP or TIFF file with 8 or 16 bits per sample'
_PNG_SIGNATURE = b'\x89PNG\r\n\x1a\n'
# Opened without Image.open, whose own limit of the size holds for the whole process.
_PLUGINS = {
  _PNG_SIGNATURE: PngImagePlugin.PngImageFile,
  b'\xff\xd8\xff': JpegImagePlugin.JpegImageFile,
  b'BM': BmpImagePlugin.BmpImageFile,
  **dict.fromkeys(TiffImagePlugin.PREFIXES, TiffImagePlugin.TiffImageFile),
}
_PNG_SAMPLES = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
_PNG_METADATA = frozenset((b'eXIf', b'zTXt', b'tEXt', b'iTXt'))
_PNG_ODD = frozenset((b'tRNS', b'acTL'))
_MODE_CHANNELS = {
  '1': 1,
  'L': 1,
  'LA': 1,
  'La': 1,
  'I;16': 1,
  'I;16L': 1,
  'I;16B': 1,
  'I;16N': 1,
  'RGB': 3,
  'RGBA': 3,
  'RGBX': 3,
  'RGBa': 3,
  'CMYK': 3,
  'YCbCr': 3,
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
  samples: int
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
  stored_shape: tuple[int, ...]  # of deep samples, as the file has them

  @property
  def header(self) -> ImageHeader:
    width, height = self.image.size
    # Pillow already reports the rotated size for TIFF, but not for the others.
    if self.orientation >= 5 and self.image.format != 'TIFF':
      width, height = height, width
    is_16_bit = self.is_deep or self.image.mode.startswith('I;16')
    return ImageHeader(height, width, self.channels, np.dtype('u2' if is_16_bit else 'u1'))


def limit_megapixels(megapixels: int) -> None:
  """Sets how large images may be, for all threads: --max_megapixels."""
  global MAX_PIXELS
  MAX_PIXELS = (megapixels + 1) * 10**6 - 1


def check_bytes(size: int, name: str) -> None:
  """Refuses a file of `size` bytes if no image of the allowed size needs as many."""
  allowed = MAX_PIXELS * _BYTES_PER_PIXEL + _METADATA_BYTES
  if size > allowed:
    raise ImageError(
      f'{name}: {size} bytes, more than the {allowed} that an image may have with '
      f'--max_megapixels={MAX_PIXELS // 10**6}.'
    )


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
  except MemoryError as error:
    raise ImageError(f'{name}: there is not enough memory to decode it.') from error
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
  plugin = next((plugin for magic, plugin in _PLUGINS.items() if start.startswith(magic)), None)
  if plugin is None:
    raise ImageError(
      f'{name}: not an image of a known kind (it starts with {start!r}); {_EXPECTED}.'
    )
  try:
    image = plugin(stream)
  except SyntaxError as error:
    kind = (
      'a TIFF file with a pixel type that cannot be read, or a damaged one'
      if plugin is TiffImagePlugin.TiffImageFile
      else f'a damaged {plugin.format} file'
    )
    raise ImageError(f'{name}: {kind} ({error}); {_EXPECTED}.') from error
  with image:
    _check_pixels(*image.size, 'pixels', name)
    yield _examine(image, png, name)


def _check_pixels(width: int, height: int, what: str, name: str) -> None:
  if width * height > MAX_PIXELS:
    raise ImageError(
      f'{name}: {width}x{height} {what}, {width * height // 10**6} megapixels, more than is '
      f'allowed: --max_megapixels={MAX_PIXELS // 10**6}.'
    )


def _scan_png(stream: BinaryIO) -> _Png:
  """Walks over the chunks of a PNG file, skipping their contents."""
  depth, color, names = 0, 0, set()
  start, end = stream.tell(), stream.seek(0, os.SEEK_END)
  stream.seek(start)
  while len(head := stream.read(8)) == 8:
    length, chunk = int.from_bytes(head[:4], 'big'), head[4:]
    if stream.tell() + length > end:  # Pillow would reserve memory for all of it.
      raise OSError('it is cut off')
    if chunk == b'IHDR':
      if depth:  # Decoders differ in which of them counts.
        raise OSError('it has two headers')
      depth, color = stream.read(10)[8:10]
      length -= 10
    elif chunk in _PNG_METADATA or chunk in _PNG_ODD:
      names.add(chunk)
    if chunk == b'IEND':
      break
    stream.seek(length + 4, os.SEEK_CUR)
  plain = depth in (8, 16) and color in (0, 2) and not names & _PNG_ODD
  # The decoder makes a transparent color a channel of its own.
  samples = _PNG_SAMPLES.get(color, 0) + (b'tRNS' in names and color in (0, 2))
  return _Png(depth, samples, plain, bool(names & _PNG_METADATA))


def _examine(image: Image.Image, png: _Png | None, name: str) -> Opened:
  """Finds out what the decoded image will be."""
  if png:
    is_deep = png.bit_depth == 16
    stored = (*image.size[::-1], png.samples)
    # Asking Pillow for EXIF decodes the whole PNG, so only where there may be some.
    exif = image.getexif() if png.has_metadata else {}
    plain = png.is_plain
  else:
    is_deep = image.format == 'TIFF' and set(image.tag_v2.get(258, (1,))) == {16}
    stored = _tiff_shape(image, name) if image.format == 'TIFF' else ()
    exif = image.getexif()
    plain = image.format == 'JPEG' and image.mode in ('L', 'RGB')
  orientation = exif.get(_ORIENTATION_TAG, 1)
  orientation = orientation if orientation in _ORIENT else 1
  channels = (1 if png.samples < 3 else 3) if is_deep and png else _channels(image, name)
  return Opened(image, name, channels, is_deep, orientation, plain and orientation == 1, stored)


def _tiff_shape(image: Image.Image, name: str) -> tuple[int, ...]:
  """The shape in which imagecodecs gives the pixels; refuses huge tiles and missing ones."""
  tags = image.tag_v2
  width, height, samples = tags[256], tags[257], tags.get(277, 1)
  tile_width, rows = tags.get(322, width), tags.get(323, tags.get(278, height))
  if 322 in tags:
    _check_pixels(tile_width, rows, 'pixels in a tile', name)
  pieces = -(-width // tile_width) * -(-height // rows) * (samples if _is_planar(tags) else 1)
  found = np.size(tags.get(273, tags.get(324, ())))
  if found < pieces:  # Pillow leaves the rest black.
    raise ImageError(f'{name}: is damaged: it has {found} of {pieces} strips or tiles.')
  return (samples, height, width) if _is_planar(tags) else (height, width, samples)


def _is_planar(tags: TiffImagePlugin.ImageFileDirectory_v2) -> bool:
  """Whether channels are stored one after the other."""
  return tags.get(284, 1) == 2 and tags.get(277, 1) > 1


def _channels(image: Image.Image, name: str) -> int:
  """Channels of an image as Pillow reports it; refuses kinds that cannot be used."""
  mode = image.mode
  if mode in ('P', 'PA'):
    palette = np.array(image.getpalette('RGB'), np.uint8).reshape(-1, 3)
    return 1 if (palette == palette[:, :1]).all() else 3
  if mode in _MODE_CHANNELS:
    return _MODE_CHANNELS[mode]
  kind = {'F': 'floating-point pixels', 'I': '32-bit or signed pixels'}.get(
    mode, f'pixels of mode {mode!r}'
  )
  raise ImageError(f'{name}: a {image.format} file with {kind}; {_EXPECTED}, unsigned.')


def decode(opened: Opened, data: bytes) -> np.ndarray:
  """The pixels of an opened image, whose file content is `data`: [height, width, channels]."""
  scans = len(_SCAN.findall(data)) if opened.image.format == 'JPEG' else 0
  if scans > _MAX_SCANS:
    raise ImageError(f'{opened.name}: a JPEG file with {scans} scans, more than {_MAX_SCANS}.')
  return _decode_deep(opened, data) if opened.is_deep else _decode_plain(opened, data)


def _decode_plain(opened: Opened, data: bytes) -> np.ndarray:
  """Decodes with Pillow."""
  image = opened.image
  image.load()
  if image.format == 'PNG':
    _check_rows(image, data)
  if image.mode.startswith('I;16'):
    pixels = np.array(image, np.uint16)
  else:
    pixels = np.array(image.convert('L' if opened.channels == 1 else 'RGB'))
  pixels = pixels.reshape(*pixels.shape[:2], opened.channels)
  # Pillow turns TIFFs by itself while loading.
  return pixels if image.format == 'TIFF' else _orient(pixels, opened.orientation)


def _check_rows(image: Image.Image, data: bytes) -> None:
  """Refuses a PNG with fewer rows than its header says, the rest of which Pillow leaves zero."""
  width, height = image.size
  end = np.asarray(image.crop((0, max(0, height - 2), width, height)))  # two: interlacing
  if not end.reshape(len(end), -1).any(1).all():
    import imagecodecs

    imagecodecs.png_decode(data)  # It complains; slow, but few images end in black.


def _decode_deep(opened: Opened, data: bytes) -> np.ndarray:
  """Decodes 16-bit samples, which Pillow would cut down to 8 bits where there is color."""
  import imagecodecs  # Slow to import, and most data sets have only 8 bits.

  # The other decoder may understand a damaged file otherwise: this bounds what it makes of it.
  pixels = np.empty(opened.stored_shape, np.uint16)
  if opened.image.format == 'PNG':
    imagecodecs.png_decode(data, out=pixels)
  else:
    tags = opened.image.tag_v2
    if tags.get(262) not in (0, 1, 2) or set(tags.get(339, (1,))) != {1}:
      raise ImageError(
        f'{opened.name}: a 16-bit TIFF that is neither gray nor RGB with '
        f'unsigned integers; {_EXPECTED}.'
      )
    if tags.next == tags._offset:  # Where Pillow stopped; the rest may say that there are signs.
      raise ImageError(f'{opened.name}: is damaged: its tags cannot be read.')
    imagecodecs.tiff_decode(data, out=pixels)
    if _is_planar(tags):
      pixels = np.moveaxis(pixels, 0, -1)
    if tags.get(262) == 0:  # white is zero
      pixels = np.uint16(65535) - pixels
  return _orient(pixels[..., : opened.channels], opened.orientation)


def _orient(pixels: np.ndarray, orientation: int) -> np.ndarray:
  """Applies an EXIF orientation to [height, width, channels]."""
  turned = _ORIENT[orientation](pixels) if orientation in _ORIENT else pixels
  return np.ascontiguousarray(turned)
