"""Reading AAU's calibration file and refusing bad ones."""

import sys

import numpy as np
import pytest

from cyclegan_jax import errors
from datasets.aau import calibration as calibration_lib
from tests.datasets import aau_trees
from tests.datasets.aau_trees import HEADER, write

pytest.importorskip('cv2', reason='needs the extra aau: pip install ".[aau]"')

HEIGHT, WIDTH = 240, 320
RIG = aau_trees.rig(HEIGHT, WIDTH)


@pytest.fixture(name='calibration', scope='module')
def fixture_calibration(tmp_path_factory):
  return aau_trees.read(write(tmp_path_factory.mktemp('aau') / 'calibVars.yml'))


def test_calibration_fields(calibration):
  homographies, centers = RIG.planes()
  assert (calibration.width, calibration.height) == (WIDTH, HEIGHT)
  np.testing.assert_allclose(calibration.rgb_matrix, RIG.rgb)
  np.testing.assert_allclose(calibration.thermal_distortion, RIG.thermal_lens)
  np.testing.assert_allclose(calibration.centers_rgb, centers)
  np.testing.assert_allclose(
    calibration.homographies, homographies / homographies[:, 2:, 2:], atol=1e-9
  )
  assert np.flatnonzero(calibration.discarded).tolist() == [0, 7]
  assert not calibration.notes


@pytest.mark.parametrize('count', [1, 3, 9])
@pytest.mark.parametrize('layout', ['numbers', 'matrix'])
def test_planes(tmp_path, layout, count):
  homographies, centers = (array[::17][:count] for array in RIG.planes())
  store = {'numbers': lambda array: array.ravel().tolist(), 'matrix': np.copy}[layout]
  path = write(
    tmp_path / 'c.yml',
    {
      'planarHom': list(homographies),
      'planarHomInv': list(np.linalg.inv(homographies)),
      'homDepthCentersRgb': store(centers),
      'homDepthCentersT': store(RIG.centers_thermal(centers)),
      'discardedHomographies': np.zeros((0, 0)),
    },
  )
  calibration = aau_trees.read(path)
  np.testing.assert_allclose(
    calibration.homographies, homographies / homographies[:, 2:, 2:], rtol=1e-6, atol=1e-9
  )
  np.testing.assert_allclose(calibration.centers_rgb, centers)
  assert not calibration.notes and not calibration.discarded.any()


def test_planes_with_a_negative_depth_are_not_used(tmp_path):
  centers = RIG.planes()[1]
  centers[3, 2] = -1
  calibration = aau_trees.read(write(tmp_path / 'c.yml', {'homDepthCentersRgb': centers}))
  assert np.flatnonzero(calibration.discarded).tolist() == [0, 3, 7]
  assert not calibration.notes


def test_tables_count_from_1_and_0_is_none(calibration):
  table = np.stack([RIG.values()[key] for key in ('rgbToDCalX', 'rgbToDCalY')], -1)
  known = (table > 0).all(-1)
  assert 0.5 < known.mean() < 1
  np.testing.assert_array_equal(calibration.rgb_to_depth[known], table[known] - 1)
  assert (calibration.rgb_to_depth[~known] == -1).all()


def test_unconfirmed_homographies_and_unknown_keys(tmp_path):
  changes = {'homDepthCentersT': RIG.planes()[1] + (900, 0, 0)}
  calibration = aau_trees.read(write(tmp_path / 'c.yml', changes, tail='color: 3\n'))
  unconfirmed, odd = calibration.notes
  assert 'do not confirm' in unconfirmed and 'color' in odd
  np.testing.assert_allclose(calibration.homographies[:, 2, 2], 1)


BAD_VALUES = {
  'rgbCamMat': [
    np.eye(4),
    -np.eye(3),
    np.triu(np.ones((3, 3))),
    np.zeros((0, 0)),
    np.full((3, 3), np.nan),
    'text',
  ],
  'rgbDistCoeff': [np.zeros((1, 6)), np.zeros((2, 4)), np.array([[np.inf, 0, 0, 0]])],
  'rgbToDCalX': [np.zeros((7, 5)), np.zeros((HEIGHT, WIDTH))],
  'dToRgbCalY': [np.zeros((HEIGHT, WIDTH)), 3.0],
  'planarHom': [np.eye(4), np.zeros((3, 7)), np.ones((2, 9)), np.zeros((3, 3)), [np.eye(3), 1]],
  'planarHomInv': [[np.diag([3.0, 5, 1])] * 153],
  'homDepthCentersRgb': [
    RIG.planes()[1].T.copy(),
    np.ones((153, 2)),
    -np.ones((153, 3)),
    np.ones((3, 3)),
  ],
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
    aau_trees.read(path)
  assert str(path) in str(error.value)
  related = {
    'planarHom': 'planarHom',
    'homDepthCentersRgb': 'homDepthCenters|planarHom',
    'WIDTH': 'WIDTH|CalX',
  }.get(key, key)
  assert any(name in str(error.value) for name in related.split('|'))


def test_missing_and_duplicate_keys(tmp_path):
  for key in RIG.values():
    with pytest.raises(errors.UserError, match=f'c.yml: no key {key};'):
      aau_trees.read(write(tmp_path / 'c.yml', without=[key]))
  with pytest.raises(errors.UserError, match='no key HEIGHT, tCamMat;'):
    aau_trees.read(write(tmp_path / 'c.yml', without=['tCamMat', 'HEIGHT']))
  with pytest.raises(errors.UserError, match='WIDTH: appears twice'):
    aau_trees.read(write(tmp_path / 'c.yml', tail='WIDTH: 320\n'))


MATRIX = 'tCamMat: !!opencv-matrix\n   rows: {}\n   cols: 3\n   dt: {}\n   data: [ {} ]\n'


@pytest.mark.parametrize(
  'content',
  [
    b'',
    b'garbage',
    b'\xff\xfe\0\1',
    b'<opencv_storage>' + b'<a>' * 100000,
    b'{"a":' * 100000,
    HEADER.encode() + b'a: ' + b'[' * 200000,
    HEADER.encode() + b'a: ' + b'- ' * 200000,
    HEADER.encode() + b'a: [1,2',
    HEADER.encode() + b'- 1\n',
    HEADER.encode() + b'a: \0 1\n',
    HEADER.encode() + b'a: [ 0., !!binary |., 0. ]\n',
  ],
  ids=range(11),
)
def test_hostile_files_are_refused(tmp_path, content):
  path = tmp_path / 'calibVars.yml'
  path.write_bytes(content)
  with pytest.raises(errors.UserError, match='calibVars.yml: '):
    aau_trees.read(path)


@pytest.mark.parametrize(
  'rows, kind, data',
  [
    (10**9, 'd', '1.'),
    (-3, 'd', '1.'),
    (1, 'z', '1., 2., 3.'),
    (1, '"999d"', '1., 2., 3.'),
    (1, 'd', '1., x, 3.'),
    ('a', 'd', '1.'),
    (1, 'd', '1., 2.'),
    (1, 'd', '[' * 1900 + '1' + ']' * 1900),
    (1, 'd', ''),
  ],
)
def test_hostile_matrices_are_refused(tmp_path, rows, kind, data):
  path = write(tmp_path / 'c.yml', without=['tCamMat'], tail=MATRIX.format(rows, kind, data))
  with pytest.raises(errors.UserError, match='c.yml: tCamMat'):
    aau_trees.read(path)


def test_deeply_nested_list_is_refused(tmp_path):
  path = write(
    tmp_path / 'c.yml', without=['tCamMat'], tail='tCamMat: ' + '[' * 1900 + '1' + ']' * 1900 + '\n'
  )
  with pytest.raises(errors.UserError, match='c.yml: tCamMat'):
    aau_trees.read(path)


def test_missing_opencv(tmp_path, monkeypatch):
  path = write(tmp_path / 'c.yml')
  monkeypatch.setitem(sys.modules, 'cv2', None)
  with pytest.raises(errors.UserError, match=r'\.\[aau\]'):
    aau_trees.read(path)


def test_content_from_an_archive():
  content = aau_trees.calibration_text(tail='color: 3\n').encode()
  calibration = calibration_lib.read_calibration('aau.zip/Scene 1/calibVars.yml', content)
  assert calibration.notes == ('aau.zip/Scene 1/calibVars.yml: unknown keys, not used: color.',)
  with pytest.raises(errors.UserError, match='aau.zip/c.yml: expected OpenCV YAML'):
    calibration_lib.read_calibration('aau.zip/c.yml', b'')
