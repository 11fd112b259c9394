"""The pixels of an opened image file: by Pillow, and by imagecodecs for 16 bits per sample.

Pillow reduces 16-bit color to 8 bits without a word.
"""

import contextlib
import io
import math
import re
from typing import Any

import numpy as np
from PIL import Image, TiffImagePlugin

from cyclegan_jax import memory
from cyclegan_jax.image_files import tiff_tags
from cyclegan_jax.image_files.decoding import EXPECTED, ImageError, Opened

# A scan of a progressive JPEG takes few bytes and covers the whole image. Encoders write ten.
_MAX_SCANS = 100
_SCAN = re.compile(rb'\xff\xda\0(?:\x08\x01|\x0a\x02|\x0c\x03|\x0e\x04)')

# What a file may hold beside the pixels that are returned.
LOSSES = {
  'alpha': 'an alpha channel, which is left out',
  'picture': 'an alpha channel that looks like an image of its own, which is left out',
  'band': 'a band beside the colors, which is left out',
  'not finite': 'pixels that are no finite numbers, which count as black',
  'outside': 'values beyond --ir_span of the training, which count as its nearer end',
  'pages': 'several pages or frames, of which the first is taken',
}

# An alpha channel with so many levels is more than a cut-out.
_PICTURE_LEVELS = 32

# Images of more pixels are looked at: do they fit into memory?
_LARGE_PIXELS = 2**24
# Pixels that are converted at a time.
_STRIP_PIXELS = 2**22

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


def loss(kind: str, count: int, images: str = 'image') -> str:
  """Says how many images have lost what, such as '3 images have a band, which is left out.'."""
  subject = f'{images} has' if count == 1 else f'{images}s have'
  return f'{count} {subject} {LOSSES[kind]}.'


def decode(opened: Opened, data: bytes, values: bool) -> tuple[np.ndarray, frozenset[str]]:
  """Decodes an image of the file content `data`.

  With `values`, counts of 12 bits are not scaled to 16. On damaged files decoders may raise
  anything: call this within `decoding.explained`.

  Returns:
    Pixels [height, width, channels], uint8, uint16, or with `values` float32; and which of LOSSES
    are not in them.
  """
  scans = len(_SCAN.findall(data)) if opened.image.format == 'JPEG' else 0
  if scans > _MAX_SCANS:
    raise ImageError(f'{opened.name}: a JPEG file with {scans} scans, more than {_MAX_SCANS}.')
  _check_memory(opened)
  if opened.is_float:
    pixels, lost = _decode_float(opened, data), ''
  elif opened.is_deep:
    pixels, lost = _decode_deep(opened, data)
  else:
    pixels, lost = _decode_plain(opened, data, values)
  several = _has_further_images(opened.image, data)
  return pixels, frozenset(filter(None, [lost, 'pages' if several else '']))


def _check_memory(opened: Opened) -> None:
  """Refuses a large image that does not fit; otherwise the system may kill the program."""
  height, width, channels, dtype = opened.header
  if height * width < _LARGE_PIXELS:
    return
  result = height * width * channels * dtype.itemsize
  if opened.is_deep or opened.is_float:
    needed = math.prod(opened.stored_shape) * dtype.itemsize
    copies = opened.orientation > 1 or needed > result
  else:  # Pillow holds a pixel of several channels in four bytes.
    needed = height * width * (4 if channels > 1 else dtype.itemsize)
    copies = 1 + (opened.orientation > 1)
  needed, free = needed + copies * result, memory.on_host()
  if needed > free:
    raise ImageError(
      f'{opened.name}: {width}x{height} pixels take {memory.text(needed)} of memory to decode, but '
      f'{memory.text(free)} are free. Use a smaller image, or free some memory.'
    )


def decode_indices(opened: Opened, data: bytes) -> np.ndarray:
  """Decodes class indices, uint8 [height, width], of the file content `data`; see `decode`."""
  image = opened.image
  if opened.is_deep or image.mode not in _INDEX_MODES:
    raise ImageError(
      f'{opened.name}: not an image of class indices; expected one channel or a palette with 8 '
      'bits: 0 for the first class, and 255 for pixels without a label.'
    )
  _load(image, data)
  return np.array(image).astype(np.uint8)


def _decode_plain(opened: Opened, data: bytes, values: bool) -> tuple[np.ndarray, str]:
  image = opened.image
  _load(image, data)
  if image.mode.startswith('I;16'):
    pixels = np.array(image, np.uint16)
    if not values and _tags(image) and tiff_tags.is_packed_12_bit(_tags(image)):
      pixels = ((pixels * np.uint32(65535) + 2047) // 4095).astype(np.uint16)
  else:
    pixels = _converted(image, 'L' if opened.channels == 1 else 'RGB')
  pixels = pixels.reshape(*pixels.shape[:2], opened.channels)
  # Pillow rotates TIFF images itself when it loads them.
  turned = pixels if image.format == 'TIFF' else _orient(pixels, opened.orientation)
  return turned, _lost_channel(image)


def _converted(image: Image.Image, mode: str) -> np.ndarray:
  """The pixels of a loaded image in a mode of Pillow's, 'L' or 'RGB': [height, width, channels].

  Strip by strip: Pillow would hold a large image three times.
  """
  width, height = image.size
  pixels = np.empty((height, width, len(mode)), np.uint8)
  rows = max(1, _STRIP_PIXELS // width)
  for top in range(0, height, rows):
    strip = image
    if rows < height:
      strip = image.crop((0, top, width, min(top + rows, height)))
    strip = strip if strip.mode == mode else strip.convert(mode)
    pixels[top : top + rows] = np.asarray(strip).reshape(-1, width, len(mode))
  return pixels


def _tags(image: Image.Image) -> Any:
  """The tags of a TIFF file; None for other formats."""
  return image.tag_v2 if isinstance(image, TiffImagePlugin.TiffImageFile) else None


def _lost_channel(image: Image.Image) -> str:
  """The one of LOSSES that a loaded image has beside its colors; '' if it has none."""
  if image.getbands()[-1] in ('A', 'a'):
    alpha = image.getchannel(len(image.getbands()) - 1)
    return _of_alpha(sum(count > 0 for count in alpha.histogram()))
  return 'band' if _tags(image) and tiff_tags.extra_bands(_tags(image)) else ''


def _of_alpha(levels: int) -> str:
  """What is lost with an alpha channel of so many different values: of one, nothing."""
  if levels < 2:
    return ''
  return 'picture' if levels >= _PICTURE_LEVELS else 'alpha'


def _has_further_images(image: Image.Image, data: bytes) -> bool:
  """Returns whether a file has a second image as large as the first: another page or frame."""
  if not isinstance(image, TiffImagePlugin.TiffImageFile):
    return getattr(image, 'n_frames', 1) > 1
  if not image.tag_v2.next:
    return False
  with contextlib.suppress(Exception):  # Whatever is wrong with it, the first image is read.
    other = TiffImagePlugin.TiffImageFile(io.BytesIO(data))
    other.seek(1)
    # Reduced copies and masks are no pages.
    alike = all(image.tag_v2[tag] == other.tag_v2[tag] for tag in tiff_tags.SIZE)
    return alike and not other.tag_v2.get(tiff_tags.SUBFILE, 0)
  return False


def _load(image: Image.Image, data: bytes) -> None:
  """Decodes by Pillow; refuses a PNG that lacks rows, which it would leave zero."""
  image.load()
  if image.format != 'PNG':
    return
  width, height = image.size
  # Two rows, because of interlacing.
  end = np.asarray(image.crop((0, max(0, height - 2), width, height)))
  if not end.reshape(len(end), -1).any(1).all():
    import imagecodecs

    imagecodecs.png_decode(data)  # Raises if rows are missing. Slow, but few images end in black.


def _decode_float(opened: Opened, data: bytes) -> np.ndarray:
  import imagecodecs

  tags = _tags(opened.image)
  _check_tags(tags, opened.name)
  pixels = np.empty(opened.stored_shape, tiff_tags.float_type(tags))
  imagecodecs.tiff_decode(data, out=pixels)
  missing = tiff_tags.no_data(tags)
  if missing is not None:
    pixels[pixels == pixels.dtype.type(missing)] = np.nan
  with np.errstate(over='ignore'):  # Beyond 32 bits there is only infinity.
    pixels = pixels.astype(np.float32)
  return _orient(pixels, opened.orientation)


def _check_tags(tags: TiffImagePlugin.ImageFileDirectory_v2, name: str) -> None:
  if tags.next == tags._offset:  # Pillow stopped there; the rest may say that there are signs.
    raise ImageError(f'{name}: is damaged: its tags cannot be read.')


def _decode_deep(opened: Opened, data: bytes) -> tuple[np.ndarray, str]:
  import imagecodecs  # Slow to import, and most data sets have only 8 bits.

  # imagecodecs may read a damaged file differently than Pillow; this bounds what it writes.
  pixels, tags = np.empty(opened.stored_shape, np.uint16), _tags(opened.image)
  if tags is None:
    imagecodecs.png_decode(data, out=pixels)
  else:
    kind = tags.get(tiff_tags.PHOTOMETRIC)  # 0 is gray with black the largest, 1 gray, 2 RGB.
    if kind not in (0, 1, 2) or set(tags.get(tiff_tags.FORMAT, (1,))) != {1}:
      raise ImageError(
        f'{opened.name}: a 16-bit TIFF that is neither gray nor RGB with unsigned integers; '
        f'{EXPECTED}.'
      )
    _check_tags(tags, opened.name)
    imagecodecs.tiff_decode(data, out=pixels)
    if tiff_tags.is_planar(tags):
      pixels = np.moveaxis(pixels, 0, -1)
    if kind == 0:
      pixels = np.uint16(65535) - pixels
  turned = _orient(pixels[..., : opened.channels], opened.orientation)
  if pixels.shape[-1] == opened.channels or 'transparency' in opened.image.info:
    return turned, ''
  return turned, _of_alpha(len(np.unique(pixels[..., -1])))


def _orient(pixels: np.ndarray, orientation: int) -> np.ndarray:
  """Applies an EXIF orientation to [height, width, channels]."""
  turned = _ORIENT[orientation](pixels) if orientation in _ORIENT else pixels
  return np.ascontiguousarray(turned)
