"""What is stored of a radiometric file: RGB and IR images of one size, and where both have data."""

from typing import NamedTuple

import numpy as np

from cyclegan_jax.radiometry import Range
from datasets.camera import registration, rjpeg
from datasets.camera.survey import Finding


class Example(NamedTuple):
  """The images of a file, on the grid of its thermal image.

  Attributes:
    rgb: uint8 [height, width, 3]; black where the photograph does not reach, or if there is none.
    ir: uint16 [height, width, 1], 0..65535 over the span; 0 where the camera has no value.
    mask: bool [height, width, 1], where the IR image has data and, in a pair, the RGB image too.
  """

  rgb: np.ndarray
  ir: np.ndarray
  mask: np.ndarray


def read(found: Finding, span: Range) -> Example:
  """Reads the images of a file that was looked at; `span` is in degrees Celsius."""
  image = rjpeg.read(found.file.path)
  known = np.isfinite(image.celsius)
  ir = np.where(known, span.gray_levels(np.where(known, image.celsius, span.low)), np.uint16(0))
  mask, rgb = known, np.zeros((*known.shape, 3), np.uint8)
  if found.box and image.photograph is not None:
    placed = registration.register(image.photograph, known.shape, found.box)
    covered = np.zeros_like(known)
    covered[placed.rows, placed.columns] = True
    mask, rgb = known & covered, placed.rgb
  return Example(rgb, ir[..., np.newaxis], mask[..., np.newaxis])
