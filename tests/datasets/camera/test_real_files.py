"""Files of eight real cameras, where they are at hand: see conftest.radiometric_files."""

import shutil

import numpy as np
import pytest

from cyclegan_jax.errors import UserError
from cyclegan_jax.image_files import images
from cyclegan_jax.settings import DataConfig
import datasets
from datasets.camera import files, rjpeg, survey

pytest.importorskip('flyr', reason='pip install -e ".[camera]"')

# Of the thermal image: height, width, the coldest and the hottest pixel.
FILES = {
  'ax8.jpg': (60, 80, 24.36, 25.47),
  'Flir_B60.jpg': (180, 180, -68.08, -0.23),
  'Flir_E40.jpg': (120, 160, 17.88, 24.70),
  'IR_2412.jpg': (480, 640, 22.74, 35.25),
  'T640.jpg': (480, 640, 25.46, 97.85),
  'DJI_XT-2.jpg': (512, 640, 21.46, 82.92),
  'zenmuse_xtr.jpg': (512, 640, 15.93, 59.73),
}
PHOTOGRAPHS = {'ax8.jpg': (480, 640), 'Flir_B60.jpg': (480, 480), 'T640.jpg': (1944, 2592)}


@pytest.mark.parametrize('name', FILES)
def test_degrees_and_photographs(radiometric_files, name):
  read = rjpeg.read(radiometric_files / name)
  height, width, low, high = FILES[name]
  assert read.celsius.shape == (height, width)
  assert (read.celsius.min(), read.celsius.max()) == pytest.approx((low, high), abs=0.01)
  if name in PHOTOGRAPHS:
    assert read.photograph.shape == (*PHOTOGRAPHS[name], 3) and read.registration
  else:
    assert read.photograph is None
  assert read.camera.startswith(('FLIR Systems AB', 'DJI'))


@pytest.mark.parametrize('name', ['ax8.jpg', 'Flir_E40.jpg', 'Flir_B60.jpg', 'T640.jpg'])
def test_flyr_reads_the_same(radiometric_files, name):
  flyr = pytest.importorskip('flyr')
  expected = flyr.unpack(str(radiometric_files / name))
  read = rjpeg.read(radiometric_files / name)
  np.testing.assert_allclose(read.celsius, expected.celsius, atol=1e-4)
  if name in ('ax8.jpg', 'T640.jpg'):
    np.testing.assert_array_equal(read.photograph, expected.optical)


@pytest.mark.parametrize(
  'name, shown, of',
  [
    ('Flir_B60.jpg', (19.0 - 32) / 1.8, lambda c: c[89:92, 89:92].mean()),
    ('Flir_E40.jpg', 20.9, lambda c: c[59:62, 79:82].mean()),
    ('ax8.jpg', 25.5, np.max),
    ('ax8.jpg', 24.3, np.min),
    ('ax8.jpg', 25.1, np.mean),
    ('IR_2412.jpg', 28.1, lambda c: c[162:318, 215:424].mean()),
  ],
)
def test_degrees_that_the_screen_of_the_camera_shows(radiometric_files, name, shown, of):
  """They are written into the picture: a spot in the middle, or a box."""
  assert of(rjpeg.read(radiometric_files / name).celsius) == pytest.approx(shown, abs=0.1)


def test_a_photograph_in_ycbcr_has_a_blue_sky(radiometric_files):
  corner = rjpeg.read(radiometric_files / 'Flir_B60.jpg').photograph[:60, :60].mean((0, 1))
  red, green, blue = corner
  assert red < green < blue and blue > 200


def test_how_photographs_lie(radiometric_files):
  """AX8 and B60 as recorded; of T640 the screen was zoomed, and edges find the rest."""
  chosen = [f for f in files.find(radiometric_files) if f.relative in PHOTOGRAPHS]
  found = {one.file.relative: one for one in survey.survey('', chosen, '', 'edges').files}
  assert [name for name, one in found.items() if one.is_moved] == ['T640.jpg']
  assert found['T640.jpg'].registration.zoom == pytest.approx(1.6)
  assert found['Flir_B60.jpg'].edges.length < 1.5 and found['Flir_B60.jpg'].edges.score > 5
  assert found['ax8.jpg'].edges.length < 4


def test_as_a_data_set(radiometric_files, tmp_path):
  source = tmp_path / 'photos'
  shutil.copytree(radiometric_files, source)
  config = DataConfig(
    dataset='camera', source_dir=str(source), data_dir=str(tmp_path / 'data'), paired=True
  )
  with pytest.raises(UserError, match='(?s)1 problem.*H20T.jpg.*dji-thermal-cli'):
    datasets.open_dataset(config)
  (source / 'H20T.jpg').unlink()
  dataset = datasets.open_dataset(config)
  assert dataset.ir_span == (-70, 100, 'degC')
  assert '4 files have no photograph: DJI_XT-2.jpg, Flir_E40.jpg' in dataset.description
  assert sum(len(split) for split in dataset.splits.values()) == 3
  (record,) = (
    s.rgb[i] for s in dataset.splits.values() for i in range(len(s)) if s.rgb[i]['id'] == b'ax8'
  )
  mask = images.read_image(record['mask'])[..., 0] == 255
  # The photograph of this camera has black margins.
  assert not mask[:4].any() and not mask[:, :2].any() and mask[8:50, 6:74].all()
