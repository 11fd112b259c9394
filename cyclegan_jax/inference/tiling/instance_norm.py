"""Instance norm over a whole image that the network sees in tiles only.

Instance norm divides by the standard deviation of each channel over the whole image, so a tile by
itself is normalized otherwise than the same pixels in the whole. With means and variances given,
the network is a function of each pixel's neighborhood again, and all tiles are parts of one image.

They are found layer by layer: those of the first norm do not depend on any other, those of the next
on the first, and so on. Each pass over all tiles with the latest ones makes one more norm's right, so
that as many passes are needed as there are norms. Fewer do not do: what is not right yet may be
anything, and small errors grow from layer to layer.
"""

from collections.abc import Sequence
import functools
from typing import Any

from flax import nnx
import jax
from jax import lax
import jax.numpy as jnp
import numpy as np

from cyclegan_jax.models.networks import Network

# Of each norm of a network, in a fixed order: mean and variance, float32 [1, 1, 1, channels].
Moments = list[tuple[jax.Array, jax.Array]]


@functools.partial(jax.jit, static_argnums=0)
def measure(
  net: Network,
  params: Any,
  batch_stats: Any,
  x: jax.Array,
  counts: jax.Array,
  given: Moments | None,
) -> Moments:
  """The moments of some of a tile's pixels.

  Args:
    net: a generator with instance norm.
    params: its arrays, see `Network`.
    batch_stats: likewise.
    x: a tile, float32 [1, height, width, channels], network values.
    counts: float32 [1, height, width, 1], 1 for pixels that count, else 0; constant in squares as
      large as the network's stride.
    given: what to normalize with; None: the tile's own.
  """
  found: Moments = []
  _apply(net, params, batch_stats, x, given, counts, found)
  return found


@functools.partial(jax.jit, static_argnums=0)
def translate(
  net: Network, params: Any, batch_stats: Any, x: jax.Array, given: Moments
) -> jax.Array:
  """The generator with given moments: network values [batch, height, width, c] in and out."""
  return _apply(net, params, batch_stats, x, given, None, [])


def pooled(moments: Sequence[Moments], pixels: Sequence[int]) -> Moments:
  """The moments of parts put together.

  Args:
    moments: of each part.
    pixels: how many pixels counted in each.
  """
  shares = np.asarray(pixels, np.float64) / np.sum(pixels)
  layers = []
  for parts in zip(*moments):
    means, variances = (
      np.stack([np.asarray(part[i], np.float64) for part in parts]) for i in range(2)
    )
    mean = np.tensordot(shares, means, 1)
    variance = np.tensordot(shares, variances + (means - mean) ** 2, 1)
    layers.append((jnp.asarray(mean, jnp.float32), jnp.asarray(variance, jnp.float32)))
  return layers


class _Norm:
  """Takes the place of an instance norm: normalizes with given moments and notes those it meets."""

  def __init__(
    self,
    epsilon: float,
    given: tuple[jax.Array, jax.Array] | None,
    counts: jax.Array | None,
    found: Moments,
  ):
    self._epsilon, self._given, self._counts, self._found = epsilon, given, counts, found

  def __call__(self, x: jax.Array) -> jax.Array:
    values = x.astype(jnp.float32)
    if self._counts is not None:
      stride = self._counts.shape[1] // x.shape[1]
      self._found.append(_moments(values, self._counts[:, ::stride, ::stride]))
    mean, variance = self._given or _moments(values, jnp.ones((1, *x.shape[1:3], 1)))
    return ((values - mean) * lax.rsqrt(variance + self._epsilon)).astype(x.dtype)


def _moments(x: jax.Array, counts: jax.Array) -> tuple[jax.Array, jax.Array]:
  total, axes = counts.sum(), (0, 1, 2)
  mean = (counts * x).sum(axes, keepdims=True) / total
  return mean, (counts * (x - mean) ** 2).sum(axes, keepdims=True) / total


def _apply(
  net: Network,
  params: Any,
  batch_stats: Any,
  x: jax.Array,
  given: Moments | None,
  counts: jax.Array | None,
  found: Moments,
) -> jax.Array:
  module = net.module(params, batch_stats)
  module.eval()
  modules = dict(nnx.iter_modules(module))
  norms = [path for path, part in modules.items() if isinstance(part, nnx.InstanceNorm)]
  slots: list[Moments] = [[] for _ in norms]
  for i, path in enumerate(norms):
    norm = _Norm(modules[path].epsilon, given[i] if given else None, counts, slots[i])
    owner, name = modules[path[:-1]], path[-1]
    if isinstance(owner, nnx.List):
      owner[name] = norm
    else:
      setattr(owner, name, norm)
  y = net.apply(module, x)
  for slot in slots:
    found.extend(slot)
  return y
