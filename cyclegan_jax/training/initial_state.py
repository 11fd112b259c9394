"""The state before the first step, and its shapes; compiled once for each configuration."""

from collections.abc import Mapping

import jax

from cyclegan_jax.data.source import Domain
from cyclegan_jax.settings import Config
from cyclegan_jax.training import state as state_lib
from cyclegan_jax.training.state import TrainState


def create(config: Config, domains: Mapping[str, Domain]) -> TrainState:
  """Returns the state before the first step, on the default device; equal for equal seeds."""
  return _initialize(config, tuple(domains.values()))


def abstract(config: Config, domains: Mapping[str, Domain]) -> TrainState:
  """Returns shapes and dtypes of a state on the first device, to restore one into."""
  device = jax.sharding.SingleDeviceSharding(jax.local_devices()[0])
  return jax.tree.map(
    lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=device),
    _initialize.eval_shape(config, tuple(domains.values())),
  )


def _make(config: Config, domains: tuple[Domain, ...]) -> TrainState:
  # Adam's initial state does not depend on the length of an epoch.
  optimizer = state_lib.make_optimizer(config.train, steps_per_epoch=1)
  return state_lib.initialize(config, {domain.name: domain for domain in domains}, optimizer)


_initialize = jax.jit(_make, static_argnums=(0, 1))
