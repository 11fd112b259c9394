"""Loss terms. Each is a mean over all elements that count, a float32 scalar, not weighted.

Images are [batch, height, width, channels] of network values, -1 to 1; objectives.py brings those
of other intervals there. A mask is bool [batch, height, width, 1], the pixels that count, or None
for all. With a mask the mean is over each image's valid pixels, then over images, so that sharing a
batch out among devices changes nothing; an image without any valid pixel counts as 0.
"""

import jax
import jax.numpy as jnp
import optax

from cyclegan_jax.metrics import image_quality

# From -1 to 1.
_NETWORK_RANGE = 2.0


def judged(kind: str, scores: jax.Array, real: bool) -> jax.Array:
  """A discriminator's loss on real or on generated images.

  Args:
    kind: 'lsgan', 'vanilla' or 'hinge'.
    scores: its raw output, any shape.
    real: what the images are.
  """
  if kind == 'hinge':
    return jnp.mean(jax.nn.relu(1 - scores if real else 1 + scores))
  return _distance_from_label(kind, scores, real)


def adversarial(kind: str, scores: jax.Array) -> jax.Array:
  """A generator's loss from a discriminator's raw scores of its images, any shape.

  lsgan: squared distance from 1; vanilla: cross entropy with 'real', not the saturating form;
  hinge: minus the scores.
  """
  return -jnp.mean(scores) if kind == 'hinge' else _distance_from_label(kind, scores, True)


def _distance_from_label(kind: str, scores: jax.Array, real: bool) -> jax.Array:
  if kind == 'vanilla':
    return jnp.mean(optax.sigmoid_binary_cross_entropy(scores, float(real)))
  return jnp.mean((scores - float(real)) ** 2)


def l1(a: jax.Array, b: jax.Array, mask: jax.Array | None = None) -> jax.Array:
  """Mean absolute difference: cycle, identity and supervised terms."""
  difference = jnp.abs(a - b)
  if mask is None:
    return jnp.mean(difference)
  count = jnp.maximum(jnp.sum(mask, (1, 2, 3)), 1) * a.shape[-1]
  return jnp.mean(jnp.sum(jnp.where(mask, difference, 0), (1, 2, 3)) / count)


def gradient_l1(a: jax.Array, b: jax.Array, mask: jax.Array | None = None) -> jax.Array:
  """Mean absolute difference of differences between neighbors, horizontal and vertical.

  With a mask only where both neighbors count.
  """
  terms = []
  for axis in (1, 2):
    valid = None if mask is None else (jnp.delete(mask, -1, axis) & jnp.delete(mask, 0, axis))
    terms.append(l1(jnp.diff(a, axis=axis), jnp.diff(b, axis=axis), valid))
  return sum(terms)


def dissimilarity(a: jax.Array, b: jax.Array, mask: jax.Array | None = None) -> jax.Array:
  """1 - SSIM of Wang et al. 2004, see `metrics.ssim`: that of the pixels."""
  # SSIM is of values from 0 on: around 0 its luminance factor would be erratic.
  similarity = image_quality.ssim(a + 1, b + 1, max_value=_NETWORK_RANGE, mask=mask)
  if mask is not None:
    # An image in which no window is valid has no similarity.
    similarity = jnp.where(jnp.isnan(similarity), 1.0, similarity)
  return 1 - jnp.mean(similarity)
