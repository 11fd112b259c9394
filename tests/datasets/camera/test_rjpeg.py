"""Reading radiometric files that the test writes: degrees, photographs, and damage."""

import struct
import tracemalloc

from hypothesis import given, settings, strategies as st
import numpy as np
from PIL import Image
import pytest

from cyclegan_jax.errors import UserError
from cyclegan_jax.image_files import decoding, images
from datasets.camera import rjpeg
from experiments import flags
from tests.datasets.camera import writer

pytest.importorskip('flyr', reason='pip install -e ".[camera]"')

CELSIUS, PHOTOGRAPH = writer.scene((24, 32))
SAMPLES = [
  writer.thermogram(CELSIUS, PHOTOGRAPH, (1.2, 3, -2)),
  writer.thermogram(CELSIUS, PHOTOGRAPH, (1.2, 3, -2), raw='<', photograph_as='png'),
]


def with_constants(**wrong):
  """A file whose constants are others than those that it was made with."""
  record = writer.camera_record({**writer.CAMERA, **wrong})
  raw = writer.raw_record(writer.sensor(CELSIUS, writer.CAMERA))
  return writer.jpeg(writer.fff([(1, raw), (32, record)]))


@pytest.mark.parametrize('raw', ['png', '<', '>'])
@pytest.mark.parametrize(
  'camera',
  [
    dict(emissivity=1.0, distance=0.0),
    dict(emissivity=0.7, distance=0.0, reflected=250.0),
    dict(distance=40.0, humidity=0.9, air=305.0),
    dict(o=-7000, r1=18000.0, r2=0.0125, b=1435.0),
  ],
)
def test_degrees_are_those_of_planck_s_law(raw, camera):
  """The sensor counts whole numbers; at these temperatures one is less than 0.05 degrees."""
  read = rjpeg.read(writer.thermogram(CELSIUS, camera=camera, raw=raw))
  assert read.celsius.dtype == np.float32 and read.celsius.shape == (24, 32)
  np.testing.assert_allclose(read.celsius, CELSIUS, atol=0.05)
  assert read.photograph is None and read.registration is None
  assert read.camera == 'FLIR Systems AB FLIR Test'


def test_a_black_body_nearby_follows_the_closed_form():
  camera = {**writer.CAMERA, 'emissivity': 1.0, 'distance': 0.0}
  raw = writer.sensor(CELSIUS, camera).astype(float)
  kelvin = camera['b'] / np.log(camera['r1'] / (camera['r2'] * (raw + camera['o'])) + camera['f'])
  read = rjpeg.read(writer.thermogram(CELSIUS, camera=camera))
  np.testing.assert_allclose(read.celsius, kelvin - 273.15, atol=1e-4)


def test_what_the_camera_recorded():
  read = rjpeg.read(SAMPLES[0])
  assert read.registration == pytest.approx((1.2, 3, -2, 1))
  zoomed = rjpeg.read(writer.thermogram(CELSIUS, PHOTOGRAPH, (3, 0, 0), camera=dict(zoom=1.6)))
  assert zoomed.registration == pytest.approx((3, 0, 0, 1.6))
  for name, expected in (
    ('emissivity', 0.95),
    ('object_distance', 2),
    ('reflected_apparent_temperature', 293.15),
    ('relative_humidity', 0.5),
  ):
    assert read.parameters[name] == pytest.approx(expected)
  percent = writer.thermogram(CELSIUS, camera=dict(humidity=50.0))
  assert rjpeg.read(percent).parameters['relative_humidity'] == pytest.approx(0.5)


@pytest.mark.parametrize('kind', ['jpeg', 'png', 'ycbcr'])
def test_photographs_have_their_colors(kind):
  read = rjpeg.read(writer.thermogram(CELSIUS, PHOTOGRAPH, photograph_as=kind))
  assert read.photograph.dtype == np.uint8 and read.photograph.shape == PHOTOGRAPH.shape
  error = np.abs(read.photograph.astype(int) - PHOTOGRAPH)
  assert error.mean() <= {'jpeg': 3, 'png': 0, 'ycbcr': 2}[kind]


@pytest.mark.parametrize('order', '<>')
@pytest.mark.parametrize('directory, piece', [(64, 60_000), (200, 60_000), (64, 500)])
def test_directories_and_pieces_of_every_kind(order, directory, piece):
  data = writer.thermogram(
    CELSIUS, PHOTOGRAPH, (1, 0, 0), order=order, directory=directory, piece=piece
  )
  read = rjpeg.read(data)
  np.testing.assert_allclose(read.celsius, CELSIUS, atol=0.05)
  assert read.photograph is not None and read.registration == (1, 0, 0, 1)


def test_values_below_the_calibration_are_unknown():
  raw = writer.sensor(CELSIUS, writer.CAMERA)
  raw[0, 0] = 0
  records = [(1, writer.raw_record(raw)), (32, writer.camera_record(writer.CAMERA))]
  celsius = rjpeg.read(writer.jpeg(writer.fff(records))).celsius
  assert np.isnan(celsius[0, 0]) and np.isfinite(celsius.ravel()[1:]).all()


@pytest.mark.parametrize(
  'data, words',
  [
    (writer.jpeg(), 'without thermal data'),
    (b'\x89PNG\r\n\x1a\n', 'not a JPEG file'),
    (b'', 'not a JPEG file'),
    (writer.jpeg(b'no such file' * 20), 'not FFF'),
    (writer.jpeg(writer.fff([(32, bytes(1024))])), 'no thermal image'),
    (SAMPLES[0][:3000], 'cut off'),
    (with_constants(emissivity=0.0), 'constants of calibration are no numbers'),
    (with_constants(b=float('nan')), 'constants of calibration are no numbers'),
    (with_constants(b=1e6), 'temperatures that no camera measures'),
    (writer.dji(), 'DJI.*dji-thermal-cli.*--ir_span'),
  ],
)
def test_what_cannot_be_read_is_refused_by_name(tmp_path, data, words):
  path = tmp_path / 'photo.jpg'
  path.write_bytes(data)
  with pytest.raises(images.ImageError, match=f'(?s)photo.jpg.*{words}') as error:
    rjpeg.read(path)
  assert isinstance(error.value, rjpeg.NotRadiometric) == ('without' in words)


def test_a_file_that_is_not_there():
  with pytest.raises(images.ImageError, match='no.jpg: no such file'):
    rjpeg.read('no.jpg')


@pytest.mark.parametrize('raw', ['png', '<'])
def test_memory_is_limited(raw):
  """A header may promise what it likes: more than --max_megapixels is refused before decoding."""
  large = np.full((1200, 1700), 20.0)
  data = writer.thermogram(large, raw=raw)
  decoding.limit_megapixels(1)
  tracemalloc.start()
  try:
    with pytest.raises(images.ImageError, match='photo.*1700x1200.*--max_megapixels=1'):
      rjpeg.read(data, 'photo')
    assert tracemalloc.get_traced_memory()[1] < 4 * len(data) + 2**20
  finally:
    tracemalloc.stop()
    decoding.limit_megapixels(flags.MAX_MEGAPIXELS.default)


def refused_or_read(data):
  try:
    read = rjpeg.read(data, 'the name')
  except images.ImageError as error:
    assert 'the name' in str(error)
    return
  known = read.celsius[np.isfinite(read.celsius)]
  assert known.size and known.min() >= -273.15 and known.max() <= 5000


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(SAMPLES), st.floats(0, 1))
def test_truncation_anywhere(data, place):
  refused_or_read(data[: int(place * len(data))])


@pytest.mark.filterwarnings('ignore')  # Pillow comments on the damage.
@settings(max_examples=600, deadline=None)
@given(st.sampled_from(SAMPLES), st.integers(0, 2**32))
def test_damage_anywhere(data, seed):
  rng = np.random.default_rng(seed)
  damaged = bytearray(data)
  for _ in range(rng.integers(1, 6)):
    # Half of it in what says where things are.
    end = len(data) if rng.random() < 0.5 else 2000
    place = int(rng.integers(2, end - 4))
    struct.pack_into('<I', damaged, place, int(rng.choice([0, 1, 255, 65535, 2**31, 2**32 - 1])))
  refused_or_read(bytes(damaged))


def test_gray_photographs_are_not_taken_for_ycbcr():
  gray = np.repeat(PHOTOGRAPH[..., :1], 3, -1)
  assert not rjpeg.is_ycbcr(gray) and not rjpeg.is_ycbcr(PHOTOGRAPH)
  converted = np.asarray(Image.fromarray(PHOTOGRAPH).convert('YCbCr'))
  assert rjpeg.is_ycbcr(converted)
  assert np.abs(rjpeg.rgb_of_ycbcr(converted).astype(int) - PHOTOGRAPH).max() <= 3


def test_the_extra_is_named(monkeypatch):
  monkeypatch.setitem(__import__('sys').modules, 'flyr', None)
  with pytest.raises(UserError, match=r'\.\[camera\]'):
    rjpeg.read(SAMPLES[0])
