"""Instruments that studies of several models share: those that learn from no generated image.

FOLDER/HASH.npz   the weights of one, under the hash of all that they follow from
"""

import hashlib
import json
import pathlib

import jax
import numpy as np

from cyclegan_jax.downstream import arrays_file
from cyclegan_jax.downstream.training import Instrument, Recipe, untrained

_FORMAT = 1


def file(
  folder: pathlib.Path,
  images: np.ndarray,
  labels: np.ndarray,
  max_value: float,
  n_classes: int,
  recipe: Recipe,
  seed: int,
) -> pathlib.Path:
  """Returns where the instrument belongs that `training.train` makes of the same arguments."""
  facts = (_FORMAT, max_value, n_classes, repr(recipe), seed)
  arrays = [(array.dtype.str, array.shape) for array in (images, labels)]
  found = hashlib.sha256(json.dumps([facts, arrays]).encode())
  for array in (images, labels):
    found.update(np.ascontiguousarray(array).data)
  return folder / f'{found.hexdigest()}.npz'


def save(path: pathlib.Path, instrument: Instrument) -> None:
  """Writes the weights of an instrument, whole or not at all."""
  leaves = jax.tree.leaves((instrument.params, instrument.statistics))
  path.parent.mkdir(parents=True, exist_ok=True)
  arrays_file.write(path, {str(i): np.asarray(leaf) for i, leaf in enumerate(leaves)})


def load(path: pathlib.Path, max_value: float, n_classes: int, recipe: Recipe) -> Instrument | None:
  """Returns the instrument of a file; None if it is missing or damaged."""
  blank = untrained(n_classes, recipe, 0, max_value)
  leaves, structure = jax.tree.flatten((blank.params, blank.statistics))
  if (found := arrays_file.read(path)) is None:
    return None
  arrays = list(found.values())
  ours, theirs = ([(leaf.shape, leaf.dtype) for leaf in each] for each in (leaves, arrays))
  if ours != theirs:
    return None
  placed = jax.device_put(arrays, [leaf.sharding for leaf in leaves])
  params, statistics = jax.tree.unflatten(structure, placed)
  return Instrument(blank.graph, params, statistics, max_value)
