"""16-bit images whose two bytes per pixel are the wrong way round: smoother when swapped.

The radiometric PNG within FLIR's files is such a case. As it is read, a pixel's low byte, most of
it noise, is its high byte.
"""

import numpy as np

from cyclegan_jax.pairs.flags import DEFAULT

_LEVELS = 2**16


def is_swapped(image: np.ndarray) -> bool:
  """Tells whether uint8 or uint16 [height, width, channels] is smoother with its bytes swapped.

  Images of 8 bits have no order of bytes, nor have those whose high (or low) byte is constant.
  """
  if image.dtype != np.uint16 or min(image.shape[:2]) < 2:
    return False
  plane = image[..., 0]
  return roughness(plane) > DEFAULT.swapped * roughness(plane.byteswap())


def roughness(plane: np.ndarray) -> float:
  """The mean difference of neighboring pixels in the order of all values: 0 smooth, 1 noise.

  Of uint16 [height, width]. Ranks in place of values make it independent of the scale, and of dead
  pixels.
  """
  counts = np.bincount(plane.ravel(), minlength=_LEVELS)
  ranks = ((np.cumsum(counts) - counts / 2) / plane.size).astype(np.float32)[plane]
  down, across = np.abs(np.diff(ranks, axis=0)).mean(), np.abs(np.diff(ranks, axis=1)).mean()
  # Of two numbers drawn at random from 0 to 1 the mean difference is 1/3.
  return float(1.5 * (down + across))
