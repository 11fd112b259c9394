"""Image files to numpy arrays and back, 8 and 16 bit, without silent losses.

Arrays are [height, width, channels] with 1 or 3 channels, uint8 or uint16.
"""

from collections.abc import Mapping
import io
import json
import os
import stat
import struct
from typing import BinaryIO
import zlib

import numpy as np
from PIL import Image, PngImagePlugin

from cyclegan_jax import files
from cyclegan_jax.data import decoding
from cyclegan_jax.data.decoding import ImageError, ImageHeader

EXTENSIONS = ('.bmp', '.jpeg', '.jpg', '.png', '.tif', '.tiff')

# What the chroma of a gray JPEG may add: channels differ little on average, and hardly
# any single pixel is colored. Both are shares of the dtype's range or of the pixels.
GRAY_MEAN_DIFFERENCE = 2 / 255
GRAY_PIXEL_DIFFERENCE = 32 / 255
GRAY_COLORED_SHARE = 0.001

_DESCRIPTION_TAG = 270

LUMA_WEIGHTS = (0.299, 0.587, 0.114)  # Rec. 601

_RESAMPLING = {'area': Image.Resampling.BOX, 'bicubic': Image.Resampling.BICUBIC}


def read_image(source: str | os.PathLike | bytes, name: str | None = None) -> np.ndarray:
  """Reads an image file.

  Alpha is dropped; palettes become gray or RGB, CMYK becomes RGB, bilevel 0 and 255;
  an EXIF orientation is applied; of an animation or a multi-page file the first image
  is taken.

  Args:
    source: path of the file, or its content.
    name: how messages call the image; the path when left out.

  Returns:
    [height, width, channels] uint8 or uint16 in the file's full range, 1 or 3 channels.

  Raises:
    ImageError: the file is missing, empty, damaged, too large or of an unsupported kind.
  """
  name = _name_of(source, name)
  data = source if isinstance(source, bytes) else _read_bytes(source, name)
  with decoding.explained(name), decoding.opened_image(io.BytesIO(data), name) as opened:
    pixels = decoding.decode(opened, data)
    expected = opened.header
  if pixels.shape != expected[:3]:
    raise ImageError(
      f'{name}: decoded to shape {pixels.shape}, but its header says '
      f'{tuple(expected[:3])}; the file is damaged.'
    )
  return pixels


def image_header(path: str | os.PathLike) -> ImageHeader:
  """Returns (height, width, channels, dtype) as `read_image` would give them.

  Pixels are not decoded (except for palette images, which are rare).

  Raises:
    ImageError: the file is missing, empty, too large or of an unsupported kind.
  """
  name = _name_of(path, None)
  with decoding.explained(name), _open(path, name) as stream:
    with decoding.opened_image(stream, name) as opened:
      return opened.header


def is_plain(
  source: str | os.PathLike | bytes, name: str | None = None, channels: int | None = None
) -> bool:
  """Whether any reader gets the pixels of `read_image` from these very bytes.

  True for PNG and JPEG files, gray or RGB with 8 or 16 bits, without palette, alpha,
  animation or EXIF rotation, and with `channels` channels if that is asked. Raises ImageError
  as `image_header` does.
  """
  name = _name_of(source, name)
  with decoding.explained(name):
    stream = io.BytesIO(source) if isinstance(source, bytes) else _open(source, name)
    with stream, decoding.opened_image(stream, name) as opened:
      return opened.is_plain and channels in (None, opened.channels)


def encode_png(array: np.ndarray, texts: Mapping[str, str] | None = None) -> bytes:
  """Encodes [height, width, 1 or 3] uint8 or uint16 losslessly as PNG.

  Args:
    array: the pixels.
    texts: metadata by key (1 to 79 Latin-1 characters), as text chunks before the pixels.
  """
  _check_array(array)
  pixels = np.ascontiguousarray(array.squeeze(-1) if array.shape[-1] == 1 else array)
  if array.dtype == np.uint16 and array.shape[-1] == 3:
    import imagecodecs  # Only 16-bit color needs it, and it is slow to import.

    data = bytes(imagecodecs.png_encode(pixels))
  else:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, 'PNG')
    data = buffer.getvalue()
  # The signature and the header are 33 bytes. One way for both encoders.
  return data[:33] + _text_chunks(texts or {}) + data[33:]


def encode_tiff(array: np.ndarray, texts: Mapping[str, str] | None = None) -> bytes:
  """Encodes [height, width, 1] uint8 or uint16, or RGB uint8, losslessly as TIFF.

  Args:
    array: the pixels.
    texts: metadata by key, as one JSON object in the tag ImageDescription (270).

  Raises:
    ImageError: 16-bit color, which Pillow does not write as TIFF.
  """
  _check_array(array)
  if array.dtype == np.uint16 and array.shape[-1] == 3:
    raise ImageError('TIFF files with 16-bit color are not written: take PNG, or 8 bits.')
  buffer = io.BytesIO()
  Image.fromarray(array.squeeze(-1) if array.shape[-1] == 1 else array).save(
    buffer, 'TIFF', compression='tiff_adobe_deflate', description=json.dumps(dict(texts or {}))
  )
  return buffer.getvalue()


def read_texts(path: str | os.PathLike) -> dict[str, str]:
  """The metadata that `encode_png` or `encode_tiff` wrote; {} if there are none.

  Raises:
    ImageError: as `image_header`.
  """
  name = _name_of(path, None)
  with decoding.explained(name), _open(path, name) as stream:
    with decoding.opened_image(stream, name) as opened:
      if opened.image.format == 'PNG':
        return {
          key: str(value) for key, value in opened.image.info.items() if isinstance(value, str)
        }
      try:
        return json.loads(getattr(opened.image, 'tag_v2', {}).get(_DESCRIPTION_TAG, '{}'))
      except ValueError:
        return {}


def write_png(path: str | os.PathLike, array: np.ndarray) -> None:
  """Writes [height, width, 1 or 3] uint8 or uint16 as PNG, whole or not at all.

  Raises:
    ImageError: the file cannot be written.
  """
  data = encode_png(array)
  try:
    files.write_bytes(path, data)
  except OSError as error:
    raise ImageError(f'{path}: cannot be written: {error.strerror or error}.') from error


def resize(array: np.ndarray, size: tuple[int, int], method: str = 'area') -> np.ndarray:
  """Resizes [height, width, channels] uint8 or uint16 to `size` = (height, width).

  Args:
    array: [height, width, 1 or 3] uint8 or uint16.
    size: new height and width.
    method: 'area' averages the pixels that fall into each new one; 'bicubic' is
      antialiased, as Pillow does it.

  Returns:
    [*size, channels] of the same dtype, rounded and clipped to its range; the same
    array if it already has that size.
  """
  _check_array(array)
  if method not in _RESAMPLING:
    raise ValueError(f'method must be one of {sorted(_RESAMPLING)}, not {method!r}.')
  height, width = size
  if height < 1 or width < 1:
    raise ValueError(f'size must be positive, not {size}.')
  if array.shape[:2] == (height, width):
    return array
  filter_ = _RESAMPLING[method]
  limit = np.iinfo(array.dtype).max
  planes = []
  for channel in np.moveaxis(array, -1, 0):
    # 8-bit images are resampled as such, which is fast; Pillow can do no more than
    # floating point for the 16-bit ones.
    is_deep = array.dtype == np.uint16
    plane = Image.fromarray(channel.astype(np.float32 if is_deep else np.uint8))
    plane = np.asarray(plane.resize((width, height), filter_))
    planes.append(np.clip(np.rint(plane), 0, limit) if is_deep else plane)
  return np.stack(planes, axis=-1).astype(array.dtype)


def luminance(rgb: np.ndarray) -> np.ndarray:
  """Rec. 601 luma of [..., 3]: [..., 1] float32, range unchanged."""
  if rgb.shape[-1] != 3:
    raise ValueError(f'rgb must be [..., 3], not {rgb.shape}.')
  return rgb.astype(np.float32) @ np.array(LUMA_WEIGHTS, np.float32)[:, None]


def to_channels(array: np.ndarray, channels: int, name: str) -> np.ndarray:
  """Brings [height, width, 1 or 3] uint8 or uint16 to 1 or 3 channels of the same dtype.

  One channel is repeated. Three become one only if they are equal up to the error that
  JPEG's chroma makes: their spread (largest minus smallest of the three) is at most
  GRAY_MEAN_DIFFERENCE of the range on average, and above GRAY_PIXEL_DIFFERENCE in at
  most GRAY_COLORED_SHARE of the pixels.

  Raises:
    ImageError: `array` is in color and one channel is asked for.
  """
  _check_array(array)
  if channels not in (1, 3):
    raise ValueError(f'channels must be 1 or 3, not {channels}.')
  if array.shape[-1] == channels:
    return array
  if channels == 3:
    return np.repeat(array, 3, axis=-1)
  # Three planes at a time: numpy is ten times slower along an axis of three.
  planes = [array[..., i] for i in range(3)]
  spread = (
    np.maximum(np.maximum(*planes[:2]), planes[2]) - np.minimum(np.minimum(*planes[:2]), planes[2])
  ) / np.iinfo(array.dtype).max
  colored = np.mean(spread > GRAY_PIXEL_DIFFERENCE)
  if spread.mean() > GRAY_MEAN_DIFFERENCE or colored > GRAY_COLORED_SHARE:
    raise ImageError(
      f'{name}: a thermal image in false color: its three channels differ by '
      f'{100 * spread.mean():.1f} % of the range on average, and {100 * colored:.1f} % '
      'of its pixels are colored. Colors of a palette are not temperatures: export '
      "the camera's gray-scale or radiometric image instead."
    )
  return np.rint(luminance(array)).astype(array.dtype)


def for_domain(array: np.ndarray, domain: str, channels: int, name: str) -> np.ndarray:
  """Brings an image to a domain's channels: a gray RGB domain takes the luminance of colors.

  See `to_channels` for all other cases and for errors.
  """
  if domain == 'rgb' and channels == 1 and array.shape[-1] == 3:
    return np.rint(luminance(array)).astype(array.dtype)
  return to_channels(array, channels, name)


def _text_chunks(texts: Mapping[str, str]) -> bytes:
  """tEXt chunks of a PNG file; iTXt where Latin-1 does not do."""
  info = PngImagePlugin.PngInfo()
  for key, value in texts.items():
    info.add_text(key, value)
  return b''.join(
    struct.pack('>I', len(data)) + kind + data + struct.pack('>I', zlib.crc32(kind + data))
    for kind, data, *_ in info.chunks
  )


def _check_array(array: np.ndarray) -> None:
  if array.dtype not in (np.uint8, np.uint16):
    raise ValueError(f'images are uint8 or uint16, not {array.dtype}.')
  if array.ndim != 3 or array.shape[-1] not in (1, 3) or 0 in array.shape:
    raise ValueError(f'images are [height, width, 1 or 3], not {array.shape}.')


def _name_of(source: str | os.PathLike | bytes, name: str | None) -> str:
  return name or ('image' if isinstance(source, bytes) else os.fspath(source))


def _open(path: str | os.PathLike, name: str) -> BinaryIO:
  """Opens a regular file that is not too large."""
  info = os.stat(path)
  if not stat.S_ISREG(info.st_mode):
    # Opening a FIFO waits for a writer, and a device may have no end.
    kind = 'a folder' if stat.S_ISDIR(info.st_mode) else 'not a regular file'
    raise ImageError(f'{name}: cannot be read: it is {kind}.')
  decoding.check_bytes(info.st_size, name)
  return open(path, 'rb')


def _read_bytes(path: str | os.PathLike, name: str) -> bytes:
  with decoding.explained(name), _open(path, name) as stream:
    return stream.read()
