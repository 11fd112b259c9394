"""Everything that a training step changes, as one pytree."""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
import optax

from cyclegan_jax.config import Config, TrainConfig
from cyclegan_jax.models import networks


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class TrainState:
  """State between two steps; leaves are float32 arrays unless said otherwise.

  Attributes:
    step: int32 scalar, steps done.
    params: parameters by network name, see models/networks.py.
    batch_stats: running batch statistics by network name; empty dicts without batch norm.
    opt_state: optax states of the `generators` and the `discriminators`.
  """
  step: jax.Array
  params: dict[str, Any]
  batch_stats: dict[str, Any]
  opt_state: dict[str, optax.OptState]


def optimizer(config: TrainConfig) -> optax.GradientTransformation:
  """Adam; one for both generators and one for both discriminators.

  Adam treats every scalar by itself, so this equals one optimiser per network.
  """
  return optax.adam(config.learning_rate, b1=config.beta1, b2=config.beta2)


def initialise(config: Config) -> TrainState:
  """The state before the first step; the same for the same seed."""
  data = config.data
  params, batch_stats = networks.initialise(
      config.model, data.rgb_channels, data.ir_channels, jax.random.key(config.train.seed))
  adam = optimizer(config.train)
  return TrainState(
      step=jnp.zeros((), jnp.int32), params=params, batch_stats=batch_stats,
      opt_state={'generators': adam.init(select(params, networks.GENERATORS)),
                 'discriminators': adam.init(select(params, networks.DISCRIMINATORS))})


def select(tree: dict[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
  """The entries of a dict with the given names."""
  return {name: tree[name] for name in names}
