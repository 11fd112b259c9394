"""Generators: an image of one domain in, an image of the other out."""

from flax import nnx
import jax
import jax.numpy as jnp

from cyclegan_jax.config import ModelConfig
from cyclegan_jax.models import layers


class ResidualBlock(nnx.Module):
  """x + norm(conv(activation(norm(conv(x))))), 3x3, no activation after the sum."""

  def __init__(self, config: ModelConfig, channels: int, rngs: nnx.Rngs):
    self.config = config
    bias = layers.use_bias(config)
    self.conv1 = layers.conv(channels, channels, 3, 1, use_bias=bias, rngs=rngs)
    self.norm1 = layers.norm(config, channels, rngs)
    self.conv2 = layers.conv(channels, channels, 3, 1, use_bias=bias, rngs=rngs)
    self.norm2 = layers.norm(config, channels, rngs)

  def __call__(self, x: jax.Array) -> jax.Array:
    y = layers.activate(self.config, self.norm1(self.conv1(x)))
    return x + self.norm2(self.conv2(y))


class ResidualGenerator(nnx.Module):
  """Strided convolutions, residual blocks, transposed convolutions, tanh.

  With the defaults of `ModelConfig` it is the generator of the paper's reference [1]:
  8,402,176 parameters from 3 to 3 channels. Fully convolutional: any height and width that are
  multiples of 2 ** n_downsampling.
  """

  def __init__(self, config: ModelConfig, in_channels: int, out_channels: int, rngs: nnx.Rngs):
    self.config = config
    bias = layers.use_bias(config)
    widths = [config.base_width * 2 ** i for i in range(config.n_downsampling)]
    self.down = nnx.List([
        layers.conv(a, b, 4, 2, use_bias=bias, rngs=rngs)
        for a, b in zip([in_channels] + widths, widths)])
    self.down_norms = nnx.List([layers.norm(config, width, rngs) for width in widths])
    self.blocks = nnx.List([
        ResidualBlock(config, widths[-1], rngs) for _ in range(config.n_residual_blocks)])
    ups = widths[::-1] + [out_channels]
    self.up = nnx.List([
        layers.upsample(config, a, b, use_bias=bias, rngs=rngs) for a, b in zip(ups, ups[1:])])
    self.up_norms = nnx.List([layers.norm(config, width, rngs) for width in ups[1:-1]])

  def __call__(self, x: jax.Array) -> jax.Array:
    """Maps [batch, height, width, in_channels] to [batch, height, width, out_channels].

    Input and output are network values; the output lies within [-1, 1].
    """
    for conv, norm in zip(self.down, self.down_norms):
      x = layers.activate(self.config, norm(conv(x)))
    for block in self.blocks:
      x = block(x)
    for up, norm in zip(self.up, self.up_norms):
      x = layers.activate(self.config, norm(up(x)))
    return jnp.tanh(self.up[-1](x))
