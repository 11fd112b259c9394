"""Which class the generators of a run have."""

from cyclegan_jax.models.exemplar import ExemplarGenerator
from cyclegan_jax.models.generator import Generator
from cyclegan_jax.models.generators import GENERATORS
from cyclegan_jax.models.layered import LayeredGenerator
from cyclegan_jax.models.two_stage import TwoStageGenerator
from cyclegan_jax.settings import ModelConfig


def of_generators(config: ModelConfig) -> type[Generator]:
  """Returns the class of a run's generators."""
  if config.method == 'exemplar':
    return ExemplarGenerator
  if config.output_layers == 'classes':
    return LayeredGenerator
  return GENERATORS[config.generator] if config.base == 'none' else TwoStageGenerator
