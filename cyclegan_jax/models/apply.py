"""The one way to apply a trained generator: network values in, network values out."""

from collections.abc import Mapping
import dataclasses
import functools
from typing import Any

import jax
import numpy as np

from cyclegan_jax import devices, forks, memory
from cyclegan_jax.models import canvas
from cyclegan_jax.models.network import Network


@dataclasses.dataclass(frozen=True)
class Translator:
  """A generator with its arrays, applied to batches on all local devices.

  Attributes:
    net: The network.
    params: Its parameters, see `Network`.
    batch_stats: Its running batch statistics, see `Network`.
    condition: Of the images to make, unless a call says otherwise: float32 [size]; None for the
      network's own, or the mean style of training.
  """

  net: Network
  params: Any
  batch_stats: Any
  condition: np.ndarray | None = None

  def told(self, condition: np.ndarray) -> 'Translator':
    """Returns the generator told another condition.

    Raises:
      ValueError: It takes none of this size.
    """
    if condition.shape != (self.net.told,):
      raise ValueError(
        f'a condition of {condition.shape} for a generator that takes ({self.net.told},).'
      )
    return dataclasses.replace(self, condition=condition)

  def __call__(
    self, x: np.ndarray, condition: np.ndarray | None = None, sizes: np.ndarray | None = None
  ) -> np.ndarray:
    """Translates a batch. If it has several images, each local device gets an equal share.

    Args:
      x: float32 [batch, height, width, c] in [-1, 1]. The sides are multiples of the network's
        stride.
      condition: Of each of the images to make, float32 [batch, size]; None for `self.condition`.
        Only generators that are told something take one.
      sizes: int32 [batch, 2], if images fill the upper left corner of `x` alone: the height and
        width of each, see canvas.py.

    Returns:
      float32 [batch, height, width, channels] in [-1, 1].

    Raises:
      UserError: This process was forked from one that has used JAX.
      memory.TooLittle: it would not fit into memory; nothing has been computed.
    """
    forks.use()  # Refuses what would hang.
    n = len(x)
    own = {} if sizes is None else {'sizes': np.asarray(sizes, np.int32)}
    given = [x, *self._told(n, condition)], own
    given = jax.tree.map(lambda rows: _filled(rows, _rows(n)), given)
    if _is_shared(n):
      given = jax.device_put(given, devices.sharding())
    inputs, own = given
    arrays = self._arrays(n)
    _check(self.net, *arrays, *inputs, **own)
    return np.asarray(translate(self.net, *arrays, *inputs, **own))[:n]

  def needed(self, shape: tuple[int, ...], sized: bool = False) -> int:
    """Returns the bytes that a call takes on each device, for a batch of this shape.

    The program is compiled here, and the call finds it. `sized` means one with `sizes`.
    """
    n = shape[0]
    sharding = devices.sharding() if _is_shared(n) else None
    make = lambda rest, dtype: jax.ShapeDtypeStruct((_rows(n), *rest), dtype, sharding=sharding)
    told = [rows.shape[1:] for rows in self._told(1, None)]
    inputs = [make(rest, np.float32) for rest in (shape[1:], *told)]
    own = {'sizes': make((2,), np.int32)} if sized else {}
    return _needed(self.net, *self._arrays(n), *inputs, **own)

  def style(self, x: np.ndarray) -> np.ndarray:
    """Returns the styles of IR images, float32 [batch, size], of a generator by example.

    `x` are network values, float32 [batch, height, width, channels]; see style_encoder.py.
    """
    forks.use()
    return np.asarray(_style(self.net, self.params, self.batch_stats, x))

  def _told(self, n: int, condition: np.ndarray | None) -> list[np.ndarray]:
    """The conditions of n images, [n, size]; nothing if the generator is told nothing."""
    if not self.net.told:
      return []
    known = self.batch_stats['mean_style'] if self.net.style_size else self.net.condition
    own = known if self.condition is None else self.condition
    given = own if condition is None else condition
    return [np.broadcast_to(np.asarray(given, np.float32), (n, self.net.told))]

  def _arrays(self, n: int) -> tuple[Any, Any]:
    return self._arrays_everywhere if _is_shared(n) else (self.params, self.batch_stats)

  @functools.cached_property
  def _arrays_everywhere(self) -> tuple[Any, Any]:
    """The arrays on all local devices, copied there once."""
    return jax.device_put((self.params, self.batch_stats), devices.replicated())


@functools.partial(jax.jit, static_argnums=0)
def translate(
  net: Network,
  params: Any,
  batch_stats: Any,
  x: jax.Array,
  condition: jax.Array | None = None,
  sizes: jax.Array | None = None,
) -> jax.Array:
  """Applies a generator in evaluation mode, [batch, height, width, c] in and out."""
  module = net.module(params, batch_stats)
  module.eval()
  if sizes is not None:
    canvas.fit(module, sizes, x.shape[1])
  return net.apply(module, x, condition=condition)


@functools.partial(jax.jit, static_argnums=0)
def _style(net: Network, params: Any, batch_stats: Any, x: jax.Array) -> jax.Array:
  return net.module(params, batch_stats).style_ir(x)


_LOWER = translate.lower
# Network, shape of a batch, where it lies, and whether it has sizes.
_Key = tuple[Network, tuple[int, ...], Any, bool]
# The bytes that programs take on a device.
_known: dict[_Key, int] = {}
# Those that fitted when they were first run.
_fitting: set[_Key] = set()


def _key(net: Network, x: Any, own: Mapping[str, Any]) -> _Key:
  return net, x.shape, getattr(x, 'sharding', None), bool(own)


def _needed(net: Network, params: Any, batch_stats: Any, x: Any, *told: Any, **own: Any) -> int:
  key = _key(net, x, own)
  if key not in _known:
    # A call finds the program that is compiled here.
    program = _LOWER(net, params, batch_stats, x, *told, **own).compile()
    _known[key] = memory.of_program(program)
    memory.give_back()
  return _known[key]


def _check(net: Network, params: Any, batch_stats: Any, x: Any, *told: Any, **own: Any) -> None:
  """Raises memory.TooLittle before a program that does not fit is run for the first time."""
  key = _key(net, x, own)
  if key in _fitting:
    return
  needed = _needed(net, params, batch_stats, x, *told, **own)
  if needed > (free := memory.on_device()):
    raise memory.TooLittle(needed, free)
  _fitting.add(key)


def bound_programs(most: int) -> None:
  """Forgets all compiled programs if there are more than `most`, of the sizes of images so far.

  A program takes memory, and a process that translates images of any size would go on compiling.
  """
  if len(_fitting) > most:
    _known.clear()
    _fitting.clear()
    jax.clear_caches()


def translators(
  nets: Mapping[str, Network], params: Mapping[str, Any], batch_stats: Mapping[str, Any]
) -> dict[str, Translator]:
  """Returns the generators among networks, each with its arrays, by name."""
  return {
    name: Translator(nets[name], params[name], batch_stats[name]) for name in nets if '_to_' in name
  }


def _is_shared(n: int) -> bool:
  """Returns whether a batch of n images is shared among several devices."""
  return n > 1 and jax.local_device_count() > 1


def _rows(n: int) -> int:
  """Returns to how many rows a batch of n images is filled up, so that few programs are compiled.

  That is the next power of two, and a multiple of the devices that share it.
  """
  rows, count = 2 ** (n - 1).bit_length(), jax.local_device_count() if n > 1 else 1
  return -(-rows // count) * count


def _filled(x: np.ndarray, rows: int) -> np.ndarray:
  """Repeats the last image of a batch up to a number of rows."""
  return np.concatenate([x, np.repeat(x[-1:], rows - len(x), 0)]) if len(x) < rows else x
