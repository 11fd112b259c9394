"""Opens image files and checks them before they are decoded: format, size, kind of pixels.

The files may be hostile. The memory that an image needs is checked against --max_megapixels first.
"""

from collections.abc import Iterator
import contextlib
import dataclasses
import io
import os
import stat
import threading
from typing import BinaryIO, NamedTuple

import numpy as np
from PIL import Image, TiffImagePlugin

from cyclegan_jax import errors
from cyclegan_jax.image_files import formats, png_chunks, tiff_tags

# The path or the content of an image file.
Source = str | os.PathLike[str] | bytes

# Changed by limit_megapixels() alone. 67 whole megapixels: 8192 x 8192 is allowed.
MAX_PIXELS = 67_999_999

# `name`: the image that a thread is reading.
_reading = threading.local()

EXPECTED = (
  f'expected a PNG, JPEG, WebP,{" HEIC," if formats.has_heif() else ""} BMP or TIFF file with 8 or '
  '16 bits per sample'
)
# The channels, without alpha, of Pillow's modes.
_CHANNELS = {
  **dict.fromkeys(('1', 'L', 'LA', 'La', 'I;16', 'I;16L', 'I;16B', 'I;16N'), 1),
  **dict.fromkeys(('RGB', 'RGBA', 'RGBX', 'RGBa', 'CMYK', 'YCbCr'), 3),
}


class ImageError(errors.UserError):
  """An image file that cannot be used; the message names the file and the reason."""


class FloatImageError(ImageError):
  """An image of floating-point numbers, such as degrees, where integers are expected."""


class LargeImageError(ImageError):
  """An image of more pixels than are allowed; `size` is its width and height."""

  def __init__(self, message: str, size: tuple[int, int]):
    super().__init__(message)
    self.size = size


class ImageHeader(NamedTuple):
  """The shape and dtype that `images.read_image` would return."""

  height: int
  width: int
  channels: int
  dtype: np.dtype


@dataclasses.dataclass(frozen=True)
class Opened:
  """An opened but not yet decoded image."""

  image: Image.Image  # Pillow's, not loaded.
  name: str  # In messages.
  channels: int  # 1 or 3, of the decoded image.
  is_deep: bool  # It has 16 bits per sample and is for imagecodecs.
  orientation: int  # That of EXIF, 1 to 8.
  is_plain: bool  # See `images.is_plain`.
  stored_shape: tuple[int, ...]  # Of deep and floating-point samples in the file.
  is_float: bool = False  # It has floating-point numbers.

  @property
  def header(self) -> ImageHeader:
    """The shape and dtype of the decoded image."""
    width, height = self.image.size
    # Pillow reports the rotated size for TIFF, but not for the others.
    if self.orientation >= 5 and self.image.format != 'TIFF':
      width, height = height, width
    is_16_bit = self.is_deep or self.image.mode.startswith('I;16')
    kind = 'f4' if self.is_float else 'u2' if is_16_bit else 'u1'
    return ImageHeader(height, width, self.channels, np.dtype(kind))


def limit_megapixels(megapixels: int) -> None:
  """Sets the largest size of images for all threads; see --max_megapixels."""
  global MAX_PIXELS
  MAX_PIXELS = (megapixels + 1) * 10**6 - 1


def check_bytes(size: int, name: str) -> None:
  """Raises ImageError for more bytes than a file of an image of the allowed size may have."""
  allowed = MAX_PIXELS * 8 + 16 * 2**20  # Uncompressed 16-bit RGBA, and metadata.
  if size > allowed:
    raise ImageError(
      f'{name}: {size} bytes, more than the {allowed} that an image may have with '
      f'--max_megapixels={MAX_PIXELS // 10**6}.'
    )


@contextlib.contextmanager
def explained(name: str) -> Iterator[None]:
  """Turns any exception raised while an image is read into an ImageError."""
  outer, _reading.name = current_name(), name
  try:
    yield
  except ImageError:
    raise
  except FileNotFoundError as error:
    raise ImageError(f'{name}: no such file.') from error
  except OSError as error:
    # Pillow's own errors are OSErrors, too; only the system's have a number.
    reason = f'cannot be read: {error.strerror}' if error.errno else f'is damaged: {error}'
    raise ImageError(f'{name}: {reason}.') from error
  except MemoryError as error:
    raise ImageError(f'{name}: there is not enough memory to decode it.') from error
  except Exception as error:  # On damaged files, decoders raise nearly anything.
    raise ImageError(f'{name}: is damaged or unsupported ({error}); {EXPECTED}.') from error
  finally:
    _reading.name = outer


def current_name() -> str:
  """Returns the name of the image that this thread is reading; '' if it reads none."""
  return getattr(_reading, 'name', '')


@contextlib.contextmanager
def opened_image(stream: BinaryIO, name: str, floats: bool = False) -> Iterator[Opened]:
  """Opens an image without decoding it. Raises ImageError if it cannot be used.

  Floating-point pixels can be used only with `floats`.
  """
  start = stream.read(formats.START_BYTES)
  if not start:
    raise ImageError(f'{name}: the file is empty (zero bytes); {EXPECTED}.')
  stream.seek(len(png_chunks.SIGNATURE))
  png = png_chunks.scan(stream) if start.startswith(png_chunks.SIGNATURE) else None
  stream.seek(0)
  plugin = formats.decoder(start)
  if plugin is None:
    raise ImageError(f'{name}: {formats.described(start)}; {EXPECTED}.')
  if size := formats.declared_size(start):
    _check_pixels(*size, 'pixels', name)
  try:
    image = plugin(stream)
  except SyntaxError as error:
    kind = f'a damaged {plugin.format} file'
    if plugin is TiffImagePlugin.TiffImageFile:
      kind = 'a TIFF file with a pixel type that cannot be read, or a damaged one'
      if found := tiff_tags.described(stream):
        kind = f'a TIFF file with a pixel type that cannot be read: {found}'
    raise ImageError(f'{name}: {kind} ({error}); {EXPECTED}.') from error
  with image:
    _check_pixels(*image.size, 'pixels', name)
    if image.format == 'WEBP' and getattr(image, 'is_animated', False):
      # Its first frame may be a part only.
      raise ImageError(f'{name}: an animated WebP file; expected one image.')
    yield _examine(image, png, name, floats)


def _check_pixels(width: int, height: int, what: str, name: str) -> None:
  if width * height > MAX_PIXELS:
    raise LargeImageError(
      f'{name}: {width}x{height} {what}, {width * height // 10**6} megapixels, more than is '
      f'allowed: --max_megapixels={MAX_PIXELS // 10**6}.',
      (width, height),
    )


def _examine(image: Image.Image, png: png_chunks.Facts | None, name: str, floats: bool) -> Opened:
  """Determines what the decoded image will be."""
  if png:
    is_deep = png.bit_depth == 16
    stored = (*image.size[::-1], png.samples)
    # Reading EXIF makes Pillow decode the whole PNG, so it is read only where there may be some.
    exif = image.getexif() if png.has_metadata else {}
    plain = png.is_plain
  else:
    is_deep, stored, exif = False, (), image.getexif()
    if isinstance(image, TiffImagePlugin.TiffImageFile):
      if problem := tiff_tags.too_many_bands(image.tag_v2, name):
        raise ImageError(problem)
      is_deep = set(image.tag_v2.get(tiff_tags.BITS, (1,))) == {16}
      stored = _tiff_shape(image, name)
    plain = image.format == 'JPEG' and image.mode in ('L', 'RGB')
  found = exif.get(tiff_tags.ORIENTATION, 1)
  orientation = found if found in range(2, 9) else 1
  is_float = floats and image.mode == 'F'
  if is_float:
    channels = 1
  else:
    channels = (1 if png.samples < 3 else 3) if is_deep and png else _channels(image, name)
  plain = plain and orientation == 1
  return Opened(image, name, channels, is_deep, orientation, plain, stored, is_float)


def _tiff_shape(image: TiffImagePlugin.TiffImageFile, name: str) -> tuple[int, ...]:
  """The shape in which imagecodecs returns the pixels. Refuses huge and missing tiles."""
  tags = image.tag_v2
  width, height = (tags[tag] for tag in tiff_tags.SIZE)
  samples, tile_width = tags.get(tiff_tags.SAMPLES, 1), tags.get(tiff_tags.TILE_WIDTH, width)
  rows = tags.get(tiff_tags.TILE_ROWS, tags.get(tiff_tags.STRIP_ROWS, height))
  if tiff_tags.TILE_WIDTH in tags:
    _check_pixels(tile_width, rows, 'pixels in a tile', name)
  is_planar = tiff_tags.is_planar(tags)
  pieces = -(-width // tile_width) * -(-height // rows) * (samples if is_planar else 1)
  found = np.size(tags.get(tiff_tags.STRIPS, tags.get(tiff_tags.TILES, ())))
  if found < pieces:  # Pillow leaves the rest black.
    raise ImageError(f'{name}: is damaged: it has {found} of {pieces} strips or tiles.')
  return (samples, height, width) if is_planar else (height, width, samples)


def _channels(image: Image.Image, name: str) -> int:
  """The channels of an image as Pillow reports it. Refuses kinds that cannot be used."""
  mode = image.mode
  if mode in ('P', 'PA'):
    palette = np.array(image.getpalette('RGB'), np.uint8).reshape(-1, 3)
    return 1 if (palette == palette[:, :1]).all() else 3
  if mode in _CHANNELS:
    return _CHANNELS[mode]
  if mode == 'F':
    raise FloatImageError(
      f'{name}: a {image.format} file with floating-point pixels; {EXPECTED}, unsigned. IR '
      'images of such pixels are read with --ir_span, in training and by models so trained.'
    )
  kind = '32-bit or signed pixels' if mode == 'I' else f'pixels of mode {mode!r}'
  raise ImageError(f'{name}: a {image.format} file with {kind}; {EXPECTED}, unsigned.')


def name_of(source: Source, name: str | None) -> str:
  """Returns what messages call an image: its name, or its path."""
  return name or ('image' if isinstance(source, bytes) else os.fspath(source))


def content(source: Source, name: str) -> bytes:
  """Returns the bytes of an image file. Raises ImageError if it cannot be read or is too large."""
  if isinstance(source, bytes):
    return source
  with explained(name), _open(source, name) as stream:
    return stream.read()


@contextlib.contextmanager
def opened(source: Source, name: str | None = None, *, floats: bool = False) -> Iterator[Opened]:
  """Opens an image without decoding it, given its path or content; see `opened_image`."""
  name = name_of(source, name)
  with explained(name):
    stream = io.BytesIO(source) if isinstance(source, bytes) else _open(source, name)
    with stream, opened_image(stream, name, floats) as image:
      yield image


def _open(path: str | os.PathLike[str], name: str) -> BinaryIO:
  """Opens a regular file that is not too large."""
  info = os.stat(path)
  if not stat.S_ISREG(info.st_mode):
    # Opening a FIFO waits for a writer, and a device may have no end.
    kind = 'a folder' if stat.S_ISDIR(info.st_mode) else 'not a regular file'
    raise ImageError(f'{name}: cannot be read: it is {kind}.')
  check_bytes(info.st_size, name)
  return open(path, 'rb')
