"""Metadata of translated images. docs/how-to/translate.md lists the keys."""

from collections.abc import Mapping
import hashlib
import importlib.metadata
import pathlib

import jax
import numpy as np

from cyclegan_jax import radiometry
from cyclegan_jax.data.source import ends
from cyclegan_jax.inference.model import Model

SOFTWARE = 'Software'
# Keys whose absence says something.
_OPTIONAL = (
  *('ir_min', 'ir_max', 'ir_unit', 'ir_band', 'at_size', 'location', 'values', 'temperature'),
  'style',
)


def texts(model: Model, workdir: pathlib.Path, direction: str, bits: int | None) -> dict[str, str]:
  """Returns the metadata of what a model translates, by key.

  Args:
    model: the trained model.
    workdir: its run folder; only the name is written, or the address of a model from the Hub.
    direction: 'rgb_to_ir' or 'ir_to_rgb'.
    bits: of the results; None means those of the training images.
  """
  data, (_, target) = model.config.data, ends(model.domains, direction)
  found = {
    SOFTWARE: _software(),
    'direction': direction,
    'run': model.source or workdir.resolve().name,
    'preset': model.config.train.preset,
    'step': str(model.step),
    'weights': _weights(model, direction),
    'normalization': data.normalization,
    'bits': str(bits or (16 if target.max_value > 255 else 8)),
  }
  if target.name == 'ir':
    if data.normalization.startswith('spectral_'):
      found['ir_band'] = data.ir_band  # Otherwise unknown: the default is the paper's.
    span = radiometry.known(data.ir_range, data.ir_span) or radiometry.parse_span(data.ir_span)
    if span:
      found |= {'ir_min': repr(span.low), 'ir_max': repr(span.high)}
      found |= {'ir_unit': span.unit} if span.unit else {}
  return found


def _weights(model: Model, direction: str) -> str:
  """Returns the first 16 hexadecimal digits of the SHA-256 of a generator's arrays."""
  generator = model.translator(direction)
  digest = hashlib.sha256()
  for leaf in jax.tree.leaves((generator.params, generator.batch_stats)):
    digest.update(np.asarray(leaf).tobytes())
  return digest.hexdigest()[:16]


def differences(
  found: Mapping[str, str], expected: Mapping[str, str]
) -> dict[str, tuple[str | None, str | None]]:
  """Returns what tells a file from one made by another model or with other options.

  That is the value found in the file and the expected one (of `texts`), by key; None where a key is
  absent. The version of the program does not count.
  """
  return {
    key: (found.get(key), expected.get(key))
    for key in dict.fromkeys((*expected, *_OPTIONAL))
    if key != SOFTWARE and found.get(key) != expected.get(key)
  }


def _software() -> str:
  try:
    return f'cyclegan-jax {importlib.metadata.version("cyclegan-jax")}'
  except importlib.metadata.PackageNotFoundError:
    return 'cyclegan-jax'
