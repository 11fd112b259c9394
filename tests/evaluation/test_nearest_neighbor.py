"""The baseline `nearest` against a search by hand."""

import dataclasses

import numpy as np
import pytest

from cyclegan_jax import config as config_lib
from cyclegan_jax.data import pipeline
from cyclegan_jax.data.source import Dataset, make_domains, Split
from cyclegan_jax.evaluation import baselines, nearest_neighbor
import datasets
from tests.image_files import corpus

SIZE = (24, 32)
MEAN = np.full((*SIZE, 1), 77, np.float32)


@pytest.fixture(scope='module')
def config(pairs, data_dir):
  return config_lib.make(
    dataset='folder',
    source_dir=str(pairs),
    data_dir=str(data_dir),
    paired=True,
    image_size=SIZE,
    discriminator_layers=2,
  ).data


@pytest.fixture(scope='module')
def dataset(config):
  return datasets.open_dataset(config)


def thumbnail(x):
  """24x32 to 16x16: each pixel doubled along height, then means of 3x2."""
  return x.astype(np.float64).repeat(2, 0).reshape(16, 3, 16, 2, 3).mean((1, 3))


def by_hand(asked, train):
  distances = [np.linalg.norm(thumbnail(asked['rgb']) - thumbnail(other['rgb'])) for other in train]
  return train[int(np.argmin(distances))]


def batch(examples, *names):
  return {name: np.stack([example[name] for example in examples]) for name in names}


def test_gives_the_ir_image_of_the_nearest_rgb_image(dataset, config):
  train = list(pipeline.pixels(dataset, 'train', config))
  asked = [
    example
    for split in ('validation', 'test')
    for example in pipeline.pixels(dataset, split, config)
  ]
  found = nearest_neighbor.nearest(dataset, config, MEAN, print)(batch(asked, 'rgb', 'id'))
  assert found.shape == (len(asked), *SIZE, 1)
  for example, image in zip(asked, found):
    np.testing.assert_array_equal(image, by_hand(example, train)['ir'])


def test_a_training_image_is_not_its_own_answer(dataset, config):
  train = list(pipeline.pixels(dataset, 'train', config))
  predict = nearest_neighbor.nearest(dataset, config, MEAN, print)
  np.testing.assert_array_equal(predict(batch(train, 'rgb')), batch(train, 'ir')['ir'])
  for i, image in enumerate(predict(batch(train, 'rgb', 'id'))):
    other = by_hand(train[i], train[:i] + train[i + 1 :])
    np.testing.assert_array_equal(image, other['ir'])


def test_images_that_are_no_pairs_have_no_nearest_one(dataset, config):
  apart = dataclasses.replace(
    dataset,
    splits={
      name: dataclasses.replace(split, aligned=False) for name, split in dataset.splits.items()
    },
  )
  said = []
  found = baselines.baselines(apart, config, said.append)
  assert list(found) == ['mean_image', 'luminance', 'constant']
  assert 'not pairs' in said[-1]
  assert tuple(baselines.baselines(dataset, config, said.append)) == baselines.BASELINES


def test_pixels_without_data_are_those_of_the_mean_image():
  rng = np.random.default_rng(0)
  mask = np.zeros(SIZE, np.uint8)
  mask[5:] = 255
  rgb, ir = (rng.integers(0, 256, (*SIZE, channels), np.uint8) for channels in (3, 1))
  records = [
    {
      'rgb': corpus.saved(rgb, 'PNG'),
      'ir': corpus.saved(ir[..., 0], 'PNG'),
      'mask': corpus.saved(mask, 'PNG'),
      'id': b'a',
      'sequence': b'',
    }
  ]
  config = config_lib.make(
    dataset='osu', image_size=SIZE, mask='loss', emsn=True, discriminator_layers=2
  ).data
  splits = {'train': Split('train', records, records, True)}
  dataset = Dataset('x', 'x', 'x', make_domains(config), splits, has_mask=True)
  predict = nearest_neighbor.nearest(dataset, config, MEAN, print)
  expected = np.where(mask[..., np.newaxis] > 0, ir, MEAN)
  np.testing.assert_array_equal(predict({'rgb': np.zeros((1, *SIZE, 3), np.uint8)})[0], expected)
