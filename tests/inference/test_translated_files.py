"""Files of translated images and videos: pixels, metadata, previews, controls, failures."""

import dataclasses
import fractions
import json

import jax.numpy as jnp
import matplotlib
import numpy as np
import PIL.Image
import pytest

from cyclegan_jax import config as config_lib
from cyclegan_jax.data.source import make_domains
from cyclegan_jax.errors import UserError
from cyclegan_jax.inference import training_size, translate
from cyclegan_jax.inference.files import inputs, metadata, outputs
from cyclegan_jax.inference.model import Model
from cyclegan_jax.inference.scene import Scene
from tests.inference import made_up


class Red:
  """Gives back the red channel."""

  params, batch_stats = {'a': np.arange(3.0)}, {}

  def __call__(self, x):
    return jnp.asarray(x[..., :1])


@pytest.fixture(scope='module')
def model():
  config = config_lib.make('udacity', dataset='folder', source_dir='x', ir_range='-20:120,degC')
  return Model(config, 7, make_domains(config.data), {'rgb_to_ir': Red()})


def translated(model, source, output, **options):
  """Failures and jobs of a folder."""
  options = outputs.OutputOptions(output, **options)
  plan = inputs.plan([str(source)], output, suffix=inputs.FORMATS[options.format])
  texts = metadata.texts(model, source, options.direction, options.bits)
  translator = outputs.FileTranslator(model, options, texts)
  jobs = translate.check_existing(translator, plan.jobs)
  return translate.translate_files(translator, jobs, lambda line: None), jobs


@pytest.fixture
def photos(tmp_path):
  folder = tmp_path / 'photos'
  (folder / 'sub').mkdir(parents=True)
  for i, name in enumerate(('a.png', 'sub/b.png')):
    PIL.Image.fromarray(made_up.picture(24, 33 + i, seed=i)).save(folder / name)
  return folder


@pytest.mark.parametrize('bits', [8, 16])
def test_tiff_equals_png_and_both_tell_the_range(model, photos, tmp_path, bits):
  tifffile = pytest.importorskip('tifffile', reason='needs the extra test')
  for form in ('png', 'tiff'):
    assert translated(model, photos, tmp_path / form, format=form, bits=bits)[0] == []
  for name in ('a', 'sub/b'):
    with PIL.Image.open(tmp_path / f'png/{name}.png') as image:
      pixels, texts = np.asarray(image), image.text
    with tifffile.TiffFile(tmp_path / f'tiff/{name}.tif') as tiff:
      array, described = tiff.asarray(), json.loads(tiff.pages[0].description)
    assert array.dtype == (np.uint8 if bits == 8 else np.uint16)
    np.testing.assert_array_equal(pixels, array)
    red = np.asarray(PIL.Image.open(photos / f'{name}.png'))[..., 0].astype(int)
    np.testing.assert_array_equal(array, red * (1 if bits == 8 else 257))
    assert texts == described
    assert (float(texts['ir_min']), float(texts['ir_max']), texts['ir_unit']) == (-20, 120, 'degC')
    assert texts['bits'] == str(bits) and texts['step'] == '7' and texts['run'] == 'photos'


def test_previews_and_gray_control(model, photos, tmp_path):
  assert (
    translated(model, photos, tmp_path / 'ir', colormap='inferno', gray_control=tmp_path / 'gray')[
      0
    ]
    == []
  )
  data = np.asarray(PIL.Image.open(tmp_path / 'ir/sub/b.png'))
  want = matplotlib.colormaps['inferno'](data / 255)[..., :3] * 255
  np.testing.assert_allclose(
    np.asarray(PIL.Image.open(tmp_path / 'ir_inferno/sub/b.png')), want, atol=0.51
  )
  rgb = np.asarray(PIL.Image.open(photos / 'sub/b.png'))
  np.testing.assert_allclose(
    np.asarray(PIL.Image.open(tmp_path / 'gray/sub/b.png')), rgb @ [0.299, 0.587, 0.114], atol=0.501
  )


def test_what_exists_is_kept_and_the_rest_is_made(model, photos, tmp_path):
  out = tmp_path / 'ir'
  translated(model, photos, out)
  first, before = (out / 'a.png').stat().st_mtime_ns, (out / 'sub/b.png').read_bytes()
  (out / 'sub/b.png').unlink()
  failures, jobs = translated(model, photos, out)
  assert not failures and [job.source.name for job in jobs] == ['b.png']
  assert (out / 'a.png').stat().st_mtime_ns == first
  assert (out / 'sub/b.png').read_bytes() == before
  with pytest.raises(UserError, match='step 7 there, 8 now'):
    translated(dataclasses.replace(model, step=8), photos, out)


def test_damaged_files_are_reported_and_the_rest_is_made(model, photos, tmp_path):
  (photos / 'bad.png').write_bytes((photos / 'a.png').read_bytes()[:200])
  failures, _ = translated(model, photos, tmp_path / 'ir')
  assert len(failures) == 1 and 'bad.png' in failures[0]
  assert sorted(file.name for file in (tmp_path / 'ir').rglob('*') if file.is_file()) == [
    'a.png',
    'b.png',
  ]


TIMES = [0, 1, 2, 5, 6, 9]  # With pauses.


def film(path):
  """Frames of random pixels without loss, 25 a second; returns them."""
  av = pytest.importorskip('av', reason='videos need PyAV, the extra video')
  frames = [made_up.picture(22, 35, seed=i) for i in range(len(TIMES))]
  with av.open(str(path), 'w') as container:
    stream = container.add_stream('ffv1', rate=25)
    stream.width, stream.height, stream.pix_fmt = 35, 22, 'bgr0'
    for at, pixels in zip(TIMES, frames):
      frame = av.VideoFrame.from_ndarray(pixels, 'rgb24')
      frame.pts, frame.time_base = at, fractions.Fraction(1, 25)
      container.mux(stream.encode(frame))
    container.mux(stream.encode(None))
  return frames


@pytest.mark.parametrize('bits', [8, 16])
def test_videos_keep_frames_times_and_rate(model, tmp_path, bits):
  (tmp_path / 'in').mkdir()
  frames = film(tmp_path / 'in/a.mkv')
  import av

  assert translated(model, tmp_path / 'in', tmp_path / 'ir', bits=bits)[0] == []
  with av.open(str(tmp_path / 'ir/a.mkv')) as container:
    stream = container.streams.video[0]
    assert stream.codec_context.name == 'ffv1' and stream.average_rate == 25
    assert container.metadata['IR_UNIT'] == 'degC'
    found = [(frame.time, frame.to_ndarray()) for frame in container.decode(stream)]
  np.testing.assert_allclose([time for time, _ in found], np.array(TIMES) / 25, atol=1e-3)
  for (_, got), want in zip(found, frames, strict=True):
    np.testing.assert_array_equal(got, want[..., 0].astype(int) * (1 if bits == 8 else 257))
  assert translated(model, tmp_path / 'in', tmp_path / 'ir', bits=bits)[1] == []


@pytest.mark.parametrize('part', [0.3, 0.6, 0.8])
def test_a_truncated_video_is_reported_and_leaves_nothing(model, tmp_path, part):
  (tmp_path / 'in').mkdir()
  film(tmp_path / 'in/a.mkv')
  whole = (tmp_path / 'in/a.mkv').read_bytes()
  (tmp_path / 'in/a.mkv').write_bytes(whole[: int(len(whole) * part)])
  failures, _ = translated(model, tmp_path / 'in', tmp_path / 'ir')
  assert len(failures) == 1 and 'a.mkv' in failures[0]
  assert not [file for file in (tmp_path / 'ir').rglob('*') if file.is_file()]


@pytest.mark.parametrize('options', [dict(format='png'), dict(format='tiff')])
@pytest.mark.parametrize('kept', [True, False])
def test_where_a_photo_was_taken_is_kept_on_request_only(model, tmp_path, options, kept):
  exif, gps = PIL.Image.Exif(), {1: 'N', 2: (50.0, 10.0, 1.5)}
  exif[271] = 'Maker'
  exif.get_ifd(0x8825).update(gps)
  (tmp_path / 'photos').mkdir()
  PIL.Image.new('RGB', (8, 8)).save(tmp_path / 'photos' / 'a.jpg', exif=exif)
  folders = dict(gray_control=tmp_path / 'gray')
  failures, _ = translated(
    model, tmp_path / 'photos', tmp_path / 'ir', keep_metadata=kept, **folders, **options
  )
  assert not failures
  for folder in ('ir', 'gray'):
    (file,) = (tmp_path / folder).iterdir()
    found = PIL.Image.open(file).getexif()
    assert dict(found.get_ifd(0x8825)) == (gps if kept else {}) and 271 not in found


def test_files_at_the_size_of_training(model, photos, tmp_path):
  failures, jobs = translated(model, photos, tmp_path / 'ir', at_training_size=True)
  assert not failures and jobs
  for job in jobs:
    image = np.asarray(PIL.Image.open(job.source))
    want = training_size.translate(model, [Scene(image)])[0, ..., 0]
    np.testing.assert_array_equal(np.asarray(PIL.Image.open(job.target)), want)
