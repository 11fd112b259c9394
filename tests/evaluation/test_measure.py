"""Measuring predictors: figures against numpy, baselines against their definitions, reports."""

import csv
import dataclasses
import json

import numpy as np
import pytest
import skimage.metrics

import cyclegan_jax
from cyclegan_jax import config as config_lib
from cyclegan_jax.data import pipeline
from cyclegan_jax.errors import UserError
from cyclegan_jax.evaluation import baselines, measure, results as results_lib
from cyclegan_jax.evaluation.evaluate import evaluate, MODEL
from cyclegan_jax.inference.model import Model
from cyclegan_jax.metrics.perceptual import Perceptual
from cyclegan_jax.reports import evaluation_files
from cyclegan_jax.settings import fields
import datasets
from tests.evaluation import translators


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


def perfect_model(config, dataset):
  """In the test images IR is the inverted red channel."""
  translator = translators.Function(lambda x: -x[..., :1])
  return Model(config, 7, dataset.domains, {'rgb_to_ir': translator}, 9)


def test_a_model_is_measured_beside_the_baselines(dataset, config):
  said = []
  model = perfect_model(config, dataset)
  found = evaluate(model, dataset, 'test', log=said.append)
  assert list(found.results) == [MODEL, *baselines.BASELINES] and not said
  assert found.model is model and found.split == 'test'
  assert found.results[MODEL].totals['mse'] == 0 < found.results['constant'].totals['mse']
  assert found.results[MODEL].ids == [example['id'] for example in found.examples]
  example = found.examples[0]
  assert example['ir'].dtype == np.uint8
  np.testing.assert_allclose(
    found.predict({'rgb': example['rgb'][np.newaxis]})[0], example['ir'], atol=1e-3
  )
  again = cyclegan_jax.evaluate(model, dataset)
  for name, measured in found.results.items():
    assert again.results[name].totals == measured.totals


def test_what_cannot_be_measured_is_refused(dataset, config):
  model = perfect_model(config, dataset)
  with pytest.raises(UserError, match='no examples in split holdout'):
    evaluate(model, dataset, 'holdout')
  test = dataclasses.replace(dataset.splits['test'], aligned=False)
  apart = dataclasses.replace(dataset, splits={**dataset.splits, 'test': test})
  with pytest.raises(UserError, match='--split=test has no pairs, which --fid_weights'):
    evaluate(model, apart, networks=Perceptual(inception=lambda x: x))
  small = dataclasses.replace(config, data=dataclasses.replace(config.data, image_size=(12, 20)))
  with pytest.raises(UserError, match='--lpips_weights: images of 12x20 are too small'):
    evaluate(
      dataclasses.replace(model, config=small), dataset, networks=Perceptual(vgg=lambda x: x)
    )


def test_a_generator_sees_network_values_and_gives_pixel_values(dataset):
  domains, seen = dataset.domains, []

  def generator(x):
    seen.append(x)
    return x[..., :1]

  predict = measure.predictor(generator, domains)
  rgb = np.arange(24, dtype=np.uint8).reshape(1, 2, 4, 3)
  np.testing.assert_allclose(predict({'rgb': rgb}), rgb[..., :1], atol=1e-4)
  np.testing.assert_array_equal(seen[0], domains['rgb'].normalize(rgb))


def test_baselines_are_what_they_say(dataset, config):
  train = list(pipeline.pixels(dataset, 'train', config.data))
  batch = {key: np.stack([example[key] for example in train[:2]]) for key in ('rgb', 'ir')}
  found = {
    name: np.asarray(predict(batch))
    for name, predict in baselines.baselines(dataset, config.data, print).items()
  }
  mean = np.mean([example['ir'] for example in train], 0)
  np.testing.assert_allclose(found['mean_image'][1], mean, atol=1e-3)
  np.testing.assert_allclose(found['constant'], mean.mean(), atol=1e-3)
  luma = batch['rgb'] @ np.array([[0.299], [0.587], [0.114]])
  np.testing.assert_allclose(found['luminance'], luma, atol=1e-3)


@pytest.mark.parametrize('kind', fields()['normalization'][1].metadata['allowed'])
def test_baselines_are_the_same_in_every_normalization(dataset, config, kind):
  data = dataclasses.replace(config.data, normalization=kind)
  batch = {
    key: np.stack([pipeline.pixels(dataset, 'train', data)[0][key]]) for key in ('rgb', 'ir')
  }
  expected = baselines.baselines(dataset, config.data, print)
  found = baselines.baselines(datasets.open_dataset(data), data, print)
  for name in baselines.BASELINES:
    np.testing.assert_array_equal(found[name](batch), expected[name](batch), err_msg=name)


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
  batch = {'rgb': np.full((1, 24, 32, 3), 255, np.uint8), 'ir': np.zeros((1, 24, 32, 1), np.uint16)}
  np.testing.assert_allclose(
    baselines.baselines(deep, config.data, print)['luminance'](batch), 65535, rtol=1e-6
  )


@pytest.mark.parametrize('batch_size', [1, 4, 100])
def test_every_image_is_measured_once_whatever_the_batch(dataset, config, batch_size):
  examples = pipeline.pixels(dataset, 'train', config.data)
  predict = lambda batch: batch['rgb'][..., 1:2] + 0.3  # some image, not yet rounded
  result = measure.measure({'x': predict}, examples, dataset.domains['ir'], batch_size, print)['x']
  assert result.ids == [example['id'] for example in examples]
  for i, example in enumerate(examples):
    truth, image = example['ir'].astype(float), np.clip(np.rint(predict(example)), 0, 255)
    want = skimage.metrics.peak_signal_noise_ratio(truth, image, data_range=255)
    assert result.per_image['psnr'][i] == pytest.approx(want, abs=1e-3)
  assert result.totals['psnr'] == pytest.approx(result.per_image['psnr'].mean())
  assert result.totals['n'] == len(examples)


def test_report_files_agree_with_each_other(dataset, config, tmp_path):
  examples = pipeline.pixels(dataset, 'train', config.data)
  evaluation = evaluate(perfect_model(config, dataset), dataset, 'train')
  content = results_lib.result(evaluation.results, config, dataset.domains['ir'], 'train', 7)
  evaluation_files.write(tmp_path, content, evaluation, 4)
  written = json.loads((tmp_path / 'metrics.json').read_text())
  # Infinite PSNR is no number in JSON; how many there were is said.
  assert written['model']['psnr'] is None and written['model']['psnr_infinite'] == len(examples)
  assert written['model']['mse'] == 0 and written['baselines']['constant']['mse'] > 100
  assert results_lib.verdict(content) == (
    'The model beats every trivial baseline in PSNR and in SSIM. These are the images it was '
    'trained on: the figures tell how well it remembers them, not how well it translates others.'
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
  examples = pipeline.pixels(dataset, 'train', config.data)
  trivial = baselines.baselines(dataset, config.data, print)
  predictors = {results_lib.MODEL: lambda batch: np.zeros_like(batch['ir']), **trivial}
  results = measure.measure(predictors, examples, dataset.domains['ir'], 4, print)
  content = results_lib.result(results, config, dataset.domains['ir'], 'train', 7)
  said = results_lib.verdict(content)
  assert 'does NOT beat' in said and 'mean training IR image (PSNR' in said


def test_means_that_leave_images_out_say_so(dataset, config):
  examples = pipeline.pixels(dataset, 'train', config.data)
  first = next(iter(examples))['ir']

  def sometimes_right(batch):
    right = (batch['ir'] == first).all((1, 2, 3), keepdims=True)
    return np.where(right, batch['ir'], 3.0)

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
  assert all(text in evaluation_files.markdown(content) for text in results_lib.left_out(content))


@pytest.mark.parametrize('split', ['train', 'validation', 'test'])
def test_figures_of_training_images_are_said_to_be_that(split):
  better, worse = ({'mse': 1.0, 'psnr': value, 'ssim': value / 100} for value in (30.0, 20.0))
  content = {'model': better, 'baselines': {'constant': worse}, 'split': split}
  said = results_lib.verdict(content)
  assert said.startswith('The model beats every trivial baseline')
  assert ('how well it remembers them' in said) == (split == 'train')
