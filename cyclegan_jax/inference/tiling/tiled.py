"""Applies a trained generator to one large image, tile by tile.

With given means and variances, an instance norm is a function of each pixel alone, and so is a
layer norm; then all tiles are parts of one image. So those of the whole image are measured first.
"""

from collections.abc import Iterator, Sequence
import functools
from typing import Any

from flax import nnx
import jax
from jax import lax
import jax.numpy as jnp
import numpy as np

from cyclegan_jax import interruption
from cyclegan_jax.inference.tiling import tiles
from cyclegan_jax.inference.tiling.tiles import Image, Tiling
from cyclegan_jax.models.apply import Translator
from cyclegan_jax.models.network import Network
from cyclegan_jax.models.replaced import replace

# Mean and variance, float32 [2, 1, 1, 1, channels], for each norm of a network in order of use.
_Moments = Sequence[Any]
# A layer norm is over a whole image, see models/adain.py.
_NORMS = nnx.InstanceNorm, nnx.LayerNorm


def translate(
  generator: Translator, image: Image, tiling: Tiling, channels: int
) -> Iterator[tuple[int, np.ndarray]]:
  """Translates a large image; see `tiles.translate`, also for what it yields.

  The moments of instance norms are found norm by norm: those of the first depend on no other, those
  of the second on the first, and so on. Each pass over all tiles with the latest moments makes one
  more norm exact, so a network needs as many passes as it has norms. Fewer do not suffice: moments
  that are not exact yet can be anything, and small errors grow from layer to layer.
  """
  net, told = generator.net, generator.condition
  told = None if told is None else told[np.newaxis]
  arrays = generator.params, generator.batch_stats, told
  modules = nnx.iter_modules(net.module(*arrays[:2]))
  if not any(isinstance(module, _NORMS) for _, module in modules):
    return tiles.translate(generator, image, tiling, channels)
  moments, passes = None, 0
  # A network may have norms that a translation does not pass.
  while moments is None or passes < len(moments):
    passes += 1
    measured, pixels = [], []
    for part, counts in _parts(image, tiling):
      # Waits, so that only one part is in memory.
      measured.append(jax.device_get(_measure(net, *arrays, part, counts, moments)))
      pixels.append(counts.sum(dtype=np.int64))
    moments = _pooled(measured, pixels)
  apply = lambda part: _translate(net, *arrays, part, np.ones((1, *part.shape[1:3], 1)), moments)
  return tiles.translate(apply, image, tiling, channels)


def _parts(image: Image, tiling: Tiling) -> Iterator[tuple[np.ndarray, np.ndarray]]:
  """Yields tiles [1, height, width, c], and float32 [1, height, width, 1]: 1 where a pixel counts.

  Each pixel of the image counts in one tile.
  """
  sides = [tiles.own_parts(side, tiling) for side in image.shape]
  for top, rows in sides[0]:
    for left, columns in sides[1]:
      interruption.check()
      bottom, right = (
        min(begin + tiling.tile, side) for begin, side in zip((top, left), image.shape)
      )
      part = image.crop(slice(top, bottom), slice(left, right))
      counts = np.zeros((1, *part.shape[1:3], 1), np.float32)
      counts[:, rows, columns] = 1
      yield part, counts


def _pooled(parts: Sequence[_Moments], pixels: Sequence[int]) -> _Moments:
  """Combines the moments of the parts of an image, in each of which so many pixels counted."""
  pooled = []
  for moments in zip(*parts):
    means, variances = np.stack(moments, axis=1, dtype=np.float64)
    mean = np.average(means, 0, pixels)
    variance = np.average(variances + (means - mean) ** 2, 0, pixels)
    pooled.append(np.array([mean, variance], np.float32))
  return pooled


def _apply(
  net: Network,
  params: Any,
  batch_stats: Any,
  condition: jax.Array | None,
  x: jax.Array,
  counts: jax.Array,
  given: Any,
) -> tuple[jax.Array, _Moments]:
  """Applies a generator, told a condition, with given moments, or the tile's own if None.

  Returns its output, and the moments of each norm's input over the pixels that count.
  """
  measured = []

  def norm(x: jax.Array, layer: Any) -> jax.Array:
    values = x.astype(jnp.float32)
    # The counts are constant in squares as large as the network's stride.
    stride = counts.shape[1] // x.shape[1]
    own = jnp.ones((1, *x.shape[1:3], 1))
    mean, variance = given[len(measured)] if given else _moments(values, own)
    measured.append(_moments(values, counts[:, ::stride, ::stride]))
    if isinstance(layer, nnx.LayerNorm):  # All channels together.
      center = mean.mean(-1, keepdims=True)
      mean, variance = center, (variance + (mean - center) ** 2).mean(-1, keepdims=True)
    return ((values - mean) * lax.rsqrt(variance + layer.epsilon)).astype(x.dtype)

  module = net.module(params, batch_stats)
  module.eval()
  for kind in _NORMS:
    replace(module, kind, lambda layer: functools.partial(norm, layer=layer))
  return net.apply(module, x, condition=condition), measured


def _moments(x: jax.Array, counts: jax.Array) -> jax.Array:
  total, axes = counts.sum(), (0, 1, 2)
  mean = (counts * x).sum(axes, keepdims=True) / total
  return jnp.stack([mean, (counts * (x - mean) ** 2).sum(axes, keepdims=True) / total])


# The compiler drops the half that nobody reads.
_measure = jax.jit(lambda *args: _apply(*args)[1], static_argnums=0)
_translate = jax.jit(lambda *args: _apply(*args)[0], static_argnums=0)
