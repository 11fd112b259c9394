"""Loss terms. Each is a mean over all elements that count, a float32 scalar, not weighted."""

import jax
import jax.numpy as jnp


def adversarial(scores: jax.Array, real: bool) -> jax.Array:
  """Least-squares GAN loss (Mao et al. 2017): squared distance of scores from 1 or 0.

  Args:
    scores: a discriminator's raw output, any shape.
    real: the label that the scores are drawn towards, True for 1.
  """
  return jnp.mean((scores - float(real)) ** 2)


def l1(a: jax.Array, b: jax.Array, mask: jax.Array | None = None) -> jax.Array:
  """Mean absolute difference of two equally shaped arrays: cycle, identity and supervised terms.

  Args:
    a, b: [batch, height, width, channels].
    mask: bool [batch, height, width, 1], or None for all: the pixels that count. The mean over
      each image's valid pixels, then over images, so that sharing a batch out among devices
      changes nothing; an image without any valid pixel counts as 0.
  """
  difference = jnp.abs(a - b)
  if mask is None:
    return jnp.mean(difference)
  count = jnp.maximum(jnp.sum(mask, (1, 2, 3)), 1) * a.shape[-1]
  return jnp.mean(jnp.sum(jnp.where(mask, difference, 0), (1, 2, 3)) / count)
