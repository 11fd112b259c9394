"""Brings the photograph of a radiometric file onto the grid of its thermal image.

The thermal image is left as it is, because it has the fewer pixels: what the photograph shows
within one of them is averaged. Where the thermal image reaches beyond the photograph there is
nothing to learn, and the mask says so.
"""

import math
from typing import NamedTuple

import numpy as np
from PIL import Image

from datasets.camera.rjpeg import Registration

_TRACES = 24  # Of 255.
Size = tuple[int, int]  # Height and width.


class Box(NamedTuple):
  """A part of the photograph, in its pixels, which may reach beyond it."""

  left: float
  top: float
  width: float
  height: float


class Registered(NamedTuple):
  """A photograph on the grid of its thermal image.

  Attributes:
    rgb: uint8 [height, width, 3], black outside the photograph.
    rows, columns: the part of the grid that the photograph covers, without its black margins;
      empty if there is none.
  """

  rgb: np.ndarray
  rows: slice
  columns: slice


def box(photograph: Size, thermal: Size, found: Registration) -> Box:
  """Returns the part of a photograph that the thermal image covers, as its camera recorded it."""
  height, width = photograph
  covered = width / found.real_to_ir * found.zoom
  high = covered * thermal[0] / thermal[1]
  return Box(
    width / 2 + found.offset_x - covered / 2, height / 2 + found.offset_y - high / 2, covered, high
  )


def moved(place: Box, thermal: Size, x: float, y: float) -> Box:
  """Moves a box by pixels of the thermal image, to the right and down."""
  return place._replace(
    left=place.left + x * place.width / thermal[1], top=place.top + y * place.height / thermal[0]
  )


def register(photograph: np.ndarray, thermal: Size, place: Box) -> Registered:
  """Cuts a box out of uint8 [height, width, 3] and resizes it to the grid of the thermal image."""
  photograph, place = _without_margins(photograph, place)
  height, width, _ = photograph.shape
  columns = _inside(place.left, place.width, thermal[1], width)
  rows = _inside(place.top, place.height, thermal[0], height)
  rgb = np.zeros((*thermal, 3), np.uint8)
  size = columns.stop - columns.start, rows.stop - rows.start
  if min(size) > 0:
    x, y = place.width / thermal[1], place.height / thermal[0]
    edges = (
      max(0.0, place.left + columns.start * x),
      max(0.0, place.top + rows.start * y),
      min(float(width), place.left + columns.stop * x),
      min(float(height), place.top + rows.stop * y),
    )
    # The mean of what falls into a pixel; enlarged, that would be blocks.
    method = Image.Resampling.BOX if x >= 1 else Image.Resampling.BICUBIC
    part = Image.fromarray(photograph).resize(size, method, box=edges)
    rgb[rows, columns] = np.asarray(part)
  return Registered(rgb, rows, columns)


def _without_margins(photograph: np.ndarray, place: Box) -> tuple[np.ndarray, Box]:
  """Cuts off black margins, with which some cameras fill up their photographs."""
  ends = photograph[0], photograph[-1], photograph[:, 0], photograph[:, -1]
  if all(line.any() for line in ends):  # Nearly all are without.
    return photograph, place
  # JPEG leaves traces of the picture in its blocks of 8 x 8 pixels.
  rows, columns = (
    np.flatnonzero((lines.max((1, 2)) > _TRACES) | (lines.mean((1, 2)) >= 1))
    for lines in (photograph, photograph.swapaxes(0, 1))
  )
  if not rows.size or not columns.size:
    return photograph, place
  inner = photograph[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
  return inner, place._replace(left=place.left - columns[0], top=place.top - rows[0])


def _inside(start: float, length: float, n: int, end: int) -> slice:
  """The n equal parts of a line from `start` on that lie between 0 and `end`, as a slice."""
  step = length / n
  tolerance = 1e-6
  first = max(0, math.ceil(-start / step - tolerance))
  last = min(n, math.floor((end - start) / step + tolerance))
  return slice(first, max(first, last)) if first < n else slice(0, 0)
