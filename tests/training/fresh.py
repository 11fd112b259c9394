"""What a run starts with, from its configuration alone."""

import optax

from cyclegan_jax.models import networks
from cyclegan_jax.settings import Config
from cyclegan_jax.training import state as state_lib


def nets(config: Config) -> dict[str, networks.Network]:
  """The networks of three-channel RGB and one-channel IR images."""
  return networks.build(config.model, config.data.rgb_channels, config.data.ir_channels)


def optimizer(config: Config, steps_per_epoch: int = 1) -> optax.GradientTransformation:
  """The optimizer."""
  return state_lib.make_optimizer(config.train, steps_per_epoch)


def state(config: Config) -> state_lib.TrainState:
  """The state before the first step."""
  return state_lib.initialize(config, optimizer(config))
