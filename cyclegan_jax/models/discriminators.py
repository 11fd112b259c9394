"""Discriminators: an image in, maps of scores out.

With --spectral_norm they have no normalization layers, which would undo it.
"""

from flax import nnx
import jax
import numpy as np

from cyclegan_jax.arrays import Images
from cyclegan_jax.models import antialiasing, layers
from cyclegan_jax.models.unet_discriminator import UNetDiscriminator
from cyclegan_jax.models.verdict import Verdict
from cyclegan_jax.settings import ModelConfig

# Channels stop doubling at eight times the first layer's.
_WIDEST = 8


class PatchDiscriminator(nnx.Module):
  """4x4 convolutions of stride 2, for a patchgan one more of stride 1, then one to raw scores.

  'udacity' with 4 layers of stride 2 is the discriminator of the paper's reference [1]: 2,765,568
  parameters for 3 channels, 128x128 in, 7x7 out. 'patchgan' with 3 is the 70x70 PatchGAN of Isola
  et al. 2017 and Zhu et al. 2017: 2,764,737 with instance norm, 256x256 in, 30x30 out.
  """

  def __init__(self, config: ModelConfig, in_channels: int, rngs: nnx.Rngs, padding: int = 1):
    self.activation = config.discriminator_activation
    is_patchgan = config.discriminator != 'udacity'
    normalized = not config.spectral_norm
    kinds = [2] * config.discriminator_layers + [1] * is_patchgan
    strides, pools = zip(*(antialiasing.split(config, stride) for stride in kinds))
    self.pools = nnx.List(pools)
    widths = [config.discriminator_width * min(2**i, _WIDEST) for i in range(len(strides))]
    bias = layers.use_bias(config) or not normalized
    # The first layer has no norm; a patchgan's first and last always have a bias.
    biases = [bias or is_patchgan] + [bias] * (len(strides) - 1)
    make = lambda a, b, stride, bias: layers.Conv(
      config,
      a,
      b,
      4,
      stride,
      use_bias=bias,
      rngs=rngs,
      padding=padding,
      spectral_norm=config.spectral_norm,
    )
    self.convs = nnx.List(
      make(*layer) for layer in zip([in_channels] + widths, widths, strides, biases)
    )
    self.norms = nnx.List(
      layers.norm(config, width, rngs) if normalized else nnx.identity for width in widths[1:]
    )
    self.score = make(widths[-1], 1, 1, bias or is_patchgan)

  def __call__(self, x: Images) -> Verdict:
    """Maps [batch, height, width, in_channels] to one map of scores, [batch, h, w, 1].

    h is height / 2 ** discriminator_layers - 1, for a patchgan - 2; likewise w.
    """
    dtype = x.dtype
    features = []
    for conv, norm, pool in zip(self.convs, (nnx.identity, *self.norms), self.pools):
      x = pool(layers.activate(self.activation, norm(conv(x))))
      features.append(x)
    return Verdict((self.score(features[-1]).astype(dtype),), (tuple(features),))


class MultiscaleDiscriminator(nnx.Module):
  """PatchGANs that see the image at several scales (pix2pixHD, Wang et al. 2018).

  Each scale is half as large as the one before. Unlike those of 'patchgan', convolutions have a
  border of two zeros, as in the authors' program. With 2 scales and 3 layers of stride 2 5,529,474
  parameters for 3 channels; 256x256 in, 35x35 and 19x19 out.
  """

  def __init__(self, config: ModelConfig, in_channels: int, rngs: nnx.Rngs):
    self.scales = nnx.List(
      PatchDiscriminator(config, in_channels, rngs, padding=2)
      for _ in range(config.discriminator_scales)
    )

  def __call__(self, x: Images) -> Verdict:
    """Maps [batch, height, width, in_channels] to one map of scores for each scale, full first."""
    scores, features = (), ()
    for i, scale in enumerate(self.scales):
      x = _halved(x) if i else x
      verdict = scale(x)
      scores, features = scores + verdict.scores, features + verdict.features
    return Verdict(scores, features)


def _halved(x: Images) -> jax.Array:
  """Means of 3x3 pixels, every second in both directions; at the border of those in the image.

  As torch.nn.AvgPool2d(3, 2, 1, count_include_pad=False). With that option of Flax, XLA takes
  seconds to count the pixels of a large image.
  """
  counts = [
    [min(2 * i + 2, side) - max(2 * i - 1, 0) for i in range(-(-side // 2))]
    for side in x.shape[1:3]
  ]
  share = 9 / np.outer(counts[0], counts[1])[..., np.newaxis]
  return nnx.avg_pool(x, (3, 3), (2, 2), ((1, 1), (1, 1))) * share.astype(x.dtype)


# By --discriminator; discriminator_sizes.py has the image sizes that each takes.
DISCRIMINATORS = {
  'udacity': PatchDiscriminator,
  'patchgan': PatchDiscriminator,
  'multiscale': MultiscaleDiscriminator,
  'unet': UNetDiscriminator,
}
