"""Translations in the values of the training's files, and IR files read through its span."""

import dataclasses

import jax.numpy as jnp
import numpy as np
import PIL.Image
import pytest
import tifffile

from cyclegan_jax import config as config_lib
from cyclegan_jax.data.source import make_domains
from cyclegan_jax.errors import UserError
from cyclegan_jax.image_files import images
from cyclegan_jax.inference import translate
from cyclegan_jax.inference.files import outputs, values
from cyclegan_jax.inference.model import Model
from tests.inference import made_up


class First:
  """Gives back the first channel, as often as the target domain has channels."""

  params, batch_stats = {'a': np.arange(3.0)}, {}

  def __init__(self, channels):
    self.channels = channels

  def __call__(self, x):
    return jnp.repeat(jnp.asarray(x[..., :1]), self.channels, -1)


def model(ir_max=65535.0, **settings):
  config = config_lib.make('udacity', dataset='folder', source_dir='x', **settings)
  domains = make_domains(config.data, {'rgb': 255.0, 'ir': ir_max})
  return Model(config, 7, domains, {'rgb_to_ir': First(1), 'ir_to_rgb': First(3)})


@pytest.fixture
def photos(tmp_path):
  (tmp_path / 'photos').mkdir()
  for i in range(2):
    picture = PIL.Image.fromarray(made_up.picture(24, 33, seed=i))
    picture.save(tmp_path / 'photos' / f'{i}.png')
  return tmp_path / 'photos'


@pytest.fixture
def run(monkeypatch):
  """Translates with a model in place of a run's; returns the failures and the log."""

  def run(made, source, output, **options):
    monkeypatch.setattr(translate.model_lib, 'load', lambda workdir, checkpoint: made)
    monkeypatch.setattr(translate.run_folder, 'load_config', lambda workdir: made.config)
    lines = []
    found = outputs.OutputOptions(output, **options)
    failures = translate.run(output, [str(source)], found, log=lines.append)
    return failures, '\n'.join(lines)

  return run


def red(photos, name):
  """What the model makes of a photo: shares of the range."""
  return np.asarray(PIL.Image.open(photos / name))[..., 0] / 255


def test_gray_levels_tell_the_span(run, photos, tmp_path):
  for name, span in (('a', '7200:7900'), ('b', '-20:120,degC')):
    failures, _ = run(model(ir_span=span), photos, tmp_path / name)
    assert not failures
    with PIL.Image.open(tmp_path / name / '0.png') as image:
      pixels, texts = np.asarray(image), image.text
    np.testing.assert_array_equal(pixels, np.rint(65535 * red(photos, '0.png')))
    low, high = (float(end) for end in span.split(',')[0].split(':'))
    assert (float(texts['ir_min']), float(texts['ir_max'])) == (low, high)
    assert texts.get('ir_unit') == (span.partition(',')[2] or None) and 'values' not in texts


@pytest.mark.parametrize('format_, suffix', [('png', '.png'), ('tiff', '.tif')])
def test_counts_are_those_of_the_files(run, photos, tmp_path, format_, suffix):
  made = model(ir_span='7200:7900')
  failures, _ = run(made, photos, tmp_path / 'out', values=True, format=format_, colormap='gray')
  assert not failures
  got = images.read_image(tmp_path / 'out' / f'1{suffix}')
  assert got.dtype == np.uint16
  expected = 7200 + 700 * red(photos, '1.png')
  np.testing.assert_allclose(got[..., 0], expected, atol=0.51)
  texts = images.read_texts(tmp_path / 'out' / f'1{suffix}')
  assert texts['values'] == 'as in the training files' and 'ir_min' not in texts
  # Previews are of gray levels, which a screen shows.
  preview = np.asarray(PIL.Image.open(tmp_path / 'out_gray' / '1.png'))[..., 0]
  np.testing.assert_allclose(preview, 255 * red(photos, '1.png'), atol=0.51)


@pytest.mark.parametrize(
  'settings', [{'ir_span': '-20:120,degC'}, {'ir_range': '-20:120,degC', 'ir_max': 255.0}]
)
def test_degrees_are_floating_point_tiff(run, photos, tmp_path, settings):
  made = model(**settings)
  for _ in range(2):  # The second time they exist.
    failures, said = run(made, photos, tmp_path / 'out', values=True, format='tiff')
    assert not failures
  assert '2 of 2 exist already' in said
  got = tifffile.imread(tmp_path / 'out' / '0.tif')
  assert got.dtype == np.float32
  np.testing.assert_allclose(got, -20 + 140 * red(photos, '0.png'), atol=140 / 65535)
  assert images.read_texts(tmp_path / 'out' / '0.tif')['values'] == 'degC'
  with pytest.raises(UserError, match='exists, and this model with these options did not make it'):
    run(made, photos, tmp_path / 'out', format='tiff')


@pytest.mark.parametrize(
  'settings, options, words',
  [
    ({}, {}, ['--ir_range']),
    ({'ir_span': '-20:120,degC'}, {}, ['-20:120,degC', '--format=tiff']),
    ({'ir_span': '0:1'}, {}, ['0:1', '--format=tiff']),
    ({'ir_span': '7200:7900', 'ir_channels': 3}, {}, ['3 channels']),
  ],
)
def test_values_that_cannot_be_written_are_refused(run, photos, tmp_path, settings, options, words):
  with pytest.raises(UserError, match='--values') as refused:
    run(model(**settings), photos, tmp_path / 'out', values=True, **options)
  assert all(word in str(refused.value) for word in words)
  assert not (tmp_path / 'out').exists()


def test_degrees_are_not_put_into_videos(run, tmp_path):
  (tmp_path / 'a.mp4').write_bytes(b'')
  with pytest.raises(UserError, match='a.mp4 is a video'):
    run(model(ir_span='0:1'), tmp_path / 'a.mp4', tmp_path / 'out', values=True, format='tiff')


@pytest.mark.parametrize('options', [{'bits': 8}, {'direction': 'ir_to_rgb'}])
def test_values_exclude_bits_and_rgb(tmp_path, options):
  with pytest.raises(UserError, match='--values'):
    outputs.OutputOptions(tmp_path, values=True, **options)


def test_ir_files_are_read_through_the_span(run, tmp_path):
  (tmp_path / 'ir').mkdir()
  degrees = np.linspace(-30, 40, 24 * 32, dtype=np.float32).reshape(24, 32)
  degrees[3, 4] = np.nan
  tifffile.imwrite(tmp_path / 'ir' / 'a.tiff', degrees)
  made = model(ir_span='-20:40,degC')
  failures, said = run(made, tmp_path / 'ir', tmp_path / 'out', direction='ir_to_rgb')
  assert not failures and '1 image has values beyond --ir_span' in said
  assert '1 image has pixels that are no finite numbers, which count as black' in said
  share = np.nan_to_num((degrees + 20) / 60, nan=0).clip(0, 1)
  got = images.read_image(tmp_path / 'out' / 'a.png')
  np.testing.assert_allclose(got, np.repeat(255 * share[..., np.newaxis], 3, -1), atol=0.51)


def test_what_was_made_with_values_is_read_again(run, photos, tmp_path):
  for span, options in (('7200:7900', {}), ('-20:120,degC', {'format': 'tiff'})):
    made, name = model(ir_span=span), span.replace(':', '_')
    run(made, photos, tmp_path / name, values=True, **options)
    failures, _ = run(made, tmp_path / name, tmp_path / f'{name}_rgb', direction='ir_to_rgb')
    assert not failures
    got = images.read_image(tmp_path / f'{name}_rgb' / '0.png')[..., 0]
    np.testing.assert_allclose(got, 255 * red(photos, '0.png'), atol=1)


@pytest.mark.parametrize('array', [np.full((24, 32), 300, np.float32), np.ones((24, 32), np.uint8)])
def test_files_in_other_units_are_refused_by_name(run, tmp_path, array):
  (tmp_path / 'ir').mkdir()
  tifffile.imwrite(tmp_path / 'ir' / 'a.tiff', array)
  made = model(ir_span='7200:7900')
  failures, _ = run(made, tmp_path / 'ir', tmp_path / 'out', direction='ir_to_rgb')
  assert 'a.tiff: holds' in failures[0] and '7200:7900' in failures[0]


def test_without_a_span_ir_files_are_read_as_before(photos):
  data = dataclasses.replace(model().config.data, ir_range='-20:120,degC')
  got = values.read(data, 'ir_to_rgb', photos / '0.png')
  np.testing.assert_array_equal(got.pixels, images.read_image(photos / '0.png'))


def test_dropped_channels_are_counted_once(run, photos, tmp_path):
  for file in photos.iterdir():
    image = np.asarray(PIL.Image.open(file))
    PIL.Image.fromarray(np.concatenate([image, image[..., :1]], -1)).save(file)
  _, said = run(model(), photos, tmp_path / 'out')
  assert said.count('2 images have an alpha channel that looks like an image of its own') == 1
