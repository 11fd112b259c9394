"""A batch in parts gives the step of the whole batch: in float64, up to rounding."""

import itertools

import jax
import numpy as np
import pytest

from cyclegan_jax import config as config_lib
from cyclegan_jax.data.source import make_domains
from cyclegan_jax.training.step import state as state_lib
from tests.training.step import stepping
from tests.training.step.stepping import assert_close
from tests.training.step.test_steps import SIZE, TINY, tiny
from tests.training.step.test_variants import CUT, CYCLEGAN, PIX2PIX

# Pairs, all terms, both masks, a moving average; discriminators first.
EVERYTHING = dict(
  TINY,
  ir_channels=3,
  ssim_weight=2.0,
  gradient_weight=2.0,
  identity_weight=3.0,
  ema_decay=0.9,
  adversarial_loss='hinge',
)
# Of one row for each of four devices, and of two rows for one.
PARTS = ((2, 4), (4, 1))
# More steps than the pool has room for half of: earlier fakes are shown in the second.
SETTINGS = {
  'discriminators first': {**EVERYTHING, 'norm': 'instance'},
  'without norm, generators first': {
    **EVERYTHING,
    'norm': 'none',
    'update_order': 'generators_first',
    'redraw_fakes': False,
  },
  'pools': CYCLEGAN,
  'cut': {**CUT, 'preset': 'cut'},
  'fastcut': {**CUT, 'preset': 'fastcut'},
  # A batch norm's statistics are those of a part.
  'pix2pix, dropout': {**PIX2PIX, 'norm': 'instance'},
}


def examples(config, n=2):
  """Batches of noise in float64, with masks of very different numbers of valid pixels."""
  rng, data = np.random.default_rng(0), config.data
  shape = (config.train.batch_size, *data.image_size)
  share = np.linspace(0.05, 1, shape[0])[:, None, None, None]
  for _ in range(n):
    yield {
      'rgb': rng.uniform(-1, 1, (*shape, data.rgb_channels)),
      'ir': rng.uniform(-1, 1, (*shape, data.ir_channels)),
      'rgb_mask': rng.random((*shape, 1)) < share,
      'ir_mask': rng.random((*shape, 1)) < share[::-1],
    }


@pytest.mark.slow
@pytest.mark.parametrize('name, parts', [*zip(SETTINGS, itertools.cycle(PARTS))])
def test_parts_equal_the_whole(name, parts):
  config = config_lib.make(**SETTINGS[name])
  whole = stepping.run_in_float64(config, 1, examples(config))
  assert {leaf.dtype for leaf in jax.tree.leaves(whole[0].params)} == {np.dtype(np.float64)}
  accumulate, devices = parts
  config = config_lib.make(**SETTINGS[name], accumulate=accumulate)
  state, terms = stepping.run_in_float64(config, devices, examples(config))
  # What float32 figures there are, SSIM and random draws aside, are compared as such.
  assert_close(terms, whole[1], atol=1e-5)
  assert_close(state.pools, whole[0].pools, atol=1e-6)
  for group in ('generators', 'discriminators'):
    # Adam's moments, before it divides by the gradient's size, which amplifies rounding.
    assert_close(state.opt_state[group][0].mu, whole[0].opt_state[group][0].mu, atol=1e-6)
  assert state.step == 2


@pytest.mark.slow
def test_running_batch_statistics_move_once_for_each_part():
  """With the same rows in all parts, statistics are the whole batch's but for the divisor n - 1."""
  (batch,) = examples(tiny(), 1)
  half = {name: np.concatenate([batch[name][:4]] * 2).astype(np.float32) for name in ('rgb', 'ir')}
  moved = {}
  for parts in (1, 2):
    config = tiny(accumulate=parts)
    state, terms, _ = stepping.run(config, 1, [half])
    moved[parts] = state, terms
  means = [moved[parts][0].batch_stats['ir_to_rgb']['down_norms'][0]['mean'] for parts in (1, 2)]
  # From 0, by a tenth: of the fake twice and of the cycle once, in each part. Where all three had
  # the same mean m, 1 - 0.9 ** 3 and 1 - 0.9 ** 6 of m would be there.
  assert np.all(np.abs(means[1]) > np.abs(means[0]) * 0.5) and not np.allclose(*means, atol=1e-5)
  for name in ('generator', 'discriminator_ir', 'generator_gradient_norm'):
    np.testing.assert_allclose(moved[2][1][name], moved[1][1][name], rtol=1e-3)


@pytest.mark.slow
def test_memory_is_that_of_a_part():
  def temporary(parts):
    config = tiny(norm='instance', batch_size=16, accumulate=parts, base_width=8)
    state = state_lib.abstract(config, make_domains(config.data))
    shape = lambda *s: jax.ShapeDtypeStruct((1, 16, SIZE, SIZE, *s), np.float32)
    state = jax.tree.map(lambda x: jax.ShapeDtypeStruct((1, *x.shape), x.dtype), state)
    compiled = stepping.over(config).lower(state, {'rgb': shape(3), 'ir': shape(1)}).compile()
    return compiled.memory_analysis().temp_size_in_bytes

  assert temporary(8) < 0.5 * temporary(1)
