"""Data parallelism: everything that knows about several devices.

With several processes, arrays are those of each process: pmap takes and gives the part on a
process's own devices, and runs over the devices of all, in the order of processes.
"""

from collections.abc import Callable, Mapping
import functools
from typing import Any

import jax
from jax import lax
import numpy as np
import optax

from cyclegan_jax import distributed
from cyclegan_jax.data.source import Dataset
from cyclegan_jax.devices import DEVICE_AXIS, sharding
from cyclegan_jax.errors import UserError
from cyclegan_jax.models import networks
from cyclegan_jax.settings import Config, flatten, named
from cyclegan_jax.training import steps

# Which signal a process was sent: in batches, and, the largest of all, among terms.
_SIGNAL = 'signal'


def check_batch_size(batch_size: int, accumulate: int = 1) -> None:
  """Refuses a batch that cannot be shared out evenly among devices, or by each among its parts."""
  devices, processes = jax.device_count(), jax.process_count()
  if jax.local_device_count() * processes != devices:
    raise UserError(
      f'Process {jax.process_index()} has {jax.local_device_count()} of the {devices} devices of '
      f'{processes} processes: all need the same number (CUDA_VISIBLE_DEVICES).'
    )
  if batch_size % devices:
    where = 'this machine' if processes == 1 else f'{processes} processes'
    raise UserError(
      f'--batch_size={batch_size} cannot be divided by the {devices} devices of {where}. '
      f'Give a multiple of {devices}, or fewer devices (CUDA_VISIBLE_DEVICES).'
    )
  rows = batch_size // devices
  if rows % accumulate:
    raise UserError(
      f'--accumulate={accumulate} cannot divide the {rows} examples of --batch_size={batch_size} '
      f'on each of {devices} devices. Give a --batch_size that is a multiple of '
      f'{devices * accumulate}, or an --accumulate that divides {rows}.'
    )


def check_alike(config: Config, dataset: Dataset) -> None:
  """Refuses processes whose settings or data differ; each may find the data in another place."""
  own = named(per_process=True)
  distributed.agree(
    'settings', {name: value for name, value in flatten(config).items() if name not in own}
  )
  distributed.agree('data', dataset.facts())


def replicate(tree: Any) -> Any:
  """A copy on every device of this process: each leaf gets a leading axis of that length."""
  n = jax.local_device_count()
  return jax.tree.map(
    lambda x: jax.device_put(np.broadcast_to(np.asarray(x), (n, *np.shape(x))), sharding()), tree
  )


def unreplicate(tree: Any) -> Any:
  """The first device's copy; new arrays, so that the original may be donated."""
  return jax.tree.map(lambda x: x.addressable_data(0)[0], tree)


def compile_train_step(
  nets: Mapping[str, networks.Network],
  config: Config,
  optimizer: optax.GradientTransformation,
  donate: bool = True,
) -> Callable[..., Any]:
  """The training step over all devices.

  Returns:
    (state, batch) -> (state, terms): the state as `replicate` gives it, perhaps donated; the
    batch as `pipeline.batches` gives it, with several processes `with_signal`; the terms of
    `steps.train_step`, float32 [devices], equal on all devices; and what `told_signal` takes.
  """
  step = functools.partial(steps.train_step, nets=nets, config=config, optimizer=optimizer)

  def signaled_step(state, batch):
    state, terms = step(state, {key: x for key, x in batch.items() if key != _SIGNAL})
    return state, {**terms, _SIGNAL: lax.pmax(batch[_SIGNAL], DEVICE_AXIS)}

  return jax.pmap(
    signaled_step if jax.process_count() > 1 else step,
    axis_name=DEVICE_AXIS,
    donate_argnums=(0,) if donate else (),
  )


def batch_shapes(config: Config, masked: bool) -> dict[str, jax.ShapeDtypeStruct]:
  """A process's part of a batch as `pipeline.batches` gives it, with masks or without."""
  data = config.data
  last = {'rgb': (data.rgb_channels, np.float32), 'ir': (data.ir_channels, np.float32)}
  if masked:
    last |= {'rgb_mask': (1, np.bool_), 'ir_mask': (1, np.bool_)}
  rows = jax.local_device_count(), config.train.batch_size // jax.device_count()
  return {
    name: jax.ShapeDtypeStruct((*rows, *data.image_size, channels), dtype, sharding=sharding())
    for name, (channels, dtype) in last.items()
  }


def lowered(
  step: Callable[..., Any], state: Any, shapes: Mapping[str, jax.ShapeDtypeStruct]
) -> tuple[Callable[..., Any], Any]:
  """Compiles a step ahead of its first use.

  Returns:
    What to call, and the compiled program, which tells of itself.
  """
  if jax.process_count() == 1:
    compiled = step.lower(state, shapes).compile()
    return compiled, compiled
  # pmap wants arrays then; and what it compiles takes arrays of all processes, which it makes
  # itself of those of one. It finds the program compiled here.
  batch = {key: jax.device_put(np.zeros(x.shape, x.dtype), x.sharding) for key, x in shapes.items()}
  return step, step.lower(state, with_signal(batch, lambda: 0)).compile()


def with_signal(batch: Mapping[str, Any], own: Callable[[], int]) -> Mapping[str, Any]:
  """A batch that also tells the other processes which signal this one was sent.

  Args:
    batch: the batch.
    own: gives the signal's number, 0 for none; see interruption.py.
  """
  if jax.process_count() == 1:
    return batch
  told = np.full(jax.local_device_count(), own(), np.int32)
  return {**batch, _SIGNAL: jax.device_put(told, sharding())}


def told_signal(terms: dict[str, jax.Array]) -> jax.Array | None:
  """Takes from a step's terms what `agreed_signal` reads once the step is done."""
  return terms.pop(_SIGNAL, None)


def agreed_signal(told: jax.Array | None, own: Callable[[], int]) -> int:
  """The largest signal that a process had been sent when a step began; its own, if it is alone.

  All processes read the same at the same step, so that they stop there together, and with no
  exchange beside those of the step.

  Args:
    told: of the step just finished; None if none is.
    own: gives this process's.
  """
  if jax.process_count() == 1:
    return own()
  return 0 if told is None else int(np.asarray(told.addressable_data(0))[0])
