"""AAU's calibration file and registration, on a rig of cameras whose true map is known."""

import dataclasses
import functools
import sys

import numpy as np
import pytest

from cyclegan_jax import errors
from datasets.aau import calibration as calibration_lib
from datasets.aau import points as points_lib
from datasets.aau import registration

cv2 = pytest.importorskip('cv2', reason='needs the extra aau: pip install ".[aau]"')

HEADER = '%YAML:1.0\n---\n'
HEIGHT, WIDTH = 240, 320
RGB = np.array([[265.0, 0, 161], [0, 263, 118], [0, 0, 1]])
THERMAL = np.array([[290.0, 0, 155], [0, 288, 124], [0, 0, 1]])
RGB_LENS = np.array([0.12, -0.22, 0.001, -0.0015, 0.05])
THERMAL_LENS = np.array([-0.25, 0.08, -0.001, 0.002, 0.0])
TURN = cv2.Rodrigues(np.array([0.01, -0.02, 0.015]))[0]
STEP = np.array([-45.0, 12, 6])  # mm
DEPTHS = np.arange(1400.0, 3001, 100)
SCALE, OFFSET = 0.5, 100.0
# Depth camera: the RGB camera's grid, magnified.
ZOOM, SHIFT = 1.05, np.array([-9.0, -5])


def to_thermal(points):
  """True projection of points [..., 3] in mm by the thermal camera, by OpenCV."""
  seen = cv2.projectPoints(points.reshape(-1, 1, 3).astype(float), cv2.Rodrigues(TURN)[0], STEP,
                           THERMAL, THERMAL_LENS)[0]
  return seen.reshape(*points.shape[:-1], 2)


def rays():
  """Directions [HEIGHT, WIDTH, 3] in which the RGB pixels look, z 1, by OpenCV."""
  pixels = np.stack(np.meshgrid(np.arange(WIDTH), np.arange(HEIGHT)), -1).astype(float)
  criteria = (cv2.TERM_CRITERIA_COUNT | cv2.TERM_CRITERIA_EPS, 100, 1e-12)
  ideal = cv2.undistortPoints(pixels.reshape(-1, 1, 2), RGB, RGB_LENS, criteria=criteria)
  return np.concatenate((ideal.reshape(HEIGHT, WIDTH, 2), np.ones((HEIGHT, WIDTH, 1))), -1)


def planes():
  """Homographies [N, 3, 3] and centres of boards that face the RGB camera."""
  x, y = np.meshgrid(np.linspace(-0.5, 0.5, 3), np.linspace(-0.4, 0.4, 3))
  centres = np.stack([depth * np.array((a, b, 1))
                      for depth in DEPTHS for a, b in zip(x.ravel(), y.ravel())])
  normal = np.array([0, 0, 1.0])
  homographies = np.stack([THERMAL @ (TURN + np.outer(STEP, normal) / z) @ np.linalg.inv(RGB)
                           for z in centres[:, 2]])
  return homographies, centres


def values():
  """Everything that calibVars.yml holds."""
  homographies, centres = planes()
  pixels = np.stack(np.meshgrid(np.arange(WIDTH), np.arange(HEIGHT)), -1)
  to_depth = (ZOOM * pixels + SHIFT).astype(np.float32)
  to_rgb = ((pixels - SHIFT) / ZOOM).astype(np.float32)
  return {
      'rgbCamMat': RGB, 'rgbDistCoeff': RGB_LENS[None], 'tCamMat': THERMAL,
      'tDistCoeff': THERMAL_LENS[:, None], 'WIDTH': WIDTH, 'HEIGHT': HEIGHT,
      'rgbToDCalX': to_depth[..., 0], 'rgbToDCalY': to_depth[..., 1],
      'dToRgbCalX': to_rgb[..., 0], 'dToRgbCalY': to_rgb[..., 1],
      'planarHom': np.concatenate(homographies, 1),
      'planarHomInv': np.concatenate(np.linalg.inv(homographies), 1),
      'homDepthCentersRgb': centres, 'homDepthCentersT': centres @ TURN.T + STEP,
      'depthCoeffA': SCALE, 'depthCoeffB': OFFSET, 'defaultDepth': 1500.0,
      'UNDISTORT_IMAGES': 1, 'depthProximityThreshold': 50.0,
      'nbrClustersForDepthOutlierRemoval': 3, 'discardedHomographies': np.array([[0, 7]], np.int32),
  }


def encoded(key, value):
  """A key and its value as cv2.FileStorage writes them, without the header."""
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
def usual():
  return {key: encoded(key, value) for key, value in values().items()}


def write(path, changes=None, without=(), tail=''):
  texts = usual() | {key: encoded(key, value) for key, value in (changes or {}).items()}
  path.write_text(HEADER + ''.join(t for key, t in texts.items() if key not in without) + tail)
  return path


@pytest.fixture(name='calibration', scope='module')
def fixture_calibration(tmp_path_factory):
  return calibration_lib.read_calibration(
      write(tmp_path_factory.mktemp('aau') / 'calibVars.yml'))


def coded_images():
  """Thermal images of 16 bits that hold their own x and y coordinates, times 100."""
  y, x = np.mgrid[:HEIGHT, :WIDTH].astype(np.uint16) * 100 + 1
  return x[..., None], y[..., None]


def deviations(calibration, depth, mode, depth_image=None, **kwargs):
  """Distance [HEIGHT, WIDTH] in pixels from where the surface truly is; the mask."""
  truth = to_thermal(rays() * depth[..., None])
  found = [registration.register(image, calibration, mode, depth_image, **kwargs)
           for image in coded_images()]
  seen = np.concatenate([image for image, _ in found], -1) / 100.0 - 0.01
  mask = found[0][1][..., 0]
  inside = ((truth >= 0) & (truth <= (WIDTH - 1, HEIGHT - 1))).all(-1)
  return np.linalg.norm(seen - truth, axis=-1), mask, inside


def depth_camera(depth):
  """The raw 16-bit image of a scene whose depth is given for ideal RGB pixels as f(x, y)."""
  pixels = np.stack(np.meshgrid(np.arange(WIDTH), np.arange(HEIGHT)), -1)
  x, y = np.moveaxis((pixels - SHIFT) / ZOOM, -1, 0)
  return np.rint((depth(x, y) - OFFSET) / SCALE).astype(np.uint16)


def seen_depth(depth):
  """The same depth for the pixels of the RGB image."""
  x, y, _ = np.moveaxis(rays() @ RGB.T, -1, 0)
  return depth(x, y)


def slanted(x, y):
  return 1700 + 2.5 * x + 1.2 * y


def stepped(x, y):
  return np.where(x + 0 * y < 130, 1650.0, 2450.0)


def test_calibration_fields(calibration):
  homographies, centres = planes()
  assert (calibration.width, calibration.height) == (WIDTH, HEIGHT)
  np.testing.assert_allclose(calibration.rgb_matrix, RGB)
  np.testing.assert_allclose(calibration.thermal_distortion, THERMAL_LENS)
  np.testing.assert_allclose(calibration.centres_rgb, centres)
  np.testing.assert_allclose(
      calibration.homographies, homographies / homographies[:, 2:, 2:], atol=1e-9)
  assert np.flatnonzero(calibration.discarded).tolist() == [0, 7]
  assert calibration.undistort and not calibration.notes


@pytest.mark.parametrize('layout', ['3x3N', '3Nx3', 'Nx9', '9xN', 'by columns', 'list'])
@pytest.mark.parametrize('count', [1, 3, 9])
@pytest.mark.parametrize('swapped', [False, True])
def test_layouts_of_homographies(tmp_path, layout, count, swapped):
  homographies, centres = (array[::17][:count] for array in planes())
  stacks = [homographies, np.linalg.inv(homographies)][::-1 if swapped else 1]
  store = {
      '3x3N': lambda h: np.concatenate(h, 1),
      '3Nx3': np.concatenate,
      'Nx9': lambda h: h.reshape(-1, 9),
      '9xN': lambda h: h.reshape(-1, 9).T.copy(),
      'by columns': lambda h: h.swapaxes(1, 2).reshape(-1, 9),
      'list': list,
  }[layout]
  path = write(tmp_path / 'c.yml', {
      'planarHom': store(stacks[0]), 'planarHomInv': store(stacks[1]),
      'homDepthCentersRgb': centres.T.copy(), 'homDepthCentersT': centres @ TURN.T + STEP,
      'discardedHomographies': np.zeros((0, 0))})
  calibration = calibration_lib.read_calibration(path)
  np.testing.assert_allclose(
      calibration.homographies, homographies / homographies[:, 2:, 2:], rtol=1e-6, atol=1e-9)
  assert not calibration.notes and not calibration.discarded.any()


def test_transposed_tables_and_unconfirmed_direction(tmp_path):
  changes = {key: values()[key].T.copy() for key in ('rgbToDCalX', 'rgbToDCalY')}
  changes['homDepthCentersT'] = planes()[1] + (900, 0, 0)
  calibration = calibration_lib.read_calibration(
      write(tmp_path / 'c.yml', changes, tail='colour: 3\n'))
  np.testing.assert_allclose(calibration.rgb_to_depth[..., 0], values()['rgbToDCalX'])
  unconfirmed, odd = calibration.notes
  assert 'do not confirm' in unconfirmed and 'colour' in odd
  np.testing.assert_allclose(calibration.homographies[:, 2, 2], 1)


BAD_VALUES = {
    'rgbCamMat': [np.eye(4), -np.eye(3), np.zeros((0, 0)), np.full((3, 3), np.nan), 'text'],
    'rgbDistCoeff': [np.zeros((1, 6)), np.zeros((2, 4)), np.array([[np.inf, 0, 0, 0]])],
    'rgbToDCalX': [np.zeros((7, 5)), np.zeros((HEIGHT, WIDTH))],
    'dToRgbCalY': [np.zeros((HEIGHT, WIDTH)), 3.0],
    'planarHom': [np.eye(4), np.zeros((3, 7)), np.ones((2, 9)), np.zeros((3, 3)), [np.eye(3), 1]],
    'planarHomInv': [np.tile(np.diag([3.0, 5, 1]), 153)],
    'homDepthCentersRgb': [np.ones((153, 2)), -np.ones((153, 3)), np.ones((3, 3))],
    'homDepthCentersT': [np.ones((152, 3)), np.zeros((0, 0))],
    'depthCoeffA': [0.0, np.eye(2), float('nan')],
    'defaultDepth': [0.0, -5.0],
    'WIDTH': [0, 319.5, 10**6],
    'UNDISTORT_IMAGES': [2, 'yes'],
    'discardedHomographies': [np.array([[153]]), np.array([[-1]]), np.arange(153)[None], [153.0]],
}


@pytest.mark.parametrize('key, value', [(k, v) for k, found in BAD_VALUES.items() for v in found])
def test_bad_values_name_file_and_key(tmp_path, key, value):
  value = value.astype(float) if isinstance(value, np.ndarray) else value
  path = write(tmp_path / 'c.yml', {key: value})
  with pytest.raises(errors.UserError) as error:
    calibration_lib.read_calibration(path)
  assert str(path) in str(error.value)
  related = {'planarHom': 'planarHom', 'homDepthCentersRgb': 'homDepthCenters|planarHom',
             'WIDTH': 'WIDTH|CalX'}.get(key, key)
  assert any(name in str(error.value) for name in related.split('|'))


def test_missing_and_duplicate_keys(tmp_path):
  for key in values():
    with pytest.raises(errors.UserError, match=f'c.yml: no key {key};'):
      calibration_lib.read_calibration(write(tmp_path / 'c.yml', without=[key]))
  with pytest.raises(errors.UserError, match='no key HEIGHT, tCamMat;'):
    calibration_lib.read_calibration(write(tmp_path / 'c.yml', without=['tCamMat', 'HEIGHT']))
  with pytest.raises(errors.UserError, match='WIDTH: appears twice'):
    calibration_lib.read_calibration(write(tmp_path / 'c.yml', tail='WIDTH: 320\n'))


MATRIX = 'tCamMat: !!opencv-matrix\n   rows: {}\n   cols: 3\n   dt: {}\n   data: [ {} ]\n'


@pytest.mark.parametrize('content', [
    b'', b'garbage', b'\xff\xfe\0\1', b'<opencv_storage>' + b'<a>' * 100000, b'{"a":' * 100000,
    HEADER.encode() + b'a: ' + b'[' * 200000, HEADER.encode() + b'a: ' + b'- ' * 200000,
    HEADER.encode() + b'a: [1,2', HEADER.encode() + b'- 1\n', HEADER.encode() + b'a: \0 1\n',
    HEADER.encode() + b'a: [ 0., !!binary |., 0. ]\n',
], ids=range(11))
def test_hostile_files_are_refused(tmp_path, content):
  path = tmp_path / 'calibVars.yml'
  path.write_bytes(content)
  with pytest.raises(errors.UserError, match='calibVars.yml: '):
    calibration_lib.read_calibration(path)


@pytest.mark.parametrize('rows, kind, data', [
    (10**9, 'd', '1.'), (-3, 'd', '1.'), (1, 'z', '1., 2., 3.'), (1, '"999d"', '1., 2., 3.'),
    (1, 'd', '1., x, 3.'), ('a', 'd', '1.'), (1, 'd', '1., 2.'),
    (1, 'd', '[' * 1900 + '1' + ']' * 1900), (1, 'd', '')])
def test_hostile_matrices_are_refused(tmp_path, rows, kind, data):
  path = write(tmp_path / 'c.yml', without=['tCamMat'], tail=MATRIX.format(rows, kind, data))
  with pytest.raises(errors.UserError, match='c.yml: tCamMat'):
    calibration_lib.read_calibration(path)


def test_deeply_nested_list_is_refused(tmp_path):
  path = write(tmp_path / 'c.yml', without=['tCamMat'],
               tail='tCamMat: ' + '[' * 1900 + '1' + ']' * 1900 + '\n')
  with pytest.raises(errors.UserError, match='c.yml: tCamMat'):
    calibration_lib.read_calibration(path)


def test_unreadable_file_and_missing_opencv(tmp_path, monkeypatch):
  for path in (tmp_path, tmp_path / 'none.yml'):
    with pytest.raises(errors.UserError, match='cannot be read'):
      calibration_lib.read_calibration(path)
  monkeypatch.setitem(sys.modules, 'cv2', None)
  with pytest.raises(errors.UserError, match=r'\.\[aau\]'):
    calibration_lib.read_calibration(tmp_path / 'c.yml')
  with pytest.raises(errors.UserError, match=r'\.\[aau\]'):
    registration.register(np.zeros((2, 2, 1), np.uint8), None, 'none', size=(2, 2))


@pytest.mark.parametrize('lens', [RGB_LENS, THERMAL_LENS[:4], np.array(
    [0.1, -0.05, 0.001, 0.002, 0.01, 0.02, 0.03, -0.01])])
def test_lens_model_is_opencvs(lens):
  pixels = np.stack(np.meshgrid(np.arange(0.0, WIDTH, 7), np.arange(0.0, HEIGHT, 7)), -1)
  ideal = points_lib.undistort_points(pixels, RGB, lens)
  np.testing.assert_allclose(points_lib.distort_points(ideal, RGB, lens), pixels, atol=0.02)
  points = points_lib.back_project(ideal, np.full(ideal.shape[:2], 900.0), RGB)
  seen = cv2.projectPoints(points.reshape(-1, 1, 3), np.zeros(3), np.zeros(3), RGB, lens)[0]
  np.testing.assert_allclose(seen.reshape(pixels.shape), pixels, atol=0.02)


def test_points_beyond_the_lens_model_are_nan():
  far = np.array([[1500.0, 1500], [160, 120]])
  seen = points_lib.distort_points(far, RGB, np.array([-0.3, 0, 0, 0]))
  assert np.isnan(seen[0]).all() and np.isfinite(seen[1]).all()


def test_blend_by_octant_and_inverse_distance():
  centres = np.array([[10.0, 10, 10], [20, 20, 20], [-30, -30, -30]])
  homographies = np.array([1.0, 50, 5])[:, None, None] * np.ones((3, 3))
  blended = points_lib.blend_homographies(np.zeros((1, 3)), centres, homographies)
  np.testing.assert_allclose(blended[0], (1 * 3 + 5 * 1) / 4, rtol=1e-4)
  # An empty octant counts for nothing, and a point on a centre takes that one alone.
  exact = points_lib.blend_homographies(centres[1:2], centres, homographies)
  np.testing.assert_allclose(exact[0], 50, rtol=1e-3)


def test_blend_against_a_plain_loop():
  rng = np.random.default_rng(0)
  centres, points = rng.normal(0, 500, (40, 3)), rng.normal(0, 300, (60, 3))
  homographies = rng.normal(0, 1, (40, 3, 3))
  blended = points_lib.blend_homographies(points.reshape(6, 10, 3), centres, homographies)
  for point, found in zip(points, blended.reshape(-1, 3, 3)):
    nearest = {}
    for centre, homography in zip(centres, homographies):
      distance = np.linalg.norm(centre - point)
      octant = tuple(centre >= point)
      nearest[octant] = min(nearest.get(octant, (np.inf, None)), (distance, homography),
                            key=lambda pair: pair[0])
    weights = [1 / distance for distance, _ in nearest.values()]
    expected = np.average([h for _, h in nearest.values()], axis=0, weights=weights)
    np.testing.assert_allclose(found, expected, atol=1e-4)


@pytest.mark.parametrize('depth', [1500.0, 2100.0])
def test_plane_mode_on_its_plane(calibration, depth):
  missed, mask, inside = deviations(
      calibration, np.full((HEIGHT, WIDTH), depth), 'plane', depth_mm=depth + 30)
  assert missed[mask].max() < 0.15
  # The mask differs from the truth by the width of a rounding error only.
  assert (mask != inside).mean() < 0.002 and 0.5 < mask.mean() < 1
  image, _ = registration.register(coded_images()[0], calibration, 'plane', depth_mm=depth)
  assert not image[~mask].any()


def test_nearest_plane_leaves_out_the_discarded(calibration):
  centre = calibration.centres_rgb[registration.nearest_plane(calibration, 1500)]
  np.testing.assert_allclose(centre, (0, 0, 1500), atol=1e-6)
  discarded = dataclasses.replace(calibration, discarded=calibration.centres_rgb[:, 2] == 1500)
  index = registration.nearest_plane(discarded, 1510)
  assert discarded.centres_rgb[index, 2] == 1600


@pytest.mark.parametrize('scene', [slanted, stepped])
def test_depth_mode(calibration, scene):
  depth = seen_depth(scene)
  missed, mask, _ = deviations(calibration, depth, 'depth', depth_camera(scene))
  # Where the depth jumps, the nearest pixel of the depth image may be on either side.
  edge = cv2.morphologyEx(depth, cv2.MORPH_GRADIENT, np.ones((5, 5))) > 100
  assert edge.mean() < 0.03 and 0.5 < mask.mean() < 1
  assert missed[mask & ~edge].max() < 1
  assert np.median(missed[mask]) < 0.4


def test_missing_depth(calibration, tmp_path):
  raw = depth_camera(slanted)
  raw[60:90, 100:140] = 0
  cv2.imwrite(str(tmp_path / 'depth.png'), raw)
  raw = cv2.imread(str(tmp_path / 'depth.png'), cv2.IMREAD_UNCHANGED)
  _, holes, _ = deviations(calibration, seen_depth(slanted), 'depth', raw[..., None])
  _, whole, _ = deviations(calibration, seen_depth(slanted), 'depth', depth_camera(slanted))
  lost = whole & ~holes
  assert not (holes & ~whole).any()
  assert abs(lost.sum() - 30 * 40 / ZOOM**2) < 150
  # Not valid, but filled in as if it were at the default depth.
  image, _ = registration.register(coded_images()[0], calibration, 'depth', raw)
  truth = to_thermal(rays() * 1500.0)[..., 0]
  assert np.abs(image[lost][:, 0] / 100.0 - 0.01 - truth[lost]).max() < 1


def test_depth_image_or_tables_that_reach_outside(calibration):
  empty = np.zeros((HEIGHT, WIDTH), np.uint16)
  _, mask = registration.register(coded_images()[0], calibration, 'depth', empty)
  assert not mask.any()
  none = dataclasses.replace(calibration, rgb_to_depth=np.full_like(calibration.rgb_to_depth, -1))
  _, mask = registration.register(coded_images()[0], none, 'depth', depth_camera(slanted))
  assert not mask.any()


@pytest.mark.parametrize('dtype', [np.uint8, np.uint16])
def test_none_is_a_plain_resize(calibration, dtype):
  ir = np.random.default_rng(0).integers(0, np.iinfo(dtype).max, (120, 160, 1), dtype)
  for size, how in (((240, 320), cv2.INTER_LINEAR), ((60, 80), cv2.INTER_AREA)):
    image, mask = registration.register(ir, None, 'none', size=size)
    np.testing.assert_array_equal(image[..., 0], cv2.resize(ir, size[::-1], interpolation=how))
    assert mask.all() and mask.shape == (*size, 1) and image.dtype == dtype
  image, _ = registration.register(ir, calibration, 'none')
  assert image.shape == (HEIGHT, WIDTH, 1)


@pytest.mark.parametrize('mode', ['plane', 'depth'])
@pytest.mark.parametrize('dtype', [np.uint8, np.uint16])
def test_identity_keeps_values(calibration, mode, dtype):
  same = dataclasses.replace(
      calibration, homographies=np.tile(np.eye(3), (len(DEPTHS) * 9, 1, 1)), undistort=False)
  ir = np.random.default_rng(0).integers(0, np.iinfo(dtype).max, (HEIGHT, WIDTH, 1), dtype)
  depth = None if mode == 'plane' else depth_camera(slanted)
  image, mask = registration.register(ir, same, mode, depth)
  np.testing.assert_array_equal(image, ir)
  assert image.dtype == dtype and (mask.all() if mode == 'plane' else mask.mean() > 0.8)


def test_rgb_of_another_size(calibration):
  x, _ = coded_images()
  full, _ = registration.register(x, calibration, 'plane')
  half, mask = registration.register(x, calibration, 'plane', size=(HEIGHT // 2, WIDTH // 2))
  expected = full.reshape(HEIGHT // 2, 2, WIDTH // 2, 2).mean((1, 3))[1:-1, 2:-2]
  inside = cv2.erode(mask.astype(np.uint8), np.ones((5, 5)))[1:-1, 2:-2] > 0
  assert np.abs(half[1:-1, 2:-2, 0] - expected)[inside].max() < 20


def test_wrong_sizes_and_arguments(calibration):
  x, _ = coded_images()
  with pytest.raises(errors.UserError, match='thermal image: 80x60 .* 320x240'):
    registration.register(x[:60, :80], calibration, 'plane')
  with pytest.raises(errors.UserError, match='depth image: 80x60'):
    registration.register(x, calibration, 'depth', np.zeros((60, 80), np.uint16))
  for depth in (np.zeros((HEIGHT, WIDTH), np.uint8), np.zeros((HEIGHT, WIDTH, 3), np.uint16)):
    with pytest.raises(errors.UserError, match='16 bits'):
      registration.register(x, calibration, 'depth', depth)
  for arguments in ((x, calibration, 'best'), (x[..., 0], calibration, 'plane'),
                    (x, calibration, 'depth'), (x.astype(float), calibration, 'plane')):
    with pytest.raises(ValueError):
      registration.register(*arguments)
