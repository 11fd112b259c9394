"""The U-Net generator of Isola et al. 2017."""

from flax import nnx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from cyclegan_jax.arrays import Features, Images
from cyclegan_jax.models import layers, reach
from cyclegan_jax.models.generator import Generator
from cyclegan_jax.settings import ModelConfig

# Channels stop doubling at eight times the first layer's.
_WIDEST = 8
# PatchNCE compares so many downsampling layers: the deeper ones have few patches.
_COMPARED = 4


class UNetGenerator(Generator):
  """4x4 convolutions of stride 2 down to the bottom and transposed ones up, with skips.

  Leaky ReLU (0.2) before each convolution on the way down but the first, ReLU before each on the
  way up; norms everywhere but after the first and the innermost convolution and at the output;
  dropout after the norms of those inner layers on the way up that are as wide as the innermost.
  With n_downsampling=8, 64 channels and batch norm 54,413,955 parameters from 3 to 3 channels.
  `unet_skips` names the levels that keep their skip connections.
  See generators.py for shapes.
  """

  def __init__(self, config: ModelConfig, in_channels: int, out_channels: int, rngs: nnx.Rngs):
    self.rate = config.dropout
    bias = layers.use_bias(config)
    depth = config.n_downsampling
    widths = [config.base_width * min(2**i, _WIDEST) for i in range(depth)]
    self.down = nnx.List(
      layers.Conv(config, a, b, 4, 2, use_bias=bias, rngs=rngs)
      for a, b in zip([in_channels] + widths, widths)
    )
    self.down_norms = nnx.List(layers.norm(config, width, rngs) for width in widths[1:-1])
    # From the innermost outwards; all but the innermost may also take a skip.
    kept = config.skip_levels
    # A tuple, since networks are hashed.
    self.has_skip = tuple(level in kept for level in range(depth - 1, 0, -1))
    outputs = widths[-2::-1] + [out_channels]
    inputs = [widths[-1]] + [(1 + skip) * a for skip, a in zip(self.has_skip, outputs)]
    self.up = nnx.List(
      layers.upsample(config, a, b, 4, use_bias=bias or i == depth - 1, rngs=rngs)
      for i, (a, b) in enumerate(zip(inputs, outputs))
    )
    self.up_norms = nnx.List(layers.norm(config, width, rngs) for width in outputs[:-1])
    self.depth = depth

  def __call__(
    self, x: Images, keys: jax.Array | None = None
  ) -> Float[Array, 'batch height width out_channels']:
    """Translates images, with dropout if there are `keys`."""
    dtype = x.dtype
    _, (*skips, x) = self.encode(x)
    for i, (up, norm) in enumerate(zip(self.up, self.up_norms)):
      x = norm(up(nnx.relu(x)))
      if self.rate and keys is not None and 0 < i < self.depth - 4:
        x = layers.dropout(x, self.rate, keys, i)
      skip = skips.pop()
      x = jnp.concatenate([skip, x], axis=-1) if self.has_skip[i] else x
    return jnp.tanh(self.up[-1](nnx.relu(x)).astype(dtype))

  def encode(self, x: Images) -> tuple[Features, list[jax.Array]]:
    """Returns what PatchNCE compares, see generators.py, and the output of every layer down."""
    outputs = [self.down[0](x)]
    for i, conv in enumerate(list(self.down)[1:]):
      y = conv(nnx.leaky_relu(outputs[-1], layers.LEAK))
      outputs.append(self.down_norms[i](y) if i < len(self.down_norms) else y)
    return (x, *outputs[:_COMPARED]), outputs

  @staticmethod
  def deepest_path(config: ModelConfig) -> list[reach.Layer]:
    """As `Generator.deepest_path`."""
    return reach.down_and_up(config, 4, 0)

  @staticmethod
  def peak_arrays(config: ModelConfig) -> float:
    """As `Generator.peak_arrays`: 277 to 372 bytes per pixel with the presets."""
    del config  # All are alike.
    return 1.5
