"""Means and variances over sliding windows, without cancellation in float32.

E[x^2] - E[x]^2 subtracts nearly equal numbers where an image is bright and smooth. Here a variance
is a weighted sum of squares of differences between neighbors: never negative, exactly 0 in a
constant window. Windows are those wholly in the image, along the last two axes.
"""

from collections.abc import Callable
import functools

import jax
from jax import lax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Shaped
import numpy as np

from cyclegan_jax.arrays import Images, Mask, PerImage

UNIFORM_SIZE = 8  # Wang & Bovik 2002, and sewar's default.
GAUSSIAN_SIZE = 11  # Wang et al. 2004.
GAUSSIAN_SIGMA = 1.5
_GAUSSIAN = np.exp(-0.5 * ((np.arange(GAUSSIAN_SIZE) - GAUSSIAN_SIZE // 2) / GAUSSIAN_SIGMA) ** 2)
_WEIGHTS = (_GAUSSIAN / _GAUSSIAN.sum()).tolist()

Planes = Float[Array, '*batch height width']
Windows = Float[Array, '*batch rows columns']
Moments = Float[Array, '3 batch channels rows columns']


def to_planes(
  values: Shaped[Array, 'batch height width channels'],
) -> Shaped[Array, 'batch channels height width']:
  """Moves width to the end, where the sliding sums run on whole vector registers."""
  return jnp.moveaxis(values, 3, 1)


def _shifted(values: jax.Array, start: int, length: int, axis: int) -> jax.Array:
  return lax.slice_in_dim(values, start, start + length, axis=axis)


def uniform_moments(values: Planes) -> tuple[Windows, Windows]:
  """Mean and biased variance (divided by n) of every 8x8 window; rows are height - 7.

  Windows of 1, 2, 4, 8 pixels are made by joining two neighbors of half the size: with h half the
  difference of their means, mean = mean_1 + h and variance = (variance_1 + variance_2) / 2 + h^2
  (Chan, Golub & LeVeque 1983, equal counts).
  """
  mean, variance = values, jnp.zeros_like(values)
  for axis in (values.ndim - 1, values.ndim - 2):
    for shift in (1, 2, 4):
      count = mean.shape[axis] - shift
      first, second = (_shifted(mean, start, count, axis) for start in (0, shift))
      half = (second - first) * 0.5
      variances = (_shifted(variance, start, count, axis) for start in (0, shift))
      mean, variance = first + half, sum(variances) * 0.5 + half * half
  return mean, variance


def gaussian_moments(values: Planes) -> tuple[Windows, Windows]:
  """Weighted mean and variance of every 11x11 window, Gaussian of sigma 1.5; rows are height - 10.

  The weights sum to 1 and are separable, so the law of total variance gives the variance of a
  window from the means and variances of its rows.
  """
  mean, variance = values, jnp.zeros_like(values)
  for axis in (values.ndim - 1, values.ndim - 2):
    count = mean.shape[axis] - GAUSSIAN_SIZE + 1
    taps = [_shifted(mean, start, count, axis) for start in range(GAUSSIAN_SIZE)]
    # Relative to the central tap, a constant window has a mean without rounding.
    center = taps[GAUSSIAN_SIZE // 2]
    offset = sum(w * (tap - center) for w, tap in zip(_WEIGHTS, taps))
    between = sum(w * jnp.square(tap - center - offset) for w, tap in zip(_WEIGHTS, taps))
    within = sum(w * _shifted(variance, start, count, axis) for start, w in enumerate(_WEIGHTS))
    mean, variance = center + offset, jnp.asarray(between + within)
  return mean, variance


def pair_moments(
  moments: Callable[[jax.Array], tuple[jax.Array, jax.Array]], x: Images, y: Images
) -> tuple[Moments, Moments]:
  """Means and variances of the windows of x, y, and x - y, by one of the functions above."""
  # The loop of `map` keeps XLA from fusing window sums into the formulas that use them,
  # with which SSIM takes three times as long on a CPU.
  return lax.map(moments, jnp.stack([to_planes(values) for values in (x, y, x - y)]))


def halved(values: jax.Array) -> jax.Array:
  """Means of 2x2 pixels [batch, height, width, channels]; of a bool mask, where all four are valid.

  Of an odd side the last row or column is left out.
  """
  batch, height, width, channels = values.shape
  blocks = values[:, : height // 2 * 2, : width // 2 * 2].reshape(
    batch, height // 2, 2, width // 2, 2, channels
  )
  return blocks.all((2, 4)) if values.dtype == jnp.bool_ else blocks.mean((2, 4))


def valid_windows(
  mask: Bool[Array, '*batch height width'], size: int
) -> Bool[Array, '*batch rows columns']:
  """Marks the size x size windows that hold valid pixels only; rows are height - size + 1."""
  for axis in (mask.ndim - 1, mask.ndim - 2):
    count = mask.shape[axis] - size + 1
    shifted = (_shifted(mask, start, count, axis) for start in range(size))
    mask = functools.reduce(jnp.logical_and, shifted)
  return mask


def window_mean(
  quality: Float[Array, 'batch channels rows columns'], mask: Mask | None, size: int
) -> PerImage:
  """Mean of a quality map over its channels and wholly valid windows; NaN where there is none.

  Args:
    quality: a value per window; windows may be missing at the lower and right ends.
    mask: None for all valid.
    size: side of the windows in pixels.
  """
  if mask is None:
    return jnp.mean(quality, axis=(1, 2, 3))
  valid = valid_windows(to_planes(mask), size)
  valid = valid[:, :, : quality.shape[2], : quality.shape[3]]
  count = jnp.sum(valid, axis=(1, 2, 3)) * quality.shape[1]
  # Not 0 / 0, whose gradient would be NaN for the whole batch.
  mean = jnp.sum(jnp.where(valid, quality, 0), axis=(1, 2, 3)) / jnp.maximum(count, 1)
  return jnp.where(count > 0, mean, jnp.nan)
