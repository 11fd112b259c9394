"""The shift between the images of a pair, found by correlating the directions of their edges.

A shift (x, y) is what the IR image must be moved by to lie on its RGB image, in pixels of the
stored images: x to the right, y downwards. Infrared inverts contrasts and lacks many edges, so
gradients with doubled angle, which a change of sign does not alter, are correlated over all shifts.
A shift's score is the height of its peak above the mean of all other shifts, in their standard
deviations.
"""

import math
from typing import NamedTuple

import numpy as np
from scipy import fft, ndimage

from cyclegan_jax.image_files import images

_LONGEST = 384  # Larger images are reduced to this before they are compared.
_SMOOTHING = 1.2  # Standard deviation in reduced pixels.
_SMALLEST = 16  # Images with a shorter side are not searched for a shift.
_REACH = 8  # Shifts are searched up to 1/8 of the longer side, 1/4 of the shorter,
_PART_REACH = 3  # and those of parts up to a third of that.
_PEAK_RADIUS = 0.025  # What belongs to a peak, as a share of the longer side.
_ROWS, _COLUMNS = ('top', 'bottom'), ('left', 'middle', 'right')  # Of parts.
_SMALLEST_PART = 64  # In reduced pixels; below, chance peaks are too high.


class Shift(NamedTuple):
  """The way IR must be moved, in pixels: x right, y down; and how certain that is."""

  x: float
  y: float
  score: float

  @property
  def length(self) -> float:
    """The distance moved, in pixels."""
    return math.hypot(self.x, self.y)


def find_shifts(rgb: np.ndarray, ir: np.ndarray) -> tuple[Shift | None, dict[str, Shift]]:
  """Finds the shift of a pair as a whole, and of each of six parts of it.

  Args:
    rgb: uint8 or uint16 [height, width, 1 or 3]; contrasts may be inverted.
    ir: the same height and width.

  Returns:
    The shift, None if the images are too small or have no structure; and the shifts of the parts
    by name ('top left'), without the parts that have none.
  """
  if min(rgb.shape[:2]) < _SMALLEST:
    return None, {}
  scale = min(1, _LONGEST / max(rgb.shape[:2]))
  height, width = (max(_SMALLEST, round(side * scale)) for side in rgb.shape[:2])
  a, b = (
    _directions(images.luminance(images.resize(image, (height, width)))[..., 0])
    for image in (rgb, ir)
  )
  reach = min(max(height, width) // _REACH, min(height, width) // 4)
  radius = max(2, _PEAK_RADIUS * max(height, width))

  def best(a: np.ndarray, b: np.ndarray, reach: int) -> Shift | None:
    if not (found := _peak(_correlation(a, b, reach), radius)):
      return None
    return Shift(found.x * rgb.shape[1] / width, found.y * rgb.shape[0] / height, found.score)

  whole = best(a, b, reach)
  if min(height // len(_ROWS), width // len(_COLUMNS)) < _SMALLEST_PART:
    return whole, {}
  parts = {}
  for name in (f'{row} {column}' for row in _ROWS for column in _COLUMNS):
    place = part(name, (height, width))
    if found := best(a[place], b[place], reach // _PART_REACH):
      parts[name] = found
  return whole, parts


def part(name: str, size: tuple[int, int]) -> tuple[slice, slice]:
  """Returns the rows and columns of a part, by name, of an image of height and width."""
  row, column = name.split()
  places = (_ROWS.index(row), _COLUMNS.index(column))
  lines = (
    np.array_split(np.arange(length), n)[i]
    for length, n, i in zip(size, (len(_ROWS), len(_COLUMNS)), places)
  )
  rows, columns = (slice(int(line[0]), int(line[-1]) + 1) for line in lines)
  return rows, columns


def _directions(plane: np.ndarray) -> np.ndarray:
  """Gradients with doubled angle and length 0 to 1: complex64 [height, width].

  Lengths saturate at the mean gradient, so that a lamp does not outweigh a street.
  """
  y, x = (
    ndimage.gaussian_filter(plane, _SMOOTHING, order, mode='nearest') for order in ((1, 0), (0, 1))
  )
  gradient = x + 1j * y
  strength = np.abs(gradient) ** 2
  floor = np.mean(np.abs(gradient)) ** 2 + np.finfo(np.float32).tiny
  return (gradient**2 / (strength + floor)).astype(np.complex64)


def _correlation(a: np.ndarray, b: np.ndarray, reach: int) -> np.ndarray:
  """Normalized correlation of a with b moved by -reach..reach: [2 reach + 1] * 2, in -1..1.

  Each shift is normalized by what overlaps; otherwise small shifts would be preferred.
  """
  size = [fft.next_fast_len(side + reach) for side in a.shape]
  planes = (a, b, np.abs(a) ** 2, np.abs(b) ** 2, np.ones(a.shape, np.float32))
  a, b, squares_a, squares_b, ones = (np.asarray(fft.fft2(plane, size)) for plane in planes)
  product, energy_a, energy_b = (
    np.real(np.asarray(fft.ifft2(x * np.conj(y))))
    for x, y in ((a, b), (squares_a, ones), (ones, squares_b))
  )
  least = 1e-3  # Rounding leaves energies around zero where there is no structure.
  result = product / np.sqrt(np.maximum(energy_a, least) * np.maximum(energy_b, least))
  return np.roll(result, (reach, reach), (0, 1))[: 2 * reach + 1, : 2 * reach + 1]


def _peak(correlation: np.ndarray, radius: float) -> Shift | None:
  """The highest peak, placed between samples by a parabola along each axis."""
  reach = correlation.shape[0] // 2
  top = np.unravel_index(correlation.argmax(), correlation.shape)
  place = []
  for axis, middle in enumerate(top):
    line = np.moveaxis(correlation, axis, 0)[:, top[1 - axis]]
    offset = 0.0
    if 0 < middle < 2 * reach:
      below, height, above = line[middle - 1 : middle + 2]
      bend = below - 2 * height + above
      offset = 0.5 * (below - above) / bend if bend else 0.0
    place.append(float(middle + offset - reach))
  y, x = np.mgrid[-reach : reach + 1, -reach : reach + 1]
  others = correlation[np.hypot(y - place[0], x - place[1]) > radius]
  if not others.size or not others.std():
    return None
  return Shift(place[1], place[0], float((correlation[top] - others.mean()) / others.std()))
