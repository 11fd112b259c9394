"""Finding the operation that gave NaN."""

import jax
import jax.numpy as jnp
import pytest

from cyclegan_jax.errors import UserError
from cyclegan_jax.training import nan_check
from cyclegan_jax.training.step import losses


def test_the_operation_that_gave_nan_is_named():
  distance = jax.jit(lambda a, b: losses.l1(a, b))
  image, infinite = jnp.ones((1, 2, 2, 1)), jnp.full((1, 2, 2, 1), jnp.inf)
  with jax.debug_nans(True):
    with nan_check.explain(7):
      distance(image, infinite).block_until_ready()
    # The difference of equal infinities comes first, the mean after it.
    named = pytest.raises(UserError, match=r'NaN at step 7, in \S*losses\.py, line \d+: .*a - b')
    with named, nan_check.explain(7):
      distance(infinite, infinite).block_until_ready()
