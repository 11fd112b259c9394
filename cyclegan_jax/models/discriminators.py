"""Discriminators: an image in, a map of scores out, one for each patch."""

from flax import nnx
from jaxtyping import Array, Float

from cyclegan_jax.arrays import Images
from cyclegan_jax.models import layers
from cyclegan_jax.settings import ModelConfig

# Channels stop doubling at eight times the first layer's.
_WIDEST = 8


class PatchDiscriminator(nnx.Module):
  """4x4 convolutions of stride 2, for a patchgan one more of stride 1, then one to raw scores.

  'udacity' with 4 layers of stride 2 is the discriminator of the paper's reference [1]: 2,765,568
  parameters for 3 channels, 128x128 in, 7x7 out. 'patchgan' with 3 is the 70x70 PatchGAN of Isola
  et al. 2017 and Zhu et al. 2017: 2,764,737 with instance norm, 256x256 in, 30x30 out.
  """

  def __init__(self, config: ModelConfig, in_channels: int, rngs: nnx.Rngs):
    self.activation = config.discriminator_activation
    is_patchgan = config.discriminator == 'patchgan'
    strides = [2] * config.discriminator_layers + [1] * is_patchgan
    widths = [config.discriminator_width * min(2**i, _WIDEST) for i in range(len(strides))]
    # The first layer has no norm; a patchgan's first and last always have a bias.
    biases = [layers.use_bias(config)] * len(strides)
    biases[0] = biases[0] or is_patchgan
    self.convs = nnx.List(
      [
        layers.Conv(config, a, b, 4, stride, use_bias=bias, rngs=rngs)
        for a, b, stride, bias in zip([in_channels] + widths, widths, strides, biases)
      ]
    )
    self.norms = nnx.List([layers.norm(config, width, rngs) for width in widths[1:]])
    self.score = layers.Conv(
      config, widths[-1], 1, 4, 1, rngs=rngs, use_bias=layers.use_bias(config) or is_patchgan
    )

  def __call__(self, x: Images) -> Float[Array, 'batch rows columns 1']:
    """Maps [batch, height, width, in_channels] to scores [batch, h, w, 1]; higher means real.

    h is height / 2 ** discriminator_layers - 1, for a patchgan - 2; likewise w.
    """
    dtype = x.dtype
    x = layers.activate(self.activation, self.convs[0](x))
    for conv, norm in zip(list(self.convs)[1:], self.norms):
      x = layers.activate(self.activation, norm(conv(x)))
    return self.score(x).astype(dtype)
