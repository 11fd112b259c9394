"""The U-Net discriminator of InfraGAN (Özkanoğlu & Ozer 2022), after Schönfeld et al. 2020."""

import dataclasses

from flax import nnx
import jax
import jax.numpy as jnp
import numpy as np

from cyclegan_jax.arrays import Images
from cyclegan_jax.models import layers
from cyclegan_jax.models.verdict import Verdict
from cyclegan_jax.settings import ModelConfig

# So many halvings follow the one with self-attention: it sees 64x64 of the authors' pixels, who
# have 4x4 at the bottom.
_HALVINGS_AFTER_ATTENTION = 4


class UNetDiscriminator(nnx.Module):
  """Residual blocks down to the bottom, which judges the image, and up again to judge each pixel.

  No normalization layers; kernels begin orthogonal, whatever --initializer says.
  """

  def __init__(self, config: ModelConfig, in_channels: int, rngs: nnx.Rngs):
    config = dataclasses.replace(config, initializer='orthogonal')
    self.activation = config.discriminator_activation
    downs = [config.discriminator_width * n for n in _multiples(config.discriminator_layers)]
    # The image itself is not activated.
    self.down = nnx.List(
      _Down(config, a, b, rngs, activated=i > 0)
      for i, (a, b) in enumerate(zip([in_channels] + downs, downs))
    )
    self.attended = len(downs) - 1 - _HALVINGS_AFTER_ATTENTION
    self.attention = _Attention(config, downs[self.attended], rngs) if self.attended >= 0 else None
    # From the bottom outwards; all but the innermost also take a skip.
    ups = [*downs[-2::-1], config.discriminator_width]
    inputs = [downs[-1]] + [2 * width for width in ups[:-1]]
    self.up = nnx.List(_Up(config, a, b, rngs) for a, b in zip(inputs, ups))
    self.image_score = _conv(config, downs[-1], 1, 1, rngs)
    # The authors' program has no spectral norm here.
    self.pixel_score = layers.Conv(config, ups[-1], 1, 1, 1, padding=0, use_bias=True, rngs=rngs)

  def __call__(self, x: Images) -> Verdict:
    """Maps [batch, height, width, in_channels] to [batch, height, width, 1] and [batch, 1, 1, 1].

    Height and width are multiples of 2 ** discriminator_layers.
    """
    dtype, skips, ups = x.dtype, [], []
    for i, block in enumerate(self.down):
      x = block(x)
      if self.attention is not None and i == self.attended:
        x = self.attention(x)
      skips.append(x)
    total = jnp.sum(layers.activate(self.activation, x), (1, 2), keepdims=True, dtype=dtype)
    image_score = self.image_score(total).astype(dtype)
    for i, block in enumerate(self.up):
      x = block(jnp.concatenate([x, skips[-1 - i]], -1) if i else x)
      ups.append(x)
    return Verdict((self.pixel_score(x).astype(dtype), image_score), (tuple(ups), tuple(skips)))


class _Down(nnx.Module):
  """Two convolutions and a shortcut, then half the height and width."""

  def __init__(
    self, config: ModelConfig, in_channels: int, channels: int, rngs: nnx.Rngs, *, activated: bool
  ):
    self.activation = config.discriminator_activation
    self.activated = activated
    self.conv1 = _conv(config, in_channels, channels, 3, rngs)
    self.conv2 = _conv(config, channels, channels, 3, rngs)
    self.shortcut = _conv(config, in_channels, channels, 1, rngs)

  def __call__(self, x: Images) -> jax.Array:
    y = self.conv1(layers.activate(self.activation, x) if self.activated else x)
    y = self.conv2(layers.activate(self.activation, y))
    return _halved(y) + self.shortcut(_halved(x))


class _Up(nnx.Module):
  """Twice the height and width by nearest neighbors, two convolutions, and a shortcut."""

  def __init__(self, config: ModelConfig, in_channels: int, channels: int, rngs: nnx.Rngs):
    self.activation = config.discriminator_activation
    self.conv1 = _conv(config, in_channels, channels, 3, rngs)
    self.conv2 = _conv(config, channels, channels, 3, rngs)
    self.shortcut = _conv(config, in_channels, channels, 1, rngs)

  def __call__(self, x: jax.Array) -> jax.Array:
    y = self.conv1(_doubled(layers.activate(self.activation, x)))
    y = self.conv2(layers.activate(self.activation, y))
    return y + _doubled(self.shortcut(x))


class _Attention(nnx.Module):
  """Self-attention (Zhang et al. 2019) to 2x2 maxima; its share begins at 0."""

  def __init__(self, config: ModelConfig, channels: int, rngs: nnx.Rngs):
    narrow, half = max(1, channels // 8), max(1, channels // 2)
    make = lambda a, b: _conv(config, a, b, 1, rngs, use_bias=False)
    self.query, self.key = make(channels, narrow), make(channels, narrow)
    self.value, self.output = make(channels, half), make(half, channels)
    self.share = nnx.Param(np.zeros((), np.float32))

  def __call__(self, x: jax.Array) -> jax.Array:
    batch, height, width, _ = x.shape
    flat = lambda y: y.reshape(batch, -1, y.shape[-1])
    largest = lambda y: flat(nnx.max_pool(y, (2, 2), (2, 2)))
    query, key, value = flat(self.query(x)), largest(self.key(x)), largest(self.value(x))
    exact = jnp.promote_types(x.dtype, jnp.float32)
    products = jnp.matmul(query, key.swapaxes(1, 2), preferred_element_type=exact)
    weights = jax.nn.softmax(products).astype(x.dtype)
    seen = (weights @ value).reshape(batch, height, width, -1)
    return self.share[...].astype(x.dtype) * self.output(seen) + x


def _multiples(depth: int) -> list[int]:
  """Channels on the way down in multiples of the width, as the authors' three networks have them.

  Powers of two; from 6 layers on the 8 occurs twice.
  """
  return [2 ** (i - (depth > 5 and i > 3)) for i in range(depth)]


def _conv(
  config: ModelConfig,
  in_channels: int,
  channels: int,
  kernel_size: int,
  rngs: nnx.Rngs,
  use_bias: bool = True,
) -> layers.Conv:
  return layers.Conv(
    config,
    in_channels,
    channels,
    kernel_size,
    1,
    padding=kernel_size // 2,
    use_bias=use_bias,
    spectral_norm=config.spectral_norm,
    rngs=rngs,
  )


def _halved(x: Images) -> jax.Array:
  return nnx.avg_pool(x, (2, 2), (2, 2))


def _doubled(x: jax.Array) -> jax.Array:
  return x.repeat(2, axis=1).repeat(2, axis=2)
