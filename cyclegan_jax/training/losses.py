"""Loss terms: means over all elements that count, float32 scalars, not weighted.

Images are [batch, height, width, channels] in [-1, 1]. A mask is bool [batch, height, width, 1],
the pixels that count, or None for all. With a mask, the mean is over each image's valid pixels and
then over images, so that sharing a batch among devices changes nothing; an image without a valid
pixel counts as 0.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jaxtyping import Float
import optax

from cyclegan_jax.arrays import AnyArray, Images, Mask, Scalar
from cyclegan_jax.metrics import image_quality
from cyclegan_jax.settings import LossConfig

# (true image, generated image, mask) -> loss term.
Distance = Callable[[Images, Images, Mask | None], Scalar]

# The largest distance between network values.
_RANGE = 2.0


def discriminator(kind: str, scores: Float[AnyArray, '...'], real: bool) -> Scalar:
  """Computes a discriminator's loss on real or on generated images.

  Args:
    kind: 'lsgan', 'vanilla' or 'hinge'.
    scores: Its raw output, any shape.
    real: Whether the images are real.
  """
  if kind == 'hinge':
    return jnp.mean(jax.nn.relu(1 - scores if real else 1 + scores))
  return _distance_from_label(kind, scores, real)


def generator(kind: str, scores: Float[AnyArray, '...']) -> Scalar:
  """Computes a generator's adversarial loss from the raw scores of its images, any shape.

  lsgan: squared distance from 1; vanilla: cross entropy with "real", the non-saturating form;
  hinge: the negated mean score.
  """
  return -jnp.mean(scores) if kind == 'hinge' else _distance_from_label(kind, scores, True)


def supervised(config: LossConfig) -> dict[str, tuple[float, Distance]]:
  """The terms between a generated image and the true one, by name: weight and distance."""
  terms: dict[str, tuple[float, Distance]] = {
    'supervised': (config.supervised_weight, l1),
    'ssim': (config.ssim_weight, dissimilarity),
    'gradient': (config.gradient_weight, gradient_l1),
  }
  return {name: (weight, distance) for name, (weight, distance) in terms.items() if weight}


def l1(a: Images, b: Images, mask: Mask | None = None) -> Scalar:
  """Mean absolute difference, for cycle, identity and supervised terms."""
  difference = jnp.abs(a - b)
  if mask is None:
    return jnp.mean(difference)
  count = jnp.maximum(jnp.sum(mask, (1, 2, 3)), 1) * a.shape[-1]
  return jnp.mean(jnp.sum(jnp.where(mask, difference, 0), (1, 2, 3)) / count)


def gradient_l1(a: Images, b: Images, mask: Mask | None = None) -> Scalar:
  """Mean absolute difference of image gradients: of differences between neighboring pixels.

  Horizontal and vertical; with a mask, only where both neighbors count.
  """
  terms = []
  for axis in (1, 2):
    valid = None if mask is None else jnp.delete(mask, -1, axis) & jnp.delete(mask, 0, axis)
    terms.append(l1(jnp.diff(a, axis=axis), jnp.diff(b, axis=axis), valid))
  return terms[0] + terms[1]


def dissimilarity(a: Images, b: Images, mask: Mask | None = None) -> Scalar:
  """1 - SSIM (Wang et al. 2004), see `image_quality.ssim`; equals that of the pixels."""
  # SSIM is defined for values from 0 on: its luminance factor is erratic around 0.
  similarity = image_quality.ssim(a + 1, b + 1, max_value=_RANGE, mask=mask)
  if mask is not None:
    # An image without a valid window has no similarity.
    similarity = jnp.where(jnp.isnan(similarity), 1.0, similarity)
  return 1 - jnp.mean(similarity)


def _distance_from_label(kind: str, scores: Float[AnyArray, '...'], real: bool) -> Scalar:
  if kind == 'vanilla':
    return jnp.mean(optax.sigmoid_binary_cross_entropy(scores, jnp.float32(real)))
  return jnp.mean((scores - float(real)) ** 2)
