"""Measuring predictors: figures against numpy, baselines against their definitions, reports."""

import csv
import dataclasses
import json

import numpy as np
import pytest
import skimage.metrics

from cyclegan_jax import config as config_lib
from cyclegan_jax.data import pipeline
from cyclegan_jax.evaluation import baselines, measure, results as results_lib
from cyclegan_jax.reports import evaluation_files
import datasets


@pytest.fixture(scope='module')
def config(pairs, data_dir):
  return config_lib.make(
    dataset='folder',
    source_dir=str(pairs),
    data_dir=str(data_dir),
    paired=True,
    image_size=(24, 32),
    discriminator_layers=2,
  )


@pytest.fixture(scope='module')
def dataset(config):
  return datasets.open_dataset(config.data)


def pixels(x):
  return (np.asarray(x, np.float64) + 1) * 127.5


def test_baselines_are_what_they_say(dataset, config):
  train = list(pipeline.examples(dataset, 'train', config.data))
  batch = {key: np.stack([example[key] for example in train[:2]]) for key in ('rgb', 'ir')}
  found = {
    name: np.asarray(predict(batch))
    for name, predict in baselines.baselines(dataset, config.data, print).items()
  }
  mean = np.mean([pixels(example['ir']) for example in train], 0)
  np.testing.assert_allclose(found['mean_image'][1], mean, atol=1e-3)
  np.testing.assert_allclose(found['constant'], mean.mean(), atol=1e-3)
  luma = pixels(batch['rgb']) @ [[0.299], [0.587], [0.114]]
  np.testing.assert_allclose(found['luminance'], luma, atol=1e-3)


def test_baselines_are_the_same_in_every_normalization(config):
  found = {}
  for kind in ('plain', 'emsn', 'spectral_linear', 'spectral_log'):
    data = dataclasses.replace(config.data, normalization=kind)
    dataset = datasets.open_dataset(data)
    batch = {
      key: np.stack([pipeline.examples(dataset, 'train', data)[i][key] for i in range(2)])
      for key in ('rgb', 'ir')
    }
    found[kind] = {
      name: np.asarray(predict(batch))
      for name, predict in baselines.baselines(dataset, data, print).items()
    }
  for kind, predictions in found.items():
    for name, prediction in predictions.items():
      # The other two are images that went through the normalization and back.
      atol = 0 if name in ('mean_image', 'constant') else 2e-3
      np.testing.assert_allclose(
        prediction, found['plain'][name], rtol=0, atol=atol, err_msg=f'{kind} {name}'
      )


def test_luminance_is_scaled_to_sixteen_bits(dataset, config):
  ir = dataset.domains['ir']
  deep = dataclasses.replace(
    dataset,
    domains={
      **dataset.domains,
      'ir': dataclasses.replace(
        ir, normalization=dataclasses.replace(ir.normalization, max_value=65535.0)
      ),
    },
  )
  batch = {'rgb': np.ones((1, 24, 32, 3), np.float32), 'ir': np.ones((1, 24, 32, 1), np.float32)}
  np.testing.assert_allclose(
    baselines.baselines(deep, config.data, print)['luminance'](batch), 65535, rtol=1e-6
  )


@pytest.mark.parametrize('batch_size', [1, 4, 100])
def test_every_image_is_measured_once_whatever_the_batch(dataset, config, batch_size):
  examples = pipeline.examples(dataset, 'train', config.data)
  predict = lambda batch: pixels(batch['rgb'][..., 1:2]) + 0.3  # some image, not yet rounded
  result = measure.measure({'x': predict}, examples, dataset.domains['ir'], batch_size, print)['x']
  assert result.ids == [example['id'] for example in examples]
  for i, example in enumerate(examples):
    truth, image = np.rint(pixels(example['ir'])), np.clip(np.rint(predict(example)), 0, 255)
    want = skimage.metrics.peak_signal_noise_ratio(truth, image, data_range=255)
    assert result.per_image['psnr'][i] == pytest.approx(want, abs=1e-3)
  assert result.totals['psnr'] == pytest.approx(result.per_image['psnr'].mean())
  assert result.totals['n'] == len(examples)


def test_report_files_agree_with_each_other(dataset, config, tmp_path):
  examples = pipeline.examples(dataset, 'train', config.data)
  perfect = lambda batch: (
    pixels(batch['ir']) if 'ir' in batch else 255 - pixels(batch['rgb'][..., :1])
  )
  predictors = {results_lib.MODEL: perfect, **baselines.baselines(dataset, config.data, print)}
  results = measure.measure(predictors, examples, dataset.domains['ir'], 4, print)
  content = results_lib.result(results, config, dataset.domains['ir'], 'train', 7)
  evaluation_files.write(tmp_path, content, results, examples, perfect, dataset.domains, 4)
  written = json.loads((tmp_path / 'metrics.json').read_text())
  # Infinite PSNR is no number in JSON; how many there were is said.
  assert written['model']['psnr'] is None and written['model']['psnr_infinite'] == len(examples)
  assert written['model']['mse'] == 0 and written['baselines']['constant']['mse'] > 100
  assert (
    results_lib.verdict(content)
    == 'The model beats every trivial baseline in PSNR and in SSIM.'
  )
  assert written['checkpoint_step'] == 7 and len(written['split_sha256']) == 64
  with (tmp_path / 'per_image.csv').open(newline='') as lines:
    rows = list(csv.DictReader(lines))
  assert [(row['id'], row['sequence']) for row in rows] == [
    (example['id'], example['sequence']) for example in examples
  ]
  assert len(list((tmp_path / 'gallery').iterdir())) >= 4
  assert written['definitions']['nearest'] and 'ms_ssim' not in written['definitions']
  assert 'mean training IR image' in (tmp_path / 'summary.md').read_text()


def test_a_model_that_lost_is_told_so(dataset, config):
  examples = pipeline.examples(dataset, 'train', config.data)
  trivial = baselines.baselines(dataset, config.data, print)
  predictors = {results_lib.MODEL: lambda batch: np.zeros_like(batch['ir']), **trivial}
  results = measure.measure(predictors, examples, dataset.domains['ir'], 4, print)
  content = results_lib.result(results, config, dataset.domains['ir'], 'train', 7)
  said = results_lib.verdict(content)
  assert 'does NOT beat' in said and 'mean training IR image (PSNR' in said


def test_means_that_leave_images_out_say_so(dataset, config):
  examples = pipeline.examples(dataset, 'train', config.data)
  first = next(iter(examples))['ir']

  def sometimes_right(batch):
    right = (batch['ir'] == first).all((1, 2, 3), keepdims=True)
    return np.where(right, pixels(batch['ir']), 3.0)

  trivial = baselines.baselines(dataset, config.data, print)
  results = measure.measure(
    {results_lib.MODEL: sometimes_right, **trivial}, examples, dataset.domains['ir'], 4, print
  )
  content = results_lib.result(results, config, dataset.domains['ir'], 'train', 7)
  n = len(examples)
  assert results_lib.left_out(content) == [
    f'model: PSNR is infinite (identical images) for 1 of {n} images, which its mean leaves out',
    f'model: correlation is undefined for {n - 1} of {n} images, which its mean leaves out',
  ]
  assert all(
    text in evaluation_files.markdown(content) for text in results_lib.left_out(content)
  )
