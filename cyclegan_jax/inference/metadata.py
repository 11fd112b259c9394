"""What a translated image says about itself: docs/translating.md has the table of its keys."""

import hashlib
import importlib.metadata
import pathlib
from typing import Any

import jax
import numpy as np

from cyclegan_jax import radiometry
from cyclegan_jax.inference.model import Model

SOFTWARE = 'Software'


def texts(model: Model, workdir: pathlib.Path, direction: str, bits: int | None) -> dict[str, str]:
  """The metadata of what a model translates, by key.

  Args:
    model: the trained model.
    workdir: its run folder, of which only the name is told.
    direction: 'rgb_to_ir' or 'ir_to_rgb'.
    bits: of the results; None: as those of the training images.
  """
  data, train = model.config.data, model.config.train
  own = model.domains[direction.split('_to_')[1]].normalization.max_value
  bits = bits or (16 if own > 255 else 8)
  found = {
    SOFTWARE: _software(),
    'direction': direction,
    'run': workdir.resolve().name,
    'preset': train.preset,
    'step': str(model.step),
    'weights': weights(model, direction),
    'normalization': data.normalization,
    'bits': str(bits),
  }
  if direction.endswith('_to_ir'):
    if data.normalization.startswith('spectral_'):
      found['ir_band'] = data.ir_band  # else it is not known: the default is the paper's
    span = radiometry.parse(data.ir_range)
    if span:
      found |= {'ir_min': repr(span.low), 'ir_max': repr(span.high), 'ir_unit': span.unit}
  return found


def weights(model: Model, direction: str) -> str:
  """The first 16 hexadecimal digits of the SHA-256 of a generator's arrays."""
  generator: Any = model.translator(direction)
  digest = hashlib.sha256()
  for leaf in jax.tree.leaves((generator.params, generator.batch_stats)):
    digest.update(np.ascontiguousarray(leaf))
  return digest.hexdigest()[:16]


def is_same(found: dict[str, str], expected: dict[str, str]) -> bool:
  """Whether an image was made by this model, with these settings; by whatever version."""
  return {**found, SOFTWARE: ''}.items() >= {**expected, SOFTWARE: ''}.items() and found.keys() & {
    'ir_min',
    'ir_band',
  } == expected.keys() & {'ir_min', 'ir_band'}


def _software() -> str:
  try:
    return f'cyclegan-jax {importlib.metadata.version("cyclegan-jax")}'
  except importlib.metadata.PackageNotFoundError:
    return 'cyclegan-jax'
