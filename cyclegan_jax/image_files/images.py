"""Image files to NumPy arrays and back, 8 and 16 bits, without silent losses.

Arrays are [height, width, channels] with 1 or 3 channels, uint8 or uint16.
"""

from collections.abc import Iterable, Iterator, Mapping
import io
import json
import os
import struct
import zlib

import numpy as np
from PIL import Image, PngImagePlugin

from cyclegan_jax import files
from cyclegan_jax.image_files import codecs, decoding, formats, reading
from cyclegan_jax.image_files.decoding import ImageError, ImageHeader, Source
from cyclegan_jax.image_files.location import Location

EXTENSIONS = formats.EXTENSIONS

# The difference of channels that the chroma of a gray JPEG makes: little on average, and hardly any
# single pixel is colored. These are shares of the dtype's range, the last one of the pixels.
GRAY_MEAN_DIFFERENCE = 2 / 255
GRAY_PIXEL_DIFFERENCE = 32 / 255
GRAY_COLORED_SHARE = 0.001

LUMA_WEIGHTS = (0.299, 0.587, 0.114)  # Rec. 601

_DESCRIPTION_TAG = 270
_BAND_PIXELS = 2**20
_RESAMPLING = {'area': Image.Resampling.BOX, 'bicubic': Image.Resampling.BICUBIC}


def read_image(source: Source, name: str | None = None) -> np.ndarray:
  """Reads an image file, given its path or content. `name` is for messages.

  Alpha is dropped. Palettes become gray or RGB, CMYK becomes RGB, bilevel images become 0 and 255,
  12 bits become 16. An EXIF orientation is applied. The first image of an animation or a multi-page
  file is taken. `reading.read` tells what is dropped.

  Returns:
    [height, width, 1 or 3] uint8 or uint16 in the file's full range.

  Raises:
    ImageError: The file is missing, empty, damaged, too large or of an unsupported kind.
  """
  return reading.read(source, name).pixels


def read_indices(source: Source, name: str | None = None) -> np.ndarray:
  """Reads class indices: the values of an image file, whatever colors a palette gives them.

  Returns:
    uint8 [height, width].

  Raises:
    ImageError: As `read_image`, or the file is in color without a palette, or has 16 bits.
  """
  name = decoding.name_of(source, name)
  data = decoding.content(source, name)
  with decoding.opened(data, name) as opened:
    return codecs.decode_indices(opened, data)


def image_header(source: Source, name: str | None = None) -> ImageHeader:
  """Returns the shape and dtype that `read_image` would return, without decoding.

  Only palette images, which are rare, are decoded.

  Raises:
    ImageError: The file is missing, empty, too large or of an unsupported kind.
  """
  with decoding.opened(source, name) as opened:
    return opened.header


def is_plain(source: Source, name: str | None = None, channels: int | None = None) -> bool:
  """Returns whether any reader gets the pixels of `read_image` from these very bytes.

  That is so for PNG and JPEG files, gray or RGB with 8 or 16 bits, without palette, alpha,
  animation or EXIF rotation. If `channels` is given, the image has to have as many. Raises as
  `image_header` does.
  """
  with decoding.opened(source, name) as opened:
    return opened.is_plain and channels in (None, opened.channels)


def encode_png(
  array: np.ndarray, texts: Mapping[str, str] | None = None, place: Location | None = None
) -> bytes:
  """Encodes [height, width, 1 or 3] uint8 or uint16 losslessly as PNG.

  `texts` are metadata by key (1 to 79 Latin-1 characters), text chunks before the pixels; `place`
  is a chunk of EXIF.
  """
  pixels = _without_one_channel(array)
  if array.dtype == np.uint16 and pixels.ndim == 3:
    import imagecodecs  # Slow to import, and only 16-bit color needs it.

    data = bytes(imagecodecs.png_encode(np.ascontiguousarray(pixels)))
  else:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, 'PNG')
    data = buffer.getvalue()
  # The signature and the header are 33 bytes. This works for both encoders.
  chunks = [(b'eXIf', place.exif())] if place else []
  return data[:33] + _chunks([*_texts(texts or {}), *chunks]) + data[33:]


def encode_tiff(
  array: np.ndarray, texts: Mapping[str, str] | None = None, place: Location | None = None
) -> bytes:
  """Encodes [height, width, 1] uint8, uint16 or float32, or RGB uint8, losslessly as TIFF.

  `texts` are metadata by key, one JSON object in the tag ImageDescription; `place` has tags of its
  own.

  Raises:
    ImageError: The array is 16-bit color, which Pillow does not write as TIFF.
  """
  pixels, buffer = _without_one_channel(array, floats=True), io.BytesIO()
  if array.dtype != np.uint8 and pixels.ndim == 3:
    raise ImageError('TIFF files with 16-bit color cannot be written. Use PNG, or 8 bits.')
  options = {'compression': 'tiff_adobe_deflate', **(place.tiff() if place else {})}
  Image.fromarray(pixels).save(buffer, 'TIFF', description=json.dumps(dict(texts or {})), **options)
  return buffer.getvalue()


def read_texts(path: str | os.PathLike[str]) -> dict[str, str]:
  """Returns the metadata that the encoders above wrote; raises as `image_header` does."""
  with decoding.opened(path, floats=True) as opened:
    if opened.image.format == 'PNG':
      return {str(k): text for k, text in opened.image.info.items() if isinstance(text, str)}
    try:
      return json.loads(getattr(opened.image, 'tag_v2', {}).get(_DESCRIPTION_TAG, '{}'))
    except ValueError:
      return {}


def write_png(path: str | os.PathLike[str], array: np.ndarray, *, durable: bool = False) -> None:
  """Writes [height, width, 1 or 3] uint8 or uint16 as PNG, whole or not at all, or ImageError.

  For `durable` see `files.replacing`.
  """
  try:
    files.write_bytes(path, encode_png(array), durable=durable)
  except OSError as error:
    raise ImageError(f'{path}: cannot be written: {error.strerror or error}.') from error


def resize(array: np.ndarray, size: tuple[int, int], method: str = 'area') -> np.ndarray:
  """Resizes [height, width, 1 or 3] uint8 or uint16 to `size` = (height, width).

  The method 'area' averages the pixels that fall into each new one; 'bicubic' is Pillow's, with
  antialiasing.

  Returns:
    [*size, channels] of the same dtype, rounded and clipped to its range; the same array if it
    already has that size.
  """
  _check_array(array)
  if method not in _RESAMPLING:
    raise ValueError(f'method must be one of {sorted(_RESAMPLING)}, not {method!r}.')
  if min(size) < 1:
    raise ValueError(f'size must be positive, not {size}.')
  if array.shape[:2] == tuple(size):
    return array
  # Pillow resamples 8-bit images directly, which is fast, but 16-bit ones only as floats.
  is_deep = array.dtype == np.uint16
  planes = []
  for channel in np.moveaxis(array, -1, 0):
    plane = Image.fromarray(channel.astype(np.float32) if is_deep else channel)
    plane = np.asarray(plane.resize((size[1], size[0]), _RESAMPLING[method]))
    planes.append(np.clip(np.rint(plane), 0, 65535) if is_deep else plane)
  return np.stack(planes, axis=-1).astype(array.dtype)


def luminance(array: np.ndarray) -> np.ndarray:
  """Computes the Rec. 601 luma of [..., 1 or 3]: float32 [..., 1] in the same range."""
  values = array.astype(np.float32)
  return values if array.shape[-1] == 1 else values @ np.array(LUMA_WEIGHTS, np.float32)[:, None]


def _rounded_luminance(array: np.ndarray) -> np.ndarray:
  """The luminance of [height, width, 1 or 3] as pixels of the same dtype."""
  gray = np.empty((*array.shape[:2], 1), array.dtype)
  for part, own in zip(_bands(array), _bands(gray)):
    own[:] = np.rint(luminance(part))
  return gray


def _bands(array: np.ndarray) -> Iterator[np.ndarray]:
  """Yields some rows of an image at a time: arithmetic with all of it would take much memory."""
  rows = max(1, _BAND_PIXELS // array.shape[1])
  for top in range(0, len(array), rows):
    yield array[top : top + rows]


def to_channels(array: np.ndarray, channels: int, name: str) -> np.ndarray:
  """Converts [height, width, 1 or 3] uint8 or uint16 to 1 or 3 channels of the same dtype.

  One channel, which may also be float32, is repeated. Three become one, their luminance, only if
  the image `is_gray`.

  Raises:
    ImageError: `array` is in color and one channel is requested.
  """
  _check_array(array, floats=array.shape[-1] == 1)
  if array.shape[-1] == channels:
    return array
  if channels == 3:
    return np.repeat(array, 3, axis=-1)
  if color := _color(array):
    raise ImageError(
      f'{name}: a thermal image in false color: {color}. Colors of a palette are not temperatures: '
      "export the camera's gray-scale or radiometric image instead."
    )
  return _rounded_luminance(array)


def is_gray(array: np.ndarray) -> bool:
  """Returns whether an image is gray: one channel, or three that are equal up to JPEG's chroma.

  The spread of the channels (the largest minus the smallest of the three) is then at most
  GRAY_MEAN_DIFFERENCE of the range on average, and above GRAY_PIXEL_DIFFERENCE in at most
  GRAY_COLORED_SHARE of the pixels, [height, width, 1 or 3] uint8 or uint16.
  """
  return array.shape[-1] == 1 or not _color(array)


def _color(array: np.ndarray) -> str:
  """Describes how three channels differ; '' if they are gray."""
  total = n_colored = 0.0
  for part in _bands(array):
    # Three planes at a time: NumPy is ten times slower along an axis of three.
    a, b, c = (part[..., i] for i in range(3))
    spread = np.maximum(np.maximum(a, b), c) - np.minimum(np.minimum(a, b), c)
    spread = spread / np.iinfo(array.dtype).max
    total += spread.sum()
    n_colored += np.count_nonzero(spread > GRAY_PIXEL_DIFFERENCE)
  size = array.shape[0] * array.shape[1]
  mean, colored = total / size, n_colored / size
  if mean <= GRAY_MEAN_DIFFERENCE and colored <= GRAY_COLORED_SHARE:
    return ''
  return (
    f'its three channels differ by {100 * mean:.1f} % of the range on average, and '
    f'{100 * colored:.1f} % of its pixels are colored'
  )


def for_domain(array: np.ndarray, domain: str, channels: int, name: str) -> np.ndarray:
  """Converts an image by `to_channels`, except that a gray RGB domain takes the luminance."""
  if domain == 'rgb' and channels == 1 and array.shape[-1] == 3:
    return _rounded_luminance(array)
  return to_channels(array, channels, name)


def _texts(texts: Mapping[str, str]) -> list[tuple[bytes, bytes]]:
  """Kind and content of tEXt chunks of a PNG file; iTXt where Latin-1 does not suffice."""
  info = PngImagePlugin.PngInfo()
  for key, value in texts.items():
    info.add_text(key, value)
  return [(kind, data) for kind, data, *_ in info.chunks]


def _chunks(chunks: Iterable[tuple[bytes, bytes]]) -> bytes:
  """Chunks of a PNG file, each with its length and checksum."""
  return b''.join(
    struct.pack('>I', len(data)) + kind + data + struct.pack('>I', zlib.crc32(kind + data))
    for kind, data in chunks
  )


def _without_one_channel(array: np.ndarray, floats: bool = False) -> np.ndarray:
  """A checked image, [height, width] if it has one channel."""
  _check_array(array, floats)
  return array[..., 0] if array.shape[-1] == 1 else array


def _check_array(array: np.ndarray, floats: bool = False) -> None:
  if array.dtype not in (np.uint8, np.uint16) and not (floats and array.dtype == np.float32):
    raise ValueError(f'images are uint8 or uint16, not {array.dtype}.')
  if array.ndim != 3 or array.shape[-1] not in (1, 3) or 0 in array.shape:
    raise ValueError(f'images are [height, width, 1 or 3], not {array.shape}.')
