"""How well a generator obeys: each quantity is commanded, and what comes is measured.

Images are translated with their true conditions but for one quantity, which is lower and higher
than it is. A generator that obeys exactly has slope 1, error 0, and leakage 0; one that ignores
what it is told has slope 0.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import grain
import numpy as np

from cyclegan_jax import radiometry
from cyclegan_jax.data.condition import Condition
from cyclegan_jax.data.source import Domain, evenly_spaced
from cyclegan_jax.evaluation import measure
from cyclegan_jax.models.apply import Translator
from cyclegan_jax.progress import Log

ALL = 'all'
DEFINITION = (
  'images are generated with their true conditions but for one quantity, which is lower and higher '
  'by its standard deviation over the training images (all: with all of them). slope: change '
  'obtained over change commanded; error: mean absolute difference of commanded and obtained '
  'value, in gray levels; leakage: mean absolute change of the other quantities over change '
  'commanded. Of at most 32 images, evenly spaced; classes of less than 0.2 % of an image do not '
  'count there'
)
_MOST_IMAGES = 32
# Of a few pixels, most are mixed with their neighbors.
_LEAST_SHARE = 0.002
# The least change commanded, as a network value: five of 255 gray levels in all.
_LEAST_CHANGE = 0.02
_KEYS = ('slope', 'error', 'leakage', 'error_in_unit')


def obey(
  rgb_to_ir: Translator,
  domains: Mapping[str, Domain],
  data: grain.MapDataset,
  batch_size: int,
  log: Log,
  scale: radiometry.Scale | None = None,
) -> dict[str, Any]:
  """Commands each quantity of the condition of IR images, and measures what comes.

  Several processes measure some of the batches each; all get the whole result.

  Args:
    rgb_to_ir: The generator.
    domains: 'rgb' and 'ir', which has a condition.
    data: Examples of `pipeline.pixels`; with `labels` if the condition needs them.
    batch_size: Images at a time.
    log: Takes lines about the progress.
    scale: What gray levels mean; None if that is not known.

  Returns:
    What metrics.json has as `obedience`: `unit` of differences or None, `images`, and `quantities`,
    an entry each with `name`, `images` that have it, and slope, error, leakage and error_in_unit;
    None where there is none. The last one is for all quantities together.
  """
  condition = domains['ir'].condition
  assert condition
  examples: Any = [data[i] for i in evenly_spaced(len(data), _MOST_IMAGES)]
  parts = measure.by_batch(
    lambda batch, n: _batch(rgb_to_ir, domains, batch, n, scale),
    *(grain.MapDataset.source(examples), batch_size, 'Commanding', log),
  )
  # [images, quantities and all, figures]; NaN where an image does not have a quantity.
  figures = np.concatenate(parts)
  entries = []
  for name, of_one in zip((*condition.names, ALL), np.moveaxis(figures, 1, 0)):
    there = np.isfinite(of_one[:, 0])
    means = [column[np.isfinite(column)] for column in of_one.T]
    values = {key: float(x.mean()) if x.size else None for key, x in zip(_KEYS, means)}
    entries.append({'name': name, 'images': int(there.sum()), **values})
  unit = scale.difference_unit if scale else None
  return {'unit': unit, 'images': len(examples), 'quantities': entries}


def _batch(
  rgb_to_ir: Translator,
  domains: Mapping[str, Domain],
  batch: Mapping[str, Any],
  n: int,
  scale: radiometry.Scale | None,
) -> np.ndarray:
  """The figures of the first n images of a batch, [n, quantities + 1, len(_KEYS)]."""
  rgb, ir = domains['rgb'], domains['ir']
  condition: Any = ir.condition
  x, labels, mask = rgb.seen(batch), batch.get('labels'), batch.get('ir_mask')
  true = condition.of_images(ir.normalize(batch['ir']), labels, mask)
  counted = _counted(condition, true, labels)
  steps = np.maximum(condition.spread, _LEAST_CHANGE)
  found = np.full((len(x), len(steps) + 1, len(_KEYS)), np.nan)
  for i, changed in enumerate([*np.eye(len(steps), dtype=bool), np.ones(len(steps), bool)]):
    if not (counted & changed).any():
      continue
    commanded, obtained = [], []
    for sign in (-1, 1):
      told = true.copy()
      moved = np.clip(condition.levels(true) + sign * steps * changed, -1, 1)
      told[:, : len(steps)] = np.where(condition.present(true), moved, condition.levels(true))
      commanded.append(condition.levels(told).astype(np.float64))
      measured = condition.of_images(rgb_to_ir(x, told), labels, mask)
      obtained.append(condition.levels(measured).astype(np.float64))
    found[:, i] = _figures(commanded, obtained, counted, changed, ir, scale)
  return found[:n]


def _counted(condition: Condition, true: np.ndarray, labels: np.ndarray | None) -> np.ndarray:
  """Which quantities of which images are measured, bool [n, quantities]."""
  present = condition.present(true)
  if not condition.needs_labels or labels is None:
    return present
  shares = [(labels == i).mean((1, 2)) >= _LEAST_SHARE for i in range(len(condition.names))]
  return present & np.stack(shares, 1)


def _figures(
  commanded: Sequence[np.ndarray],
  obtained: Sequence[np.ndarray],
  counted: np.ndarray,
  changed: np.ndarray,
  ir: Domain,
  scale: radiometry.Scale | None,
) -> np.ndarray:
  """Figures of images for one command, [n, len(_KEYS)], from levels [n, quantities] each way."""
  (low, high), (less, more) = commanded, obtained
  ours, others = counted & changed, counted & ~changed
  change = np.where(changed, high - low, 0)
  mean = lambda values, where: (
    np.where(where, values, 0).sum(1) / np.where(where.any(1), where.sum(1), np.nan)
  )
  size = mean(change, ours)
  slope = mean(more - less, ours) / size
  leakage = mean(np.abs(more - less), others) / size

  def error(levels: Sequence[Any]) -> np.ndarray:
    wanted_low, wanted_high, low, high = (np.asarray(one, np.float64) for one in levels)
    return (mean(np.abs(wanted_low - low), ours) + mean(np.abs(wanted_high - high), ours)) / 2

  gray = [ir.denormalize(values) for values in (*commanded, *obtained)]
  in_unit = error([scale.values(one) for one in gray]) if scale else np.full(len(slope), np.nan)
  return np.stack([slope, error(gray), leakage, in_unit], 1)


def rows(content: Mapping[str, Any]) -> list[list[str]]:
  """Returns a table of what `obey` returned as text, header first; empty for {}."""
  if not content:
    return []
  unit = content['unit']
  keys = [key for key in _KEYS if unit or key != 'error_in_unit']
  titles = {'error_in_unit': f'error, {unit}', 'leakage': 'leakage, %'}
  cell = lambda value, key: (
    '-' if value is None else f'{100 * value:.1f}' if key == 'leakage' else f'{value:.3g}'
  )
  return [['quantity', 'images', *(titles.get(key, key) for key in keys)]] + [
    [entry['name'], str(entry['images']), *(cell(entry[key], key) for key in keys)]
    for entry in content['quantities']
    if entry['images']
  ]
