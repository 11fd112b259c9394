"""The page of a check of pairs: the worst ones as pictures, all flagged ones in a table."""

from collections.abc import Mapping
import pathlib
from typing import Any

import numpy as np
from scipy import ndimage

from cyclegan_jax import files
from cyclegan_jax.data import images
from cyclegan_jax.data.source import Dataset
from cyclegan_jax.pairs import dataset_check
from cyclegan_jax.pairs.check import Pair
from cyclegan_jax.pairs.flags import FLAGS
from cyclegan_jax.reports import image_grid, page

PAGE = 'report.html'
_TITLES = (
  *('RGB', 'IR', 'blended', 'checkerboard'),
  *('edges: RGB red, IR cyan', 'edges, IR moved by the shift'),
)
_CELL_WIDTH = 256
_TILES = 8  # Of the checkerboard, along the longer side.
_MOST_ROWS = 500  # Of the page's table; the CSV file has all.


def write(
  folder: pathlib.Path,
  pairs: list[Pair],
  content: Mapping[str, Any],
  dataset: Dataset,
  n_worst: int,
) -> None:
  """Writes the page into an existing folder, whole or not at all; it needs no other file.

  Pairs are from `dataset_check.check`, the content is from `dataset_check.summary`. The first
  n_worst pairs are shown as pictures.
  """
  flagged = [pair for pair in pairs if pair.flags]
  text = page.document(
    'pairs_page.html',
    ['sort.js'],
    title=f'{content["dataset"]}: check of pairs',
    content=content,
    known=FLAGS,
    worst=[_figure(pair, dataset) for pair in pairs[:n_worst]],
    rows=[dataset_check.COLUMNS, *map(dataset_check.row, flagged[:_MOST_ROWS])],
    titles=', '.join(_TITLES),
    csv=dataset_check.CSV,
  )
  files.write_text(folder / PAGE, text)


def picture(pair: Pair, rgb: np.ndarray, ir: np.ndarray) -> np.ndarray:
  """Draws RGB, IR, both blended, as a checkerboard, and edges before and after the pair's shift.

  Both are uint8 or uint16 [height, width, 1 or 3] of one size; returns uint8 [height, width, 3].
  """
  height, width = rgb.shape[:2]
  scale = min(1, _CELL_WIDTH / width)
  size = max(1, round(height * scale)), max(1, round(width * scale))
  color, heat = (
    images.to_channels(_to_8_bit(images.resize(image, size)), 3, pair.id) for image in (rgb, ir)
  )
  gray = [images.luminance(image)[..., 0] for image in (color, heat)]
  blended = np.rint(np.mean(gray, axis=0)).astype(np.uint8)[..., None]
  y, x = np.indices(size) * _TILES // max(size)
  board = np.where(((x + y) % 2 == 0)[..., None], color, heat)
  offset = (pair.shift.y * scale, pair.shift.x * scale) if pair.shift else (0, 0)
  # Only images whose size a turn does not change are found to be turned.
  moved = ndimage.shift(np.rot90(gray[1], pair.turn), offset, order=1, mode='nearest')
  red, *cyans = map(_edges, (*gray, moved))
  overlays = [np.stack([red, cyan, cyan], axis=-1) for cyan in cyans]
  cell = max(size[0], 64), max(size[1], _CELL_WIDTH)
  return image_grid.grid([[color, heat, blended, board, *overlays]], _TITLES, cell_size=cell)


def _figure(pair: Pair, dataset: Dataset) -> dict[str, Any]:
  _, rgb, ir = dataset_check.read_pair(dataset, pair.split, pair.index)
  # All six pictures of the row at their full width.
  width = len(_TITLES) * (_CELL_WIDTH + image_grid.GAP)
  return {'pair': pair, 'picture': page.picture(picture(pair, rgb, ir), width=width)}


def _to_8_bit(image: np.ndarray) -> np.ndarray:
  """Stretches 16-bit images from their 1st to their 99th percentile, to be seen at all."""
  if image.dtype == np.uint8:
    return image
  low, high = np.percentile(image, (1, 99))
  return np.rint(np.clip((image - low) / max(high - low, 1), 0, 1) * 255).astype(np.uint8)


def _edges(plane: np.ndarray) -> np.ndarray:
  """Strength of the gradient, the strongest 3 % white: uint8 [height, width]."""
  strength = ndimage.gaussian_gradient_magnitude(plane, 1.0, mode='nearest')
  share = np.clip(strength / max(np.percentile(strength, 97), 1e-3), 0, 1)
  return np.rint(share * 255).astype(np.uint8)
