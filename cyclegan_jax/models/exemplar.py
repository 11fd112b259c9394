"""The generation module of Wang et al. 2020 (JSIA-ReID): an image is a content and a style.

The content, of one encoder for both domains, says what is where. The style, of an encoder for each
domain, is a vector that says what images of the domain look like there and then. A decoder for each
domain makes an image of both: IR = decoder_ir(content(RGB), style_ir(another IR image)).

To translate, all are one generator like any other, whose style is a reference's or, without one,
the mean of the training images. training/step/exchange.py has the losses.
"""

import dataclasses
import itertools
from typing import Any

from flax import nnx
import jax
from jax import lax
import jax.numpy as jnp
import numpy as np

from cyclegan_jax.arrays import Features
from cyclegan_jax.devices import DEVICE_AXIS
from cyclegan_jax.models import layers, reach
from cyclegan_jax.models.adain import AdaptiveBlock, Affine, ImageNorm
from cyclegan_jax.models.generator import Generator
from cyclegan_jax.models.generators import ResidualBlock
from cyclegan_jax.models.style_encoder import style_size, StyleEncoder
from cyclegan_jax.settings import ModelConfig

# Rec. 601, for images of three channels.
LUMINANCE = (0.299, 0.587, 0.114)
_ADAPTIVE_BLOCKS = 2
# The mean style follows the last so many steps.
_REMEMBERED = 100


class ContentEncoder(nnx.Module):
  """7x7 convolution, 4x4 ones of stride 2, residual blocks; instance norm and ReLU.

  The authors take the first layers of a ResNet-50 that has learned ImageNet. This one, of the shape
  of MUNIT's (Huang et al. 2018), begins with random weights. As theirs, it sees images in gray.
  """

  def __init__(self, config: ModelConfig, rngs: nnx.Rngs):
    widths = content_widths(config)
    self.first = layers.Conv(config, 1, widths[0], 7, 1, reflect=True, use_bias=True, rngs=rngs)
    self.first_norm = layers.norm(config, widths[0], rngs)
    self.down = nnx.List(
      layers.Conv(config, a, b, 4, 2, use_bias=True, rngs=rngs)
      for a, b in itertools.pairwise(widths)
    )
    self.down_norms = nnx.List(layers.norm(config, width, rngs) for width in widths[1:])
    self.blocks = nnx.List(
      ResidualBlock(config, widths[-1], rngs, reflect=True) for _ in range(config.n_residual_blocks)
    )

  def __call__(self, x: jax.Array) -> jax.Array:
    """Maps [batch, height, width, 1 or 3] to contents, at 1 / 2 ** n_downsampling of the size."""
    dtype = x.dtype
    x = nnx.relu(self.first_norm(self.first(gray(x))))
    for conv, norm in zip(self.down, self.down_norms):
      x = nnx.relu(norm(conv(x)))
    for block in self.blocks:
      x = block(x)
    return x.astype(dtype)


class Decoder(nnx.Module):
  """Two residual blocks with adaptive norms, nearest neighbors and 5x5 convolutions, 7x7, tanh.

  The enlarged layers have a layer norm, over a whole image: an instance norm would remove the level
  that the style gave them. With one enlargement from 256 channels and without the network of the
  style these are the authors' 3,198,723 parameters to 3 channels. Here it enlarges as often as the
  encoder halves, as in the paper.
  """

  def __init__(self, config: ModelConfig, out_channels: int, rngs: nnx.Rngs):
    widths = content_widths(config)[::-1]
    self.affine = Affine(config, style_size(config), widths[0], 2 * _ADAPTIVE_BLOCKS, rngs)
    self.blocks = nnx.List(AdaptiveBlock(config, widths[0], rngs) for _ in range(_ADAPTIVE_BLOCKS))
    wide = dict(kernel_size=5, reflect=True, use_bias=True, rngs=rngs)
    self.up = nnx.List(
      layers.ResizeConv(config, a, b, **wide) for a, b in itertools.pairwise(widths)
    )
    self.up_norms = nnx.List(ImageNorm(width, rngs) for width in widths[1:])
    self.last = layers.Conv(
      config, widths[-1], out_channels, 7, 1, reflect=True, use_bias=True, rngs=rngs
    )

  def __call__(self, content: jax.Array, style: jax.Array) -> jax.Array:
    """Makes images [batch, height, width, out_channels] in [-1, 1] of contents and styles."""
    x, norms = content, self.affine(style)
    for i, block in enumerate(self.blocks):
      x = block(x, norms[2 * i : 2 * i + 2])
    for up, norm in zip(self.up, self.up_norms):
      x = nnx.relu(norm(up(x)))
    return jnp.tanh(self.last(x).astype(style.dtype))


class ExemplarGenerator(Generator):
  """All encoders and decoders; called, it makes IR images of RGB images.

  It has its own norms and activations, whatever --norm and --activation say.

  Attributes:
    source_channels: Of RGB images.
    content: The encoder of both domains.
    style_rgb: The encoder of RGB images' styles; `style_ir` likewise.
    decoder_rgb: What makes RGB images; `decoder_ir` likewise.
    mean_style: Of the latest training IR images, float32 [style_size].
    seen: The steps that it is a mean of, at most 100.
  """

  def __init__(self, config: ModelConfig, in_channels: int, out_channels: int, rngs: nnx.Rngs):
    config = dataclasses.replace(config, norm='instance', activation='relu')
    self.source_channels = in_channels
    self.content = ContentEncoder(config, rngs)
    self.style_rgb = StyleEncoder(config, in_channels, rngs)
    self.style_ir = StyleEncoder(config, out_channels, rngs)
    self.decoder_rgb = Decoder(config, in_channels, rngs)
    self.decoder_ir = Decoder(config, out_channels, rngs)
    self.mean_style = layers.Statistic(np.zeros(style_size(config), np.float32))
    self.seen = layers.Statistic(np.zeros((), np.float32))
    self.axis_name = DEVICE_AXIS if config.sync_batch_norm else None

  def __call__(
    self, x: Any, keys: jax.Array | None = None, style: jax.Array | None = None
  ) -> jax.Array:
    """Translates RGB images; without styles, [batch, style_size], all in the mean one."""
    del keys  # There is no dropout.
    given = self.mean_style[...] if style is None else style
    given = jnp.broadcast_to(jnp.asarray(given, x.dtype), (x.shape[0], given.shape[-1]))
    return self.decoder_ir(self.content(x), given)

  def encode(self, x: Any) -> tuple[Features, Any]:
    """PatchNCE has nothing to do here: contents are compared themselves."""
    return (), self.content(x)

  def remember(self, styles: jax.Array) -> None:
    """Moves the mean style by the styles of a step's IR images, [batch, style_size]."""
    latest = jnp.mean(styles, 0)
    if self.axis_name:
      latest = lax.pmean(latest, self.axis_name)
    seen = jnp.minimum(self.seen[...] + 1, _REMEMBERED)
    self.mean_style[...] = self.mean_style[...] + (latest - self.mean_style[...]) / seen
    self.seen[...] = seen

  @staticmethod
  def deepest_path(config: ModelConfig) -> list[reach.Layer]:
    """As `Generator.deepest_path`."""
    down = [reach.convolution(4, stride=2)] * config.n_downsampling
    blocks = [reach.convolution(3)] * (2 * (config.n_residual_blocks + _ADAPTIVE_BLOCKS))
    up = [reach.nearest, reach.convolution(5)] * config.n_downsampling
    return [reach.convolution(7), *down, *blocks, *up, reach.convolution(7)]

  @staticmethod
  def peak_arrays(config: ModelConfig) -> float:
    """As `Generator.peak_arrays`: 267 bytes per pixel with a width of 16."""
    del config  # All are alike.
    return 4.2


def content_widths(config: ModelConfig) -> list[int]:
  """Returns the channels of the content encoder's layers."""
  return [config.base_width * 2**i for i in range(config.n_downsampling + 1)]


def gray(x: jax.Array) -> jax.Array:
  """Returns images in gray, [batch, height, width, 1]."""
  return x if x.shape[-1] == 1 else jnp.sum(x * jnp.asarray(LUMINANCE, x.dtype), -1, keepdims=True)
