"""Halving with a blur (Zhang 2019, "Making Convolutional Networks Shift-Invariant Again").

Where a convolution of stride 2 is, there is one of stride 1, its norm and activation, then a filter
of stride 2 (Park et al. 2020).
"""

from collections.abc import Callable

from flax import nnx
import jax
from jax import lax
import jax.numpy as jnp

from cyclegan_jax.models import layers
from cyclegan_jax.settings import ModelConfig


class BlurPool(nnx.Module):
  """Halves height and width: the filter [1, 2, 1] / 4 of stride 2, in both directions.

  The border is mirrored. An odd side is rounded up.
  """

  def __call__(self, x: jax.Array) -> jax.Array:
    """Filters [batch, height, width, channels], sides of at least 2."""
    x = jnp.pad(x, layers.BORDER, 'reflect')
    for axis in (1, 2):
      n = x.shape[axis] - 2
      before, here, after = (lax.slice_in_dim(x, i, n + i, 2, axis) for i in range(3))
      x = (before + 2 * here + after) / 4
    return x


def split(config: ModelConfig, stride: int = 2) -> tuple[int, Callable[[jax.Array], jax.Array]]:
  """Returns the stride of a convolution, and what follows its norm and activation."""
  return (1, BlurPool()) if config.antialias and stride == 2 else (stride, nnx.identity)
