"""A generator with an output layer for each class, put together by the labels it sees.

The idea is that of Mizginov, Kniaz & Fomin 2021, the paper's reference [6], known to us from what
others say of it: a generator in layers, one for each class, whose images are combined. Its networks
and weights were not known to us, so nothing here is meant as published. Our choices: all classes
share one generator up to its last layer; pixels without a label have an output layer, too; labels
decide alone, without a blend at their borders; and one discriminator, which sees the labels, judges
the whole image, where [6] has one for each class.
"""

from typing import Any

from flax import nnx
import jax
import jax.numpy as jnp

from cyclegan_jax.arrays import Features
from cyclegan_jax.models import reach
from cyclegan_jax.models.generator import Generator
from cyclegan_jax.models.generators import GENERATORS
from cyclegan_jax.settings import ModelConfig


class LayeredGenerator(Generator):
  """A generator of the kind that --generator names; see generators.py for shapes.

  Its last layer makes an image for each class, and one for pixels of no class. Each pixel of the
  result is that of its own class's image, and no other output layer learns from it.

  Attributes:
    generator: Makes all images: channel k of class i is channel k * (n_classes + 1) + i.
    first: The channel of the input that is the plane of class 0.
    n_classes: So many planes there are, see data/planes.py.
    channels: Of the result.
  """

  def __init__(
    self,
    config: ModelConfig,
    in_channels: int,
    out_channels: int,
    rngs: nnx.Rngs,
    planes: tuple[int, int] = (0, 1),
  ):
    """Draws the initial weights; `planes` are the first plane of labels and their number."""
    self.first, self.n_classes = planes
    self.channels = out_channels
    images = out_channels * (self.n_classes + 1)
    self.generator = GENERATORS[config.generator](config, in_channels, images, rngs)

  def __call__(self, x: Any, keys: jax.Array | None = None) -> jax.Array:
    """Translates images."""
    planes = x[..., self.first : self.first + self.n_classes]
    return composed(self.generator(x, keys), planes, self.channels)

  def encode(self, x: Any) -> tuple[Features, Any]:
    """As `Generator.encode`."""
    return self.generator.encode(x)

  @staticmethod
  def deepest_path(config: ModelConfig) -> list[reach.Layer]:
    """As `Generator.deepest_path`: labels are looked up in the pixel itself."""
    return GENERATORS[config.generator].deepest_path(config)

  @staticmethod
  def peak_arrays(config: ModelConfig) -> float:
    """As `Generator.peak_arrays`, where there are no more classes than channels in a layer."""
    return GENERATORS[config.generator].peak_arrays(config) + 1


def composed(images: jax.Array, planes: jax.Array, channels: int) -> jax.Array:
  """Takes each pixel from the image of its class.

  Args:
    images: [batch, height, width, channels * (n_classes + 1)], see `LayeredGenerator.generator`.
    planes: Of labels, [batch, height, width, n_classes]: above 0 where a pixel is of the class.
    channels: Of the result.

  Returns:
    [batch, height, width, channels]; pixels of no class are those of the last image.
  """
  of_class = planes > 0
  own = jnp.concatenate([of_class, ~jnp.any(of_class, -1, keepdims=True)], -1)[..., None, :]
  apart = images.reshape(*images.shape[:-1], channels, own.shape[-1])
  return jnp.sum(jnp.where(own, apart, 0), -1)
