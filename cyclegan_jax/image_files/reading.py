"""Reads image files, and tells what of a file is not in the pixels."""

from typing import NamedTuple

import numpy as np

from cyclegan_jax.image_files import codecs, decoding
from cyclegan_jax.image_files.decoding import ImageError, ImageHeader, Source


class Read(NamedTuple):
  """An image.

  Attributes:
    pixels: [height, width, 1 or 3]. uint8 or uint16 in the file's full range; of `values` the
      file's own values, also float32.
    lost: What else the file holds: some of `codecs.LOSSES`.
    is_plain: See `images.is_plain`.
  """

  pixels: np.ndarray
  lost: frozenset[str]
  is_plain: bool


def read(source: Source, name: str | None = None, *, values: bool = False) -> Read:
  """Reads an image file, given its path or content. `name` is for messages.

  Args:
    source: See `images.read_image`, which returns the pixels.
    name: The path by default.
    values: Take the values that are in the file: 12-bit counts from 0 to 4095 are not scaled, and
      gray TIFF files of floating-point numbers are read. What GDAL marks as no data is NaN.

  Raises:
    ImageError: See `images.read_image`; FloatImageError for floating-point pixels without `values`.
  """
  name = decoding.name_of(source, name)
  data = decoding.content(source, name)
  with decoding.opened(data, name, floats=values) as opened:
    # First: pillow-heif changes the size if the pixels say so.
    expected = opened.header
    pixels, lost = codecs.decode(opened, data, values)
  if pixels.shape != expected[:3]:
    raise ImageError(
      f'{name}: is damaged: decoded to shape {pixels.shape}, but its header says {expected[:3]}.'
    )
  return Read(pixels, lost, opened.is_plain)


def header(source: Source, name: str | None = None) -> ImageHeader:
  """Returns the shape and dtype of what `read` reads with `values`, without decoding."""
  with decoding.opened(source, name, floats=True) as opened:
    return opened.header
