"""Adaptive instance normalization (Huang & Belongie 2017), as Wang et al. 2020 have it.

A style says the mean and the deviation that each channel gets after its own are removed.
"""

from collections.abc import Sequence
import itertools

from flax import nnx
import jax
import jax.numpy as jnp

from cyclegan_jax.models import initializers, layers
from cyclegan_jax.settings import ModelConfig

# Shifts and scales of a layer's channels, [batch, 1, 1, channels] each.
ShiftAndScale = tuple[jax.Array, jax.Array]


class Affine(nnx.Module):
  """Three dense layers with ReLU between, from a style to shifts and scales.

  Scales are what comes out; they do not begin around 1.
  """

  def __init__(
    self, config: ModelConfig, style_size: int, channels: int, n_norms: int, rngs: nnx.Rngs
  ):
    self.n_norms = n_norms
    widths = [style_size, channels, channels, 2 * channels * n_norms]
    self.dense = nnx.List(
      layers.Conv(config, a, b, 1, 1, padding=0, use_bias=True, rngs=rngs)
      for a, b in itertools.pairwise(widths)
    )

  def __call__(self, style: jax.Array) -> list[ShiftAndScale]:
    """Maps styles [batch, style_size] to what each norm of a decoder gets, in order."""
    x = style[:, None, None]
    for dense in list(self.dense)[:-1]:
      x = nnx.relu(dense(x))
    x = self.dense[-1](x).astype(style.dtype)
    parts = jnp.split(x, 2 * self.n_norms, axis=-1)
    return list(zip(parts[::2], parts[1::2]))


class AdaptiveNorm(nnx.Module):
  """scale * instance_norm(x) + shift."""

  def __init__(self, config: ModelConfig, channels: int, rngs: nnx.Rngs):
    """`config` has instance norm."""
    self.norm = layers.norm(config, channels, rngs)

  def __call__(self, x: jax.Array, shift_and_scale: ShiftAndScale) -> jax.Array:
    """Returns features [batch, height, width, channels] of the same dtype."""
    shift, scale = (part.astype(x.dtype) for part in shift_and_scale)
    return self.norm(x) * scale + shift


class AdaptiveBlock(nnx.Module):
  """x + adain(conv(relu(adain(conv(x))))), 3x3, no activation after the sum."""

  def __init__(self, config: ModelConfig, channels: int, rngs: nnx.Rngs):
    make = lambda: layers.Conv(
      config, channels, channels, 3, 1, reflect=True, use_bias=True, rngs=rngs
    )
    self.conv1, self.norm1 = make(), AdaptiveNorm(config, channels, rngs)
    self.conv2, self.norm2 = make(), AdaptiveNorm(config, channels, rngs)

  def __call__(self, x: jax.Array, norms: Sequence[ShiftAndScale]) -> jax.Array:
    """Returns features of the same shape and dtype; `norms` are those of both norms."""
    y = nnx.relu(self.norm1(self.conv1(x), norms[0]))
    return x + self.norm2(self.conv2(y), norms[1])


class ImageNorm(nnx.Module):
  """A layer norm over all pixels and channels of an image, then a scale and a bias by channel."""

  def __init__(self, channels: int, rngs: nnx.Rngs):
    self.norm = nnx.LayerNorm(
      channels,
      epsilon=1e-5,
      reduction_axes=(1, 2, 3),
      feature_axes=-1,
      use_scale=False,
      use_bias=False,
      rngs=rngs,
    )
    self.scale = nnx.Param(initializers.ones(rngs.params(), (channels,)))
    self.bias = nnx.Param(initializers.zeros(rngs.params(), (channels,)))

  def __call__(self, x: jax.Array) -> jax.Array:
    """Returns features [batch, height, width, channels] of the same dtype."""
    return (self.norm(x) * self.scale[...] + self.bias[...]).astype(x.dtype)
