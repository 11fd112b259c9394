"""Training with an output layer for each class, over devices and in parts."""

import numpy as np
import pytest

from cyclegan_jax import config as config_lib
from cyclegan_jax.data.source import make_domains, with_inputs
from tests.training import stepping

NAMES = ('sky', 'road', 'person')
SIZE = 16


def configured(**settings):
  return config_lib.make(
    'pix2pix',
    dataset='x',
    image_size=(SIZE, SIZE),
    load_size=(0, 0),
    base_width=4,
    n_downsampling=3,
    discriminator_width=4,
    discriminator_layers=1,
    norm='instance',
    batch_size=4,
    inputs='rgb,labels',
    output_layers='classes',
    class_balance=0.5,
    **settings,
  )


def example():
  rng = np.random.default_rng(0)
  return {
    'rgb': rng.uniform(-1, 1, (4, SIZE, SIZE, 3)),
    'ir': rng.uniform(-1, 1, (4, SIZE, SIZE, 1)),
    'labels': rng.choice(np.array([0, 1, 2, 255], np.uint8), (4, SIZE, SIZE)),
  }


@pytest.mark.slow
def test_devices_and_parts_change_nothing():
  def after(devices, **settings):
    config = configured(**settings)
    return stepping.run_in_float64(
      config,
      devices,
      [example()],
      domains=with_inputs(make_domains(config.data), config.model, NAMES),
      class_weights=np.linspace(0.5, 2, 256).astype(np.float32),
    )

  (whole, terms), (state, found) = after(1), after(2, accumulate=2)
  stepping.assert_close(found, terms, atol=1e-6)
  for group in ('generators', 'discriminators'):
    moments = [one.opt_state[group][0].mu for one in (state, whole)]
    stepping.assert_close(*moments, atol=1e-7)
