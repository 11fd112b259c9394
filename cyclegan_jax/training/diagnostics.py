"""Whether the generated IR images collapse to one, or are the RGB image's luminance, inverted.

Both happen to GANs without a supervised term, and neither shows in the losses.
"""

from collections.abc import Mapping

import jax
from jax import lax
import jax.numpy as jnp

from cyclegan_jax.data.images import LUMA_WEIGHTS
from cyclegan_jax.models.layers import DEVICE_AXIS
from cyclegan_jax.settings import DataConfig

# What pixels without thermal data hold here.
_BLACK = -1.0
# Generated images that differ less than this share of what true ones do are all alike.
_LEAST_SPREAD = 0.05
# What an output has in common with inverted luminance that is hardly anything else.
_INVERTED = -0.9
# Products of standard deviations below this are those of constant images.
_TINY = 1e-6


def observe(
  batch: Mapping[str, jax.Array], fake_ir: jax.Array, config: DataConfig
) -> dict[str, jax.Array]:
  """Figures of a step's generated IR images, float32 scalars, on one device of the pmap axis.

  Args:
    batch: this device's `rgb` and `ir`, see `steps.train_step`.
    fake_ir: generated from `rgb`, float32 [rows, height, width, channels].
    config: whether `ir` shows the scenes of `rgb`.

  Returns:
    `spread_generated` and `spread_true`: standard deviation over the batch, mean over pixels, in
    network values (0 for a batch of 1); `correlation_luminance`
    and, of pairs, `correlation_true`: Pearson's, mean over images, with the RGB image's luminance
    and the true IR image; 0 for constant images.
  """
  mask = batch.get('rgb_mask')
  rgb, ir = batch['rgb'], batch['ir']
  luma = rgb @ jnp.array(LUMA_WEIGHTS)[:, None] if rgb.shape[-1] == 3 else rgb
  gray = jnp.mean(fake_ir, axis=-1, keepdims=True)
  figures = {
    'spread_generated': _spread(fake_ir, mask),
    'spread_true': _spread(ir, batch.get('ir_mask')),
    'correlation_luminance': _correlation(luma, gray, mask),
  }
  if config.paired:
    figures['correlation_true'] = _correlation(ir, fake_ir, mask)
  return figures


def warnings(row: Mapping[str, float], batch_size: int) -> list[str]:
  """What a person should be told about a row's means of the figures of `observe`."""
  said = []
  if batch_size > 1 and row['spread_generated'] < _LEAST_SPREAD * row['spread_true']:
    said.append(
      'Warning: the generated IR images are nearly all alike (they differ by '
      f'{row["spread_generated"]:.3g}, true ones by {row["spread_true"]:.3g}): the generator '
      'ignores its input. Early in a run this passes; later, start anew with another --seed, a '
      'smaller --learning_rate, or pairs (--paired).'
    )
  if row['correlation_luminance'] < _INVERTED:
    said.append(
      'Warning: the generated IR images are the RGB images inverted (correlation with their '
      f'luminance {row["correlation_luminance"]:.2f}): cycle consistency allows that. Pairs '
      '(--paired) or an identity term tell the generator which way is up.'
    )
  return said


def _spread(images: jax.Array, mask: jax.Array | None) -> jax.Array:
  images = images if mask is None else jnp.where(mask, images, _BLACK)
  mean = lax.pmean(jnp.mean(images, axis=0), DEVICE_AXIS)
  variance = lax.pmean(jnp.mean((images - mean) ** 2, axis=0), DEVICE_AXIS)
  return jnp.mean(jnp.sqrt(variance))


def _correlation(a: jax.Array, b: jax.Array, mask: jax.Array | None) -> jax.Array:
  """Mean over images; unlike `metrics.correlation` 0, not NaN, for constant ones."""
  weight = jnp.ones(a.shape[:3] + (1,)) if mask is None else mask.astype(jnp.float32)
  count = jnp.maximum(jnp.sum(weight, (1, 2, 3)), 1) * a.shape[-1]
  mean = lambda x: (jnp.sum(weight * x, (1, 2, 3)) / count)[:, None, None, None]
  a, b = a - mean(a), b - mean(b)
  scale = jnp.sqrt(mean(a**2) * mean(b**2))
  return jnp.mean(mean(a * b) / jnp.maximum(scale, _TINY))
