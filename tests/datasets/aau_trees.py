"""Miniatures of AAU VAP Trimodal, and a rig of cameras whose true map is known."""

import functools

import numpy as np
import pytest

from datasets.aau.calibration import read_calibration
from tests.datasets.test_osu import encoded

HEADER = '%YAML:1.0\n---\n'
SIZE = (24, 32)


def opencv():
  return pytest.importorskip('cv2', reason='needs the extra aau: pip install ".[aau]"')


class Rig:
  """An RGB, a thermal and a depth camera, whose images all have one size.

  Attributes:
    rgb, thermal: camera matrices.
    rgb_lens, thermal_lens: distortion.
    turn, step: from the RGB to the thermal camera, mm.
    depths: of the calibrated planes, mm.
    scale, offset: what a value of the depth image is in mm.
    zoom, shift: the depth camera's grid is the RGB camera's, magnified.
  """

  def __init__(self, height, width):
    self.height, self.width = height, width
    size = width / 320
    self.rgb = np.array([[265.0 * size, 0, 161 * size], [0, 263 * size, 118 * size], [0, 0, 1]])
    self.thermal = np.array([[290.0 * size, 0, 155 * size], [0, 288 * size, 124 * size], [0, 0, 1]])
    self.rgb_lens = np.array([0.12, -0.22, 0.001, -0.0015, 0.05])
    self.thermal_lens = np.array([-0.25, 0.08, -0.001, 0.002, 0.0])
    self.turn = opencv().Rodrigues(np.array([0.01, -0.02, 0.015]))[0]
    self.step = np.array([-45.0, 12, 6])
    self.depths = np.arange(1400.0, 3001, 100)
    self.scale, self.offset = 0.5, 100.0
    self.zoom, self.shift = 1.05, np.array([-9.0, -5]) * size

  def pixels(self):
    """x and y of all pixels, [height, width, 2]."""
    return np.stack(np.meshgrid(np.arange(self.width), np.arange(self.height)), -1).astype(float)

  def to_thermal(self, points):
    """True projection of points [..., 3] in mm by the thermal camera, by OpenCV."""
    cv2 = opencv()
    seen = cv2.projectPoints(
      points.reshape(-1, 1, 3).astype(float),
      cv2.Rodrigues(self.turn)[0],
      self.step,
      self.thermal,
      self.thermal_lens,
    )[0]
    return seen.reshape(*points.shape[:-1], 2)

  def rays(self):
    """Directions [height, width, 3] in which the RGB pixels look, z 1, by OpenCV."""
    cv2 = opencv()
    criteria = (cv2.TERM_CRITERIA_COUNT | cv2.TERM_CRITERIA_EPS, 100, 1e-12)
    ideal = cv2.undistortPoints(
      self.pixels().reshape(-1, 1, 2), self.rgb, self.rgb_lens, criteria=criteria
    )
    shape = self.height, self.width
    return np.concatenate((ideal.reshape(*shape, 2), np.ones((*shape, 1))), -1)

  def planes(self):
    """Homographies [N, 3, 3] and centers of boards that face the RGB camera."""
    x, y = np.meshgrid(np.linspace(-0.5, 0.5, 3), np.linspace(-0.4, 0.4, 3))
    centers = np.stack(
      [depth * np.array((a, b, 1)) for depth in self.depths for a, b in zip(x.ravel(), y.ravel())]
    )
    normal = np.array([0, 0, 1.0])
    homographies = np.stack(
      [
        self.thermal @ (self.turn + np.outer(self.step, normal) / z) @ np.linalg.inv(self.rgb)
        for z in centers[:, 2]
      ]
    )
    return homographies, centers

  def centers_thermal(self, centers):
    return centers @ self.turn.T + self.step

  def depth_camera(self, depth):
    """The raw 16-bit image of a scene whose depth is given for ideal RGB pixels as f(x, y)."""
    x, y = np.moveaxis((self.pixels() - self.shift) / self.zoom, -1, 0)
    return np.rint((depth(x, y) - self.offset) / self.scale).astype(np.uint16)

  def seen_depth(self, depth):
    """The same depth for the pixels of the RGB image."""
    x, y, _ = np.moveaxis(self.rays() @ self.rgb.T, -1, 0)
    return depth(x, y)

  def table(self, points):
    """Points as the published tables have them: whole pixels, counted from 1, 0 for none."""
    table = np.rint(points) + 1
    inside = ((table >= 1) & (table <= (self.width, self.height))).all(-1, keepdims=True)
    return np.where(inside, table, 0).astype(np.int16)

  def values(self):
    """Everything that calibVars.yml holds."""
    homographies, centers = self.planes()
    ideal = (self.rays() @ self.rgb.T)[..., :2]
    to_depth = self.table(self.zoom * ideal + self.shift)
    to_rgb = self.table((self.pixels() - self.shift) / self.zoom)
    return {
      'rgbCamMat': self.rgb,
      'rgbDistCoeff': self.rgb_lens[None],
      'tCamMat': self.thermal,
      'tDistCoeff': self.thermal_lens[:, None],
      'WIDTH': self.width,
      'HEIGHT': self.height,
      'rgbToDCalX': to_depth[..., 0],
      'rgbToDCalY': to_depth[..., 1],
      'dToRgbCalX': to_rgb[..., 0],
      'dToRgbCalY': to_rgb[..., 1],
      'planarHom': list(homographies),
      'planarHomInv': list(np.linalg.inv(homographies)),
      'homDepthCentersRgb': centers.ravel().tolist(),
      'homDepthCentersT': self.centers_thermal(centers).ravel().tolist(),
      'depthCoeffA': self.scale,
      'depthCoeffB': self.offset,
      'defaultDepth': 1500.0,
      'UNDISTORT_IMAGES': 1,
      'depthProximityThreshold': 50.0,
      'nbrClustersForDepthOutlierRemoval': 3,
      'discardedHomographies': [0, 7],
    }


@functools.cache
def rig(height=240, width=320):
  return Rig(height, width)


def entry(key, value):
  """A key and its value as cv2.FileStorage writes them, without the header."""
  cv2 = opencv()
  storage = cv2.FileStorage('.yml', cv2.FILE_STORAGE_WRITE | cv2.FILE_STORAGE_MEMORY)
  if isinstance(value, list):
    storage.startWriteStruct(key, cv2.FileNode_SEQ)
    for item in value:
      storage.write('', item)
    storage.endWriteStruct()
  else:
    storage.write(key, value)
  return storage.releaseAndGetString().split('---\n', 1)[1]


@functools.cache
def _usual(height, width):
  return {key: entry(key, value) for key, value in rig(height, width).values().items()}


def calibration_text(changes=None, without=(), tail='', size=(240, 320)):
  """The content of a calibVars.yml."""
  texts = _usual(*size) | {key: entry(key, value) for key, value in (changes or {}).items()}
  return HEADER + ''.join(t for key, t in texts.items() if key not in without) + tail


def write(path, *args, **kwargs):
  path.write_text(calibration_text(*args, **kwargs))
  return path


def read(path):
  return read_calibration(str(path), path.read_bytes())


def picture(seed, channels, size=SIZE):
  """Smooth, so that little is lost in a JPEG file."""
  corners = np.random.default_rng(seed).integers(40, 220, (4, channels))
  y, x = (np.linspace(0, 1, side)[:, None] for side in size)
  top, bottom = ((1 - x) * corners[i] + x * corners[i + 1] for i in (0, 2))
  return np.rint(top + (bottom - top) * y[:, None]).astype(np.uint8)


def thermal_picture(seed, size=SIZE):
  return np.repeat(picture(seed, 1, size), 3, -1)


def people(frame, size=SIZE):
  """Labels: two people, who walk to the right."""
  labels = np.zeros((*size, 1), np.uint8)
  labels[8:18, 4 + frame : 9 + frame] = 1
  labels[6:16, 18:22] = 2
  return labels


def deep_png(array):
  import imagecodecs

  return bytes(imagecodecs.png_encode(np.ascontiguousarray(array)))


def tree(frames=8, *, scenes='123', name='TrimodalDataset/Scene {}', rig_size=None, depth=True):
  """Path below the source folder -> content; every second frame is annotated.

  With `rig_size`, the scenes have a calibration for images of that size, 2 m away.
  """
  size = rig_size or SIZE
  found = {}
  for scene in scenes:
    home = name.format(scene)
    rows = []
    for i in range(frames):
      stem = f'{85 + i:05d}'
      seed = [int(scene), i]
      found[f'{home}/SyncRGB/{stem}.jpg'] = encoded(picture([*seed, 0], 3, size), 'jpg')
      found[f'{home}/SyncT/{stem}.jpg'] = encoded(thermal_picture([*seed, 1], size), 'jpg')
      if depth:
        raw = np.full(size, 3800, np.uint16)
        found[f'{home}/SyncD/{stem}.png'] = deep_png(raw)
      if i % 2 == 0:
        for kind in ('rgbMasks', 'thermalMasks', 'depthMasks'):
          found[f'{home}/{kind}/{stem}.png'] = encoded(people(i, size), 'png')
        rows.append(stem)
    found[f'{home}/annotations.csv'] = annotations(scene, rows)
    if rig_size:
      found[f'{home}/calibVars.yml'] = calibration_text(size=rig_size).encode()
  return found


def annotations(scene, stems):
  """The published columns; a frame has a row for each person, with cells beyond the header."""
  if scene == '2':
    lines = ['Mask file;Thermal file;Object ID']
    lines += [
      f'{stem}.png;SyncT/{stem}.png;{person};0;232 409' for stem in stems for person in (1, 2)
    ]
  else:
    lines = ['Thermal mask file;Thermal file;Object ID;']
    lines += [
      f'./thermalMasks/{stem}.png;SyncT/{stem}.jpg;{person};' for stem in stems for person in (1, 2)
    ]
  return ('\ufeff' + '\r\n'.join(lines) + '\r\n').encode()


def zipped(found, archive='archive.zip'):
  return {f'{archive}/{path}': data for path, data in found.items()}


def without(found, *parts):
  """A tree without the paths that contain one of the parts."""
  return {path: data for path, data in found.items() if not any(part in path for part in parts)}
