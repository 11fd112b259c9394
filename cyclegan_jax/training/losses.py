"""Loss terms. Each is a mean over all elements, a float32 scalar, not weighted."""

import jax
import jax.numpy as jnp


def adversarial(scores: jax.Array, real: bool) -> jax.Array:
  """Least-squares GAN loss (Mao et al. 2017): squared distance of scores from 1 or 0.

  Args:
    scores: a discriminator's raw output, any shape.
    real: the label that the scores are drawn towards, True for 1.
  """
  return jnp.mean((scores - float(real)) ** 2)


def l1(a: jax.Array, b: jax.Array) -> jax.Array:
  """Mean absolute difference of two equally shaped arrays: cycle, identity and supervised terms."""
  return jnp.mean(jnp.abs(a - b))
