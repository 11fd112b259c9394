"""Full-reference image quality measures: one value per image, on the accelerator.

Every measure takes a reference and an image, two arrays [batch, height, width, channels] of any
real dtype with values 0..max_value, and returns float32 [batch]. All are jitted, once per shape and
dtype; `max_value`, which is traced, and `mask` go by keyword.

Precision: float32 holds 8-bit and 16-bit images exactly, and no formula subtracts squared means.
Errors are up to 1e-6 relative for mse, rmse and mae, 2e-5 dB for psnr, and 2e-6 for the others; up
to 1e-5 for uqi of float images whose local contrast is below a thousandth of their brightness.
64-bit inputs are rounded to float32. Values should be 0 or within 1e-15..1e15, for their squares.

`mask`, bool [batch, height, width, 1], marks the valid pixels: mse, rmse, mae, psnr and correlation
use these alone, the others the windows that lie wholly on them. Invalid pixels may hold anything,
NaN too. An image with nothing valid gets NaN.

Raises while tracing: ValueError if shapes differ, are not of rank 4, are empty, too small for the
window or do not fit the mask; TypeError for complex values or a mask that is not bool.
"""

import jax
import jax.numpy as jnp
from jax.typing import ArrayLike

from cyclegan_jax.arrays import Images, Mask, PerImage
from cyclegan_jax.metrics import sliding_moments
from cyclegan_jax.metrics.sliding_moments import GAUSSIAN_SIZE, UNIFORM_SIZE

MaybeMask = ArrayLike | None

SSIM_K1, SSIM_K2 = 0.01, 0.03
MS_SSIM_WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
MS_SSIM_MINIMUM_SIZE = GAUSSIAN_SIZE * 2 ** (len(MS_SSIM_WEIGHTS) - 1)
_PIXELS = (1, 2, 3)


@jax.jit
def mse(reference: ArrayLike, image: ArrayLike, *, mask: MaybeMask = None) -> PerImage:
  """Mean squared error over height, width and channels; equals sewar.full_ref.mse."""
  x, y, mask = prepare(reference, image, mask)
  return jnp.mean(jnp.square(x - y), _PIXELS, where=mask)


@jax.jit
def rmse(reference: ArrayLike, image: ArrayLike, *, mask: MaybeMask = None) -> PerImage:
  """Square root of `mse`; equals sewar.full_ref.rmse."""
  return jnp.sqrt(mse(reference, image, mask=mask))


@jax.jit
def mae(reference: ArrayLike, image: ArrayLike, *, mask: MaybeMask = None) -> PerImage:
  """Mean absolute error over height, width and channels."""
  x, y, mask = prepare(reference, image, mask)
  return jnp.mean(jnp.abs(x - y), _PIXELS, where=mask)


@jax.jit
def psnr(
  reference: ArrayLike, image: ArrayLike, *, max_value: ArrayLike = 255, mask: MaybeMask = None
) -> PerImage:
  """Peak signal-to-noise ratio, 10 log10(max_value^2 / mse), in dB.

  Infinite for identical images. Equals sewar.full_ref.psnr, which takes max_value from the integer
  type.
  """
  peak = jnp.square(jnp.asarray(max_value, jnp.float32))
  return -10 * jnp.log10(mse(reference, image, mask=mask) / peak)


@jax.jit
def correlation(reference: ArrayLike, image: ArrayLike, *, mask: MaybeMask = None) -> PerImage:
  """Pearson's correlation coefficient of all values of the two images, in [-1, 1].

  The channels are taken together, as numpy.corrcoef does for flattened images. NaN, undefined,
  where one of the two images is constant.
  """
  x, y, mask = prepare(reference, image, mask)

  mean = lambda values: jnp.mean(values, _PIXELS, where=mask, keepdims=True)
  # The second centering removes the rounding of the first one's mean.
  dx, dy = x - mean(x), y - mean(y)
  dx, dy = dx - mean(dx), dy - mean(dy)
  deviations = jnp.sqrt(mean(jnp.square(dx))) * jnp.sqrt(mean(jnp.square(dy)))
  coefficient = jnp.clip(mean(dx * dy) / deviations, -1, 1).reshape(-1)

  def constant(values):
    lowest = jnp.min(values, _PIXELS, where=mask, initial=jnp.inf)
    return lowest == jnp.max(values, _PIXELS, where=mask, initial=-jnp.inf)

  # The extremes tell a constant image exactly; its rounded deviation might not be 0.
  return jnp.where(constant(x) | constant(y), jnp.nan, coefficient)


@jax.jit
def ssim(
  reference: ArrayLike, image: ArrayLike, *, max_value: ArrayLike = 255, mask: MaybeMask = None
) -> PerImage:
  """Structural similarity (Wang, Bovik, Sheikh & Simoncelli 2004, equation 13).

  Gaussian window 11x11 of sigma 1.5, K1 = 0.01, K2 = 0.03, population covariance, the mean over
  windows and channels: skimage.metrics.structural_similarity(gaussian_weights=True, sigma=1.5,
  use_sample_covariance=False, data_range=max_value, channel_axis=-1). In [-1, 1], exactly 1 for
  identical images. Sides of at least 11.
  """
  x, y, mask = prepare(reference, image, mask, GAUSSIAN_SIZE, 'ssim')
  luminance, structure = _ssim_factors(x, y, max_value)
  return sliding_moments.window_mean(luminance * structure, mask, GAUSSIAN_SIZE)


@jax.jit
def ms_ssim(
  reference: ArrayLike, image: ArrayLike, *, max_value: ArrayLike = 255, mask: MaybeMask = None
) -> PerImage:
  """Multi-scale structural similarity (Wang, Simoncelli & Bovik 2003, equation 7).

  Five scales with the published weights; between scales 2x2 pixels are averaged, an odd last row or
  column is left out. Each scale's factor is the mean over the windows of `ssim` of its
  contrast-structure factor, at the last scale of the whole product, as in the authors' program; a
  negative mean counts as 0, as it has no fractional power. The mean over channels of each one's
  product. In [0, 1], exactly 1 for identical images.

  With a mask, a pixel of a coarser scale is valid where all its four are. NaN where a scale has no
  window of valid pixels. Sides of at least 176: 11 at the coarsest scale.
  """
  x, y, mask = prepare(reference, image, mask, MS_SSIM_MINIMUM_SIZE, 'ms_ssim')
  batch, *size, channels = x.shape
  # Each channel becomes an image of its own.
  x, y = (sliding_moments.to_planes(values).reshape(-1, *size, 1) for values in (x, y))
  mask = None if mask is None else jnp.repeat(mask, channels, axis=0)
  product = jnp.ones(batch * channels)
  last = len(MS_SSIM_WEIGHTS) - 1
  for scale, weight in enumerate(MS_SSIM_WEIGHTS):
    if scale:
      x, y = sliding_moments.halved(x), sliding_moments.halved(y)
      mask = None if mask is None else sliding_moments.halved(mask)
    luminance, structure = _ssim_factors(x, y, max_value)
    quality = luminance * structure if scale == last else structure
    mean = sliding_moments.window_mean(quality, mask, GAUSSIAN_SIZE)
    product = product * jnp.maximum(mean, 0) ** weight
  return jnp.mean(product.reshape(batch, channels), axis=1)


@jax.jit
def uqi(reference: ArrayLike, image: ArrayLike, *, mask: MaybeMask = None) -> PerImage:
  """Universal image quality index (Wang & Bovik 2002, equation 1, averaged over windows).

  The mean over all 8x8 windows and channels of Q = 4 cov m1 m2 / ((v1 + v2) (m1^2 + m2^2)). Biased
  and unbiased variances give the same Q, as the factor cancels. Conventions of the authors'
  published program: both variances 0 gives 2 m1 m2 / (m1^2 + m2^2); both means 0 gives 1. At most
  1. Sides of at least 8.
  """
  x, y, mask = prepare(reference, image, mask, UNIFORM_SIZE, 'uqi')
  return _quality_indices(x, y, mask)[0]


@jax.jit
def uqi_sewar(reference: ArrayLike, image: ArrayLike, *, mask: MaybeMask = None) -> PerImage:
  """The figure that sewar.full_ref.uqi (window 8) returns, which is not the UQI.

  sewar puts window means where the formula has window sums: its 64 E[xy] - E[x] E[y] is 64 cov + 63
  m1 m2, not a covariance. The means outweigh the variances, so contrast and correlation hardly
  count. It also leaves out the last window of each row and column. Given for comparison with tables
  made by sewar, whose figure is the same for integers and for floats of equal values; on floats its
  running sums may leave noise in windows that are 0 in both images, which score 1. Sides of at
  least 9.
  """
  x, y, mask = prepare(reference, image, mask, UNIFORM_SIZE + 1, 'uqi_sewar')
  return _quality_indices(x, y, mask)[1]


@jax.jit
def image_metrics(
  reference: ArrayLike, image: ArrayLike, *, max_value: ArrayLike = 255, mask: MaybeMask = None
) -> dict[str, PerImage]:
  """All measures of this module at once, by name; float32 [batch] each.

  Sides of at least 11, as for `ssim`; `ms_ssim` is there if they are at least 176.
  """
  values: dict[str, PerImage] = {
    'ssim': ssim(reference, image, max_value=max_value, mask=mask),
    'psnr': psnr(reference, image, max_value=max_value, mask=mask),
    'mse': mse(reference, image, mask=mask),
    'rmse': rmse(reference, image, mask=mask),
    'mae': mae(reference, image, mask=mask),
    'correlation': correlation(reference, image, mask=mask),
  }
  if min(jnp.shape(reference)[1:3]) >= MS_SSIM_MINIMUM_SIZE:
    values['ms_ssim'] = ms_ssim(reference, image, max_value=max_value, mask=mask)
  values['uqi'], values['uqi_sewar'] = _quality_indices(*prepare(reference, image, mask))
  return values


def prepare(
  reference: ArrayLike, image: ArrayLike, mask: MaybeMask, smallest: int = 1, name: str = 'metric'
) -> tuple[Images, Images, Mask | None]:
  """Checks the arguments of a measure; returns both images as float32, and the mask."""
  shape = jnp.shape(reference)
  if len(shape) != 4 or shape != jnp.shape(image):
    raise ValueError(
      f'reference and image must have the same shape [batch, height, width, channels], '
      f'found {shape} and {jnp.shape(image)}'
    )
  if min(shape[1:3]) < smallest or shape[3] < 1:
    raise ValueError(
      f'{name} needs images of at least {smallest}x{smallest} pixels and 1 '
      f'channel, found height {shape[1]}, width {shape[2]}, channels {shape[3]}'
    )
  x, y = jnp.asarray(reference), jnp.asarray(image)
  if jnp.iscomplexobj(x) or jnp.iscomplexobj(y):
    raise TypeError(f'images must be real, found {x.dtype} and {y.dtype}')
  if mask is not None:
    mask = jnp.asarray(mask)
    if mask.shape != (*shape[:3], 1):
      raise ValueError(f'mask must have shape {(*shape[:3], 1)}, found {mask.shape}')
    if mask.dtype != jnp.bool_:
      raise TypeError(f'mask must be of bool, found {mask.dtype}')
  return x.astype(jnp.float32), y.astype(jnp.float32), mask


def _ssim_factors(x: Images, y: Images, max_value: ArrayLike) -> tuple[jax.Array, jax.Array]:
  """Luminance, and contrast times structure, of the Gaussian windows, [batch, channels, ...]."""
  means, (variance_x, variance_y, variance_d) = sliding_moments.pair_moments(
    sliding_moments.gaussian_moments, x, y
  )
  square_x, square_y, square_d = jnp.square(means)
  c1, c2 = (jnp.square(k * jnp.asarray(max_value, jnp.float32)) for k in (SSIM_K1, SSIM_K2))
  # 2ab = a^2 + b^2 - (a - b)^2, and likewise for the covariance, turn each factor into 1 minus a
  # quotient of sums of squares, where nothing cancels.
  return 1 - square_d / (square_x + square_y + c1), 1 - variance_d / (variance_x + variance_y + c2)


def _quality_indices(x: Images, y: Images, mask: Mask | None) -> tuple[PerImage, PerImage]:
  """UQI and sewar's UQI, which share their windows; XLA drops the one not used.

  With the identities given in `_ssim_factors`, Q = (1 - v_d / (v1 + v2)) (1 - m_d^2 / (m1^2 +
  m2^2)) for the difference d = x - y; an empty quotient counts as 0.
  """
  means, (variance_x, variance_y, variance_d) = sliding_moments.pair_moments(
    sliding_moments.uniform_moments, x, y
  )
  square_x, square_y, square_d = jnp.square(means)
  squares, variances, n = square_x + square_y, variance_x + variance_y, UNIFORM_SIZE**2

  def one_minus(part, whole):
    return 1 - jnp.where(whole == 0, 0, part / jnp.where(whole == 0, 1, whole))

  luminance = one_minus(square_d, squares)
  index = jnp.where(squares == 0, 1, luminance * one_minus(variance_d, variances))
  # With means for sums, 64 E[xy] - m1 m2 = 64 cov + 63 m1 m2, and so on.
  structure_sewar = one_minus(
    n * variance_d + (n - 1) * square_d, n * variances + (n - 1) * squares
  )
  index_sewar = jnp.where(squares == 0, 1, luminance * structure_sewar)[:, :, :-1, :-1]
  mean = lambda quality: sliding_moments.window_mean(quality, mask, UNIFORM_SIZE)
  return mean(index), mean(index_sewar)
