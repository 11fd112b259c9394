"""Data parallelism by `jax.pmap`: everything that knows about several devices.

With several processes, arrays are those of each process: pmap takes and returns the part on the
process's own devices and runs over the devices of all processes, in their order.
"""

from collections.abc import Callable, Mapping, Sequence
import functools
import time
from typing import Any

import jax
import numpy as np
import optax

from cyclegan_jax import memory
from cyclegan_jax.data import cache, condition as condition_lib, pipeline
from cyclegan_jax.data.layers import DEPTH
from cyclegan_jax.data.planes import Inputs
from cyclegan_jax.data.source import Dataset
from cyclegan_jax.devices import DEVICE_AXIS, sharding
from cyclegan_jax.models import networks
from cyclegan_jax.models.network import Network
from cyclegan_jax.progress import duration, Log
from cyclegan_jax.settings import Config
from cyclegan_jax.training.step import class_balance, state as state_lib, step_memory, steps


def replicate(tree: Any) -> Any:
  """Copies a pytree to every device of this process: leaves get a leading axis of that length."""
  n = jax.local_device_count()
  return jax.tree.map(
    lambda x: jax.device_put(np.broadcast_to(np.asarray(x), (n, *np.shape(x))), sharding()), tree
  )


def unreplicate(tree: Any) -> Any:
  """Returns the first device's copy, in new arrays, so that the original may be donated."""
  return jax.tree.map(lambda x: x.addressable_data(0)[0], tree)


def compile_train_step(
  nets: Mapping[str, Network],
  config: Config,
  optimizer: optax.GradientTransformation,
  *,
  donate: bool = True,
  devices: Sequence[jax.Device] | None = None,
  class_weights: np.ndarray | None = None,
  inputs: Inputs | None = None,
) -> jax.stages.Wrapped:
  """Returns the training step over all devices, compiled at its first call.

  Args:
    nets: from `networks.build`.
    config: the run.
    optimizer: from `state.make_optimizer`.
    donate: the step reuses the memory of the state that it is given.
    devices: other devices than all that there are.
    class_weights: from `class_balance.weights`.
    inputs: see `steps.train_step`.

  Returns:
    (state, batch) -> (state, terms): the state as `replicate` returns it, the batch as
    `pipeline.batches` yields it, and the terms of `steps.train_step`, float32 [devices], equal on
    all devices.
  """
  of_data = dict(class_weights=class_weights, inputs=inputs)
  return jax.pmap(
    functools.partial(steps.train_step, nets=nets, config=config, optimizer=optimizer, **of_data),
    axis_name=DEVICE_AXIS,
    devices=devices,
    donate_argnums=(0,) if donate else (),
  )


def compile_ahead(
  config: Config, dataset: Dataset, steps_per_epoch: int, begun: bool, log: Log
) -> Callable[..., Any]:
  """Compiles the training step before its first use and logs the time and memory that it takes.

  Args:
    config: the run.
    dataset: its data.
    steps_per_epoch: steps.
    begun: it has steps already.
    log: takes lines for the user.

  Returns:
    See `compile_train_step`. With jax_debug_nans it is not compiled ahead and donates nothing: JAX
    repeats a step, operation by operation, to find the one that gave NaN.

  Raises:
    UserError: the step does not fit into the memory of the devices.
  """
  class_weights = class_balance.weights(config, dataset, log)
  if jax.config.values['jax_debug_nans']:
    return _made(config, dataset, steps_per_epoch, class_weights, donate=False)
  begin = time.monotonic()

  def measure(other: Config) -> int:
    return memory.of_program(_compiled(other, dataset, steps_per_epoch, class_weights)[0])

  step_memory.check_least(config, dataset, measure, begun)
  program, step = _compiled(config, dataset, steps_per_epoch, class_weights)
  needed = memory.of_program(program)
  memory.give_back()
  step_memory.check(needed, config, dataset, measure, begun)
  if jax.local_devices()[0].platform == 'cpu':
    cache.reserve(needed * jax.local_device_count())
  line = f'Compiled the training step in {duration(time.monotonic() - begin)}'
  log(f'{line}; it needs about {needed / 2**20:.0f} MiB on each device.' if needed else f'{line}.')
  return step


def _compiled(
  config: Config, dataset: Dataset, steps_per_epoch: int, class_weights: np.ndarray | None = None
) -> tuple[jax.stages.Compiled, Callable[..., Any]]:
  """Compiles a step; returns the program and what to call, which is the program or leads to it."""
  step = _made(config, dataset, steps_per_epoch, class_weights)
  shapes = _state_shapes(config, dataset), _batch_shapes(config, dataset)
  if jax.process_count() == 1:
    program = step.lower(*shapes).compile()
    return program, program
  # pmap wants arrays here, and what it compiles takes arrays that span all processes, which
  # only pmap itself makes. Its first call finds the program compiled here.
  zeros = jax.tree.map(lambda x: jax.device_put(np.zeros(x.shape, x.dtype), x.sharding), shapes)
  return step.lower(*zeros).compile(), step


def _made(
  config: Config,
  dataset: Dataset,
  steps_per_epoch: int,
  class_weights: np.ndarray | None,
  donate: bool = True,
) -> jax.stages.Wrapped:
  nets = networks.build(config.model, dataset.domains)
  optimizer = state_lib.make_optimizer(config.train, steps_per_epoch)
  of_data = dict(class_weights=class_weights, inputs=dataset.domains['rgb'].inputs)
  return compile_train_step(nets, config, optimizer, donate=donate, **of_data)


def _state_shapes(config: Config, dataset: Dataset) -> Any:
  """Returns the shapes of the state, as `replicate` returns it."""
  n = jax.local_device_count()
  return jax.tree.map(
    lambda x: jax.ShapeDtypeStruct((n, *x.shape), x.dtype, sharding=sharding()),
    state_lib.abstract(config, dataset.domains),
  )


def _batch_shapes(config: Config, dataset: Dataset) -> dict[str, jax.ShapeDtypeStruct]:
  """Returns the shapes of this process's part of a batch, as `pipeline.batches` yields it."""
  data, size = config.data, config.data.image_size
  rows = jax.local_device_count(), config.train.batch_size // jax.device_count()
  of = lambda dtype, *rest: jax.ShapeDtypeStruct((*rows, *rest), dtype, sharding=sharding())
  shapes = {
    'rgb': of(np.float32, *size, data.rgb_channels),
    'ir': of(np.float32, *size, data.ir_channels),
  }
  if pipeline.masked(dataset, data):
    shapes |= {'rgb_mask': of(np.bool_, *size, 1), 'ir_mask': of(np.bool_, *size, 1)}
  if config.labeled and dataset.class_names:
    shapes['labels'] = of(np.uint8, *size)
  if config.labeled and dataset.has_depth:
    shapes[DEPTH] = of(np.uint16, *size)
  if condition := dataset.domains['ir'].condition:
    shapes[condition_lib.KEY] = of(np.float32, condition.size)
  return shapes
