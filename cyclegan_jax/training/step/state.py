"""Everything that a training step changes, as one pytree."""

from collections.abc import Callable, Mapping
import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

from cyclegan_jax.data.source import Domain
from cyclegan_jax.models import networks
from cyclegan_jax.settings import Config, TrainConfig
from cyclegan_jax.training.step import image_pool


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class TrainState:
  """State between two steps; leaves are float32 arrays unless said otherwise.

  Attributes:
    step: int32 scalar, steps done.
    params: parameters by network name, see models/networks.py.
    batch_stats: running batch statistics by network name; empty dicts without batch norm.
    opt_state: optax states of the `generators` and the `discriminators`.
    ema: moving averages of the generators' parameters by name; {} if they are not kept.
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

  def apply_gradients(
    self,
    group: str,
    gradients: dict[str, Any],
    optimizer: optax.GradientTransformation,
    batch_stats: dict[str, Any],
    rate: float = 1.0,
  ) -> 'TrainState':
    """Updates a group of networks.

    Args:
      group: 'generators' or 'discriminators'.
      gradients: By network name, like their parameters.
      optimizer: From `make_optimizer`.
      batch_stats: The new statistics of all networks.
      rate: Factor of the optimizer's learning rate.
    """
    params = select(self.params, tuple(gradients))
    updates, opt_state = optimizer.update(gradients, self.opt_state[group], params)
    updates = optax.tree.scale(rate, updates)
    updated: Any = optax.apply_updates(params, updates)
    return dataclasses.replace(
      self,
      params={**self.params, **updated},
      opt_state={**self.opt_state, group: opt_state},
      batch_stats=batch_stats,
    )

  def move_ema(self, decay: float) -> 'TrainState':
    """Moves the moving averages a step on; short memory at first, so initial weights fade soon."""
    share = jnp.minimum(decay, (1 + self.step) / (10 + self.step))
    params = select(self.params, tuple(self.ema))
    ema = jax.tree.map(lambda old, new: share * old + (1 - share) * new, self.ema, params)
    return dataclasses.replace(self, ema=ema)


def make_optimizer(config: TrainConfig, steps_per_epoch: int) -> optax.GradientTransformation:
  """Adam, for the generators and, with a state of its own, the discriminators.

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


def initialize(config: Config, domains: Mapping[str, Domain]) -> TrainState:
  """Returns the state before the first step, NumPy's arrays; equal for equal seeds."""
  arrays = networks.initialize(config.model, domains, config.train.seed)
  zeros = lambda tree: jax.tree.map(lambda x: np.zeros(x.shape, x.dtype), tree)
  return _before_the_first_step(config, domains, *arrays, zeros)


def abstract(config: Config, domains: Mapping[str, Domain]) -> TrainState:
  """Returns the shapes and dtypes of a state on the first device, to restore one into."""
  device = jax.sharding.SingleDeviceSharding(jax.local_devices()[0])
  arrays = networks.abstract(config.model, domains)
  return jax.tree.map(
    lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=device),
    _before_the_first_step(config, domains, *arrays, lambda tree: tree),
  )


def _before_the_first_step(
  config: Config,
  domains: Mapping[str, Domain],
  params: dict[str, Any],
  batch_stats: dict[str, Any],
  zeros: Callable[[Any], Any],
) -> TrainState:
  """Returns a state of these arrays; all else but moving averages begins as `zeros` of shapes."""
  model, train = config.model, config.train

  def rest(params: dict[str, Any]) -> Any:
    # Adam's first state does not depend on the length of an epoch.
    optimizer = make_optimizer(train, steps_per_epoch=1)
    groups = {
      'generators': networks.generator_group(model),
      'discriminators': networks.discriminators(model),
    }
    channels = networks.discriminator_channels(model, domains) if train.pool_size else {}
    return (
      {name: optimizer.init(select(params, group)) for name, group in groups.items()},
      {
        name: image_pool.empty(train.pool_size, (*config.data.image_size, seen))
        for name, seen in channels.items()
      },
    )

  opt_state, pools = zeros(jax.eval_shape(rest, params))
  return TrainState(
    step=zeros(jax.ShapeDtypeStruct((), np.int32)),
    params=params,
    batch_stats=batch_stats,
    opt_state=opt_state,
    ema=select(params, networks.generators(model)) if train.ema_decay else {},
    pools=pools,
  )


def select(tree: dict[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
  """The entries of a dict with the given names."""
  return {name: tree[name] for name in names}
