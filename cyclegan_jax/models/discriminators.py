"""Discriminators: an image in, maps of scores out."""

from typing import NamedTuple

from flax import nnx
import jax

from cyclegan_jax.arrays import Images
from cyclegan_jax.models import antialiasing, layers
from cyclegan_jax.settings import ModelConfig

# Channels stop doubling at eight times the first layer's.
_WIDEST = 8


class Verdict(NamedTuple):
  """The output of a discriminator.

  Attributes:
    scores: Maps of raw scores, float32 [batch, rows, columns, 1] each; higher means real.
    features: For each map the hidden activations before it, from first to last, for feature
      matching.
  """

  scores: tuple[jax.Array, ...]
  features: tuple[tuple[jax.Array, ...], ...]


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
    halvings = [antialiasing.split(config, stride) for stride in strides]
    self.pools = nnx.List([pool for _, pool in halvings])
    widths = [config.discriminator_width * min(2**i, _WIDEST) for i in range(len(halvings))]
    # The first layer has no norm; a patchgan's first and last always have a bias.
    biases = [layers.use_bias(config)] * len(halvings)
    biases[0] = biases[0] or is_patchgan
    self.convs = nnx.List(
      [
        layers.Conv(config, a, b, 4, stride, use_bias=bias, rngs=rngs)
        for a, b, (stride, _), bias in zip([in_channels] + widths, widths, halvings, biases)
      ]
    )
    self.norms = nnx.List([layers.norm(config, width, rngs) for width in widths[1:]])
    self.score = layers.Conv(
      config, widths[-1], 1, 4, 1, rngs=rngs, use_bias=layers.use_bias(config) or is_patchgan
    )

  def __call__(self, x: Images) -> Verdict:
    """Maps [batch, height, width, in_channels] to one map of scores, [batch, h, w, 1].

    h is height / 2 ** discriminator_layers - 1, for a patchgan - 2; likewise w.
    """
    dtype = x.dtype
    features = []
    for conv, norm, pool in zip(self.convs, (nnx.identity, *self.norms), self.pools):
      features.append(pool(layers.activate(self.activation, norm(conv(x)))))
      x = features[-1]
    return Verdict((self.score(features[-1]).astype(dtype),), (tuple(features),))
