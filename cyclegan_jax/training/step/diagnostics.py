"""Figures that show if the generated images all look alike, or are inverted luminance.

Both happen to GANs without a supervised term, and neither shows in the losses. hooks/
collapse_warnings.py warns of them.
"""

from collections.abc import Mapping

import jax
import jax.numpy as jnp

from cyclegan_jax.image_files.images import LUMA_WEIGHTS
from cyclegan_jax.training.step import gradients

# The value of pixels without thermal data.
_BLACK = -1.0
# Products of standard deviations below this are those of constant images.
_TINY = 1e-6


def observe(
  batch: Mapping[str, jax.Array], fake: jax.Array, direction: str = 'rgb_to_ir', *, paired: bool
) -> dict[str, jax.Array]:
  """Computes figures of a step's generated images, on one device of the pmap axis.

  Args:
    batch: this device's `rgb` and `ir`, see `steps.train_step`.
    fake: generated from the source images, float32 [rows, height, width, channels].
    direction: 'rgb_to_ir' or 'ir_to_rgb'.
    paired: `ir` shows the scenes of `rgb`.

  Returns:
    float32 scalars. `spread_generated` and `spread_true`: standard deviation over the batch, mean
    over pixels, of network values in [-1, 1] (0 for a batch of 1).
    `correlation_luminance` and, of pairs, `correlation_true`: Pearson's, mean over images, with
    the source image's luminance and the true image; 0 for constant images.
  """
  source, target = direction.split('_to_')
  mask = batch.get(f'{source}_mask')
  seen, true = batch[source], batch[target]
  luma = seen @ jnp.array(LUMA_WEIGHTS)[:, None] if seen.shape[-1] == 3 else seen
  gray = jnp.mean(fake, axis=-1, keepdims=True)
  figures = _spreads({'generated': (fake, mask), 'true': (true, batch.get(f'{target}_mask'))})
  figures['correlation_luminance'] = _correlation(luma, gray, mask)
  if paired:
    figures['correlation_true'] = _correlation(true, fake, mask)
  return figures


def _spreads(images: Mapping[str, tuple[jax.Array, jax.Array | None]]) -> dict[str, jax.Array]:
  seen = {
    f'spread_{name}': x if mask is None else jnp.where(mask, x, _BLACK)
    for name, (x, mask) in images.items()
  }
  mean = gradients.mean_over_devices({name: jnp.mean(x, axis=0) for name, x in seen.items()})
  squares = {name: jnp.mean((x - mean[name]) ** 2, axis=0) for name, x in seen.items()}
  variance = gradients.mean_over_devices(squares)
  return {name: jnp.mean(jnp.sqrt(x)) for name, x in variance.items()}


def _correlation(a: jax.Array, b: jax.Array, mask: jax.Array | None) -> jax.Array:
  """Returns the mean over images; 0, not NaN as in metrics/, for constant ones."""
  weight = jnp.ones(a.shape[:3] + (1,)) if mask is None else mask.astype(jnp.float32)
  count = jnp.maximum(jnp.sum(weight, (1, 2, 3)), 1) * a.shape[-1]
  mean = lambda x: (jnp.sum(weight * x, (1, 2, 3)) / count)[:, None, None, None]
  a, b = a - mean(a), b - mean(b)
  scale = jnp.sqrt(mean(a**2) * mean(b**2))
  return jnp.mean(mean(a * b) / jnp.maximum(scale, _TINY))
