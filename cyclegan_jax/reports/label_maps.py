"""Classes of pixels as colors, and the legend that names them."""

from collections.abc import Sequence

import numpy as np

from cyclegan_jax.reports import image_grid

# Well apart for most eyes, in lightness too; neighbors in the list differ most.
_COLORS = np.array(
  [
    *((86, 180, 233), (70, 70, 70), (230, 159, 0), (0, 158, 115), (204, 121, 167), (160, 60, 20)),
    *((240, 228, 66), (0, 90, 40), (0, 60, 180), (220, 20, 40), (190, 190, 190), (120, 60, 160)),
  ],
  np.uint8,
)
_UNKNOWN = 255
_SWATCH, _PER_ROW = (18, 84), 6


def picture(labels: np.ndarray) -> np.ndarray:
  """Draws classes, uint8 [height, width], as uint8 [height, width, 3]; 255, no class, is white."""
  colors = _COLORS[labels % len(_COLORS)]
  return np.where(labels[..., np.newaxis] == _UNKNOWN, np.uint8(255), colors)


def legend(names: Sequence[str]) -> np.ndarray:
  """Draws the colors of classes below their names, uint8 [height, width, 3]."""
  swatches = [picture(np.full(_SWATCH, i, np.uint8)) for i in range(len(names))]
  rows = [
    image_grid.grid(
      [swatches[start : start + _PER_ROW]], names[start : start + _PER_ROW], cell_size=_SWATCH
    )
    for start in range(0, len(names), _PER_ROW)
  ]
  return stacked(rows)


def stacked(pictures: Sequence[np.ndarray]) -> np.ndarray:
  """Puts pictures, uint8 [height, width, 3], below each other on a white ground."""
  width = max(one.shape[1] for one in pictures)
  wide = (
    np.pad(one, ((0, 0), (0, width - one.shape[1]), (0, 0)), constant_values=255)
    for one in pictures
  )
  return np.concatenate(list(wide))
