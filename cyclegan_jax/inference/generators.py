"""A trained generator on this machine's devices: batches, and the tiles of one large image."""

from collections.abc import Iterator
import dataclasses
import functools
from typing import Any

from flax import nnx
import jax
from jax.sharding import NamedSharding, PartitionSpec
import numpy as np

from cyclegan_jax.inference.tiling import instance_norm, tiles as tiling_lib
from cyclegan_jax.inference.tiling.tiles import Tiling
from cyclegan_jax.models import apply
from cyclegan_jax.models.networks import Network
from cyclegan_jax.training import parallel


@dataclasses.dataclass(frozen=True)
class Generator:
  """A generator with its arrays; called, it maps network values to network values.

  Attributes:
    net: the network.
    params: its arrays, see `Network`.
    batch_stats: likewise.
  """

  net: Network
  params: Any
  batch_stats: Any

  def __call__(self, x: np.ndarray) -> np.ndarray:
    """Translates a batch, shared out among all local devices if it has several images.

    Args:
      x: float32 [batch, height, width, c], sides multiples of the network's stride.

    Returns:
      float32 [batch, height, width, channels].
    """
    n, devices = len(x), jax.local_device_count()
    # Batches of any length need few compilations: up to the next power of two.
    rows = 2 ** (n - 1).bit_length()
    if devices == 1 or n == 1:
      return np.asarray(self._translate(self._arrays, _filled(x, rows)))[:n]
    x = jax.device_put(_filled(x, -(-rows // devices) * devices), parallel.sharding())
    return np.asarray(self._translate(self._arrays_everywhere, x))[:n]

  def translate_tiled(self, x: np.ndarray, tiling: Tiling, channels: int) -> np.ndarray:
    """Translates a large image.

    Args:
      x: float32 [height, width, c], sides multiples of `tiling.step`.
      tiling: how it is cut.
      channels: of the result.

    Returns:
      float32 [height, width, channels].
    """
    norms = self._instance_norms
    if not norms:
      return tiling_lib.translate(self, x, tiling, channels)
    moments = self._moments(x, tiling, norms)
    return tiling_lib.translate(
      lambda part: instance_norm.translate(self.net, *self._arrays, part, moments),
      x,
      tiling,
      channels,
    )

  @functools.cached_property
  def _instance_norms(self) -> int:
    modules = nnx.iter_modules(self.net.module(self.params, self.batch_stats))
    return sum(isinstance(module, nnx.InstanceNorm) for _, module in modules)

  def _moments(self, x: np.ndarray, tiling: Tiling, norms: int) -> instance_norm.Moments:
    """Instance norm's moments over a whole image."""
    moments = None
    for _ in range(norms):
      parts, pixels = [], []
      for part, counts in _parts(x, tiling):
        parts.append(instance_norm.measure(self.net, *self._arrays, part, counts, moments))
        pixels.append(counts.sum(dtype=np.int64))
      moments = instance_norm.pooled(parts, pixels)
    return moments

  @property
  def _arrays(self) -> tuple[Any, Any]:
    return self.params, self.batch_stats

  @functools.cached_property
  def _arrays_everywhere(self) -> tuple[Any, Any]:
    """The arrays on all local devices, copied there once."""
    return jax.device_put(self._arrays, NamedSharding(parallel.sharding().mesh, PartitionSpec()))

  def _translate(self, arrays: tuple[Any, Any], x: Any) -> jax.Array:
    return apply.translate(self.net, *arrays, x)


def _filled(x: np.ndarray, rows: int) -> np.ndarray:
  """The batch with its last image repeated, up to so many rows."""
  return np.concatenate([x, np.repeat(x[-1:], rows - len(x), 0)]) if len(x) < rows else x


def _parts(x: np.ndarray, tiling: Tiling) -> Iterator[tuple[np.ndarray, np.ndarray]]:
  """The tiles of an image, each pixel of which counts in one of them.

  Yields:
    A tile [1, height, width, c], and 1 where its pixels count, else 0, [1, height, width, 1].
  """
  sides = [tiling_lib.own_parts(side, tiling) for side in x.shape[:2]]
  for top, rows in sides[0]:
    for left, columns in sides[1]:
      part = x[None, top : top + tiling.tile, left : left + tiling.tile]
      counts = np.zeros((1, *part.shape[1:3], 1), np.float32)
      counts[:, rows, columns] = 1
      yield part, counts
