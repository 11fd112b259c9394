"""The one way to apply a trained generator: network values in, network values out."""

from collections.abc import Mapping
import dataclasses
import functools
from typing import Any

import jax
import numpy as np

from cyclegan_jax import devices, forks, memory
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
      memory.TooLittle: it would not fit into memory; nothing has been computed.
    """
    forks.use()  # Refuses what would hang.
    n, count = len(x), jax.local_device_count()
    # Batches of any length need few compilations: they are filled up to the next power of two.
    rows = 2 ** (n - 1).bit_length()
    if count == 1 or n == 1:
      x = _filled(x, rows)
      _check(self.net, self.params, self.batch_stats, x)
      return np.asarray(translate(self.net, self.params, self.batch_stats, x))[:n]
    x = jax.device_put(_filled(x, -(-rows // count) * count), devices.sharding())
    _check(self.net, *self._arrays_everywhere, x)
    return np.asarray(translate(self.net, *self._arrays_everywhere, x))[:n]

  def needed(self, shape: tuple[int, ...]) -> int:
    """Returns the bytes that a batch of a shape takes on one device."""
    x = jax.ShapeDtypeStruct(shape, np.float32)
    return _needed(self.net, self.params, self.batch_stats, x)

  @functools.cached_property
  def _arrays_everywhere(self) -> tuple[Any, Any]:
    """The arrays on all local devices, copied there once."""
    return jax.device_put((self.params, self.batch_stats), devices.replicated())


@functools.partial(jax.jit, static_argnums=0)
def translate(net: Network, params: Any, batch_stats: Any, x: jax.Array) -> jax.Array:
  """Applies a generator in evaluation mode, [batch, height, width, c] in and out."""
  return net(params, batch_stats, x, training=False)[0]


_LOWER = translate.lower
# The bytes that programs take on a device, by network, shape of a batch, and where it lies.
_known: dict[tuple[Network, tuple[int, ...], Any], int] = {}
# Those that fitted when they were first run.
_fitting: set[tuple[Network, tuple[int, ...], Any]] = set()


def _needed(net: Network, params: Any, batch_stats: Any, x: Any) -> int:
  key = net, x.shape, getattr(x, 'sharding', None)
  if key not in _known:
    # A call finds the program that is compiled here.
    _known[key] = memory.of_program(_LOWER(net, params, batch_stats, x).compile())
  return _known[key]


def _check(net: Network, params: Any, batch_stats: Any, x: Any) -> None:
  """Raises memory.TooLittle before a program that does not fit is run for the first time."""
  key = net, x.shape, getattr(x, 'sharding', None)
  if key in _fitting:
    return
  if (needed := _needed(net, params, batch_stats, x)) > (free := memory.on_device()):
    raise memory.TooLittle(needed, free)
  _fitting.add(key)


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
