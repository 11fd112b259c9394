"""Everything that a training step changes, as one pytree."""

from collections.abc import Mapping
import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
import optax

from cyclegan_jax import normalization
from cyclegan_jax.data.source import Domain
from cyclegan_jax.models import networks
from cyclegan_jax.settings import Config, TrainConfig
from cyclegan_jax.training import image_pool


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class TrainState:
  """State between two steps; leaves are float32 arrays unless said otherwise.

  Attributes:
    step: int32 scalar, steps done.
    params: parameters by network name, see models/networks.py.
    batch_stats: running batch statistics by network name; empty dicts without batch norm.
    opt_state: optax states of the `generators` and the `discriminators`.
    average: moving averages of the generators' parameters by name; {} if they are not kept.
    pools: earlier inputs of each discriminator, see image_pool.py; {} without pools.
  """

  step: jax.Array
  params: dict[str, Any]
  batch_stats: dict[str, Any]
  opt_state: dict[str, optax.OptState]
  ema: dict[str, Any]
  pools: dict[str, image_pool.Pool]

  def inference_params(self) -> dict[str, Any]:
    """The parameters to translate with: the moving averages where there are any."""
    return {**self.params, **self.ema}


def make_optimizer(config: TrainConfig, steps_per_epoch: int) -> optax.GradientTransformation:
  """Adam; one for both generators and one for both discriminators.

  Adam treats every scalar by itself, so this equals one optimizer per network.
  """
  rate = config.learning_rate
  if config.decay_epochs:
    rate = lambda step: config.learning_rate * decay(config, step // steps_per_epoch)
  return optax.adam(rate, b1=config.beta1, b2=config.beta2)


def decay(config: TrainConfig, epoch: jax.Array | int) -> jax.Array:
  """Factor of the learning rate in an epoch, counted from 0, as Zhu et al.'s code has it.

  1 for decay_start epochs, then down in equal steps; the first epoch that would get 0 is the one
  after decay_start + decay_epochs.
  """
  past = jnp.maximum(0, epoch + 1 - config.decay_start)
  return jnp.maximum(0.0, 1 - past / (config.decay_epochs + 1))


def initialize(
  config: Config,
  domains: Mapping[str, Domain] | None = None,
  optimizer: optax.GradientTransformation | None = None,
) -> TrainState:
  """The state before the first step; the same for the same seed."""
  data, model, train = config.data, config.model, config.train
  norms = normalization.normalizations(data)
  if domains:
    norms = {name: domain.normalization for name, domain in domains.items()}
  params, batch_stats = networks.initialize(
    model, data.rgb_channels, data.ir_channels, jax.random.key(train.seed), norms
  )
  generators, discriminators = networks.generators(model), networks.discriminators(model)
  # The form of Adam's state does not depend on the length of an epoch.
  adam = optimizer or make_optimizer(train, steps_per_epoch=1)
  pools = {}
  if train.pool_size:
    channels = networks.discriminator_channels(model, data.rgb_channels, data.ir_channels)
    pools = {
      name: image_pool.empty(train.pool_size, (*data.image_size, channels[name]))
      for name in discriminators
    }
  return TrainState(
    step=jnp.zeros((), jnp.int32),
    params=params,
    batch_stats=batch_stats,
    opt_state={
      'generators': adam.init(select(params, generators)),
      'discriminators': adam.init(select(params, discriminators)),
    },
    ema=jax.tree.map(jnp.copy, select(params, generators)) if train.ema_decay else {},
    pools=pools,
  )


def select(tree: dict[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
  """The entries of a dict with the given names."""
  return {name: tree[name] for name in names}
