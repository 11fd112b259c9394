"""Receptive field of a generator: the input pixels that an output pixel depends on."""

from cyclegan_jax.models import kinds, reach
from cyclegan_jax.settings import ModelConfig


def radius(config: ModelConfig) -> int:
  """Returns the largest distance, in pixels along one axis, from an output to an input it sees.

  With instance norm, every output also depends on moments of the whole image. The radius is then
  the one for given moments.
  """
  path = kinds.of_generators(config).deepest_path(config)
  return reach.radius(path, 2**config.n_downsampling)
