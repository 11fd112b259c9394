"""Lenses, depths and planes: maps from points of one camera to points of another.

Points are (x, y) in pixels with pixel centers at integers.
"""

import functools
from typing import Any

import numpy as np

from cyclegan_jax.errors import UserError

_CONVERGED = 0.05  # pixels
_CHUNK = 2**17  # distances at a time while blending: what a processor's cache holds


def opencv() -> Any:
  """Returns the module cv2; UserError if it is not installed."""
  try:
    import cv2
  except ImportError as error:
    raise UserError(
      '--registration=plane and depth need OpenCV: pip install -e ".[aau]"'
    ) from error
  return cv2


def distort_points(points: np.ndarray, matrix: np.ndarray, coefficients: np.ndarray) -> np.ndarray:
  """Moves ideal points to where a lens shows them, by OpenCV's model of distortion.

  cv2.projectPoints does the same, but takes 15 times as long.

  Args:
    points: [..., 2], pixels.
    matrix: camera matrix [3, 3] without skew.
    coefficients: k1 k2 p1 p2 [k3 [k4 k5 k6]].

  Returns:
    As `points`; NaN where the model folds back on itself, too far outside the image to hold.
  """
  x, y = _normalized(points, matrix)
  squared = x * x + y * y
  p1, p2 = map(float, coefficients[2:4])
  radial = np.where(
    squared < _fold(tuple(map(float, coefficients))), _radial(squared, coefficients), np.nan
  )
  seen_x = x * radial + 2 * p1 * x * y + p2 * (squared + 2 * x * x)
  seen_y = y * radial + p1 * (squared + 2 * y * y) + 2 * p2 * x * y
  (fx, _, cx), (_, fy, cy), _ = matrix.tolist()
  return np.stack((fx * seen_x + cx, fy * seen_y + cy), -1).astype(points.dtype)


def undistort_points(
  points: np.ndarray, matrix: np.ndarray, coefficients: np.ndarray
) -> np.ndarray:
  """Computes the inverse of `distort_points`; NaN where OpenCV's iteration finds no point."""
  flat = points.reshape(-1, 1, 2).astype(np.float64)
  criteria = (3, 100, 1e-9)  # Up to 100 steps, until they are shorter than 1e-9.
  ideal = opencv().undistortPoints(flat, matrix, coefficients, P=matrix, criteria=criteria)
  ideal = ideal.reshape(points.shape)
  miss = np.abs(distort_points(ideal, matrix, coefficients) - points).max(-1, keepdims=True)
  return np.where(miss < _CONVERGED, ideal, np.nan).astype(points.dtype)


def back_project(points: np.ndarray, depth: np.ndarray, matrix: np.ndarray) -> np.ndarray:
  """Maps undistorted points [..., 2] in pixels at a depth [...] in mm to [..., 3] in mm."""
  x, y = _normalized(points, matrix)
  return np.stack((x * depth, y * depth, depth), -1).astype(points.dtype)


def blend_homographies(
  points: np.ndarray, centers: np.ndarray, homographies: np.ndarray
) -> np.ndarray:
  """Mixes the nearest homography of each octant around each point, weighted by 1 / distance.

  The homographies need a common scale.

  Args:
    points: [..., 3], mm.
    centers: where each homography holds best, [planes, 3], mm.
    homographies: [planes, 3, 3].

  Returns:
    float32 [..., 3, 3]
  """
  flat, centers, homographies = (
    array.astype(np.float32)
    for array in (points.reshape(-1, 3), centers, homographies.reshape(-1, 9))
  )
  chunks = np.array_split(flat, max(1, len(flat) * len(centers) // _CHUNK))
  blended = np.concatenate([_blend(chunk, centers, homographies) for chunk in chunks])
  return blended.reshape(*points.shape[:-1], 3, 3)


def _blend(points: np.ndarray, centers: np.ndarray, homographies: np.ndarray) -> np.ndarray:
  """`blend_homographies` for float32 points [n, 3] and homographies [planes, 9]."""
  shape = len(points), len(centers)
  squared, octants = np.zeros(shape, np.float32), np.zeros(shape, np.uint8)
  for axis in range(3):
    step = centers[:, axis] - points[:, axis, None]
    squared += step * step
    octants |= (step >= 0).view(np.uint8) << np.uint8(axis)
  total, blended = np.zeros((len(points), 1), np.float32), np.zeros((len(points), 9), np.float32)
  for octant in range(8):
    distances = np.where(octants == octant, squared, np.float32(np.inf))
    nearest = distances.argmin(1)[:, None]
    # A micrometer keeps a point on a center finite. Infinity, an empty octant, has no weight.
    weight = 1 / (np.sqrt(np.take_along_axis(distances, nearest, 1)) + np.float32(1e-3))
    blended += weight * homographies[nearest[:, 0]]
    total += weight
  return blended / total


def is_inside(points: np.ndarray, height: int, width: int, margin: float) -> np.ndarray:
  """Returns whether points are inside the outermost pixel centers; false for NaN."""
  x, y = points[..., 0], points[..., 1]
  return (-margin <= x) & (x <= width - 1 + margin) & (-margin <= y) & (y <= height - 1 + margin)


def _normalized(points: np.ndarray, matrix: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
  (fx, _, cx), (_, fy, cy), _ = matrix.tolist()
  return (points[..., 0] - cx) / fx, (points[..., 1] - cy) / fy


def _radial(squared: np.ndarray, coefficients: np.ndarray | tuple[float, ...]) -> np.ndarray:
  k1, k2, _, _, k3, k4, k5, k6 = (*map(float, coefficients), *(0.0,) * (8 - len(coefficients)))
  return (1 + squared * (k1 + squared * (k2 + squared * k3))) / (
    1 + squared * (k4 + squared * (k5 + squared * k6))
  )


@functools.lru_cache(maxsize=16)
def _fold(coefficients: tuple[float, ...]) -> float:
  """Squared radius from which on the distorted radius no longer grows."""
  radius = np.linspace(0, 5, 5001)
  with np.errstate(all='ignore'):
    shrinks = ~(np.diff(radius * _radial(radius**2, coefficients)) > 0)
  return float(radius[shrinks.argmax()] ** 2) if shrinks.any() else np.inf
