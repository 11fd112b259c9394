"""Overlapping tiles of a large image: how to cut them and how to join them without seams.

The outer part of a tile, where the network saw the tile's edge instead of the image, is dropped as
far as the overlap allows. What remains fades into the neighbor. If the overlap is at least twice
the radius of the receptive field, no trace of the edges remains: the result is that of the whole.
"""

from collections.abc import Callable, Iterator
import dataclasses
import itertools
from typing import Protocol

import numpy as np

from cyclegan_jax import interruption
from cyclegan_jax.errors import UserError
from cyclegan_jax.inference.tiling import receptive_field
from cyclegan_jax.models import kinds
from cyclegan_jax.settings import ModelConfig

_AUTOMATIC_TILE = 1024
# An image whose translation takes a larger share of the memory is cut.
_SHARE_OF_MEMORY = 0.5


@dataclasses.dataclass(frozen=True)
class Tiling:
  """Sizes, in pixels, to cut an image with.

  Attributes:
    tile: height and width of a tile, a multiple of `step`.
    overlap: of neighbors, a multiple of `step`, less than `tile`.
    margin: width of the outer part of a tile that is dropped at inner edges.
    step: tiles begin at multiples of it, so that the network's strides meet the same pixels.
  """

  tile: int
  overlap: int
  margin: int
  step: int


class Image(Protocol):
  """An image of which parts are read, as network values."""

  @property
  def shape(self) -> tuple[int, int]:
    """Height and width, multiples of `Tiling.step`."""

  def crop(self, rows: slice, columns: slice) -> np.ndarray:
    """Returns a part, float32 [1, rows, columns, c] in [-1, 1]."""


def choose(
  config: ModelConfig,
  height: int,
  width: int,
  step: int,
  memory: int,
  tile: int | None = None,
  overlap: int | None = None,
) -> Tiling | None:
  """Chooses how to cut an image of `height` x `width` pixels; None means in one piece.

  Args:
    config: the generator's settings.
    height: of the image.
    width: of the image.
    step: see `Tiling`.
    memory: of the device, in bytes.
    tile: size of a tile in pixels, rounded up to a multiple of `step`; 0 never cuts; None cuts an
      image that would take more than half of the memory.
    overlap: in pixels, rounded up likewise; None takes twice the radius of the receptive field, at
      most half a tile.

  Raises:
    UserError: `overlap` is not less than `tile`, or one of them is negative.
  """
  if (tile or 0) < 0 or (overlap or 0) < 0:
    raise UserError(f'--tile={tile} and --overlap={overlap} are sizes in pixels: give 0 or more.')
  if tile is None:
    arrays = kinds.of_generators(config).peak_arrays(config)
    needed = 4 * config.base_width * arrays * height * width
    tile = _AUTOMATIC_TILE if needed > _SHARE_OF_MEMORY * memory else 0
  if not tile:
    return None
  tile, radius = _rounded_up(tile, step), receptive_field.radius(config)
  if overlap is None:
    overlap = min(2 * radius, tile // 2 // step * step)
  overlap = _rounded_up(overlap, step)
  if overlap >= tile:
    raise UserError(
      f'--overlap={overlap} must be less than --tile={tile} (both are rounded up to multiples of '
      f'{step}).'
    )
  if height <= tile and width <= tile:
    return None
  return Tiling(tile, overlap, radius if overlap >= 2 * radius else overlap // 4, step)


def starts(size: int, tiling: Tiling) -> list[int]:
  """Returns where tiles begin along an axis of `size` pixels, a multiple of the step."""
  if size <= tiling.tile:
    return [0]
  return [*range(0, size - tiling.tile, tiling.tile - tiling.overlap), size - tiling.tile]


def window(size: int, start: int, whole: int, tiling: Tiling) -> np.ndarray:
  """Returns the weights of a tile's pixels along an axis, float32 [size], 0 to 1.

  They are 0 in the margin and rise as half a cosine wave over the rest of the overlap. At the edges
  of the image itself they are 1. The weights of two neighbors with exactly this overlap sum to 1.
  """
  ramp = tiling.overlap - 2 * tiling.margin
  # The centers of pixels, so that half a pixel is a ramp without a slope.
  inwards = np.arange(size) - tiling.margin + 0.5
  rising = 0.5 - 0.5 * np.cos(np.pi * np.clip(inwards / max(ramp, 0.5), 0, 1))
  weights = np.ones(size)
  if start > 0:
    weights *= rising
  if start + size < whole:
    weights *= rising[::-1]
  return weights.astype(np.float32)


def own_parts(size: int, tiling: Tiling) -> list[tuple[int, slice]]:
  """Divides an axis among its tiles: where each begins, and the slice of it that is its own.

  Each pixel belongs to exactly one tile. The border between two lies in the middle of their
  overlap, at a multiple of the step.
  """
  begins, step = starts(size, tiling), tiling.step
  middles = [(a + tiling.tile + b) // 2 // step * step for a, b in itertools.pairwise(begins)]
  edges = [0, *middles, size]
  return [
    (begin, slice(low - begin, high - begin)) for begin, low, high in zip(begins, edges, edges[1:])
  ]


def translate(
  apply: Callable[[np.ndarray], np.ndarray], image: Image, tiling: Tiling, channels: int
) -> Iterator[tuple[int, np.ndarray]]:
  """Translates an image tile by tile, joins the results, and yields them from top to bottom.

  What is kept in memory are the rows of one tile, over the width of the image.

  Args:
    apply: maps network values [1, height, width, c] to [1, height, width, channels].
    image: what to translate.
    tiling: how to cut it.
    channels: of the result.

  Yields:
    The number of a row, and float32 [rows, width, channels] from that row on.
  """
  height, width = image.shape
  total = np.zeros((min(tiling.tile, height), width, channels), np.float32)
  weight = np.zeros((len(total), width, 1), np.float32)
  tops = starts(height, tiling)
  for top, following in zip(tops, [*tops[1:], height]):
    down = window(len(total), top, height, tiling)
    for left in starts(width, tiling):
      interruption.check()
      columns = slice(left, min(left + tiling.tile, width))
      across = window(columns.stop - left, left, width, tiling)
      weights = np.outer(down, across)[..., None]
      part = image.crop(slice(top, top + len(total)), columns)
      total[:, columns] += weights * np.asarray(apply(part))[0]
      weight[:, columns] += weights
    n = following - top
    yield top, total[:n] / weight[:n]
    for array in (total, weight):
      array[: len(array) - n] = array[n:].copy()
      array[len(array) - n :] = 0


def _rounded_up(value: int, step: int) -> int:
  return -(-value // step) * step
