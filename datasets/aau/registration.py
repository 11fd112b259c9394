"""Brings AAU's thermal images into the view of the RGB camera.

All maps run backwards: for each RGB pixel they say where in the thermal image it is seen. Points
are (x, y) in pixels with pixel centers at integers. No map knows about occlusion: where the RGB
camera sees past an edge that hides a surface from the thermal camera, the edge appears twice.
"""

import functools
from typing import NamedTuple

import numpy as np
from PIL import Image

from cyclegan_jax.data import layers
from cyclegan_jax.image_files import images
from datasets.aau import points as points_lib
from datasets.aau.calibration import Calibration

MODES = ('none', 'plane', 'depth')

# Pixels that share a blend of planes: within a block this wide, depths this share apart. The
# planes are calibrated some 100 mm apart, and depth images have more noise than this.
_BLOCK = 8
_DEPTH_STEP = 0.01
_NO_DEPTH = 65_000  # Raw values from here on, to the publishers' program.
_FARTHEST = 10_000  # What a Kinect sees, mm.
# Pixels: a rounding error must not cost the outermost ones.
_ROUNDING = 1e-2


class Registered(NamedTuple):
  """A thermal image as the RGB camera would have taken it, all [rgb height, rgb width, 1].

  Attributes:
    image: dtype of the thermal image, 0 outside of it.
    mask: bool, false outside the thermal image and in mode 'depth' also where depth is missing:
      there the image is filled in with the default depth, which is a guess.
    labels: the given labels by the nearest pixel, 0 outside the thermal image; None without.
    depth: in mode 'depth', how far each RGB pixel is, as cyclegan_jax/data/layers.py has it: uint16
      [rgb height, rgb width] in hundredths of a meter, 0 where depth is missing.
  """

  image: np.ndarray
  mask: np.ndarray
  labels: np.ndarray | None
  depth: np.ndarray | None = None


def register(
  ir: np.ndarray,
  calibration: Calibration | None,
  mode: str,
  depth_image: np.ndarray | None = None,
  *,
  labels: np.ndarray | None = None,
  size: tuple[int, int] | None = None,
  depth_mm: float = 1500.0,
) -> Registered:
  """Shows a thermal image as the RGB camera would have taken it.

  Args:
    ir: uint8 or uint16 [height, width, 1].
    calibration: the scene's, for images of this size; mode 'none' needs none.
    mode: 'none' only resizes, without OpenCV. 'plane' assumes that everything lies on one
      calibrated plane, the one whose center is nearest to `depth_mm`. 'depth' takes each pixel's
      depth from `depth_image` and blends the planes around that point.
    depth_image: raw values, 0 where missing, uint16 [height, width(, 1)]; for mode 'depth'.
    labels: of the thermal image's pixels, same shape, uint8 or uint16.
    size: (height, width) to resize to in mode 'none'; others keep the calibrated size.
    depth_mm: distance from the RGB camera along its axis for mode 'plane', mm.

  Raises:
    UserError: OpenCV is missing.
  """
  if mode == 'none':
    return _resized(ir, labels, size or ir.shape[:2])
  assert calibration is not None
  if mode == 'plane':
    points, known = _plane_map(calibration, nearest_plane(calibration, depth_mm)), True
    depth = None
  else:
    assert depth_image is not None
    millimeters, known = _look_up_depth(_depth_index(calibration), depth_image.ravel(), calibration)
    points = _depth_map(calibration, millimeters)
    depth = layers.from_steps(np.where(known, millimeters, 0) / 10)
  inside = points_lib.is_inside(points, calibration.height, calibration.width, _ROUNDING)
  image = _sample(ir, points, inside, nearest=False)
  labels = None if labels is None else _sample(labels, points, inside, nearest=True)
  return Registered(image, (inside & known)[..., None], labels, depth)


def _resized(ir: np.ndarray, labels: np.ndarray | None, size: tuple[int, int]) -> Registered:
  height, width = size
  shrinks = height < ir.shape[0] and width < ir.shape[1]
  image = images.resize(ir, size, 'area' if shrinks else 'bicubic')
  if labels is not None:
    nearest = Image.fromarray(labels[..., 0]).resize((width, height), Image.Resampling.NEAREST)
    labels = np.asarray(nearest, labels.dtype)[..., None]
  return Registered(image, np.ones(image.shape, bool), labels)


def nearest_plane(calibration: Calibration, depth_mm: float) -> int:
  """Returns the plane, not discarded, whose center is nearest to a depth, then to the axis."""
  x, y, z = calibration.centers_rgb.T
  distance = np.where(calibration.discarded, np.inf, np.abs(z - depth_mm))
  return int(np.lexsort((np.hypot(x, y), distance))[0])


@functools.lru_cache(maxsize=4)  # Do not write to it.
def _plane_map(calibration: Calibration, plane: int) -> np.ndarray:
  """Thermal coordinates of RGB pixels on one plane, float32 [height, width, 2]; NaN for none."""
  homography = calibration.homographies[plane].astype(np.float32)
  return _to_thermal(calibration, _rgb_points(calibration), homography)


def _depth_map(calibration: Calibration, depth: np.ndarray) -> np.ndarray:
  """Thermal coordinates as in `_plane_map`, but by depth, mm, float32 [height, width]."""
  points = _rgb_points(calibration)
  chosen, shared = _alike(depth, np.isfinite(points[..., 0]))
  seen = points_lib.back_project(
    points.reshape(-1, 2)[chosen], depth.ravel()[chosen], calibration.rgb_matrix
  )
  used = ~calibration.discarded
  homographies = points_lib.blend_homographies(
    seen, calibration.centers_rgb[used], calibration.homographies[used]
  )
  return _to_thermal(calibration, points, homographies[shared])


def _alike(depth: np.ndarray, finite: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
  """Groups pixels of a small block at about the same depth: blending takes most of the time.

  Returns:
    (one pixel of each group, flat indices [groups]; the group of each pixel, int [height, width])
  """
  height, width = depth.shape
  blocks = np.arange(height)[:, None] // _BLOCK * width + np.arange(width) // _BLOCK
  levels = np.rint(np.log(depth) / _DEPTH_STEP).astype(np.int64)
  groups = np.where(finite, blocks * (levels.max() + 1) + levels, -1)
  _, chosen, shared = np.unique(groups, return_index=True, return_inverse=True)
  return chosen, shared.reshape(depth.shape)


def _look_up_depth(
  index: np.ndarray, raw: np.ndarray, calibration: Calibration
) -> tuple[np.ndarray, np.ndarray]:
  """Depth in mm, float32, and whether it is known: otherwise it is the default.

  Args:
    index: of each point in the flat depth image, int [...]; -1 outside it.
    raw: the flat depth image, uint16, 0 where missing.
    calibration: gives the coefficients and the default.
  """
  # The publishers' program takes raw values for tenths of a millimeter, descriptions of the data
  # set call them millimeters; their range tells.
  is_tenths = raw.max(where=raw < _NO_DEPTH, initial=0) > _FARTHEST
  scale = calibration.depth_scale * (0.1 if is_tenths else 1.0)
  values = raw[index]
  depth = (scale * values + calibration.depth_offset).astype(np.float32)
  known = (index >= 0) & (values > 0) & (values < _NO_DEPTH) & (depth > 0)
  return np.where(known, depth, np.float32(calibration.default_depth)), known


@functools.lru_cache(maxsize=4)
def _rgb_points(calibration: Calibration) -> np.ndarray:
  """The pixels of the RGB image as undistorted points, float32 [height, width, 2]."""
  x, y = np.arange(float(calibration.width)), np.arange(float(calibration.height))
  pixels = np.stack(np.meshgrid(x, y), -1)
  matrix, distortion = calibration.rgb_matrix, calibration.rgb_distortion
  return points_lib.undistort_points(pixels, matrix, distortion).astype(np.float32)


@functools.lru_cache(maxsize=4)
def _depth_index(calibration: Calibration) -> np.ndarray:
  """Each RGB pixel's index in the flat depth image, int [height, width]; -1 outside."""
  points = np.rint(calibration.rgb_to_depth)
  inside = points_lib.is_inside(points, calibration.height, calibration.width, 0)
  index = points[..., 1] * calibration.width + points[..., 0]
  return np.where(inside, index, -1).astype(np.intp)


def _to_thermal(
  calibration: Calibration, points: np.ndarray, homographies: np.ndarray
) -> np.ndarray:
  """Maps undistorted RGB points [..., 2] by homographies [..., 3, 3], then distorts."""
  h = homographies
  x, y = points[..., 0], points[..., 1]
  x, y, scale = (h[..., i, 0] * x + h[..., i, 1] * y + h[..., i, 2] for i in range(3))
  # Behind the thermal camera there is no image.
  scale = np.where(scale > 0, scale, np.nan)
  return points_lib.distort_points(
    np.stack((x / scale, y / scale), -1), calibration.thermal_matrix, calibration.thermal_distortion
  )


def _sample(image: np.ndarray, points: np.ndarray, inside: np.ndarray, nearest: bool) -> np.ndarray:
  """Takes an image [height, width, 1] at points, 0 where they are not inside."""
  cv2 = points_lib.opencv()
  height, width = image.shape[:2]
  points = np.where(inside[..., None], np.clip(points, 0, (width - 1, height - 1)), -2)
  method = cv2.INTER_NEAREST if nearest else cv2.INTER_LINEAR
  found = cv2.remap(np.ascontiguousarray(image), points.astype(np.float32), None, method)
  return found.reshape(*inside.shape, 1)
