"""Sharpness, hot objects, gain and offset in a measurement, against NumPy and scikit-image."""

import json

import grain
import numpy as np
import pytest
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from cyclegan_jax import config as config_lib
from cyclegan_jax.data.source import make_domains
from cyclegan_jax.evaluation import baselines, evaluate, measure, results as results_lib
from cyclegan_jax.metrics import hot_objects, sharpness
from cyclegan_jax.metrics.catalog import METRICS
from cyclegan_jax.reports import evaluation_files
from cyclegan_jax.settings import DataConfig
from tests.evaluation import test_measure_masks

OF_IMAGES = ('log_spectral_distance', 'gradient_ratio', 'hot_recall', 'hot_mae')
AFTER_GAIN = ('psnr_image_gain', 'ssim_image_gain', 'psnr_dataset_gain', 'ssim_dataset_gain')


def domain(max_value):
  return make_domains(DataConfig(), {'rgb': 255, 'ir': max_value})['ir']


def examples(max_value, n=7):
  """Pairs whose masks are rectangles, which are true in rows 2 to 21, columns i to 27."""
  made = test_measure_masks.examples(n)
  scale = max_value // 255
  return [e | {'ir': e['ir'].astype(np.uint16 if scale > 1 else np.uint8) * scale} for e in made]


def predict(batch):
  """Another camera: half the contrast, inverted, and noise."""
  noise = np.random.default_rng(int(batch['id'][0])).normal(0, 0.05, batch['ir'].shape)
  scale = np.iinfo(batch['ir'].dtype).max
  return scale * (0.8 + noise) - 0.5 * batch['ir']


def fit(x, y):
  columns = np.stack([y.ravel(), np.ones(y.size)], axis=1).astype(np.float64)
  return np.linalg.lstsq(columns, x.ravel().astype(np.float64))[0]


def scores(x, y, gain, offset, max_value):
  """PSNR and SSIM of one image [height, width] after gain and offset."""
  fitted = np.clip(np.rint(gain * y.astype(np.float64) + offset), 0, max_value)
  options = {'gaussian_weights': True, 'sigma': 1.5, 'use_sample_covariance': False}
  x = x.astype(np.float64)
  return (
    peak_signal_noise_ratio(x, fitted, data_range=max_value),
    structural_similarity(x, fitted, data_range=max_value, **options),
  )


@pytest.mark.parametrize('max_value', [255, 65535])
@pytest.mark.parametrize('masked', [False, True])
def test_metrics_equal_their_references(max_value, masked):
  made, ir = examples(max_value), domain(max_value)
  if not masked:
    made = [{key: e[key] for key in e if key != 'ir_mask'} for e in made]
  # One at a time, so that `predict` gives the same image again.
  data = grain.MapDataset.source(made)
  found = measure.measure({'model': predict}, data, ir, 1, print, detailed=True)['model']
  pairs = []
  for example in made:
    batch = {key: np.asarray(value)[np.newaxis] for key, value in example.items()}
    prediction = ir.quantize(predict(batch))
    for metric in (sharpness.log_spectral_distance, sharpness.gradient_ratio):
      value = metric(batch['ir'], prediction, mask=batch.get('ir_mask'))
      np.testing.assert_allclose(found.per_image[metric.__name__][len(pairs)], value, rtol=1e-6)
    for name, value in hot_objects.hot_objects(
      batch['ir'], prediction, batch.get('ir_mask')
    ).items():
      assert found.per_image[name][len(pairs)] == value
    rows, columns = (slice(2, 22), slice(len(pairs), 28)) if masked else (slice(None),) * 2
    pairs.append([image[0, rows, columns, 0] for image in (batch['ir'], prediction)])
  gain, offset = fit(*(np.concatenate([pair[i].ravel() for pair in pairs]) for i in (0, 1)))
  assert found.totals['dataset_gain'] == pytest.approx(gain, rel=1e-6) and gain < -1
  assert found.totals['dataset_offset'] == pytest.approx(offset, rel=1e-6)
  for i, (x, y) in enumerate(pairs):
    expected = *scores(x, y, *fit(x, y), max_value), *scores(x, y, gain, offset, max_value)
    np.testing.assert_allclose([found.per_image[name][i] for name in AFTER_GAIN], expected, 2e-5)
  for name in (*OF_IMAGES, *AFTER_GAIN):
    assert found.totals[name] == pytest.approx(found.per_image[name].mean())


@pytest.mark.parametrize('batch_size', [3, 100])
def test_batches_change_nothing(batch_size):
  data = grain.MapDataset.source(examples(255))
  shifted = lambda batch: 0.3 * batch['ir'] + 0.2 * np.roll(batch['ir'], 1, 2) + 40
  sizes = (1, batch_size)
  one, many = (
    measure.measure({'x': shifted}, data, domain(255), n, print, detailed=True)['x'] for n in sizes
  )
  for name in (*OF_IMAGES, *AFTER_GAIN):
    np.testing.assert_allclose(many.per_image[name], one.per_image[name], rtol=1e-5)
  assert many.totals['dataset_gain'] == one.totals['dataset_gain']


def test_constant_and_empty_images_are_left_out_and_counted():
  made = examples(255)
  made[1]['ir'] = np.full_like(made[1]['ir'], 9)
  made[2]['ir_mask'] = np.zeros_like(made[2]['ir_mask'])
  half = lambda batch: batch['ir'] // 2
  data = grain.MapDataset.source(made)
  totals = measure.measure({'x': half}, data, domain(255), 4, print, detailed=True)['x'].totals
  for name in ('gradient_ratio', 'hot_recall', 'hot_mae'):
    assert totals[f'{name}_undefined'] == 2
  for name in ('log_spectral_distance', *AFTER_GAIN):
    assert totals[f'{name}_undefined'] == 1
  # The constant image becomes equal to the truth.
  assert totals['psnr_image_gain_infinite'] == 1
  assert all(np.isfinite(totals[name]) for name in (*OF_IMAGES, *AFTER_GAIN))


def test_a_plain_measurement_leaves_them_out():
  data = grain.MapDataset.source(examples(255))
  found = measure.measure({'x': predict}, data, domain(255), 4, print)['x']
  assert not {*OF_IMAGES, *AFTER_GAIN, 'dataset_gain'} & {*found.per_image, *found.totals}


def test_a_network_runs_once_for_each_batch():
  data, ir, batches = grain.MapDataset.source(examples(255)), domain(255), []

  def network(batch):
    batches.append(tuple(batch['id']))
    return predict(batch)

  predictors = {'x': evaluate._remembered(network, ir)}
  measure.measure(predictors, data, ir, 4, print, detailed=True)
  assert len(batches) == len({*batches}) == 2


def test_a_report_has_them_for_the_model_and_the_baselines():
  names = (results_lib.MODEL, *baselines.BASELINES)
  data = grain.MapDataset.source(examples(255))
  predictors = {name: lambda batch, i=i: batch['ir'] * 0.5 + i for i, name in enumerate(names)}
  results = measure.measure(predictors, data, domain(255), 4, print, detailed=True)
  config = config_lib.make(dataset='osu', paired=True)
  content = results_lib.result(results, config, domain(255), 'test', 1)
  content = json.loads(json.dumps(content, allow_nan=False))
  text = evaluation_files.markdown(content)
  for totals in (content['model'], *content['baselines'].values()):
    assert all(isinstance(totals[name], float) for name in (*OF_IMAGES, *AFTER_GAIN))
    assert {'dataset_gain', 'dataset_offset'} <= set(totals)
  for name in (*OF_IMAGES, *AFTER_GAIN):
    assert content['definitions'][name] in text and f'| {METRICS[name].title} |' in text
