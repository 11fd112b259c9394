"""True bases of IR images, for generators of two stages; see models/two_stage.py.

class_means: each pixel has the mean of its class in the image, as Kniaz et al. 2018 (ThermalGAN)
paint each object with its mean temperature. Pixels without a label are a class, too. It needs
labels, in training only. lowpass: the image, blurred.

Bases are computed from the images as networks see them, cropped, mirrored, and made warmer or
colder. All are network values: there is one way for degrees and for gray levels.
"""

from collections.abc import Mapping
import functools

import jax
import jax.numpy as jnp
import numpy as np

from cyclegan_jax.data import labels as labels_lib
from cyclegan_jax.data.source import Dataset
from cyclegan_jax.errors import UserError
from cyclegan_jax.models.two_stage import BASE
from cyclegan_jax.settings import Config

# Of the blur, in shorter sides of the image: 8 pixels of 256.
_SIGMA = 1 / 32
# As data/condition.py has them.
_QUANTILES = (0.5, 0.95)
# Where no pixel counts nearby, a blur is 0.
_LEAST = 1e-6
# Above all network values.
_ABOVE = 2.0


def check(config: Config, dataset: Dataset) -> None:
  """Raises UserError if a run whose bases need labels has none."""
  if config.model.base == 'class_means' and not dataset.class_names:
    raise UserError(
      f'--base=class_means needs labels, and these data have none (--dataset={dataset.name}). Give '
      f'labels with {labels_lib.FLAGS}, or --base=lowpass --condition=quantiles, which need none.'
    )


def added(batch: Mapping[str, jax.Array], config: Config) -> Mapping[str, jax.Array]:
  """Returns a batch with the bases of its IR images, if the run has two stages.

  Args:
    batch: `ir`, float32 [rows, height, width, channels]; perhaps `ir_mask`, bool [rows, height,
      width, 1]; and for class_means `labels`, whole numbers [rows, height, width].
    config: The run.

  Returns:
    The batch with `base`, like `ir`; and `base_mask` if there is a mask.
  """
  if config.model.base == 'none':
    return batch
  ir, mask = batch['ir'], batch.get('ir_mask')
  lowpass = config.model.base == 'lowpass'
  base = blurred(ir, mask) if lowpass else class_means(ir, batch['labels'], mask)
  masks = {} if mask is None else {f'{BASE}_mask': mask}
  return {**batch, BASE: base, **masks}


def class_means(images: jax.Array, labels: jax.Array, mask: jax.Array | None = None) -> jax.Array:
  """Returns images of which each pixel has the mean of its class; classes that do not count: 0."""
  means, _ = _of_classes(images, labels, mask)
  return jax.vmap(lambda table, index: table[index])(means, labels.astype(jnp.int32))


def blurred(images: jax.Array, mask: jax.Array | None = None) -> jax.Array:
  """Returns images averaged with a Gaussian, over pixels in the image that count."""
  sigma = _SIGMA * min(images.shape[1:3])
  down, across = (jnp.asarray(_gaussian(side, sigma), images.dtype) for side in images.shape[1:3])
  blur = lambda x: jnp.einsum('ij,njkc,lk->nilc', down, x, across, precision='highest')
  counts = _counts(images, mask)
  return blur(images * counts) / jnp.maximum(blur(counts), _LEAST)


def thermal_l1(base: jax.Array, batch: Mapping[str, jax.Array], config: Config) -> jax.Array:
  """Mean absolute difference of what a condition names, in generated and in true bases.

  With labels that are the means of the classes that an image has: where the network is told its
  condition, these are what it is told. ThermalGAN compares codes that an encoder makes of bases;
  the code of a base that is constant over each class is these means. With lowpass they are the
  median and the 95th percentile.

  Args:
    base: Generated, float32 [rows, height, width, channels].
    batch: From `added`.
    config: The run.

  Returns:
    The mean over classes, and then over images; an image without any counts as 0.
  """
  true, mask = batch[BASE], batch.get(f'{BASE}_mask')
  if config.model.base == 'lowpass':
    return jnp.mean(jnp.abs(_quantiles(base, mask) - _quantiles(true, mask)))
  found, there = _of_classes(base, batch['labels'], mask)
  wanted, _ = _of_classes(true, batch['labels'], mask)
  # Nobody is told about pixels without a label.
  there = there.at[:, labels_lib.UNLABELED].set(False)
  differences = jnp.where(there, jnp.mean(jnp.abs(found - wanted), -1, keepdims=True), 0)
  return jnp.mean(jnp.sum(differences, (1, 2)) / jnp.maximum(jnp.sum(there, (1, 2)), 1))


def _of_classes(
  images: jax.Array, labels: jax.Array, mask: jax.Array | None
) -> tuple[jax.Array, jax.Array]:
  """Means by label, [rows, 256, channels], and which there are, bool [rows, 256, 1]."""
  counts = _counts(images, mask)
  pixels = jnp.concatenate([images * counts, counts], -1)
  pixels = pixels.reshape(len(images), -1, pixels.shape[-1])
  add = jax.vmap(functools.partial(jax.ops.segment_sum, num_segments=labels_lib.N_VALUES))
  sums = add(pixels, labels.reshape(len(images), -1).astype(jnp.int32))
  return sums[..., :-1] / jnp.maximum(sums[..., -1:], 1), sums[..., -1:] > 0


def _quantiles(images: jax.Array, mask: jax.Array | None) -> jax.Array:
  """Interpolated linearly, as numpy's, [rows, quantiles]; 0 where no pixel counts."""
  counts = _counts(images, mask).reshape(len(images), -1) > 0
  levels = jnp.mean(images, -1).reshape(len(images), -1)
  ordered = jnp.sort(jnp.where(counts, levels, _ABOVE), axis=1)
  n = jnp.sum(counts, 1, keepdims=True)
  at = jnp.array(_QUANTILES, images.dtype) * jnp.maximum(n - 1, 0)
  low = jnp.floor(at)
  below, above = (
    jnp.take_along_axis(ordered, place.astype(jnp.int32), 1) for place in (low, jnp.ceil(at))
  )
  return jnp.where(n > 0, below + (at - low) * (above - below), 0)


def _counts(images: jax.Array, mask: jax.Array | None) -> jax.Array:
  """1 where a pixel counts, otherwise 0, [rows, height, width, 1]."""
  return jnp.ones_like(images[..., :1]) if mask is None else mask.astype(images.dtype)


def _gaussian(side: int, sigma: float) -> np.ndarray:
  """Weights of pixels along an axis for each pixel, float64 [side, side]."""
  apart = np.arange(side)[:, None] - np.arange(side)
  return np.exp(-(apart**2) / (2 * sigma**2))
