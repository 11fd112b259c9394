"""Finds the black borders that warping the thermal frames to the color view has left."""

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

# Gray levels up to which a pixel is black: JPEG does not keep zeros.
_BLACK = 4
# A row or column belongs to the border if this share of it is black: warping leaves wedges.
_BORDER_SHARE = 0.1
# The widest masked border, as a share of the side: some 19 pixels of 240 are known, and what is
# wider may be a cold sky.
_MAX_SHARE = 0.2


class Borders(NamedTuple):
  """Rows and columns without thermal data at each side, in pixels."""

  top: int
  bottom: int
  left: int
  right: int


def find_borders(frames: Iterable[np.ndarray]) -> Borders:
  """Finds rows and columns at the sides that are black in all frames.

  From the outside, the row or column with the largest share of pixels that are black in all frames
  is taken away, until no outermost one has a tenth. No border is wider than a fifth of the image.

  Args:
    frames: thermal frames of one camera position, [height, width, 1] uint8 of one size.
  """
  black = np.max(np.stack([frame[..., 0] for frame in frames]), axis=0) <= _BLACK
  height, width = black.shape
  limits = [int(_MAX_SHARE * side) for side in (height, height, width, width)]
  taken = [0, 0, 0, 0]
  while True:
    top, bottom, left, right = taken
    inner = black[top : height - bottom, left : width - right]
    lines = (inner[0], inner[-1], inner[:, 0], inner[:, -1])
    shares = [line.mean() if taken[side] < limits[side] else 0.0 for side, line in enumerate(lines)]
    side = int(np.argmax(shares))
    if shares[side] < _BORDER_SHARE:
      return Borders(*taken)
    taken[side] += 1


def valid_mask(size: tuple[int, int], borders: Borders) -> np.ndarray:
  """Returns uint8 [height, width, 1]: 255 where there are thermal data, 0 in the borders."""
  height, width = size
  mask = np.zeros((height, width, 1), np.uint8)
  mask[borders.top : height - borders.bottom, borders.left : width - borders.right] = 255
  return mask
