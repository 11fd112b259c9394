"""Instance norm with the moments of a whole image, for a network that sees only tiles of it.

With given means and variances, the network is a function of each pixel's neighborhood, and all
tiles are parts of one image. The moments are found norm by norm: those of the first depend on no
other, those of the second on the first, and so on. Each pass over all tiles with the latest moments
makes one more norm exact, so a network needs as many passes as it has norms. Fewer do not suffice:
moments that are not exact yet can be anything, and small errors grow from layer to layer.
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

_Moments = tuple[jax.Array, jax.Array]
# Mean and variance for each norm of a network, in a fixed order: float32 [1, 1, 1, channels].
Moments = list[_Moments]


@functools.partial(jax.jit, static_argnums=0)
def measure(
  net: Network,
  params: Any,
  batch_stats: Any,
  x: jax.Array,
  counts: jax.Array,
  given: Moments | None,
) -> Moments:
  """Measures the moments over some of a tile's pixels.

  Args:
    net: a generator with instance norm.
    params: its arrays, see `Network`.
    batch_stats: likewise.
    x: a tile, float32 [1, height, width, channels], network values.
    counts: float32 [1, height, width, 1], 1 for pixels that count, else 0; constant in squares as
      large as the network's stride.
    given: the moments to normalize with; None uses the tile's own.
  """
  return _apply(net, params, batch_stats, x, counts, given)[1]


@functools.partial(jax.jit, static_argnums=0)
def translate(
  net: Network, params: Any, batch_stats: Any, x: jax.Array, given: Moments
) -> jax.Array:
  """Applies a generator with given moments: network values [1, height, width, c] in and out."""
  # The compiler drops the moments, which nobody reads.
  return _apply(net, params, batch_stats, x, jnp.ones((1, *x.shape[1:3], 1)), given)[0]


def pooled(moments: Sequence[Moments], pixels: Sequence[int]) -> Moments:
  """Combines the moments of the parts of an image.

  Args:
    moments: the moments of each part.
    pixels: the number of pixels that counted in each part.
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


class _MeasuringNorm:
  """Stands in for an instance norm: normalizes with given moments and measures those of its input.

  Attributes:
    measured: the moments of its latest input.
  """

  measured: _Moments

  def __init__(self, epsilon: float, counts: jax.Array, given: _Moments | None) -> None:
    self._epsilon, self._counts, self._given = epsilon, counts, given

  def __call__(self, x: jax.Array) -> jax.Array:
    values = x.astype(jnp.float32)
    stride = self._counts.shape[1] // x.shape[1]
    self.measured = _moments(values, self._counts[:, ::stride, ::stride])
    mean, variance = self._given or _moments(values, jnp.ones((1, *x.shape[1:3], 1)))
    return ((values - mean) * lax.rsqrt(variance + self._epsilon)).astype(x.dtype)


def _moments(x: jax.Array, counts: jax.Array) -> _Moments:
  total, axes = counts.sum(), (0, 1, 2)
  mean = (counts * x).sum(axes, keepdims=True) / total
  return mean, (counts * (x - mean) ** 2).sum(axes, keepdims=True) / total


def _apply(
  net: Network,
  params: Any,
  batch_stats: Any,
  x: jax.Array,
  counts: jax.Array,
  given: Moments | None,
) -> tuple[jax.Array, Moments]:
  """Applies a generator; returns its output and the moments over the pixels that count."""
  module = net.module(params, batch_stats)
  module.eval()
  modules: dict[tuple, Any] = dict(nnx.iter_modules(module))
  norms = []
  for path, part in modules.items():
    if isinstance(part, nnx.InstanceNorm):
      norm = _MeasuringNorm(part.epsilon, counts, given[len(norms)] if given else None)
      norms.append(norm)
      owner, name = modules[path[:-1]], path[-1]
      if isinstance(owner, nnx.List):
        owner[name] = norm
      else:
        setattr(owner, name, norm)
  y = net.apply(module, x)
  return y, [norm.measured for norm in norms]
