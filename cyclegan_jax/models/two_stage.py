"""A generator of two stages (Kniaz et al. 2018, ThermalGAN): IR = S + R.

The first stage makes the base S of an image, what is left of it without contrasts, from the RGB
image and what it is told about temperatures. The second one makes the contrasts R from the RGB
image and a base, and is told nothing else. training/step/bases.py has the true bases.

To translate, both are one generator like any other.
"""

from typing import Any

from flax import nnx
import jax
from jax import lax
import jax.numpy as jnp

from cyclegan_jax.models.generator import Generator
from cyclegan_jax.models.generators import GENERATORS
from cyclegan_jax.settings import ModelConfig

# The name of bases among images, and of their discriminator.
BASE = 'base'


class TwoStageGenerator(Generator):
  """Two generators of the kind that --generator names; see generators.py for shapes.

  Each of them ends in a tanh. So contrasts reach half of the whole range of network values.

  Attributes:
    base: The first stage, from all channels.
    contrast: The second one, from a base and the channels of the image.
    seen: The number of these channels, wavelengths included.
    on_true_bases: In training, the second stage sees true bases.
  """

  def __init__(
    self, config: ModelConfig, in_channels: int, out_channels: int, rngs: nnx.Rngs, told: int = 0
  ):
    """Draws the initial weights; the last `told` channels of the input are for the base alone."""
    stage = GENERATORS[config.generator]
    self.seen = in_channels - told
    self.on_true_bases = config.contrast_base == 'true'
    self.base = stage(config, in_channels, out_channels, rngs)
    self.contrast = stage(config, out_channels + self.seen, out_channels, rngs)

  def __call__(self, x: Any, keys: jax.Array | None = None) -> Any:
    """Translates images: contrasts are added to the bases that the first stage makes."""
    base = self.base(x, keys)
    return jnp.clip(base + self._contrasts(base, x, keys), -1, 1)

  def stages(
    self, x: Any, true_base: jax.Array, keys: jax.Array | None = None
  ) -> tuple[jax.Array, jax.Array]:
    """Returns what training compares with true images, both [batch, height, width, out_channels].

    Args:
      x: As for a translation.
      true_base: The true bases, as the result.
      keys: One random key for each image, for dropout.

    Returns:
      The bases in [-1, 1], and the images in [-2, 2]. The second stage sees the true bases or,
      with --contrast_base=generated, those of the first stage, to which no gradient flows back; its
      contrasts are added to what it sees.
    """
    base = self.base(x, keys)
    given = true_base if self.on_true_bases else lax.stop_gradient(base)
    return base, given + self._contrasts(given, x, keys)

  def _contrasts(self, base: jax.Array, x: jax.Array, keys: jax.Array | None) -> jax.Array:
    seen = jnp.concatenate([base, x[..., : self.seen]], axis=-1)
    return self.contrast(seen, None if keys is None else of_second_stage(keys))

  @staticmethod
  def deepest_path(config: ModelConfig) -> list[Any]:
    """As `Generator.deepest_path`: first one stage, then the other."""
    return GENERATORS[config.generator].deepest_path(config) * 2

  @staticmethod
  def peak_arrays(config: ModelConfig) -> float:
    """As `Generator.peak_arrays`: the stages use the same memory, one after the other."""
    return GENERATORS[config.generator].peak_arrays(config)


def of_second_stage(keys: jax.Array) -> jax.Array:
  """Returns the random keys of the second stage, which drops out other elements than the first."""
  return jax.vmap(lambda key: jax.random.fold_in(key, 0))(keys)
