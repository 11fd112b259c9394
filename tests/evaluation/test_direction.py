"""Measuring RGB images that were made from IR ones: baselines, names, and what has no meaning."""

import dataclasses

import numpy as np
import pytest
import scipy.stats

from cyclegan_jax import config as config_lib
from cyclegan_jax.comparison import runs as runs_lib, transfer
from cyclegan_jax.data import pipeline
from cyclegan_jax.errors import UserError
from cyclegan_jax.evaluation import baselines, details, measure, results, unpaired
from cyclegan_jax.image_files import images
from cyclegan_jax.metrics import gain_offset
import datasets
from tests.comparison import made_up

WAY = 'ir_to_rgb'


@pytest.fixture(scope='module')
def config(pairs, data_dir):
  return config_lib.make(
    'pix2pix',
    dataset='folder',
    source_dir=str(pairs),
    data_dir=str(data_dir),
    direction=WAY,
    n_downsampling=3,
    image_size=(24, 32),
    discriminator_layers=2,
  )


@pytest.fixture(scope='module')
def dataset(config):
  return datasets.open_dataset(config.data)


def test_baselines_are_rgb_images(dataset, config):
  train = list(pipeline.pixels(dataset, 'train', config.data))
  asked = list(pipeline.pixels(dataset, 'test', config.data))
  batch = {'ir': np.stack([example['ir'] for example in asked])}
  made = baselines.baselines(dataset, config.data, print, WAY)
  assert tuple(made) == baselines.BASELINES
  found = {name: np.asarray(predict(batch)) for name, predict in made.items()}
  shape = (*batch['ir'].shape[:-1], 3)
  assert {image.shape for image in found.values()} == {shape}
  mean = np.mean([example['rgb'] for example in train], 0)
  np.testing.assert_allclose(found['mean_image'][0], mean, atol=1e-3)
  color = np.broadcast_to(mean.mean((0, 1)), shape)
  np.testing.assert_allclose(found['constant'], color, atol=1e-3)
  np.testing.assert_array_equal(found['luminance'], np.repeat(batch['ir'], 3, -1))
  small = lambda image: images.resize(image, (16, 16)).astype(float)
  apart = [((small(one['ir']) - small(batch['ir'][0])) ** 2).sum() for one in train]
  np.testing.assert_array_equal(found['nearest'][0], train[int(np.argmin(apart))]['rgb'])


def test_a_generator_sees_ir_and_gives_rgb_pixels(dataset):
  domains = dataset.domains
  predict = measure.predictor(lambda x: np.repeat(x, 3, -1), domains, WAY)
  ir = np.arange(8, dtype=np.uint8).reshape(1, 2, 4, 1)
  np.testing.assert_allclose(predict({'ir': ir}), np.repeat(ir, 3, -1), atol=1e-4)


def test_collections_of_rgb_images_are_compared(dataset, config):
  shown = lambda split, name: np.stack(
    [one[name] for one in pipeline.domain_pixels(dataset, split, name, config.data)]
  )
  predictors = {'model': lambda batch: np.repeat(255.0 - batch['ir'], 3, -1)}
  found = unpaired.measure_split(
    predictors, {}, dataset, 'train', config.data, 4, lambda line: None, WAY
  )['model']
  made = np.repeat(255 - shown('train', 'ir'), 3, -1)
  apart = scipy.stats.wasserstein_distance(made.ravel(), shown('train', 'rgb').ravel())
  assert found.totals['histogram_distance'] == pytest.approx(apart, rel=1e-6)
  spectra = found.totals['spectral_distance']
  assert found.totals['unpaired_error'] == pytest.approx(100 * apart / 255 + spectra, rel=1e-6)
  assert found.totals['n'] == len(made) and not any('cycle' in name for name in found.totals)


def test_rgb_images_have_no_hot_pixels(dataset):
  rng = np.random.default_rng(0)
  true, made = (rng.integers(0, 256, (2, 24, 32, 3), np.uint8) for _ in range(2))
  sums = gain_offset.sums(true, made, None)
  found = details.details(true, made, sums, dataset.domains['rgb'], None)
  assert 'psnr_image_gain' in found and not any(name.startswith('hot_') for name in found)


def test_tables_name_source_and_target(dataset, config):
  data = dataclasses.replace(config.data, ir_range='-20:50,degC')
  config = dataclasses.replace(config, data=data)
  totals = {'psnr': 20.0, 'ssim': 0.5, 'mse': 9.0, 'rmse': 3.0, 'mae': 2.0}
  one = measure.Measured(['a'], [''], {}, totals)
  found = dict.fromkeys((results.MODEL, *baselines.BASELINES), one)
  content = results.result(found, config, dataset.domains['rgb'], 'test', 1)
  header, *rows = results.rows(content)
  assert [row[0] for row in rows] == [
    'model',
    'mean training RGB image',
    'RGB of the nearest training IR image',
    'gray IR as RGB',
    'constant (mean training RGB value)',
  ]
  # Degrees are of IR images.
  assert 'in_unit' not in content and not any('K' in cell for cell in header)
  assert 'does NOT beat mean training RGB image' in results.verdict(content)
  assert results.direction({'settings': {}}) == 'rgb_to_ir'
  assert results.title('luminance') == 'luminance as IR'


def test_directions_are_not_compared_and_have_columns_of_their_own(tmp_path):
  runs = {}
  for way in ('rgb_to_ir', WAY):
    run = made_up.config(preset='pix2pix', direction=way, decay_start=0, decay_epochs=0)
    made_up.write(tmp_path / way, run, pictures=False)
    runs[way] = runs_lib.load(tmp_path / way, 'test')
  with pytest.raises(UserError, match='it translates ir_to_rgb, not rgb_to_ir'):
    runs_lib.check_alike(list(runs.values()))
  content = transfer.transfer({('a', 'x'): [runs['rgb_to_ir']], ('b', 'x, back'): [runs[WAY]]})
  rows = transfer.table(content, 'psnr')
  assert ['baseline: mean training IR image', '15', '-'] in rows
  assert ['baseline: mean training RGB image', '-', '15'] in rows
