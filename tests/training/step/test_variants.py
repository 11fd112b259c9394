"""What the presets other than udacity add to a step: order, pools, dropout, averages, schedule."""

import dataclasses
import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from cyclegan_jax import config as config_lib
from cyclegan_jax.data.source import make_domains
from cyclegan_jax.models import networks
from cyclegan_jax.training.step import losses, rng as rng_lib, state as state_lib
from tests.training import fresh
from tests.training.step.stepping import (
  assert_close,
  assert_same_on_devices,
  first,
  run,
  trajectory,
)
from tests.training.step.test_steps import batches, SIZE, tiny

_SMALL = dict(
  dataset='x',
  image_size=(SIZE, SIZE),
  load_size=(0, 0),
  base_width=4,
  n_residual_blocks=1,
  discriminator_width=4,
  discriminator_layers=2,
  batch_size=8,
  learning_rate=1e-3,
)
CYCLEGAN = dict(_SMALL, preset='cyclegan', pool_size=6)
# Glorot's times 0.02 in layers so narrow: embeddings about as small as what is added to norms.
CUT = dict(_SMALL, projection_width=8, nce_patches=40, initializer='uniform')
PIX2PIX = dict(
  preset='pix2pix',
  dataset='x',
  image_size=(64, 64),
  load_size=(0, 0),
  base_width=4,
  n_downsampling=6,
  discriminator_width=4,
  discriminator_layers=2,
  batch_size=8,
  learning_rate=1e-3,
)


def larger(n):
  rng = np.random.default_rng(0)
  return [
    {
      'rgb': rng.uniform(-1, 1, (8, 64, 64, 3)).astype(np.float32),
      'ir': rng.uniform(-1, 1, (8, 64, 64, 1)).astype(np.float32),
    }
    for _ in range(n)
  ]


@pytest.mark.slow
@pytest.mark.parametrize('settings, data', [(CYCLEGAN, batches(2)), (PIX2PIX, larger(1))])
def test_pools_and_dropout_do_not_depend_on_the_number_of_devices(settings, data):
  config = config_lib.make(**settings)
  one, terms_one, _ = run(config, 1, data)
  four, terms_four, replicas = run(config, 4, data)
  assert_close(terms_four, terms_one, atol=1e-3)
  assert_close(four.pools, one.pools, atol=1e-2)
  for group in ('generators', 'discriminators'):
    assert_close(four.opt_state[group][0].mu, one.opt_state[group][0].mu, atol=2e-4)
  assert_same_on_devices(replicas)


@pytest.mark.slow
def test_discriminators_see_fakes_from_before_the_generators_update():
  config = config_lib.make(**{**CYCLEGAN, 'pool_size': 0})
  (batch,) = batches(1)
  _, terms, _ = run(config, 1, [batch])
  nets = networks.build(config.model, make_domains(config.data))
  start = fresh.state(config)
  apply = lambda name, x: jax.jit(functools.partial(nets[name], training=True))(
    start.params[name], {}, x
  )[0]
  judge = lambda image: apply('ir', image).scores[0]
  fake = apply('rgb_to_ir', batch['rgb'])
  expected = 0.5 * (jnp.mean((judge(batch['ir']) - 1) ** 2) + jnp.mean(judge(fake) ** 2))
  assert terms['discriminator_ir'] == pytest.approx(float(expected), rel=1e-4)
  # Generators are judged by the discriminators from before their update.
  assert terms['adversarial_ir'] == pytest.approx(float(jnp.mean((judge(fake) - 1) ** 2)), rel=1e-4)


@pytest.mark.slow
def test_pools_hold_what_was_shown():
  config = config_lib.make(**CYCLEGAN)
  state, _, _ = run(config, 1, batches(1))
  assert state.pools['ir']['count'] == 6 and state.pools['ir']['images'].shape == (6, 16, 16, 1)
  fake, _ = networks.build(config.model, make_domains(config.data))['rgb_to_ir'](
    fresh.state(config).params['rgb_to_ir'], {}, batches(1)[0]['rgb'], training=True
  )
  # Six of the batch's eight fakes are kept as they came, but for swaps with the last two.
  distance = np.abs(np.asarray(state.pools['ir']['images'])[:, None] - fake[None]).max((2, 3, 4))
  assert (distance.min(1) < 1e-4).all()


@pytest.mark.slow
def test_pix2pix_judges_pairs():
  """Its discriminator's loss depends on which RGB image goes with which IR image."""
  config = config_lib.make(**PIX2PIX)
  (batch,) = larger(1)
  _, terms, _ = run(config, 1, [batch])
  assert {name for name in terms if name.endswith(('_rgb', '_ir'))} == {
    'discriminator_ir',
    'adversarial_ir',
    'supervised_ir',
  }
  assert terms['generator'] == pytest.approx(
    terms['adversarial_ir'] + 100 * terms['supervised_ir'], rel=1e-5
  )
  shuffled = {'rgb': batch['rgb'], 'ir': batch['ir'][::-1]}
  _, other, _ = run(
    dataclasses.replace(config, model=dataclasses.replace(config.model, dropout=0.0)), 1, [batch]
  )
  _, moved, _ = run(
    dataclasses.replace(config, model=dataclasses.replace(config.model, dropout=0.0)), 1, [shuffled]
  )
  assert abs(other['discriminator_ir'] - moved['discriminator_ir']) > 1e-6


def test_every_step_and_pass_drops_other_elements():
  keys = [rng_lib.of_stream(0, stream, step) for stream in (1, 2) for step in range(3)]
  assert len({tuple(np.asarray(jax.random.key_data(key)).tolist()) for key in keys}) == 6


@pytest.mark.slow
def test_moving_average():
  config = config_lib.make(**{**CYCLEGAN, 'ema_decay': 0.5})
  expected = fresh.state(config).params
  for n, (replicas, _) in enumerate(trajectory(config, 1, batches(3)), 1):
    state = first(replicas)
    decay = min(0.5, n / (9 + n))
    expected = jax.tree.map(
      lambda old, new, d=decay: d * old + (1 - d) * new,
      state_lib.select(expected, ('rgb_to_ir', 'ir_to_rgb')),
      state_lib.select(state.params, ('rgb_to_ir', 'ir_to_rgb')),
    )
  assert_close(state.ema, expected, atol=1e-5)
  translating = state.inference_params()
  np.testing.assert_array_equal(
    translating['rgb_to_ir']['first']['kernel'], state.ema['rgb_to_ir']['first']['kernel']
  )
  np.testing.assert_array_equal(
    translating['ir']['score']['kernel'], state.params['ir']['score']['kernel']
  )


@pytest.mark.slow
def test_supervised_terms_are_weighted_and_summed():
  config = tiny(ssim_weight=3.0, gradient_weight=2.0)
  _, terms, _ = run(config, 1, batches(1))
  weights = dict(adversarial=1, cycle=10, supervised=10, ssim=3, gradient=2)
  total = sum(
    weight * (terms[f'{kind}_rgb'] + terms[f'{kind}_ir']) for kind, weight in weights.items()
  )
  np.testing.assert_allclose(terms['generator'], total, rtol=1e-5)
  assert terms['ssim_ir'] > 0.1 and terms['gradient_ir'] > 0.1


# Zhu et al.: 100 epochs at the full rate, then down to 1/101 of it in the 200th.
@pytest.mark.parametrize(
  'epoch, factor',
  [(0, 1), (98, 1), (99, 1), (100, 100 / 101), (150, 50 / 101), (199, 1 / 101), (200, 0), (300, 0)],
)
def test_learning_rate_schedule(epoch, factor):
  config = config_lib.make('cyclegan', dataset='x').train
  assert float(state_lib.decay(config, epoch)) == pytest.approx(factor, abs=1e-6)


def test_the_rate_changes_at_an_epochs_end():
  config = config_lib.make('cyclegan', dataset='x', epochs=3, decay_start=1, decay_epochs=2).train
  adam = state_lib.make_optimizer(config, steps_per_epoch=4)
  state, moved = adam.init(jnp.float32(0)), []
  for _ in range(14):
    # With a constant gradient every update of Adam is the learning rate.
    update, state = adam.update(jnp.float32(1), state)
    moved.append(float(-update / config.learning_rate))
  np.testing.assert_allclose(moved, [1] * 4 + [2 / 3] * 4 + [1 / 3] * 4 + [0] * 2, atol=1e-4)


REGRESSION = dict(
  method='pix2pix',
  adversarial_weight=0.0,
  supervised_weight=10.0,
  supervised_loss='smooth_l1',
  ssim_weight=0.2,
  cycle_weight=0.0,
  redraw_fakes=False,
  norm='none',
  activation='relu',
)


def test_without_an_adversarial_term_there_are_no_discriminators():
  config = tiny(**REGRESSION)
  (batch,) = batches(1)
  state, terms, _ = run(config, 1, [batch])
  assert set(state.params) == {'rgb_to_ir'} and not state.opt_state['discriminators'][0].mu
  assert not any('discriminator' in name or 'adversarial' in name for name in terms)
  net = networks.build(config.model, make_domains(config.data))['rgb_to_ir']

  def loss(params):
    true, (fake, _) = batch['ir'], net(params, {}, batch['rgb'], training=True)
    return 10 * losses.smooth_l1(true, fake) + 0.2 * losses.dissimilarity(true, fake)

  gradient = jax.jit(jax.grad(loss))(fresh.state(config).params['rgb_to_ir'])
  moments = state.opt_state['generators'][0].mu['rgb_to_ir']
  jax.tree.map(lambda g, m: np.testing.assert_allclose(0.5 * g, m, atol=1e-6), gradient, moments)


@pytest.mark.slow
def test_what_discriminators_are_shown_does_not_depend_on_the_number_of_devices():
  config = tiny(norm='none', diff_augment='translation+cutout', r1_weight=1.0, r1_every=2)
  data = batches(1)
  one, terms_one, _ = run(config, 1, data)
  four, terms_four, _ = run(config, 4, data)
  assert_close(terms_four, terms_one, atol=1e-4)
  assert terms_one['r1_ir'] > 0
  for group in ('generators', 'discriminators'):
    assert_close(four.opt_state[group][0].mu, one.opt_state[group][0].mu, atol=1e-5)
  _, terms_plain, _ = run(tiny(norm='none'), 1, data)
  assert abs(terms_plain['discriminator_ir'] - terms_one['discriminator_ir']) > 1e-3
