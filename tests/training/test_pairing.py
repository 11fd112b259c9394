"""Whether pairs matter: expected gradients under paired and under independent sampling.

At given weights. A step that updates the discriminators first judges the fakes with weights that
have just learned from both halves of its batch, which is of the order of the learning rate.
"""

import jax
from jax.flatten_util import ravel_pytree
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.stats

from cyclegan_jax.data.source import make_domains
from cyclegan_jax.models import networks
from cyclegan_jax.training.step import state as state_lib
from cyclegan_jax.training.step.microbatch import Microbatch
from tests.training import fresh
from tests.training.step.test_steps import SIZE, tiny

N_SCENES, BATCH, DRAWS = 16, 4, 400
# What chance alone would hardly do, and what it would not.
SIGNIFICANT, BEYOND_DOUBT = 1e-3, 1e-12


def scenes():
  """RGB images of four colors, and the IR images that belong to them: red inverted."""
  colors = np.random.default_rng(0).choice(np.float32([-0.9, 0.9]), (N_SCENES, 2, 2, 3))
  rgb = colors.repeat(SIZE // 2, 1).repeat(SIZE // 2, 2)
  return jnp.asarray(rgb), jnp.asarray(-rgb[..., :1])


def compiled(config):
  """(rows of RGB, rows of IR), each [DRAWS, BATCH] -> gradients [DRAWS, parameters]."""
  rgb, ir = scenes()
  nets = networks.build(config.model, make_domains(config.data))
  state = fresh.state(config)
  generators, discriminators = (
    state_lib.select(state.params, names(config.model))
    for names in (networks.generators, networks.discriminators)
  )

  def one(rows):
    part = Microbatch(nets, config, state.step, {'rgb': rgb[rows[0]], 'ir': ir[rows[1]]}, 0)

    def loss(params):
      fakes, stats = part.generate(params, state.batch_stats)
      return part.generator_loss(params, fakes, state.params, state.batch_stats, stats)[0]

    of_generators = jax.grad(loss)(generators)
    fakes, _ = part.generate(generators, state.batch_stats)
    of_discriminators, _ = jax.grad(part.discriminator_loss, has_aux=True)(
      discriminators, fakes, state.batch_stats
    )
    return ravel_pytree((of_generators, of_discriminators))[0]

  return jax.jit(lambda *rows: jax.lax.map(one, rows))


def p_value(a, b):
  """Of the hypothesis that samples of vectors have the same mean.

  Welch's t-test of the second halves along the direction in which the first halves differ most,
  each parameter by its own spread.
  """
  n = len(a) // 2
  direction = (a[:n].mean(0) - b[:n].mean(0)) / (a[:n].var(0) + b[:n].var(0) + 1e-12)
  return scipy.stats.ttest_ind(a[n:] @ direction, b[n:] @ direction, equal_var=False).pvalue


def excess(a, b):
  """Squared distance of the means over what Monte-Carlo error alone makes of it on average."""
  return ((a.mean(0) - b.mean(0)) ** 2).sum() / ((a.var(0) + b.var(0)).sum() / len(a))


@pytest.mark.slow
@pytest.mark.parametrize('weight', [0.0, 10.0])
def test_pairs_matter_to_a_supervised_term_alone(weight):
  """Batch norm included: no pass mixes images of both domains."""
  gradients, rng = (
    compiled(tiny(sync_batch_norm=False, supervised_weight=weight)),
    (np.random.default_rng(0)),
  )
  draw = lambda: np.stack([rng.choice(N_SCENES, BATCH, replace=False) for _ in range(DRAWS)])
  rows = [draw() for _ in range(4)]
  paired, again, independent = (
    np.asarray(gradients(rgb, ir), np.float64)
    for rgb, ir in ((rows[0], rows[0]), (rows[1], rows[1]), (rows[2], rows[3]))
  )
  # Samples of the same kind do not differ.
  assert p_value(paired, again) > SIGNIFICANT and excess(paired, again) < 2
  if weight:
    assert p_value(paired, independent) < BEYOND_DOUBT and excess(paired, independent) > 4
  else:
    assert p_value(paired, independent) > SIGNIFICANT and excess(paired, independent) < 2
