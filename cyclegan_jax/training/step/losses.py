"""Loss terms: means over all elements that count, float32 scalars, not weighted.

Images are [batch, height, width, channels] in [-1, 1]. A mask is bool [batch, height, width, 1],
the pixels that count, or None for all. With a mask, the mean is over each image's valid pixels and
then over images, so that sharing a batch among devices changes nothing; an image without a valid
pixel counts as 0.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
import functools
from typing import Any

import jax
from jax import lax
import jax.numpy as jnp
from jaxtyping import Float
import optax

from cyclegan_jax.arrays import AnyArray, Images, Mask, Scalar
from cyclegan_jax.metrics import image_quality
from cyclegan_jax.settings import LossConfig

# (true image, generated image, mask) -> loss term.
Distance = Callable[[Images, Images, Mask | None], Scalar]

# Of pixels by their class, for images of any number of channels.
Weights = Float[AnyArray, 'batch height width 1']

# A discriminator's maps of raw scores.
Scores = Sequence[Float[AnyArray, '...']]

# `Verdict.features` of a discriminator.
Features = Any

# The largest distance between network values.
_RANGE = 2.0
# The gray levels that `_mean` tells apart.
_LEVELS = 32
# Of `sharpness_l1`: windows in pixels, scales, and what keeps square roots differentiable.
_WINDOW = 8
_SCALES = 3
_SMALL = 1e-6


def discriminator(kind: str, scores: Scores, real: bool) -> Scalar:
  """Computes a discriminator's loss on real or on generated images, summed over its maps.

  Args:
    kind: 'lsgan', 'vanilla' or 'hinge'.
    scores: Its maps of raw scores, any shapes.
    real: Whether the images are real.
  """
  if kind == 'hinge':
    return _summed(jnp.mean(jax.nn.relu(1 - part if real else 1 + part)) for part in scores)
  return _summed(_distance_from_label(kind, part, real) for part in scores)


def generator(kind: str, scores: Scores) -> Scalar:
  """Computes a generator's adversarial loss from the maps of scores of its images.

  lsgan: squared distance from 1; vanilla: cross entropy with "real", the non-saturating form;
  hinge: the negated mean score.
  """
  if kind == 'hinge':
    return _summed(-jnp.mean(part) for part in scores)
  return _summed(_distance_from_label(kind, part, True) for part in scores)


def total(weighted: Mapping[str, tuple[float, Scalar]]) -> tuple[Scalar, dict[str, Scalar]]:
  """Returns the weighted sum of terms, to be minimized, and the terms, to be logged.

  Both come from the same weights and terms by name, so that no term is logged and not minimized.
  """
  terms = {name: value for name, (_, value) in weighted.items()}
  return _summed(weight * value for weight, value in weighted.values()), terms


def supervised(
  config: LossConfig, weights: Weights | None = None
) -> dict[str, tuple[float, Distance]]:
  """The terms between a generated image and the true one, by name: weight and distance.

  `weights` are those of pixels by their class, see `class_balance.weigh`.
  """
  compare = smooth_l1 if config.supervised_loss == 'smooth_l1' else l1
  terms: dict[str, tuple[float, Distance]] = {
    'supervised': (
      config.supervised_weight,
      functools.partial(compare, balance=config.intensity_balance, weights=weights),
    ),
    'ssim': (config.ssim_weight, dissimilarity),
    'gradient': (config.gradient_weight, gradient_l1),
    'sharpness': (config.sharpness_weight, sharpness_l1),
  }
  return {name: (weight, distance) for name, (weight, distance) in terms.items() if weight}


def feature_matching(true: Features, generated: Features) -> Scalar:
  """Mean absolute difference of a discriminator's activations (Wang et al. 2018, pix2pixHD).

  Args:
    true: Its activations for true images, see `Verdict.features`; they get no gradient.
    generated: Those for generated ones.

  Returns:
    The mean over maps and layers. pix2pixHD's weight of 10 for four layers is 40 here.
  """
  pairs = zip(jax.tree.leaves(lax.stop_gradient(true)), jax.tree.leaves(generated), strict=True)
  # Activations may be bfloat16, whose sums would be coarse.
  differences = [
    jnp.mean(jnp.abs(a - b), dtype=jnp.promote_types(a.dtype, jnp.float32)) for a, b in pairs
  ]
  return jnp.mean(jnp.stack(differences))


def l1(
  a: Images,
  b: Images,
  mask: Mask | None = None,
  balance: float = 0.0,
  weights: Weights | None = None,
) -> Scalar:
  """Mean absolute difference, for cycle, identity and supervised terms; see `_mean`."""
  return _mean(jnp.abs(a - b), a, mask, balance, weights)


def smooth_l1(
  a: Images,
  b: Images,
  mask: Mask | None = None,
  balance: float = 0.0,
  weights: Weights | None = None,
) -> Scalar:
  """Mean of d ** 2 / 2 for differences d up to 1, and of d - 1/2 above; see `_mean`."""
  return _mean(optax.huber_loss(a, b), a, mask, balance, weights)


def gradient_l1(a: Images, b: Images, mask: Mask | None = None) -> Scalar:
  """Mean absolute difference of image gradients: of differences between neighboring pixels.

  Horizontal and vertical; with a mask, only where both neighbors count.
  """
  terms = []
  for axis in (1, 2):
    valid = None if mask is None else jnp.delete(mask, -1, axis) & jnp.delete(mask, 0, axis)
    terms.append(l1(jnp.diff(a, axis=axis), jnp.diff(b, axis=axis), valid))
  return terms[0] + terms[1]


def sharpness_l1(a: Images, b: Images, mask: Mask | None = None) -> Scalar:
  """Mean absolute difference of the mean gradient sizes in overlapping windows, over three scales.

  L1 prefers a blur where it cannot tell where an edge is. This asks only that there is one: a
  window's mean says nothing of places. A scale halves the image before it, so that no single
  pattern can stand for all details. With a mask, gradients count whose three pixels do.
  """
  a, b = jnp.asarray(a), jnp.asarray(b)
  valid = jnp.ones_like(a[..., :1], bool) if mask is None else jnp.asarray(mask)
  terms = []
  while len(terms) < _SCALES and min(a.shape[1:3]) > _WINDOW:
    terms.append(_window_l1(a, b, valid, mask is not None))
    a, b = _halved(a), _halved(b)
    valid = _halved(valid.astype(a.dtype)) == 1
  return jnp.mean(jnp.stack(terms))


def _window_l1(a: jax.Array, b: jax.Array, valid: jax.Array, masked: bool) -> jax.Array:
  """The term of one scale."""
  valid = valid[:, :-1, :-1] & valid[:, 1:, :-1] & valid[:, :-1, 1:]
  counts = _over_windows(valid.astype(a.dtype))
  true, generated = (
    _over_windows(jnp.where(valid, _gradient_size(x), 0)) / jnp.maximum(counts, 1) for x in (a, b)
  )
  return l1(true, generated, counts > 0 if masked else None)


def _halved(x: jax.Array) -> jax.Array:
  """Means of 2x2 pixels; a last odd row or column is left out."""
  return lax.reduce_window(x, 0.0, lax.add, (1, 2, 2, 1), (1, 2, 2, 1), 'VALID') / 4


def _gradient_size(x: jax.Array) -> jax.Array:
  down, right = x[:, 1:, :-1] - x[:, :-1, :-1], x[:, :-1, 1:] - x[:, :-1, :-1]
  return jnp.sqrt(down**2 + right**2 + _SMALL)  # Its own gradient stays finite.


def _over_windows(x: jax.Array) -> jax.Array:
  """Sums over windows, half of which overlap."""
  window, strides = (1, _WINDOW, _WINDOW, 1), (1, _WINDOW // 2, _WINDOW // 2, 1)
  return lax.reduce_window(x, 0.0, lax.add, window, strides, 'VALID')


def dissimilarity(a: Images, b: Images, mask: Mask | None = None) -> Scalar:
  """1 - SSIM (Wang et al. 2004), see `image_quality.ssim`; equals that of the pixels."""
  # SSIM is defined for values from 0 on: its luminance factor is erratic around 0.
  similarity = image_quality.ssim(a + 1, b + 1, max_value=_RANGE, mask=mask)
  if mask is not None:
    # An image without a valid window has no similarity.
    similarity = jnp.where(jnp.isnan(similarity), 1.0, similarity)
  return 1 - jnp.mean(similarity)


def _mean(
  differences: Images, true: Images, mask: Mask | None, balance: float, weights: Weights | None
) -> Scalar:
  """Averages over pixels, perhaps weighted by how rare their gray level or their class is.

  With `balance` p, a pixel of the true image counts as f ** -p, where f is the share of its image
  that has about its gray level (one of _LEVELS): with p = 1 all levels count alike, however few
  pixels they have, so a small hot object counts as much as a large cold background.

  `weights` multiply the differences. They are 1 on average over all data, but not in each image: an
  image with rare classes counts more than others.
  """
  if weights is not None:
    differences = weights * differences
  if mask is None and not balance:
    return jnp.mean(differences)
  counts = jnp.ones_like(true) if mask is None else jnp.broadcast_to(mask, true.shape)
  counts = counts.astype(jnp.float32)
  if balance:
    counts *= jax.vmap(functools.partial(_rarity, balance=balance))(true, counts)
  total = jnp.sum(counts, (1, 2, 3))
  # An image without a valid pixel counts as 0.
  sums = jnp.sum(counts * jnp.where(counts > 0, differences, 0), (1, 2, 3))
  return jnp.mean(sums / jnp.where(total > 0, total, 1))


def _rarity(
  image: Float[AnyArray, 'height width channels'],
  valid: Float[AnyArray, 'height width channels'],
  balance: float,
) -> Float[AnyArray, 'height width channels']:
  """Returns f ** -balance for each pixel, where f is the share of the valid pixels like it."""
  levels = jnp.clip((image + 1) * (_LEVELS / _RANGE), 0, _LEVELS - 1).astype(jnp.int32)
  counts = jnp.zeros(_LEVELS).at[levels].add(valid)
  shares = counts / jnp.maximum(jnp.sum(counts), 1)
  return jnp.where(valid > 0, jnp.maximum(shares[levels], 1e-6) ** -balance, 0.0)


def _summed(terms: Iterable[Scalar]) -> Scalar:
  return jnp.asarray(sum(terms))


def _distance_from_label(kind: str, scores: Float[AnyArray, '...'], real: bool) -> Scalar:
  if kind == 'vanilla':
    return jnp.mean(optax.sigmoid_binary_cross_entropy(scores, jnp.float32(real)))
  return jnp.mean((scores - float(real)) ** 2)
