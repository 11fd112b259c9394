"""Brings AAU's thermal images into the view of the RGB camera.

All maps run backwards: for each RGB pixel they say where in the thermal image it is seen.
Points are (x, y) in pixels with pixel centers at integers. No map knows about occlusion:
where the RGB camera sees past an edge that hides a surface from the thermal camera, the
edge appears twice.
"""

import functools

import numpy as np
from PIL import Image

from cyclegan_jax import errors
from cyclegan_jax.data import images
from datasets.aau import calibration as calibration_lib, points as points_lib

MODES = ('none', 'plane', 'depth')

# Pixels that share a blend of planes: within a block this wide, depths this share apart. The
# planes are calibrated some 100 mm apart, and depth images have more noise than this.
_BLOCK = 8
_DEPTH_STEP = 0.01


def register(
  ir: np.ndarray,
  calibration: calibration_lib.Calibration | None,
  mode: str,
  depth_image: np.ndarray | None = None,
  size: tuple[int, int] | None = None,
  depth_mm: float = 1500.0,
  nearest: bool = False,
) -> tuple[np.ndarray, np.ndarray]:
  """Shows a thermal image as if the RGB camera had taken it.

  Args:
    ir: uint8 or uint16 [height, width, 1].
    calibration: the scene's; not used by mode 'none'.
    mode: 'none' resizes only, without OpenCV. 'plane' takes everything to lie on one
      calibrated plane, the one whose center is nearest to `depth_mm`. 'depth' takes each
      pixel's depth from `depth_image` and blends the planes around that point.
    depth_image: raw values, 0 where missing, uint16 [height, width] or [height, width, 1];
      used by mode 'depth' only.
    size: (height, width) of the RGB image; the calibration's if not given. Of another size,
      the RGB image is taken for the calibrated one resized.
    depth_mm: distance from the RGB camera along its axis, mm.
    nearest: take the nearest pixel's value, for labels, instead of interpolating.

  Returns:
    (the image, dtype of `ir`, [rgb height, rgb width, 1], 0 outside the thermal image;
     the valid mask, bool, same shape). The mask is false outside the thermal image and in
    mode 'depth' also where depth is missing: there the image is filled in with the default
    depth, which is a guess, no registration.

  Raises:
    UserError: the images have not the size that the calibration holds for, the depth image
      is not of 16 bits, or OpenCV is missing.
  """
  if mode not in MODES:
    raise ValueError(f'mode {mode!r}, expected one of {MODES}')
  size = size or (calibration.height, calibration.width)
  if mode == 'none':
    return _resize(ir, size, nearest)
  return sample(ir, calibration, *rgb_map(calibration, mode, depth_image, size, depth_mm), nearest)


def rgb_map(
  calibration: calibration_lib.Calibration,
  mode: str,
  depth_image: np.ndarray | None,
  size: tuple[int, int],
  depth_mm: float,
) -> tuple[np.ndarray, np.ndarray]:
  """Where RGB pixels are seen in the thermal image, for `sample`; see `register`.

  Returns:
    (thermal coordinates, float32 [height, width, 2], NaN where there are none; whether they
    are known, bool [height, width]); not to be written to.
  """
  if mode == 'plane':
    points = plane_map(calibration, nearest_plane(calibration, depth_mm), *size)
    return points, np.ones(size, bool)
  if depth_image is None:
    raise ValueError("mode 'depth' needs depth_image")
  _check_size('depth image', depth_image, calibration)
  if depth_image.dtype != np.uint16 or depth_image.size != calibration.height * calibration.width:
    raise errors.UserError(
      f'depth image: {depth_image.dtype} {depth_image.shape}; expected one '
      'channel of 16 bits: a depth image as the data set has it in SyncD.'
    )
  return depth_map(calibration, depth_image.reshape(depth_image.shape[:2]), *size)


@functools.lru_cache(maxsize=4)
def plane_map(
  calibration: calibration_lib.Calibration, plane: int, height: int, width: int
) -> np.ndarray:
  """Where RGB pixels are seen in the thermal image if all lie on one plane.

  Returns:
    thermal coordinates, float32 [height, width, 2], NaN where there are none; cached: not
    to be written to.
  """
  points = _rgb_points(calibration, height, width)
  return _to_thermal(calibration, points, calibration.homographies[plane].astype(np.float32))


def depth_map(
  calibration: calibration_lib.Calibration, depth_image: np.ndarray, height: int, width: int
) -> tuple[np.ndarray, np.ndarray]:
  """Where RGB pixels are seen in the thermal image, by their depth.

  Args:
    calibration: the scene's.
    depth_image: uint16 [depth height, depth width], raw values, 0 where missing.
    height, width: of the RGB image.

  Returns:
    (thermal coordinates, float32 [height, width, 2], NaN where there are none; whether the
    depth is known, bool [height, width])
  """
  points = _rgb_points(calibration, height, width)
  depth, known = look_up_depth(_depth_index(calibration, height, width), depth_image, calibration)
  used = ~calibration.discarded
  chosen, shared = _alike(depth, np.isfinite(points).all(-1))
  seen = points_lib.back_project(
    points.reshape(-1, 2)[chosen], depth.ravel()[chosen], calibration.rgb_matrix
  )
  homographies = points_lib.blend_homographies(
    seen, calibration.centers_rgb[used], calibration.homographies[used]
  )
  return _to_thermal(calibration, points, homographies[shared]), known


def _alike(depth, finite):
  """Pixels of a small block at about the same depth share a blend, which takes most of the time.

  Returns:
    (one pixel of each group, flat indices [groups]; the group of each pixel, int [height,
    width])
  """
  rows, columns = np.indices(depth.shape, sparse=True)
  blocks = rows // _BLOCK * depth.shape[1] + columns // _BLOCK
  levels = np.rint(np.log(depth) / _DEPTH_STEP).astype(np.int64)
  groups = np.where(finite, blocks * (levels.max() + 1) + levels, -1)
  _, chosen, shared = np.unique(groups, return_index=True, return_inverse=True)
  return chosen, shared.reshape(depth.shape)


def nearest_plane(calibration: calibration_lib.Calibration, depth_mm: float) -> int:
  """Index of the plane, not discarded, whose center's depth is nearest to the given one.

  Of several that are equally near, the one nearest to the camera's axis.
  """
  x, y, z = calibration.centers_rgb.T
  distance = np.where(calibration.discarded, np.inf, np.abs(z - depth_mm))
  return int(np.lexsort((np.hypot(x, y), distance))[0])


def look_up_depth(
  index: np.ndarray, depth_image: np.ndarray, calibration: calibration_lib.Calibration
) -> tuple[np.ndarray, np.ndarray]:
  """Depth of points in mm: scale * value + offset.

  Args:
    index: of each point in the flat depth image, int [...]; -1 outside it.
    depth_image: uint16 [height, width], raw values, 0 where missing.
    calibration: gives the coefficients and the default.

  Returns:
    (float32 [...], the default where it is missing or not positive; bool [...], whether it
    is known)
  """
  raw = depth_image.ravel()[index]
  depth = (calibration.depth_scale * raw + calibration.depth_offset).astype(np.float32)
  known = (index >= 0) & (raw > 0) & (depth > 0)
  return np.where(known, depth, np.float32(calibration.default_depth)), known


@functools.lru_cache(maxsize=4)
def _rgb_points(calibration, height, width):
  """The pixels of an RGB image as undistorted points, float32 [height, width, 2]."""
  x = (np.arange(width) + 0.5) * (calibration.width / width) - 0.5
  y = (np.arange(height) + 0.5) * (calibration.height / height) - 0.5
  points = np.stack(np.meshgrid(x, y), -1)
  if calibration.undistort:
    points = points_lib.undistort_points(points, calibration.rgb_matrix, calibration.rgb_distortion)
  return points.astype(np.float32)


@functools.lru_cache(maxsize=4)
def _depth_index(calibration, height, width):
  """Each RGB pixel's index in the flat depth image, int [height, width]; -1 outside."""
  points = points_lib.rgb_to_depth(
    _rgb_points(calibration, height, width), calibration.rgb_to_depth
  )
  inside = points_lib.is_inside(points, calibration.height, calibration.width, 0.49)
  x, y = np.rint(np.where(inside[..., None], points, 0)).astype(np.intp).transpose(2, 0, 1)
  return np.where(inside, y * calibration.width + x, -1)


def _to_thermal(calibration, points, homographies):
  """Maps undistorted RGB points [..., 2] by homographies [..., 3, 3], then distorts."""
  h = homographies
  x, y = points[..., 0], points[..., 1]
  x, y, scale = (h[..., i, 0] * x + h[..., i, 1] * y + h[..., i, 2] for i in range(3))
  # Behind the thermal camera there is no image.
  scale = np.where(scale > 0, scale, np.nan)
  points = np.stack((x / scale, y / scale), -1)
  if calibration.undistort:
    points = points_lib.distort_points(
      points, calibration.thermal_matrix, calibration.thermal_distortion
    )
  return points


def sample(
  image: np.ndarray,
  calibration: calibration_lib.Calibration,
  points: np.ndarray,
  known: np.ndarray,
  nearest: bool,
) -> tuple[np.ndarray, np.ndarray]:
  """The second half of `register`: a thermal image or its labels at mapped points.

  Args:
    image: uint8 or uint16 [height, width, 1].
    calibration: the scene's.
    points, known: from `rgb_map`.
    nearest: see `register`.

  Returns:
    (image, mask), see `register`.
  """
  cv2 = _opencv()
  _check_image(image)
  _check_size('thermal image', image, calibration)
  height, width = image.shape[:2]
  # A rounding error must not cost the outermost pixels.
  inside = points_lib.is_inside(points, height, width, 1e-2)
  points = np.where(inside[..., None], np.clip(points, 0, (width - 1, height - 1)), -2)
  found = cv2.remap(
    np.ascontiguousarray(image),
    points.astype(np.float32),
    None,
    cv2.INTER_NEAREST if nearest else cv2.INTER_LINEAR,
    borderMode=cv2.BORDER_CONSTANT,
    borderValue=0,
  )
  return found.reshape(*inside.shape, 1), (inside & known)[..., None]


def _resize(image, size, nearest):
  _check_image(image)
  shrinks = size[0] < image.shape[0] and size[1] < image.shape[1]
  if nearest:
    resized = Image.fromarray(image[..., 0]).resize(size[::-1], Image.Resampling.NEAREST)
    image = np.asarray(resized, image.dtype)[..., None]
  else:
    image = images.resize(image, size, 'area' if shrinks else 'bicubic')
  return image, np.ones(image.shape, bool)


def _check_image(image):
  if image.ndim != 3 or image.shape[2] != 1 or image.dtype not in (np.uint8, np.uint16):
    raise ValueError(
      f'image is {image.dtype} {image.shape}, expected uint8 or uint16 [height, width, 1]'
    )


def _check_size(name, image, calibration):
  expected = (calibration.height, calibration.width)
  if image.shape[:2] != expected:
    raise errors.UserError(
      f'{name}: {image.shape[1]}x{image.shape[0]} pixels, but the calibration holds for '
      f'{expected[1]}x{expected[0]} (WIDTH, HEIGHT in calibVars.yml); use the original images '
      "or registration mode 'none'."
    )


def _opencv():
  try:
    import cv2  # pylint: disable=g-import-not-at-top
  except ImportError as error:
    raise errors.UserError('Registration needs OpenCV: pip install -e ".[aau]"') from error
  return cv2
