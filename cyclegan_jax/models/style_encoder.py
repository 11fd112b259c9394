"""What tells the style of an image (Wang et al. 2020, JSIA-ReID)."""

import itertools

from flax import nnx
import jax
import jax.numpy as jnp

from cyclegan_jax.models import layers
from cyclegan_jax.settings import ModelConfig

# In multiples of the first layer's channels.
_WIDTHS = (1, 2, 4, 4, 4)


class StyleEncoder(nnx.Module):
  """7x7 convolution, four 4x4 ones of stride 2, the mean over the image, and a dense layer.

  ReLU, mirrored borders, and no norm, which would remove the level of an image. With base_width=64
  it is the authors': 709,824 parameters for 3 channels.
  """

  def __init__(self, config: ModelConfig, in_channels: int, rngs: nnx.Rngs):
    first = max(1, config.base_width // 2)
    widths = [first * n for n in _WIDTHS]
    self.first = layers.Conv(
      config, in_channels, widths[0], 7, 1, reflect=True, use_bias=True, rngs=rngs
    )
    self.down = nnx.List(
      layers.Conv(config, a, b, 4, 2, padding=0, use_bias=True, rngs=rngs)
      for a, b in itertools.pairwise(widths)
    )
    self.last = layers.Conv(
      config, widths[-1], style_size(config), 1, 1, padding=0, use_bias=True, rngs=rngs
    )

  def __call__(self, x: jax.Array) -> jax.Array:
    """Maps images [batch, height, width, in_channels] to styles, [batch, style_size].

    Both sides have at least method_validation.SMALLEST_STYLED pixels.
    """
    dtype = x.dtype
    x = nnx.relu(self.first(x))
    for conv in self.down:
      x = nnx.relu(conv(jnp.pad(x, layers.BORDER, 'reflect')))
    x = jnp.mean(x.astype(dtype), (1, 2), keepdims=True)
    return self.last(x)[:, 0, 0].astype(dtype)


def style_size(config: ModelConfig) -> int:
  """Returns the length of a style: 128 with the authors' width."""
  return 2 * config.base_width
