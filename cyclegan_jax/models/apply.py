"""The one way to apply a trained generator: network values in, network values out."""

from collections.abc import Mapping
import dataclasses
import functools
from typing import Any

import jax
import numpy as np

from cyclegan_jax import devices, forks
from cyclegan_jax.models.networks import Network


@dataclasses.dataclass(frozen=True)
class Translator:
  """A generator with its arrays, applied to batches on all local devices.

  Attributes:
    net: The network.
    params: Its parameters, see `Network`.
    batch_stats: Its running batch statistics, see `Network`.
  """

  net: Network
  params: Any
  batch_stats: Any

  def __call__(self, x: np.ndarray) -> np.ndarray:
    """Translates a batch. If it has several images, each local device gets an equal share.

    Args:
      x: float32 [batch, height, width, c] in [-1, 1]. The sides are multiples of the network's
        stride.

    Returns:
      float32 [batch, height, width, channels] in [-1, 1].

    Raises:
      UserError: This process was forked from one that has used JAX.
    """
    forks.use()  # Refuses what would hang.
    n, count = len(x), jax.local_device_count()
    # Batches of any length need few compilations: they are filled up to the next power of two.
    rows = 2 ** (n - 1).bit_length()
    if count == 1 or n == 1:
      return np.asarray(translate(self.net, self.params, self.batch_stats, _filled(x, rows)))[:n]
    x = jax.device_put(_filled(x, -(-rows // count) * count), devices.sharding())
    return np.asarray(translate(self.net, *self._arrays_everywhere, x))[:n]

  @functools.cached_property
  def _arrays_everywhere(self) -> tuple[Any, Any]:
    """The arrays on all local devices, copied there once."""
    return jax.device_put((self.params, self.batch_stats), devices.replicated())


@functools.partial(jax.jit, static_argnums=0)
def translate(net: Network, params: Any, batch_stats: Any, x: jax.Array) -> jax.Array:
  """Applies a generator in evaluation mode, [batch, height, width, c] in and out."""
  return net(params, batch_stats, x, training=False)[0]


def translators(
  nets: Mapping[str, Network], params: Mapping[str, Any], batch_stats: Mapping[str, Any]
) -> dict[str, Translator]:
  """Returns the generators among networks, each with its arrays, by name."""
  return {
    name: Translator(nets[name], params[name], batch_stats[name]) for name in nets if '_to_' in name
  }


def _filled(x: np.ndarray, rows: int) -> np.ndarray:
  """Repeats the last image of a batch up to a number of rows."""
  return np.concatenate([x, np.repeat(x[-1:], rows - len(x), 0)]) if len(x) < rows else x
