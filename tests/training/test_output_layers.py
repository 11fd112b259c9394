"""Training with an output layer for each class, over devices and in parts."""

import numpy as np
import pytest

from cyclegan_jax import config as config_lib
from cyclegan_jax.data.source import make_domains, with_inputs
from tests.training.step import stepping
from tests.training.step.test_class_balance import batch_of, NAMES
from tests.training.step.test_steps import SIZE
from tests.training.step.test_variants import PIX2PIX

SETTINGS = {
  **PIX2PIX,
  'image_size': (SIZE, SIZE),
  'n_downsampling': 3,
  'norm': 'instance',
  'inputs': 'rgb,labels',
  'output_layers': 'classes',
  'class_balance': 0.5,
}


@pytest.mark.slow
def test_devices_and_parts_change_nothing():
  def after(devices, **settings):
    config = config_lib.make(**SETTINGS, **settings)
    return stepping.run_in_float64(
      config,
      devices,
      [batch_of(config)],
      domains=with_inputs(make_domains(config.data), config.model, NAMES),
      class_weights=np.linspace(0.5, 2, 256).astype(np.float32),
    )

  (whole, terms), (state, found) = after(1), after(2, accumulate=2)
  stepping.assert_close(found, terms, atol=1e-6)
  for group in ('generators', 'discriminators'):
    moments = [one.opt_state[group][0].mu for one in (state, whole)]
    stepping.assert_close(*moments, atol=1e-7)
