"""Arrays between PyTorch modules and ours that have the same names, for torch_discriminators.py.

The counterpart of inference/pytorch/weights.py, which knows the names of published files.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import jax
import numpy as np

from cyclegan_jax.data.source import make_domains
from cyclegan_jax.models import networks
from cyclegan_jax.settings import Config


def from_torch(
  config: Config, name: str, arrays: Mapping[str, np.ndarray], source: str
) -> tuple[dict[str, Any], dict[str, Any]]:
  """As `torch_weights.from_torch`."""
  del source
  shapes = _shapes(config, name)
  keys = dict(_keys(shapes))
  assert set(keys.values()) == set(arrays)
  return tuple(
    jax.tree.map_with_path(
      lambda path, leaf, i=i: _ours(arrays[keys[i, path]], leaf.shape, _kernel(shapes, path)), tree
    )
    for i, tree in enumerate(shapes)
  )


def to_torch(
  config: Config, name: str, params: Any, batch_stats: Any = None
) -> dict[str, np.ndarray]:
  """As `torch_weights.to_torch`."""
  shapes = _shapes(config, name)
  found = {}
  for (i, path), key in _keys(shapes):
    tree = (params, batch_stats)[i]
    if tree is not None:
      for part in path:
        tree = tree[part.key]
      found[key] = _theirs(np.asarray(tree), _kernel(shapes, path))
  return found


def _shapes(config: Config, name: str) -> tuple[Any, Any]:
  """The shapes of parameters and batch statistics."""
  params, stats = networks.abstract(config.model, make_domains(config.data))
  return params[name], stats[name]


def _keys(shapes: tuple[Any, Any]) -> Iterator[tuple[tuple[int, Any], str]]:
  """PyTorch's key of each array by tree and path."""
  for i, tree in enumerate(shapes):
    for path, _ in jax.tree.leaves_with_path(tree):
      *layer, last = [str(part.key) for part in path]
      if i:
        layer, last = layer[:-1], f'weight_{last}'
      elif last == 'kernel':
        is_normalized = any(
          path[:-1] == other[: len(path) - 1] for other, _ in jax.tree.leaves_with_path(shapes[1])
        )
        last = 'weight_orig' if is_normalized else 'weight'
      yield (i, path), '.'.join([*layer, last])


def _kernel(shapes: tuple[Any, Any], path: Any) -> tuple[int, ...] | None:
  """The shape of the kernel whose vector `v` this is."""
  if path[-1].key != 'v':
    return None
  layer = shapes[0]
  for part in path[:-2]:
    layer = layer[part.key]
  return layer['kernel'].shape


def _ours(array: np.ndarray, shape: tuple[int, ...], kernel: tuple[int, ...] | None) -> np.ndarray:
  if kernel is not None:
    height, width, channels, _ = kernel
    return array.reshape(channels, height, width).transpose(1, 2, 0).reshape(shape)
  return array.transpose(2, 3, 1, 0) if array.ndim == 4 else array


def _theirs(array: np.ndarray, kernel: tuple[int, ...] | None) -> np.ndarray:
  if kernel is not None:
    return array.reshape(kernel[:3]).transpose(2, 0, 1).ravel()
  return array.transpose(3, 2, 0, 1) if array.ndim == 4 else array
