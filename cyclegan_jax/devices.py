"""This process's devices, as training and inference share a batch among them."""

import jax
from jax.sharding import Mesh, NamedSharding, PartitionSpec
import numpy as np

# The name of the axis of devices, in pmap and in shardings.
DEVICE_AXIS = 'devices'


def sharding() -> NamedSharding:
  """Returns the sharding that puts an equal part of the leading axis on each local device."""
  return NamedSharding(_mesh(), PartitionSpec(DEVICE_AXIS))


def replicated() -> NamedSharding:
  """Returns the sharding that puts a whole copy on each local device."""
  return NamedSharding(_mesh(), PartitionSpec())


def _mesh() -> Mesh:
  return Mesh(np.array(jax.local_devices()), (DEVICE_AXIS,))
