"""Tiny runs."""

import numpy as np
import PIL.Image
import pytest

from cyclegan_jax import config as config_lib


@pytest.fixture(scope='module')
def tiny(pairs, data_dir):
  """Makes configurations of tiny runs: three steps an epoch, checkpoints every three."""

  def make(**overrides):
    return config_lib.make(
      **{
        **dict(
          dataset='folder',
          source_dir=str(pairs),
          data_dir=str(data_dir),
          paired=True,
          image_size=(16, 16),
          load_size=(18, 18),
          flip=True,
          base_width=4,
          n_residual_blocks=1,
          n_downsampling=2,
          discriminator_width=4,
          discriminator_layers=2,
          batch_size=4,
          steps=6,
          log_every=2,
          checkpoint_every=3,
          n_samples=2,
        ),
        **overrides,
      }
    )

  return make


@pytest.fixture(scope='module')
def labeled_pairs(pairs, tmp_path_factory):
  """The tests' pairs with labels of two classes: left and right."""
  folder = tmp_path_factory.mktemp('labeled')
  for name in ('rgb', 'ir'):
    (folder / name).symlink_to(pairs / name)
  (folder / 'labels').mkdir()
  halves = np.repeat(np.array([[0, 1]], np.uint8), 16, 1).repeat(24, 0)
  for file in (pairs / 'rgb').iterdir():
    PIL.Image.fromarray(halves).save(folder / 'labels' / file.name)
  return folder
