"""Steps with the discriminators at several scales, as a U-Net, and with spectral norm."""

import dataclasses

import jax
import numpy as np
import pytest

from cyclegan_jax import config as config_lib
from tests.training import fresh
from tests.training.step.stepping import assert_close, assert_same_on_devices, run
from tests.training.step.test_steps import batches, SIZE

KINDS = {
  'multiscale': dict(discriminator='multiscale', feature_matching_weight=10.0),
  'unet': dict(discriminator='unet', discriminator_layers=1, spectral_norm=True),
  'patchgan': dict(discriminator='patchgan', spectral_norm=True),
}


def tiny(kind, **overrides):
  return config_lib.make(
    **{
      **dict(
        preset='pix2pix',
        dataset='x',
        image_size=(SIZE, SIZE),
        load_size=(0, 0),
        generator='udacity',
        dropout=0.0,
        base_width=4,
        n_residual_blocks=0,
        n_downsampling=1,
        discriminator_width=4,
        discriminator_layers=2,
        norm='none',
        batch_size=8,
      ),
      **KINDS[kind],
      **overrides,
    }
  )


def assert_same_gradients(state, expected):
  """By Adam's first moments, but for rounding."""
  for group in ('generators', 'discriminators'):
    moments = expected.opt_state[group][0].mu
    # R1 of a U-Net, which adds up pixels, has slopes of up to 30.
    largest = max(np.abs(leaf).max() for leaf in jax.tree.leaves(moments))
    assert_close(state.opt_state[group][0].mu, moments, atol=1e-5 * max(1, largest))


@pytest.mark.slow
@pytest.mark.parametrize('kind', KINDS)
def test_four_devices_equal_one(kind):
  config, data = tiny(kind, r1_weight=1.0), batches(1)
  one, terms_one, _ = run(config, 1, data)
  four, terms_four, replicas = run(config, 4, data)
  assert_close(terms_four, terms_one, atol=1e-4)
  assert terms_one['r1_ir'] > 0
  # Vectors of spectral norms depend on kernels alone, those of before the step.
  assert_close(four.batch_stats, one.batch_stats, atol=1e-6)
  assert_same_gradients(four, one)
  assert_same_on_devices(replicas)


@pytest.mark.slow
def test_recomputed_activations_change_nothing():
  config, data = tiny('unet', r1_weight=1.0), batches(1)
  again = dataclasses.replace(config, train=dataclasses.replace(config.train, remat=True))
  (one, terms_one, _), (other, terms, _) = run(config, 1, data), run(again, 1, data)
  for name, value in terms_one.items():
    assert terms[name] == pytest.approx(value, rel=1e-5, abs=1e-6), name
  assert_close(other.batch_stats, one.batch_stats, atol=1e-6)
  assert_same_gradients(other, one)


@pytest.mark.slow
def test_discriminators_learn_at_their_own_rate():
  moved = {}
  for rate in (1.0, 0.1):
    config = tiny('patchgan', discriminator_rate=rate)
    start, (state, _, _) = fresh.state(config).params, run(config, 1, batches(1))
    moved[rate] = jax.tree.map(lambda a, b: a - b, state.params['ir'], start['ir'])
  # Differences of float32 weights of up to 0.5.
  assert_close(moved[0.1], jax.tree.map(lambda x: 0.1 * x, moved[1.0]), atol=1e-7)
  assert max(np.abs(leaf).max() for leaf in jax.tree.leaves(moved[1.0])) > 1e-4


@pytest.mark.slow
def test_feature_matching_is_part_of_the_generators_loss():
  config = tiny('multiscale')
  _, terms, _ = run(config, 1, batches(1))
  total = terms['adversarial_ir'] + 10 * terms['feature_matching_ir'] + 100 * terms['supervised_ir']
  assert terms['generator'] == pytest.approx(total, rel=1e-5)
  assert terms['feature_matching_ir'] > 0
