"""Lenses, depths and planes: what maps a point of one camera to a point of another.

Points are (x, y) in pixels with pixel centers at integers.
"""

import functools

import numpy as np

_ITERATIONS = 30
_CONVERGED = 0.05  # pixels
_CHUNK = 2**17  # distances at a time while blending: what a processor's cache holds
_EMPTY = np.uint32(0x7F800000)  # the bits of infinity, above those of any distance


def distort_points(points: np.ndarray, matrix: np.ndarray, coefficients: np.ndarray) -> np.ndarray:
  """Moves ideal points to where a lens shows them: OpenCV's model of distortion.

  Args:
    points: [..., 2], pixels.
    matrix: camera matrix [3, 3].
    coefficients: k1 k2 p1 p2 [k3 [k4 k5 k6]].

  Returns:
    [..., 2], pixels, dtype of `points`; NaN where the model folds back on itself, so far
    outside the image that it holds no longer.
  """
  x, y = _normalized(points, matrix)
  squared = x * x + y * y
  shift_x, shift_y = _tangential(x, y, squared, coefficients)
  radial = np.where(
    squared < _fold(tuple(map(float, coefficients))), _radial(squared, coefficients), np.nan
  )
  return _pixels(x * radial + shift_x, y * radial + shift_y, matrix).astype(points.dtype)


def undistort_points(
  points: np.ndarray, matrix: np.ndarray, coefficients: np.ndarray
) -> np.ndarray:
  """The inverse of `distort_points`, by iteration; NaN where that finds no point."""
  seen_x, seen_y = _normalized(points.astype(np.float64), matrix)
  x, y = seen_x, seen_y
  with np.errstate(all='ignore'):
    for _ in range(_ITERATIONS):
      squared = x * x + y * y
      shift_x, shift_y = _tangential(x, y, squared, coefficients)
      radial = _radial(squared, coefficients)
      x, y = (seen_x - shift_x) / radial, (seen_y - shift_y) / radial
    ideal = _pixels(x, y, matrix)
    miss = np.abs(distort_points(ideal, matrix, coefficients) - points).max(-1, keepdims=True)
  return np.where(miss < _CONVERGED, ideal, np.nan).astype(points.dtype)


def rgb_to_depth(points: np.ndarray, table: np.ndarray) -> np.ndarray:
  """Where undistorted RGB points are in the depth image.

  Between the table's entries it takes the nearest and the same step on: the two cameras'
  scales differ little, and entries without a counterpart would spoil an interpolation.

  Args:
    points: [..., 2], pixels.
    table: depth coordinates of the RGB pixels, [height, width, 2], negative for none.

  Returns:
    float32 [..., 2], NaN outside the table and where it has none.
  """
  height, width = table.shape[:2]
  inside = is_inside(points, height, width, 0.5)
  nearest = np.rint(np.where(inside[..., None], points, 0)).astype(np.intp)
  nearest = np.clip(nearest, 0, (width - 1, height - 1))
  entry = table[nearest[..., 1], nearest[..., 0]]
  inside &= (entry >= 0).all(-1)
  return np.where(inside[..., None], entry + (points - nearest), np.nan).astype(np.float32)


def back_project(points: np.ndarray, depth: np.ndarray, matrix: np.ndarray) -> np.ndarray:
  """Undistorted points [..., 2] in pixels at a depth [...] in mm, to [..., 3] in mm."""
  x, y = _normalized(points, matrix)
  return np.stack((x * depth, y * depth, depth), -1).astype(points.dtype)


def blend_homographies(
  points: np.ndarray, centers: np.ndarray, homographies: np.ndarray
) -> np.ndarray:
  """Mixes, for each point, the nearest homography of each octant around it.

  Their weights are one over the distance. The homographies need a common scale.

  Args:
    points: [..., 3], mm.
    centers: where each homography holds best, [planes, 3], mm.
    homographies: [planes, 3, 3].

  Returns:
    float32 [..., 3, 3]
  """
  flat = points.reshape(-1, 3).astype(np.float32)
  centers = centers.astype(np.float32)
  homographies = homographies.reshape(-1, 9).astype(np.float32)
  blended = np.empty((len(flat), 9), np.float32)
  step = max(_CHUNK // len(centers), 1)
  for start in range(0, len(flat), step):
    chunk = slice(start, start + step)
    blended[chunk] = _blend_chunk(flat[chunk], centers, homographies)
  return blended.reshape(*points.shape[:-1], 3, 3)


def _blend_chunk(points, centers, homographies):
  count = len(centers)
  squared, octants = np.float32(0), np.uint8(0)
  for axis in range(3):
    step = centers[:, axis, None] - points[:, axis]  # [planes, points]
    squared = squared + step * step
    octants = octants | ((step >= 0).view(np.uint8) << np.uint8(axis))
  # The low bits of a distance give way to its index, so that one minimum finds both: positive
  # floats order like their bits. Of the distance it takes a share of count / 2**22 at most.
  low = np.uint32(2 ** count.bit_length() - 1)
  keys = squared.view(np.uint32) & ~low | np.arange(count, dtype=np.uint32)[:, None]
  total, blended = np.float32(0), np.float32(0)
  for octant in range(8):
    best = np.where(octants == octant, keys, _EMPTY).min(0)
    distance = np.sqrt((best & ~low).view(np.float32))
    # A micrometer keeps a point on a center finite.
    weight = np.where(best == _EMPTY, 0, 1 / (distance + np.float32(1e-3)))[:, None]
    blended = blended + weight * homographies[np.minimum(best & low, count - 1)]
    total = total + weight
  return blended / total


def is_inside(points, height, width, margin):
  """Whether points are inside the outermost pixel centers; false for NaN."""
  x, y = points[..., 0], points[..., 1]
  return (-margin <= x) & (x <= width - 1 + margin) & (-margin <= y) & (y <= height - 1 + margin)


def _normalized(points, matrix):
  (fx, skew, cx), (_, fy, cy), _ = matrix.tolist()
  y = (points[..., 1] - cy) / fy
  return (points[..., 0] - cx - skew * y) / fx, y


def _pixels(x, y, matrix):
  (fx, skew, cx), (_, fy, cy), _ = matrix.tolist()
  return np.stack((fx * x + skew * y + cx, fy * y + cy), -1)


def _radial(squared, coefficients):
  k1, k2, _, _, k3, k4, k5, k6 = (*map(float, coefficients), *(0.0,) * (8 - len(coefficients)))
  return (1 + squared * (k1 + squared * (k2 + squared * k3))) / (
    1 + squared * (k4 + squared * (k5 + squared * k6))
  )


def _tangential(x, y, squared, coefficients):
  p1, p2 = map(float, coefficients[2:4])
  return (2 * p1 * x * y + p2 * (squared + 2 * x * x), p1 * (squared + 2 * y * y) + 2 * p2 * x * y)


@functools.lru_cache(maxsize=16)
def _fold(coefficients):
  """Squared radius from which on the distorted radius no longer grows."""
  radius = np.linspace(0, 5, 5001)
  with np.errstate(all='ignore'):
    shrinks = ~(np.diff(radius * _radial(radius**2, coefficients)) > 0)
  return radius[shrinks.argmax()] ** 2 if shrinks.any() else np.inf
