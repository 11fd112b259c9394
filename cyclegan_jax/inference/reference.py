"""Reference images, whose style others are to have, as a network's encoder of styles sees them."""

import numpy as np

from cyclegan_jax.data import aspect, record_images
from cyclegan_jax.data.source import Domain
from cyclegan_jax.errors import UserError
from cyclegan_jax.image_files import images
from cyclegan_jax.method_validation import SMALLEST_STYLED
from cyclegan_jax.settings import DataConfig


def prepared(image: np.ndarray, ir: Domain, data: DataConfig, name: str) -> np.ndarray:
  """Returns network values, float32 [1, height, width, channels], resized as in training.

  Args:
    image: An IR image, uint8 or uint16 [height, width, 1 or 3].
    ir: The domain of the training.
    data: Its settings.
    name: The image's name in error messages.

  Raises:
    ImageError: The image is in color.
    UserError: It is too small.
  """
  pixels = images.for_domain(image, ir.name, ir.channels, name)
  if size := record_images.resized(data):
    size = aspect.scaled(pixels.shape[:2], size, data.keep_aspect)
    pixels = images.resize(pixels, size, data.resize)
  height, width = pixels.shape[:2]
  if min(height, width) < SMALLEST_STYLED:
    raise UserError(
      f'{name}: {width}x{height} pixels are too few to tell a style: at least {SMALLEST_STYLED} a '
      'side are needed.'
    )
  return ir.normalize(ir.rescale(pixels[np.newaxis]))
