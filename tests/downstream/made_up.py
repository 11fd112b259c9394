"""Labeled pairs, and a model that knows what it generates."""

import dataclasses

import numpy as np

from cyclegan_jax import config as config_lib
from cyclegan_jax.data.source import Dataset, make_domains, Split
from cyclegan_jax.downstream import study
from cyclegan_jax.downstream.study import Plan
from cyclegan_jax.downstream.training import Recipe
from cyclegan_jax.image_files import images
from cyclegan_jax.inference.model import Model

SIZE = (16, 24)
# None has the last one.
NAMES = ('ground', 'wall', 'person', 'unicorn')
CONFIG = config_lib.make(
  dataset='x', paired=True, image_size=SIZE, batch_size=4, discriminator_layers=1
)
QUICK = Plan((0.3,), 2, Recipe(width=4, steps=12, batch_size=4, learning_rate=1e-2))


def records(n, first):
  """Pairs in sequences of two: IR is the red channel inverted, bright where classes are high."""
  found = []
  for i in range(first, first + n):
    rng = np.random.default_rng(i)
    labels = rng.integers(0, 3, (4, 6), np.uint8).repeat(4, 0).repeat(4, 1)
    ir = (70 * labels + rng.integers(0, 40, SIZE)).astype(np.uint8)
    noise = rng.integers(0, 256, (*SIZE, 2), np.uint8)
    found.append(
      {
        'rgb': images.encode_png(np.concatenate([255 - ir[..., np.newaxis], noise], -1)),
        'ir': images.encode_png(ir[..., np.newaxis]),
        'id': f'place{i // 2}/image{i}'.encode(),
        'sequence': f'place{i // 2}'.encode(),
        'labels': labels,
      }
    )
  return found


def dataset(n_train=10, n_test=8):
  """Two splits of pairs."""
  splits = {
    name: Split(name, own, own, aligned=True)
    for name, own in (('train', records(n_train, 0)), ('test', records(n_test, n_train)))
  }
  return Dataset('x', 'x', 'x', make_domains(CONFIG.data), splits, class_names=NAMES)


def model(data, perfect=True, seed=0):
  """Generates the true IR image, or the opposite of it."""
  sign = -1 if perfect else 1
  train = dataclasses.replace(CONFIG.train, seed=seed)
  config = dataclasses.replace(CONFIG, train=train)
  return Model(config, 7, data.domains, {'rgb_to_ir': lambda x: sign * x[..., :1]}, 9)


def study_of(folder, data, plan=QUICK, perfect=True, **options):
  """What a study has found, and said."""
  said = []
  found = study.run(folder, model(data, perfect), data, CONFIG.data, plan, said.append, **options)
  return found, said


def masked(data):
  """The same pairs, of which only the left half has thermal data."""
  mask = np.zeros((*SIZE, 1), np.uint8)
  mask[:, : SIZE[1] // 2] = 255
  encoded, splits = images.encode_png(mask), {}
  for name, split in data.splits.items():
    own = [{**record, 'mask': encoded} for record in split.rgb]
    splits[name] = Split(name, own, own, aligned=True)
  return dataclasses.replace(data, splits=splits, has_mask=True)
