"""Initial arrays: their distributions against closed forms, and what a seed decides."""

import jax
import numpy as np
import optax
import pytest
import scipy.stats

from cyclegan_jax import config as config_lib
from cyclegan_jax.data.source import make_domains
from cyclegan_jax.models import initializers, networks
from cyclegan_jax.settings import ModelConfig
from tests.models.test_networks import made_domains, TINY
from tests.training import fresh


@pytest.mark.parametrize('shape', [(3, 3, 4, 8), (1, 1, 8, 32)])
def test_orthogonal_rows_or_columns(shape):
  kernel = initializers.KERNELS['orthogonal'](np.random.default_rng(0), shape)
  assert kernel.shape == shape and kernel.dtype == np.float32
  matrix = kernel.reshape(-1, shape[-1])
  product = matrix.T @ matrix if len(matrix) >= shape[-1] else matrix @ matrix.T
  np.testing.assert_allclose(product, np.eye(len(product)), atol=1e-5)


def test_orthogonal_matrices_are_evenly_distributed():
  generator = np.random.default_rng(0)
  draws = [initializers.KERNELS['orthogonal'](generator, (1, 1, 3, 3)) for _ in range(1000)]
  # A column of such a matrix is a point on the sphere, whose height is even (Archimedes).
  for height in np.array(draws).reshape(-1, 9).T:
    assert scipy.stats.kstest(height, 'uniform', (-1, 2)).pvalue > 1e-3


def test_xavier_has_glorots_variance():
  kernel = initializers.KERNELS['xavier'](np.random.default_rng(0), (4, 4, 64, 128))
  # Glorot and Bengio 2010, equation 12; the field's programs scale it by a gain of 0.02.
  deviation = 0.02 * np.sqrt(2 / (16 * (64 + 128)))
  assert scipy.stats.kstest(kernel.ravel() / deviation, 'norm').pvalue > 1e-3


def test_a_seed_decides_all_arrays_and_each_network_has_its_own():
  config, domains = ModelConfig(**TINY), made_domains(3, 3)
  first, again, other = (networks.initialize(config, domains, seed) for seed in (5, 5, 6))
  jax.tree.map(np.testing.assert_array_equal, first, again)
  kernels = [
    params[name]['down'][0]['kernel']
    for params in (first[0], other[0])
    for name in networks.generators(config)
  ]
  assert len({kernel.tobytes() for kernel in kernels}) == 4


@pytest.mark.parametrize(
  'settings',
  [
    {},
    dict(norm='instance', initializer='xavier'),
    dict(discriminator='unet', discriminator_layers=5, spectral_norm=True),
  ],
)
def test_abstract_arrays_are_those_that_are_drawn(settings):
  config, domains = ModelConfig(**{**TINY, **settings}), made_domains(3, 1)
  drawn = networks.initialize(config, domains, 0)
  shapes = jax.tree.map(lambda x: (x.shape, x.dtype), drawn)
  expected = networks.abstract(config, domains)
  assert shapes == jax.tree.map(lambda x: (x.shape, x.dtype), expected)
  assert {x.dtype for x in jax.tree.leaves(drawn)} == {np.dtype(np.float32)}


def test_optimizers_begin_as_optax_has_them():
  config = config_lib.make(
    dataset='x', **TINY, pool_size=3, decay_start=1, decay_epochs=1, epochs=2, ema_decay=0.9
  )
  state = fresh.state(config)
  groups = {
    'generators': networks.generators(config.model),
    'discriminators': networks.discriminators(config.model),
  }
  for name, group in groups.items():
    params = {one: state.params[one] for one in group}
    found, expected = state.opt_state[name], fresh.optimizer(config).init(params)
    assert jax.tree.structure(found) == jax.tree.structure(expected)
    jax.tree.map(np.testing.assert_array_equal, found, expected)
  assert optax.tree.norm(state.pools) == 0 and set(state.ema) == set(groups['generators'])
  assert set(make_domains(config.data)) == set(state.pools)
