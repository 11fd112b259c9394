"""Generators: an image of one domain in, an image of the other out.

All map float32 [batch, height, width, in_channels] of network values to [batch, height, width,
out_channels] within [-1, 1]; height and width are multiples of 2 ** n_downsampling. `keys`, one
random key for each image, switches dropout on where there is any.

Each is an encoder, `encode`, and the layers that enlarge what it makes. On the way the encoder
collects what PatchNCE compares, as Park et al. 2020 do with the resnet: the image itself, the
convolution of each downsampling layer, and the first and the middle residual block.
"""

from collections.abc import Mapping, Sequence
import itertools
import types

from flax import nnx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from cyclegan_jax.arrays import Features, Images
from cyclegan_jax.models import antialiasing, layers, reach
from cyclegan_jax.models.generator import Generator
from cyclegan_jax.models.unet import UNetGenerator
from cyclegan_jax.settings import ModelConfig


class ResidualBlock(nnx.Module):
  """x + norm(conv(activation(norm(conv(x))))), 3x3, no activation after the sum."""

  def __init__(self, config: ModelConfig, channels: int, rngs: nnx.Rngs, reflect: bool):
    self.activation = config.activation
    make = lambda: layers.Conv(
      config, channels, channels, 3, 1, reflect=reflect, use_bias=layers.use_bias(config), rngs=rngs
    )
    self.conv1 = make()
    self.norm1 = layers.norm(config, channels, rngs)
    self.conv2 = make()
    self.norm2 = layers.norm(config, channels, rngs)

  def __call__(self, x: jax.Array) -> jax.Array:
    """Returns features of the same shape and dtype."""
    y = layers.activate(self.activation, self.norm1(self.conv1(x)))
    return x + self.norm2(self.conv2(y))


def _through(
  blocks: Sequence[ResidualBlock], x: jax.Array, features: Features
) -> tuple[Features, jax.Array]:
  """Applies residual blocks; the outputs of the first and the middle one join the features."""
  for i, block in enumerate(blocks):
    x = block(x)
    if i in (0, len(blocks) // 2):
      features = (*features, x)
  return features, x


class UdacityGenerator(Generator):
  """4x4 convolutions of stride 2, residual blocks, 4x4 transposed convolutions, tanh.

  With the defaults of `ModelConfig` it is the generator of the paper's reference [1]:
  8,402,176 parameters from 3 to 3 channels.
  """

  def __init__(self, config: ModelConfig, in_channels: int, out_channels: int, rngs: nnx.Rngs):
    self.activation = config.activation
    bias = layers.use_bias(config)
    widths = [config.base_width * 2**i for i in range(config.n_downsampling)]
    self.down = nnx.List(
      layers.Conv(config, a, b, 4, 2, use_bias=bias, rngs=rngs)
      for a, b in zip([in_channels] + widths, widths)
    )
    self.down_norms = nnx.List(layers.norm(config, width, rngs) for width in widths)
    self.blocks = nnx.List(
      ResidualBlock(config, widths[-1], rngs, reflect=False)
      for _ in range(config.n_residual_blocks)
    )
    ups = widths[::-1] + [out_channels]
    self.up = nnx.List(
      layers.upsample(config, a, b, 4, use_bias=bias, rngs=rngs) for a, b in itertools.pairwise(ups)
    )
    self.up_norms = nnx.List(layers.norm(config, width, rngs) for width in ups[1:-1])

  def __call__(
    self, x: Images, keys: jax.Array | None = None
  ) -> Float[Array, 'batch height width out_channels']:
    """Translates images; it has no dropout, so `keys` are not used."""
    dtype = x.dtype
    _, x = self.encode(x)
    for up, norm in zip(self.up, self.up_norms):
      x = layers.activate(self.activation, norm(up(x)))
    return jnp.tanh(self.up[-1](x).astype(dtype))

  def encode(self, x: Images) -> tuple[Features, jax.Array]:
    """Returns what PatchNCE compares, and the input of the layers that enlarge."""
    features: Features = (x,)
    for conv, norm in zip(self.down, self.down_norms):
      y = conv(x)
      features = (*features, y)
      x = layers.activate(self.activation, norm(y))
    return _through(self.blocks, x, features)

  @staticmethod
  def deepest_path(config: ModelConfig) -> list[reach.Layer]:
    """As `Generator.deepest_path`."""
    return reach.down_and_up(config, 4, config.n_residual_blocks)

  @staticmethod
  def peak_arrays(config: ModelConfig) -> float:
    """As `Generator.peak_arrays`: 97 to 128 bytes per pixel with the presets."""
    del config  # All are alike.
    return 0.5


class ResnetGenerator(Generator):
  """7x7 convolution, 3x3 ones of stride 2, residual blocks, 3x3 transposed ones, 7x7, tanh.

  Reflection padding around the 7x7 convolutions and in the blocks. With n_downsampling=2,
  n_residual_blocks=9 and instance norm it is the generator of Zhu et al. 2017: 11,378,179
  parameters from 3 to 3 channels. With antialias and upsampling='bilinear' as well it is that of
  Park et al. 2020, of as many parameters.
  """

  def __init__(self, config: ModelConfig, in_channels: int, out_channels: int, rngs: nnx.Rngs):
    self.activation = config.activation
    bias = layers.use_bias(config)
    widths = [config.base_width * 2**i for i in range(config.n_downsampling + 1)]
    stride, self.pool = antialiasing.split(config)
    self.first = layers.Conv(
      config, in_channels, widths[0], 7, 1, reflect=True, use_bias=bias, rngs=rngs
    )
    self.first_norm = layers.norm(config, widths[0], rngs)
    self.down = nnx.List(
      layers.Conv(config, a, b, 3, stride, use_bias=bias, rngs=rngs)
      for a, b in itertools.pairwise(widths)
    )
    self.down_norms = nnx.List(layers.norm(config, width, rngs) for width in widths[1:])
    self.blocks = nnx.List(
      ResidualBlock(config, widths[-1], rngs, reflect=True) for _ in range(config.n_residual_blocks)
    )
    ups = widths[::-1]
    self.up = nnx.List(
      layers.upsample(config, a, b, 3, use_bias=bias, rngs=rngs) for a, b in itertools.pairwise(ups)
    )
    self.up_norms = nnx.List(layers.norm(config, width, rngs) for width in ups[1:])
    self.last = layers.Conv(
      config, widths[0], out_channels, 7, 1, reflect=True, use_bias=True, rngs=rngs
    )

  def __call__(
    self, x: Images, keys: jax.Array | None = None
  ) -> Float[Array, 'batch height width out_channels']:
    """Translates images; it has no dropout, so `keys` are not used."""
    dtype = x.dtype
    _, x = self.encode(x)
    for up, norm in zip(self.up, self.up_norms):
      x = layers.activate(self.activation, norm(up(x)))
    return jnp.tanh(self.last(x).astype(dtype))

  def encode(self, x: Images) -> tuple[Features, jax.Array]:
    """Returns what PatchNCE compares, and the input of the layers that enlarge."""
    # As published, the image with its mirrored border.
    features: Features = (self.first.pad(x),)
    x = layers.activate(self.activation, self.first_norm(self.first(x)))
    for conv, norm in zip(self.down, self.down_norms):
      y = conv(x)
      features = (*features, y)
      x = self.pool(layers.activate(self.activation, norm(y)))
    return _through(self.blocks, x, features)

  @staticmethod
  def deepest_path(config: ModelConfig) -> list[reach.Layer]:
    """As `Generator.deepest_path`."""
    path = reach.down_and_up(config, 3, config.n_residual_blocks, config.antialias)
    return [reach.convolution(7), *path, reach.convolution(7)]

  @staticmethod
  def peak_arrays(config: ModelConfig) -> float:
    """As `Generator.peak_arrays`: 517 bytes per pixel with the presets, antialiased 1030.

    Antialiased, the second layer is as large as the image, too.
    """
    return 4.0 if config.antialias else 2.0


# By --generator; what a generator needs elsewhere is in its class.
GENERATORS: Mapping[str, type[Generator]] = types.MappingProxyType(
  {'udacity': UdacityGenerator, 'resnet': ResnetGenerator, 'unet': UNetGenerator}
)
