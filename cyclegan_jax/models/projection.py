"""The projection network of PatchNCE (Park et al. 2020, section 3.2; Chen et al. 2020)."""

from collections.abc import Sequence

from flax import nnx
import jax
import jax.numpy as jnp

from cyclegan_jax.models import initializers
from cyclegan_jax.settings import ModelConfig

# Added to norms; it shows where they are tiny, as untrained ones are.
_EPSILON = 1e-7
# Below its square, a norm has no gradient: that of a zero vector's would be infinite.
_SMALLEST = 1e-15


class PatchProjection(nnx.Module):
  """For each compared layer of an encoder two dense layers with ReLU between, and unit length."""

  def __init__(self, config: ModelConfig, widths: Sequence[int], rngs: nnx.Rngs):
    """`widths` are the channels of the compared layers."""
    width = config.projection_width
    self.hidden = nnx.List(_Dense(config, seen, width, rngs) for seen in widths)
    self.out = nnx.List(_Dense(config, width, width, rngs) for _ in widths)

  def __call__(self, patches: Sequence[jax.Array]) -> list[jax.Array]:
    """Maps [batch, patches, channels of the layer] each to [batch, patches, projection_width]."""
    return [
      _unit(out(nnx.relu(hidden(x)))) for hidden, out, x in zip(self.hidden, self.out, patches)
    ]


class _Dense(nnx.Module):
  """x @ kernel + bias, in float32 at least."""

  def __init__(self, config: ModelConfig, in_channels: int, out_channels: int, rngs: nnx.Rngs):
    shape = (in_channels, out_channels)
    self.kernel = nnx.Param(initializers.KERNELS[config.initializer](rngs.params(), shape))
    bias = initializers.bias(config, in_channels)
    self.bias = nnx.Param(bias(rngs.params(), (out_channels,)))

  def __call__(self, x: jax.Array) -> jax.Array:
    return x @ self.kernel[...] + self.bias[...]


def _unit(x: jax.Array) -> jax.Array:
  squares = jnp.sum(x**2, axis=-1, keepdims=True)
  return x / (jnp.sqrt(jnp.maximum(squares, _SMALLEST**2)) + _EPSILON)
