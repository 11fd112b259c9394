"""Sharpness of an image beside that of its reference: spectra and gradients, one value per image.

PSNR rewards blur; these show it. The arguments are those of `image_quality`: two arrays [batch,
height, width, channels] of pixels as integers, of any real dtype, and `mask`, bool [batch, height,
width, 1], whose invalid pixels may hold anything. Both functions are jitted, once per shape, and
return float32 [batch]; NaN where nothing is valid. Neither compares place by place: noise of the
right kind is as sharp as the truth, so read them beside SSIM.
"""

import functools

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike
from jaxtyping import Array, Float
import numpy as np

from cyclegan_jax.arrays import Images, Mask, PerImage
from cyclegan_jax.metrics.image_quality import MaybeMask, prepare
from cyclegan_jax.metrics.sliding_moments import to_planes

Spectra = Float[Array, 'batch rings']

# The variance of the rounding to integers: no detail is weaker than this noise.
ROUNDING_NOISE = 1 / 12


@jax.jit
def log_spectral_distance(
  reference: ArrayLike, image: ArrayLike, *, mask: MaybeMask = None
) -> PerImage:
  """Distance of the two radially averaged power spectra in dB; 0 for equal spectra.

  The root mean square, over rings of 1, 2, ... cycles per shorter side up to half its pixels, of
  the difference of 10 log10(power + 1/12). Before the transform a Hann window, which is 0 on
  invalid pixels, takes away the image's border, and its weighted mean is subtracted. A ring's power
  is the mean over its frequencies and the channels, so that white noise has that of its variance.
  """
  x, y, mask = prepare(reference, image, mask)
  difference = _log_spectrum(x, mask) - _log_spectrum(y, mask)
  return jnp.sqrt(jnp.mean(jnp.square(difference), axis=1))


@jax.jit
def log_spectrum(image: ArrayLike) -> Spectra:
  """The radially averaged power spectrum of each image in dB, as `log_spectral_distance` has it."""
  x, _, _ = prepare(image, image, None)
  return _log_spectrum(x, None)


def _log_spectrum(x: Images, mask: Mask | None) -> Spectra:
  """Radially averaged power spectrum in dB."""
  height, width = x.shape[1:3]
  x, window = to_planes(x), jnp.asarray(np.outer(_hann(height), _hann(width)), jnp.float32)
  if mask is not None:
    planes = to_planes(mask)
    x, window = jnp.where(planes, x, 0), window * planes
  sums = lambda values: jnp.sum(values, (-2, -1), keepdims=True)
  for _ in range(2):  # The second centering removes the rounding of the first one's mean.
    x = x - sums(window * x) / sums(window)
  power = jnp.square(jnp.abs(jnp.fft.fft2(window * x))) / sums(jnp.square(window))
  # The first of these rings is the mean, the last one the corners.
  rings, n = _rings(height, width), min(height, width) // 2 + 2
  by_frequency = jnp.mean(power, axis=1).reshape(len(x), -1).T
  sums_of_rings = jax.ops.segment_sum(by_frequency, rings, n).T
  means = sums_of_rings[:, 1:-1] / np.bincount(rings, minlength=n)[1:-1]
  return 10 * jnp.log10(means + ROUNDING_NOISE)


def _hann(n: int) -> np.ndarray:
  return np.square(np.sin(np.pi * (np.arange(n) + 0.5) / n))


def _rings(height: int, width: int) -> np.ndarray:
  """The ring of each frequency, flattened; those beyond half the shorter side have one together."""
  shorter = min(height, width)
  # In this order of operations the halves are exact.
  fy, fx = (np.minimum(np.arange(n), n - np.arange(n)) * shorter / n for n in (height, width))
  rings = np.floor(np.hypot(fy[:, np.newaxis], fx) + 0.5)
  return np.minimum(rings, shorter // 2 + 1).astype(np.int32).ravel()


@jax.jit
def gradient_ratio(reference: ArrayLike, image: ArrayLike, *, mask: MaybeMask = None) -> PerImage:
  """Mean gradient size of the image over that of the reference: below 1 is blurred, above 1 noisy.

  The size is sqrt(dx^2 + dy^2) of differences to the next column and row, per channel, where all
  three pixels are valid. NaN, undefined, where the reference is constant.
  """
  x, y, mask = prepare(reference, image, mask, 2, 'gradient_ratio')
  size_x, size_y = (_mean_gradient(values, mask) for values in (x, y))
  return jnp.where(size_x > 0, size_y / jnp.where(size_x > 0, size_x, 1), jnp.nan)


def _mean_gradient(x: Images, mask: Mask | None) -> PerImage:
  corner, right, below = _neighbors(x)
  size = jnp.sqrt(jnp.square(right - corner) + jnp.square(below - corner))
  where = None if mask is None else functools.reduce(jnp.logical_and, _neighbors(mask))
  return jnp.mean(size, (1, 2, 3), where=where)


def _neighbors(values: jax.Array) -> tuple[jax.Array, jax.Array, jax.Array]:
  """Each pixel but those of the last row and column, and its right and lower neighbors."""
  planes = to_planes(values)
  return planes[:, :, :-1, :-1], planes[:, :, :-1, 1:], planes[:, :, 1:, :-1]
