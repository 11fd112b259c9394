"""Large images in overlapping tiles, put together without seams.

Each tile's outer part, where the network saw the tile's edge instead of the image, is left out as
far as the overlap allows, and the rest fades over into the neighbor. With an overlap of twice the
network's reach or more nothing is left of the edges, and the tiles are the image in one piece.
"""

from collections.abc import Callable, Iterator
import dataclasses
import itertools

import numpy as np

from cyclegan_jax.errors import UserError
from cyclegan_jax.inference.tiling import receptive_field
from cyclegan_jax.settings import ModelConfig

_AUTOMATIC_TILE = 1024
# What translating holds at a time, in arrays of the first layer's channels at the image's size: as
# XLA reports it for the presets (resnet 517 bytes per pixel, unet 277 to 372, udacity 97 to 128).
_ARRAYS = {'resnet': 2.0, 'unet': 1.5, 'udacity': 0.5}
# An image whose arrays take a larger part of the memory is cut.
_SHARE_OF_MEMORY = 0.5


@dataclasses.dataclass(frozen=True)
class Tiling:
  """How an image is cut.

  Attributes:
    tile: height and width of a tile, a multiple of `step`.
    overlap: of neighbors, a multiple of `step`, less than `tile`.
    margin: the outer part of a tile that is left out at inner edges.
    step: tiles begin at its multiples, so that the network's strides meet the same pixels.
  """

  tile: int
  overlap: int
  margin: int
  step: int


def choose(
  config: ModelConfig,
  height: int,
  width: int,
  step: int,
  memory: int,
  tile: int | None = None,
  overlap: int | None = None,
) -> Tiling | None:
  """How to cut an image, or None: in one piece.

  Args:
    config: the network's shape.
    height: of the image in pixels.
    width: likewise.
    step: tiles begin at its multiples, and their size is one.
    memory: in bytes, of the device.
    tile: size of a tile in pixels, rounded up to a multiple of `step`; 0: never cut; None: cut
      what would take more than half of the memory.
    overlap: in pixels, rounded up likewise; None: twice the network's reach, at most half a tile.

  Raises:
    UserError: `overlap` is not less than `tile`, or one of them is negative.
  """
  if (tile or 0) < 0 or (overlap or 0) < 0:
    raise UserError(f'--tile={tile}, --overlap={overlap}: sizes in pixels, not below 0.')
  if tile is None:
    needed = 4 * config.base_width * _ARRAYS[config.generator] * height * width
    tile = _AUTOMATIC_TILE if needed > _SHARE_OF_MEMORY * memory else 0
  if not tile:
    return None
  tile = _rounded_up(tile, step)
  reach = receptive_field.radius(config)
  if overlap is None:
    overlap = min(2 * reach, tile // 2 // step * step)
  overlap = _rounded_up(overlap, step)
  if overlap >= tile:
    raise UserError(
      f'--overlap={overlap} has to be less than --tile={tile} (both are rounded up '
      f'to multiples of {step}).'
    )
  if height <= tile and width <= tile:
    return None
  return Tiling(tile, overlap, reach if overlap >= 2 * reach else overlap // 4, step)


def starts(size: int, tiling: Tiling) -> list[int]:
  """Where tiles begin along an axis of `size` pixels, a multiple of the step; one if all fits."""
  if size <= tiling.tile:
    return [0]
  return [*range(0, size - tiling.tile, tiling.tile - tiling.overlap), size - tiling.tile]


def window(size: int, start: int, whole: int, tiling: Tiling) -> np.ndarray:
  """The weights of a tile's pixels along an axis: float32 [size], 0 to 1.

  0 in the margin, then half a wave of a cosine over the rest of the overlap; at the image's own
  edges 1. Two neighbors with just this overlap add up to 1.
  """
  ramp = tiling.overlap - 2 * tiling.margin
  inwards = np.arange(size) - tiling.margin + 0.5
  rising = np.clip(inwards / ramp, 0, 1) if ramp else (inwards > 0).astype(np.float64)
  rising = 0.5 - 0.5 * np.cos(np.pi * rising)
  weights = np.ones(size)
  if start > 0:
    weights *= rising
  if start + size < whole:
    weights *= rising[::-1]
  return weights.astype(np.float32)


def own_parts(size: int, tiling: Tiling) -> list[tuple[int, slice]]:
  """Where tiles begin along an axis, and the part of each that no other tile counts.

  The border between two lies in the middle of their overlap, at a multiple of the step; a part is
  given from the tile's own beginning.
  """
  begins = starts(size, tiling)
  middles = [
    (last + tiling.tile + first) // 2 // tiling.step * tiling.step
    for last, first in itertools.pairwise(begins)
  ]
  edges = [0, *middles, size]
  return [
    (begin, slice(low - begin, high - begin)) for begin, low, high in zip(begins, edges, edges[1:])
  ]


def boxes(height: int, width: int, tiling: Tiling) -> Iterator[tuple[slice, slice]]:
  """Rows and columns of all tiles, row by row; all of one size."""
  for top in starts(height, tiling):
    for left in starts(width, tiling):
      yield (
        slice(top, min(top + tiling.tile, height)),
        slice(left, min(left + tiling.tile, width)),
      )


def translate(
  apply: Callable[[np.ndarray], np.ndarray], image: np.ndarray, tiling: Tiling, channels: int
) -> np.ndarray:
  """Puts the translated tiles of one image together.

  Args:
    apply: network values [1, height, width, c] to [1, height, width, channels].
    image: float32 [height, width, c], sides multiples of `tiling.step`.
    tiling: how it is cut.
    channels: of the result.

  Returns:
    float32 [height, width, channels].
  """
  height, width = image.shape[:2]
  total = np.zeros((height, width, channels), np.float32)
  weight = np.zeros((height, width, 1), np.float32)
  for rows, columns in boxes(height, width, tiling):
    weights = (
      window(rows.stop - rows.start, rows.start, height, tiling)[:, None, None]
      * window(columns.stop - columns.start, columns.start, width, tiling)[:, None]
    )
    total[rows, columns] += weights * np.asarray(apply(image[None, rows, columns]))[0]
    weight[rows, columns] += weights
  return total / weight


def _rounded_up(value: int, step: int) -> int:
  return -(-value // step) * step
