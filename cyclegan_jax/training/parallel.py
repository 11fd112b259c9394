"""Data parallelism: everything that knows about several devices."""

import functools
from typing import Any, Callable, Mapping

import jax
from jax.sharding import Mesh, NamedSharding, PartitionSpec
import numpy as np

from cyclegan_jax.errors import UserError
from cyclegan_jax.models import networks
from cyclegan_jax.models.layers import DEVICE_AXIS
from cyclegan_jax.settings import Config
from cyclegan_jax.training import steps


def check_batch_size(batch_size: int, accumulate: int = 1) -> None:
  """Refuses a batch that cannot be shared out evenly among devices, or by each among its parts."""
  devices = jax.local_device_count()
  if batch_size % devices:
    raise UserError(
        f'--batch_size={batch_size} cannot be divided by the {devices} devices of this machine. '
        f'Give a multiple of {devices}, or fewer devices (CUDA_VISIBLE_DEVICES).')
  rows = batch_size // devices
  if rows % accumulate:
    raise UserError(
        f'--accumulate={accumulate} cannot divide the {rows} examples of --batch_size={batch_size} '
        f'on each of {devices} devices. Give a --batch_size that is a multiple of '
        f'{devices * accumulate}, or an --accumulate that divides {rows}.')


def sharding() -> NamedSharding:
  """Row i of the leading axis lies on device i."""
  return NamedSharding(Mesh(np.array(jax.local_devices()), (DEVICE_AXIS,)),
                       PartitionSpec(DEVICE_AXIS))


def replicate(tree: Any) -> Any:
  """A copy on every device: each leaf gets a leading axis of that length."""
  n = jax.local_device_count()
  return jax.tree.map(
      lambda x: jax.device_put(np.broadcast_to(np.asarray(x), (n, *np.shape(x))), sharding()),
      tree)


def unreplicate(tree: Any) -> Any:
  """The first device's copy; new arrays, so that the original may be donated."""
  return jax.tree.map(lambda x: x.addressable_data(0)[0], tree)


def compile_train_step(nets: Mapping[str, networks.Network], config: Config,
                       steps_per_epoch: int, donate: bool = True) -> Callable[..., Any]:
  """The training step over all devices.

  Returns:
    (state, batch) -> (state, terms): the state as `replicate` gives it, perhaps donated; the
    batch as `pipeline.batches` gives it; the terms of
    `steps.train_step`, float32 [devices], equal on all devices.
  """
  step = functools.partial(steps.train_step, nets=nets, config=config,
                           steps_per_epoch=steps_per_epoch)
  return jax.pmap(step, axis_name=DEVICE_AXIS, donate_argnums=(0,) if donate else ())
