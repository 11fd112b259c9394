"""What a run starts with, from its configuration alone."""

import optax

from cyclegan_jax.data.source import make_domains
from cyclegan_jax.settings import Config
from cyclegan_jax.training.step import state as state_lib


def optimizer(config: Config, steps_per_epoch: int = 1) -> optax.GradientTransformation:
  """The optimizer."""
  return state_lib.make_optimizer(config.train, steps_per_epoch)


def state(config: Config) -> state_lib.TrainState:
  """The state before the first step."""
  return state_lib.initialize(config, make_domains(config.data))
