"""Reads calibVars.yml, the calibration that AAU VAP Trimodal ships with each scene."""

import dataclasses

import numpy as np

from datasets.aau.opencv_yaml import Fields

# The layout is the one that the publishers' own registration program (registrator.cpp) reads:
# planarHom is a list of 3x3 matrices from undistorted RGB to undistorted thermal points and
# planarHomInv one of the way back, the planes' centers are lists of x, y, z in mm, and
# discardedHomographies counts from 0. rgbToDCalX and Y are indexed by the pixels of the original,
# distorted RGB image, count pixels from 1, and have 0 where there is no counterpart.
# Unsure, and nothing in the file can tell: that the camera matrices and homographies, unlike the
# tables, count pixels from 0, and that all images have the size WIDTH x HEIGHT.
_KEYS = (
  *('rgbCamMat', 'rgbDistCoeff', 'tCamMat', 'tDistCoeff', 'WIDTH', 'HEIGHT'),
  *('rgbToDCalX', 'rgbToDCalY', 'dToRgbCalX', 'dToRgbCalY'),
  *('planarHom', 'planarHomInv', 'homDepthCentersRgb', 'homDepthCentersT'),
  *('discardedHomographies', 'depthCoeffA', 'depthCoeffB', 'defaultDepth', 'UNDISTORT_IMAGES'),
  *('depthProximityThreshold', 'nbrClustersForDepthOutlierRemoval'),
)
_MAX_SIDE = 10000
# Where a camera matrix has numbers.
_CAMERA = np.array([[1, 0, 1], [0, 1, 1], [0, 0, 1]], bool)
# Possible depths indoors, mm; meters or raw depths are outside.
_ROOM = (200, 50_000)
# Shares of the width: how far planarHomInv may miss undoing planarHom, and how far a plane's
# center may be from its image.
_ROUND_TRIP_SHARE, _CONFIRMED_SHARE = 0.1, 0.05


@dataclasses.dataclass(frozen=True, eq=False)  # Hashed by identity, as the key of caches.
class Calibration:
  """A scene's calibration. Points are (x, y) in pixels, pixel centers at integers from 0.

  Attributes:
    width, height: size in pixels of the RGB, thermal and depth images it holds for.
    rgb_matrix, thermal_matrix: camera matrices without skew, float64 [3, 3], pixels.
    rgb_distortion, thermal_distortion: OpenCV's k1 k2 p1 p2 [k3 [k4 k5 k6]], float64 [4, 5 or 8].
    rgb_to_depth: coordinates in the depth image of each pixel of the original RGB image, float32
      [height, width, 2]; negative where there are none.
    homographies: planes seen by both cameras, from undistorted RGB to undistorted thermal points,
      float64 [planes, 3, 3], lower right element 1.
    centers_rgb: the planes' centers in coordinates of the RGB camera (x right, y down, z forward),
      float64 [planes, 3], mm.
    discarded: planes that are not to be used, bool [planes].
    depth_scale, depth_offset: a measured depth of d mm is really scale * d + offset mm.
    default_depth: for pixels without depth, mm.
    notes: sentences for people on what is odd about the file.
  """

  width: int
  height: int
  rgb_matrix: np.ndarray
  thermal_matrix: np.ndarray
  rgb_distortion: np.ndarray
  thermal_distortion: np.ndarray
  rgb_to_depth: np.ndarray
  homographies: np.ndarray
  centers_rgb: np.ndarray
  discarded: np.ndarray
  depth_scale: float
  depth_offset: float
  default_depth: float
  notes: tuple[str, ...]


def read_calibration(path: str, content: bytes) -> Calibration:
  """Reads the content of a calibVars.yml, whose path is for messages.

  Raises:
    UserError: the file is no calibration, lacks a key or has one twice, or a value has the wrong
      shape or is not finite; or OpenCV is missing. The message names file and key.
  """
  fields = Fields(path, content, _KEYS)
  width, height = (fields.integer(key, 2, _MAX_SIDE) for key in ('WIDTH', 'HEIGHT'))
  cameras = [_camera(fields, key) for key in ('rgbCamMat', 'tCamMat')]
  centers = [_centers(fields, key) for key in ('homDepthCentersRgb', 'homDepthCentersT')]
  planes, others = map(len, centers)
  if planes != others:
    raise fields.error('homDepthCentersT', f'{others} centers', f'{planes}, as homDepthCentersRgb')
  homographies = _homographies(fields, planes, width, height)
  discarded = _discarded(fields, centers[0][:, 2] > 0)
  miss = _center_miss(homographies, cameras, centers, ~discarded)
  notes = []
  if miss >= _CONFIRMED_SHARE * width:
    notes.append(
      f'{path}: the depth centers do not confirm planarHom: mapped to the thermal image they are '
      f'{miss:.1f} pixels off in the median. Look whether registered pairs fit.'
    )
  if fields.unknown:
    notes.append(f'{path}: unknown keys, not used: {", ".join(fields.unknown)}.')
  scale, default_depth = fields.number('depthCoeffA'), fields.number('defaultDepth')
  if not scale:
    raise fields.error('depthCoeffA', '0', 'another number')
  _check_mm(fields, 'defaultDepth', default_depth)
  # Unused, but if they are wrong this is not the published file.
  _tables(fields, 'dToRgbCal', height, width)
  fields.integer('UNDISTORT_IMAGES', 0, 1)
  fields.number('depthProximityThreshold')
  fields.integer('nbrClustersForDepthOutlierRemoval', 0, 2**31)
  return Calibration(
    width=width,
    height=height,
    rgb_matrix=cameras[0],
    thermal_matrix=cameras[1],
    rgb_distortion=_distortion(fields, 'rgbDistCoeff'),
    thermal_distortion=_distortion(fields, 'tDistCoeff'),
    rgb_to_depth=_tables(fields, 'rgbToDCal', height, width),
    homographies=homographies,
    centers_rgb=centers[0],
    discarded=discarded,
    depth_scale=scale,
    depth_offset=fields.number('depthCoeffB'),
    default_depth=default_depth,
    notes=tuple(notes),
  )


def _camera(fields: Fields, key: str) -> np.ndarray:
  value = fields.array(key, (3, 3))
  if value.diagonal().min() <= 0 or value[2, 2] != 1 or value[~_CAMERA].any():
    raise fields.error(key, str(value.tolist()), 'a camera matrix: [fx 0 cx; 0 fy cy; 0 0 1]')
  return value


def _distortion(fields: Fields, key: str) -> np.ndarray:
  value = fields.array(key)
  if value.size not in (4, 5, 8) or value.size != max(value.shape):
    raise fields.wrong_shape(key, value, '4, 5 or 8 coefficients in a row')
  return value.ravel()


def _centers(fields: Fields, key: str) -> np.ndarray:
  """x, y, z of each plane, [planes, 3]; z is negative for planes that are not valid."""
  value = fields.array(key)
  if not value.size or value.size % 3 or (value.ndim > 1 and value.shape[-1] != 3):
    raise fields.wrong_shape(key, value, 'x, y, z in mm of each plane')
  value = value.reshape(-1, 3)
  valid = value[:, 2] > 0
  _check_mm(fields, key, float(np.median(value[valid, 2])) if valid.any() else 0.0)
  return value


def _check_mm(fields: Fields, key: str, depth: float) -> None:
  if not _ROOM[0] <= depth <= _ROOM[1]:
    expected = f'mm, for a room from {_ROOM[0]} to {_ROOM[1]}'
    raise fields.error(key, f'a depth of {depth:g}', expected)


def _homographies(fields: Fields, planes: int, width: int, height: int) -> np.ndarray:
  """planarHom as [planes, 3, 3], lower right element 1; planarHomInv has to undo it."""
  stacks = []
  for key in ('planarHom', 'planarHomInv'):
    value = fields.array(key, (planes, 3, 3), 'a 3x3 matrix for each of homDepthCentersRgb')
    if np.abs(value[:, 2, 2]).min() < 1e-12:
      raise fields.error(key, 'a lower right element of 0', 'homographies')
    stacks.append(value / value[:, 2:, 2:])
  # The middle of the image: far outside the calibrated plane the two may well differ.
  x, y = np.meshgrid(np.linspace(0.25, 0.75, 3) * width, np.linspace(0.25, 0.75, 3) * height)
  middle = np.stack((x.ravel(), y.ravel()), -1)
  back = _project(stacks[1], _project(stacks[0], middle))
  if _miss(back, middle) > _ROUND_TRIP_SHARE * width:
    raise fields.error('planarHomInv', 'does not undo planarHom', 'its inverse')
  return stacks[0]


def _discarded(fields: Fields, valid: np.ndarray) -> np.ndarray:
  """Planes that the file lists by their indices from 0, maybe none, or that are not valid."""
  key, indices = 'discardedHomographies', np.arange(len(valid))
  value = fields.array(key).ravel()
  if not np.isin(value, indices).all():
    raise fields.error(key, str(value[:8].tolist()), f'indices from 0 to {indices[-1]}')
  discarded = np.isin(indices, value) | ~valid
  if discarded.all():
    raise fields.error(key, f'all {len(valid)} are discarded', 'at least one left')
  return discarded


def _center_miss(
  homographies: np.ndarray, cameras: list[np.ndarray], centers: list[np.ndarray], used: np.ndarray
) -> float:
  """How far the centers that the RGB camera sees are from the thermal ones when mapped, pixels."""
  with np.errstate(divide='ignore', invalid='ignore'):
    rgb, thermal = (
      ((center @ camera.T)[:, :2] / center[:, 2:])[used, None]
      for camera, center in zip(cameras, centers)
    )
  return _miss(_project(homographies[used], rgb), thermal)


def _project(homographies: np.ndarray, points: np.ndarray) -> np.ndarray:
  """Maps points [n, 2] or [planes, n, 2] by homographies [planes, 3, 3] to [planes, n, 2]."""
  mapped = points @ homographies[:, :, :2].swapaxes(1, 2) + homographies[:, None, :, 2]
  with np.errstate(divide='ignore', invalid='ignore'):
    return mapped[..., :2] / mapped[..., 2:]


def _miss(points: np.ndarray, targets: np.ndarray) -> float:
  """Median distance in pixels, infinite where points are not finite."""
  distances = np.linalg.norm(points - targets, axis=-1)
  return float(np.median(np.where(np.isfinite(distances), distances, np.inf)))


def _tables(fields: Fields, prefix: str, height: int, width: int) -> np.ndarray:
  """The lookup tables of x and y as one, from 0, float32 [height, width, 2]; -1 for none."""
  tables = []
  for key, axis, size in ((prefix + 'X', 1, width), (prefix + 'Y', 0, height)):
    table = fields.array(key, (height, width))
    low, high = table.take((size // 4, 3 * size // 4), axis).swapaxes(0, axis)
    slope = np.median(high - low) / (3 * size // 4 - size // 4)
    if not 0.3 < slope < 3:
      found = f'values that change by {slope:.2g} from pixel to pixel'
      raise fields.error(key, found, 'coordinates in pixels, which grow by about 1')
    tables.append(table)
  table = np.stack(tables, -1).astype(np.float32) - 1
  return np.where((table >= 0).all(-1, keepdims=True), table, np.float32(-1))
