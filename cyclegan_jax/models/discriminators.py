"""Discriminators: an image in, a map of scores out, one for each patch."""

from flax import nnx
import jax

from cyclegan_jax.config import ModelConfig
from cyclegan_jax.models import layers

# Channels stop doubling at eight times the first layer's.
_WIDEST = 8


class PatchDiscriminator(nnx.Module):
  """Strided 4x4 convolutions, then one of stride 1 to a single channel of raw scores.

  With the defaults of `ModelConfig` it is the discriminator of the paper's reference [1]:
  2,765,568 parameters for 3 channels, 128x128 in, 7x7 out.
  """

  def __init__(self, config: ModelConfig, in_channels: int, rngs: nnx.Rngs):
    self.config = config
    bias = layers.use_bias(config)
    widths = [config.discriminator_width * min(2 ** i, _WIDEST)
              for i in range(config.discriminator_layers)]
    self.convs = nnx.List([
        layers.conv(a, b, 4, 2, use_bias=bias, rngs=rngs)
        for a, b in zip([in_channels] + widths, widths)])
    # The first layer has no norm.
    self.norms = nnx.List([layers.norm(config, width, rngs) for width in widths[1:]])
    self.score = layers.conv(widths[-1], 1, 4, 1, use_bias=bias, rngs=rngs)

  def __call__(self, x: jax.Array) -> jax.Array:
    """Maps [batch, height, width, in_channels] to scores [batch, h, w, 1]; 1 means real.

    h is height / 2 ** discriminator_layers - 1, likewise w.
    """
    x = layers.activate(self.config, self.convs[0](x))
    for conv, norm in zip(list(self.convs)[1:], self.norms):
      x = layers.activate(self.config, norm(conv(x)))
    return self.score(x)
