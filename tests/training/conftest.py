"""Training steps are compiled without optimisation: these tests compile many and run few."""

import jax
import pytest


@pytest.fixture(scope='module', autouse=True)
def quickly_compiled():
  jax.config.update('jax_disable_most_optimizations', True)
  yield
  jax.config.update('jax_disable_most_optimizations', False)
