"""This process's devices, as training and inference share a batch among them."""

import os

import jax
from jax.sharding import Mesh, NamedSharding, PartitionSpec
import numpy as np

from cyclegan_jax.errors import UserError

# The name of the axis of devices, in pmap and in shardings.
DEVICE_AXIS = 'devices'
# They choose what JAX computes on.
_VARIABLES = ('JAX_PLATFORMS', 'JAX_PLATFORM_NAME', 'CUDA_VISIBLE_DEVICES')


def check() -> None:
  """Starts JAX's devices; call it before other work that would, so that only one place fails.

  On a CPU, a program then runs in the thread that calls it. What it took is free when it returns.
  JAX's own way, another thread, gives it back a moment later, and the next program may begin before
  that and take as much again.

  Raises:
    UserError: JAX does not have the platform that the environment asks for, or cannot use it.
  """
  jax.config.update('jax_cpu_enable_async_dispatch', False)
  try:
    jax.local_devices()
  except (RuntimeError, ValueError, AssertionError) as error:
    asked = {name: os.environ[name] for name in _VARIABLES if os.environ.get(name)}
    given = ' '.join(f'{name}={value}' for name, value in asked.items())
    reason = (str(error).strip().splitlines() or ['it is not installed'])[0].rstrip('.')
    raise UserError(
      f'{given or "This machine"}: JAX cannot compute on this platform ({reason}). '
      + (f'Unset {" and ".join(asked)}, or set' if asked else 'Set')
      + ' JAX_PLATFORMS=cpu to compute on the CPU. A GPU needs pip install -e ".[cuda12]" and a '
      'driver that fits.'
    ) from error


def sharding() -> NamedSharding:
  """Returns the sharding that puts an equal part of the leading axis on each local device."""
  return NamedSharding(_mesh(), PartitionSpec(DEVICE_AXIS))


def replicated() -> NamedSharding:
  """Returns the sharding that puts a whole copy on each local device."""
  return NamedSharding(_mesh(), PartitionSpec())


def _mesh() -> Mesh:
  return Mesh(np.array(jax.local_devices()), (DEVICE_AXIS,))
