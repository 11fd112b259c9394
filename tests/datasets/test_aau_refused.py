"""AAU VAP Trimodal: bad frames and calibrations are refused by name."""

import numpy as np
import pytest

from cyclegan_jax import errors
from datasets.aau import aau_dataset_builder as aau, calibration as calibration_lib
from tests.datasets import aau_trees
from tests.datasets.aau_trees import deep_png, SIZE, tree, zipped
from tests.datasets.test_aau_builder import prepare
from tests.datasets.test_osu import encoded, put

pytestmark = pytest.mark.usefixtures('no_progress_bars')
SCENE = 'TrimodalDataset/Scene 2/'


def bad(path, data, **options):
  return tree(**options) | {SCENE + path: data}


COLORS = np.random.default_rng(0).integers(0, 256, (*SIZE, 3), dtype=np.uint8)
BAD_FRAMES = {
  'wrong size': (
    bad('SyncT/00086.jpg', encoded(aau_trees.thermal_picture(0, (8, 12)), 'jpg')),
    r'1 problem.*Scene 2/SyncT/00086\.jpg is 12x8 pixels, expected 32x24',
  ),
  'corrupt': (
    bad('SyncRGB/00086.jpg', tree(2)[SCENE + 'SyncRGB/00086.jpg'][:200]),
    r'SyncRGB/00086\.jpg',
  ),
  'empty file': (bad('SyncRGB/00086.jpg', b''), r'SyncRGB/00086\.jpg: the file is empty'),
  'false color': (
    bad('SyncT/00086.jpg', encoded(COLORS, 'jpg')),
    r'SyncT/00086\.jpg: a thermal image in false color',
  ),
  'gray RGB': (
    bad('SyncRGB/00086.jpg', encoded(COLORS[..., :1], 'jpg')),
    r'SyncRGB/00086\.jpg: is gray, expected a frame in color',
  ),
  'deep thermal': (
    bad('SyncT/00086.jpg', deep_png(np.zeros(SIZE, np.uint16))),
    r'SyncT/00086\.jpg: has 16 bits per sample',
  ),
  'mask in color': (
    bad('thermalMasks/00085.png', encoded(COLORS, 'png')),
    r'thermalMasks/00085\.png: a mask in color, expected labels',
  ),
  'mask of another size': (
    bad('rgbMasks/00085.png', encoded(np.zeros((8, 12, 1), np.uint8), 'png')),
    r'rgbMasks/00085\.png is 12x8 pixels, but its frame .*SyncRGB/00085\.jpg is 32x24',
  ),
}


@pytest.mark.parametrize('case', BAD_FRAMES)
def test_bad_frames_are_named_and_nothing_is_left(case, tmp_path):
  found, message = BAD_FRAMES[case]
  with pytest.raises(errors.UserError, match=f'(?s){message}') as caught:
    prepare(put(tmp_path / 'source', found), tmp_path / 'prepared')
  assert 'nothing was prepared' in str(caught.value)
  # TFDS notes which configuration is the default one; nothing else is left.
  assert not [
    p for p in (tmp_path / 'prepared').rglob('*') if p.is_file() and p.parent.name != '.config'
  ]


@pytest.mark.parametrize(
  'data, message',
  [
    (encoded(COLORS[..., :1], 'png'), r'1 channel\(s\) of 8 bits, expected a depth image'),
    (encoded(COLORS, 'png'), r'3 channel\(s\) of 8 bits'),
    (deep_png(np.ones((8, 12), np.uint16)), ' is 12x8 pixels, expected 32x24'),
  ],
)
def test_bad_depth_frames_are_named(data, message, tmp_path):
  aau_trees.opencv()
  source = put(tmp_path / 'source', bad('SyncD/00086.png', data, rig_size=SIZE))
  with pytest.raises(errors.UserError, match=f'(?s)Scene 2/SyncD/00086.png.*{message}'):
    prepare(source, tmp_path / 'prepared', registration='depth')
  assert aau.aau_config(source).pairs  # Without depth, they do not matter.


def test_calibration_for_another_size_is_named(tmp_path):
  aau_trees.opencv()
  text = aau_trees.calibration_text(size=(48, 64)).encode()
  source = put(tmp_path / 'source', bad('calibVars.yml', text, rig_size=SIZE))
  with pytest.raises(
    errors.UserError,
    match='(?s)3 problem.*Scene 2: the depth frames are 32x24 '
    'pixels, but .*Scene 2/calibVars.yml holds for 64x48.*--registration=none',
  ):
    prepare(source, tmp_path / 'prepared', registration='depth')


def test_notes_of_the_calibration_are_passed_on(tmp_path):
  text = aau_trees.calibration_text(size=SIZE, tail='color: 3\n').encode()
  found = bad('calibVars.yml', text, rig_size=SIZE)
  config = aau.aau_config(put(tmp_path, zipped(found)), registration='plane')
  assert any(
    'archive.zip/TrimodalDataset/Scene 2/calibVars.yml: unknown keys' in note
    for note in config.notes
  )
  assert isinstance(config.calibrations['2'], calibration_lib.Calibration)
  with pytest.raises(errors.UserError, match='Scene 2/calibVars.yml: no key WIDTH'):
    aau.aau_config(
      put(
        tmp_path / 'bad',
        bad(
          'calibVars.yml',
          aau_trees.calibration_text(without=['WIDTH'], size=SIZE).encode(),
          rig_size=SIZE,
        ),
      ),
      registration='plane',
    )
