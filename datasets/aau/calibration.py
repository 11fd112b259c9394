"""Reads calibVars.yml, the calibration that AAU VAP Trimodal ships with each scene.

The keys are known; how the file lays some of them out is not. What can be found out by
looking is found out here (how the homographies are stacked and which way they map), what
fits no layout is refused, and what the file contradicts is told in `Calibration.notes`.

Unsure, and nothing in the file can tell: that UNDISTORT_IMAGES also says whether the
homographies hold for undistorted points, that rgbToDCalX/Y are indexed by undistorted points,
that homDepthCenters and defaultDepth are in mm (and not raw depth), that all images have the
size WIDTH x HEIGHT, and that discardedHomographies counts from 0.
"""

import dataclasses
import math
import re
from typing import Any

import numpy as np

from cyclegan_jax import errors
from datasets.aau import homographies as homographies_lib

_KEYS = frozenset(
  (
    'rgbCamMat',
    'rgbDistCoeff',
    'tCamMat',
    'tDistCoeff',
    'rgbToDCalX',
    'rgbToDCalY',
    'dToRgbCalX',
    'dToRgbCalY',
    'planarHom',
    'planarHomInv',
    'homDepthCentersRgb',
    'homDepthCentersT',
    'depthCoeffA',
    'depthCoeffB',
    'defaultDepth',
    'WIDTH',
    'HEIGHT',
    'UNDISTORT_IMAGES',
    'depthProximityThreshold',
    'nbrClustersForDepthOutlierRemoval',
    'discardedHomographies',
  )
)
_MAX_BYTES = 256 * 2**20
_MAX_OPENED = 2000
_MAX_SIDE = 10000
# Depths that there are indoors, mm: whoever has meters or raw depths is told.
_ROOM = (200, 50_000)


@dataclasses.dataclass(frozen=True, eq=False)
class Calibration:
  """A scene's calibration. Points are (x, y) in pixels, pixel centers at integers.

  Compared and hashed by identity, so that it can be the key of a cache.

  Attributes:
    width, height: size in pixels of the RGB, thermal and depth images it holds for.
    rgb_matrix, thermal_matrix: camera matrices, float64 [3, 3], pixels.
    rgb_distortion, thermal_distortion: OpenCV's k1 k2 p1 p2 [k3 [k4 k5 k6]], float64
      [4, 5 or 8].
    undistort: whether the homographies hold for undistorted points (UNDISTORT_IMAGES).
    rgb_to_depth: coordinates in the depth image for each undistorted RGB pixel, float32
      [height, width, 2].
    depth_to_rgb: the way back, float32 [height, width, 2]; registration does not use it.
    homographies: planes seen by both cameras, from RGB to thermal pixels, float64
      [planes, 3, 3], lower right element 1.
    centers_rgb, centers_thermal: the planes' centers in the coordinates of the cameras (x
      right, y down, z forward), float64 [planes, 3], mm.
    discarded: planes that are not to be used, bool [planes].
    depth_scale, depth_offset: a raw value d of the depth image is scale * d + offset mm.
    default_depth: for pixels without depth, mm.
    depth_proximity_threshold, outlier_clusters: settings of the published registrator's
      outlier removal, which registration does not use.
    notes: for people: what was assumed and what is odd about the file.
  """

  width: int
  height: int
  rgb_matrix: np.ndarray
  thermal_matrix: np.ndarray
  rgb_distortion: np.ndarray
  thermal_distortion: np.ndarray
  undistort: bool
  rgb_to_depth: np.ndarray
  depth_to_rgb: np.ndarray
  homographies: np.ndarray
  centers_rgb: np.ndarray
  centers_thermal: np.ndarray
  discarded: np.ndarray
  depth_scale: float
  depth_offset: float
  default_depth: float
  depth_proximity_threshold: float
  outlier_clusters: int
  notes: tuple[str, ...]


def read_calibration(path, content: bytes | None = None) -> Calibration:
  """Reads a calibVars.yml.

  Args:
    path: the file; with `content`, only what messages call it.
    content: what the file holds, if it is in an archive.

  Raises:
    UserError: the file cannot be read, is not what it should be, lacks a key or has one
      twice, or a value has the wrong shape or is not finite; or OpenCV is missing. The
      message names file and key.
  """
  fields = _Fields(path, content)
  width, height = (fields.integer(key, 2, _MAX_SIDE) for key in ('WIDTH', 'HEIGHT'))
  cameras = [fields.camera(key) for key in ('rgbCamMat', 'tCamMat')]
  centers = [fields.centers(key) for key in ('homDepthCentersRgb', 'homDepthCentersT')]
  homographies, notes = homographies_lib.find(fields, cameras, centers, width, height)
  if fields.unknown:
    notes.append(f'{path}: unknown keys, not used: {", ".join(fields.unknown)}.')
  return Calibration(
    width=width,
    height=height,
    rgb_matrix=cameras[0],
    thermal_matrix=cameras[1],
    rgb_distortion=fields.distortion('rgbDistCoeff'),
    thermal_distortion=fields.distortion('tDistCoeff'),
    undistort=bool(fields.integer('UNDISTORT_IMAGES', 0, 1)),
    rgb_to_depth=fields.tables('rgbToDCal', height, width),
    depth_to_rgb=fields.tables('dToRgbCal', height, width),
    homographies=homographies,
    centers_rgb=centers[0],
    centers_thermal=centers[1],
    discarded=fields.discarded('discardedHomographies', len(homographies)),
    depth_scale=fields.number('depthCoeffA', nonzero=True),
    depth_offset=fields.number('depthCoeffB'),
    default_depth=fields.depth('defaultDepth'),
    depth_proximity_threshold=fields.number('depthProximityThreshold'),
    outlier_clusters=fields.integer('nbrClustersForDepthOutlierRemoval', 0, 2**31),
    notes=tuple(notes),
  )


def _open(path, content: bytes | None) -> Any:
  """The file as a cv2.FileStorage, after refusing what makes OpenCV's parser crash."""
  try:
    import cv2  # pylint: disable=g-import-not-at-top
  except ImportError as error:
    raise errors.UserError(f'{path}: reading it needs OpenCV: pip install -e ".[aau]"') from error
  try:
    if content is None:
      with open(path, 'rb') as file:
        content = file.read(_MAX_BYTES + 1)
    text = content.decode('utf-8-sig')
  except OSError as error:
    raise errors.UserError(f'{path}: cannot be read: {error.strerror}.') from error
  except UnicodeDecodeError as error:
    raise errors.UserError(f'{path}: not a text file; expected OpenCV YAML.') from error
  if not text.startswith('%YAML'):
    raise errors.UserError(f'{path}: expected OpenCV YAML, which starts with "%YAML".')
  # Deep nesting overflows the parser's stack and !!binary can make it loop for ever. Counting
  # what opens anything bounds the nesting, whatever the quoting.
  if (
    len(content) > _MAX_BYTES
    or text.count('[') + text.count('{') > _MAX_OPENED
    or re.search(r'[\0-\10\13\14\16-\37]|!!binary|-[ \t]+-[ \t]+-|\n[ \t]{200}', text)
  ):
    raise errors.UserError(
      f'{path}: not a calibration: too large, too deeply nested, or with binary parts.'
    )
  try:
    storage = cv2.FileStorage(text, cv2.FILE_STORAGE_READ | cv2.FILE_STORAGE_MEMORY)
    if not storage.root().isMap():
      raise errors.UserError(f'{path}: expected keys and values at the top level.')
    return storage
  except (cv2.error, SystemError) as error:
    raise errors.UserError(
      f'{path}: OpenCV cannot parse it; it is damaged or cut off: download it again.'
    ) from error


class _Fields:
  """The values of a file by key, checked."""

  def __init__(self, path, content):
    self.path = path
    self._storage = _open(path, content)
    names = self._storage.root().keys()
    missing = sorted(_KEYS.difference(names))
    if missing:
      raise errors.UserError(
        f'{path}: no key {", ".join(missing)}; expected a complete calibVars.yml.'
      )
    for name in sorted(_KEYS):
      if names.count(name) > 1:
        raise self.error(name, 'appears twice', 'once')
    self.unknown = sorted(set(names) - _KEYS)

  def error(self, key, found, expected) -> errors.UserError:
    return errors.UserError(f'{self.path}: {key}: {found}; expected {expected}.')

  def _value(self, key) -> np.ndarray:
    """A number, matrix, list of numbers or list of equal matrices as a float64 array."""
    import cv2  # pylint: disable=g-import-not-at-top

    try:
      value = np.asarray(_node_value(self._storage.getNode(key)), np.float64)
    except (cv2.error, SystemError, ValueError, RecursionError) as error:
      raise self.error(key, 'not readable', 'a number or a matrix, complete') from error
    if not np.isfinite(value).all():
      raise self.error(key, 'holds values that are not finite', 'finite numbers')
    return value

  def array(self, key) -> np.ndarray:
    """Not empty, and a row or column of many channels made a matrix."""
    value = self._value(key)
    if not value.size:
      raise self.error(key, 'empty', 'numbers')
    return value.reshape(-1, value.shape[2]) if value.ndim == 3 and 1 in value.shape else value

  def number(self, key, least=-math.inf, nonzero=False) -> float:
    value = self.array(key)
    if value.size != 1:
      raise self.error(key, f'shape {homographies_lib.shape_text(value)}', 'one number')
    value = value.item()
    if value < least or (nonzero and not value):
      raise self.error(key, f'{value:g}', 'another than 0' if nonzero else f'at least {least:g}')
    return value

  def integer(self, key, least, most) -> int:
    value = self.number(key)
    if value != int(value) or not least <= value <= most:
      raise self.error(key, f'{value:g}', f'an integer from {least} to {most}')
    return int(value)

  def camera(self, key) -> np.ndarray:
    value = self.array(key)
    if value.shape != (3, 3):
      raise self.error(key, f'shape {homographies_lib.shape_text(value)}', '3x3')
    if value[0, 0] <= 0 or value[1, 1] <= 0 or value[2].tolist() != [0, 0, 1] or value[1, 0]:
      raise self.error(key, str(value.tolist()), 'a camera matrix: [fx s cx; 0 fy cy; 0 0 1]')
    return value

  def distortion(self, key) -> np.ndarray:
    value = self.array(key)
    if value.size not in (4, 5, 8) or value.size != max(value.shape):
      raise self.error(
        key, f'shape {homographies_lib.shape_text(value)}', '4, 5 or 8 coefficients in a row'
      )
    return value.ravel()

  def centers(self, key) -> np.ndarray:
    value = self.array(key)
    # Of 3x3 only the depths, which are positive, can tell rows from columns.
    options = [
      option
      for option in (value, value.T)
      if option.ndim == 2 and option.shape[1] == 3 and (option[:, 2] > 0).all()
    ]
    if not options:
      raise self.error(
        key,
        f'shape {homographies_lib.shape_text(value)}',
        'Nx3 or 3xN coordinates in mm with positive depths',
      )
    self._check_mm(key, float(np.median(options[0][:, 2])))
    return options[0]

  def depth(self, key) -> float:
    value = self.number(key, least=0.0)
    self._check_mm(key, value)
    return value

  def _check_mm(self, key, depth) -> None:
    if not _ROOM[0] <= depth <= _ROOM[1]:
      raise self.error(
        key, f'a depth of {depth:g}', f'mm, for a room from {_ROOM[0]} to {_ROOM[1]}'
      )

  def tables(self, prefix, height, width) -> np.ndarray:
    """The look-up tables of x and y as one, float32 [height, width, 2]."""
    tables = []
    for key, axis, size in ((prefix + 'X', 1, width), (prefix + 'Y', 0, height)):
      table = self.array(key)
      if table.shape == (width, height) != (height, width):
        table = table.T
      if table.shape != (height, width):
        raise self.error(key, f'shape {homographies_lib.shape_text(table)}', f'{height}x{width}')
      low, high = table.take((size // 4, 3 * size // 4), axis).swapaxes(0, axis)
      slope = np.median(high - low) / (3 * size // 4 - size // 4)
      if not 0.3 < slope < 3:
        raise self.error(
          key,
          f'values that change by {slope:.2g} from pixel to pixel',
          'coordinates in pixels, which grow by about 1',
        )
      tables.append(table)
    return np.stack(tables, -1).astype(np.float32)

  def discarded(self, key, planes) -> np.ndarray:
    """From indices counted from 0, or from one 0 or 1 for each plane; may be empty."""
    value = self._value(key).ravel()
    if len(value) == planes and np.isin(value, (0, 1)).all():
      discarded = value.astype(bool)
    elif np.isin(value, np.arange(planes)).all():
      discarded = np.isin(np.arange(planes), value)
    else:
      raise self.error(key, str(value[:8].tolist()), f'indices from 0 to {planes - 1}')
    if discarded.all():
      raise self.error(key, f'all {planes} are discarded', 'at least one left')
    return discarded


def _node_value(node) -> Any:
  if node.isInt() or node.isReal():
    return node.real()
  if node.isSeq():
    return [_node_value(node.at(i)) for i in range(node.size())]
  if not node.isMap():
    raise ValueError
  rows, columns, data = (node.getNode(name) for name in ('rows', 'cols', 'data'))
  channels = re.fullmatch(r'(\d{0,2})[ucswifd]', node.getNode('dt').string())
  # OpenCV allocates what the header promises before it looks at the data.
  if not (
    rows.isInt()
    and columns.isInt()
    and data.isSeq()
    and channels
    and min(rows.real(), columns.real()) >= 0
    and rows.real() * columns.real() * int(channels[1] or 1) == data.size()
  ):
    raise ValueError
  return node.mat() if data.size() else []
