"""The charts of training on a run's page: validation metrics and losses over steps."""

from collections.abc import Mapping, Sequence

import numpy as np

from cyclegan_jax.metrics import unpaired
from cyclegan_jax.metrics.catalog import METRICS
from cyclegan_jax.reports import charts, svg
from cyclegan_jax.runs.reader import Run

_ADVERSARIAL = ('discriminator_rgb', 'discriminator_ir', 'adversarial_rgb', 'adversarial_ir')
_KINDS = ('cycle', 'supervised', 'identity', 'ssim', 'gradient', 'reconstruction')
_DISTANCES = tuple(f'{kind}_{domain}' for kind in _KINDS for domain in ('rgb', 'ir'))
_PATCHES = ('nce_rgb', 'nce_ir', 'nce_identity_rgb', 'nce_identity_ir')
_CODES = ('content_rgb', 'content_ir', 'style_rgb', 'style_ir')
# Curves of one run: title, unit, file, columns. For several runs, each column has a chart.
_CHARTS = (
  ('Validation PSNR', ' dB', 'validation', ('psnr', 'psnr_pooled')),
  ('Validation SSIM and UQI', '', 'validation', ('ssim', 'uqi')),
  ('Unpaired error', '', 'validation', (unpaired.ERROR,)),
  ('Distances to real images', 'gray levels, dB', 'validation', unpaired.DISTANCES),
  ('Cycle errors', 'gray levels', 'validation', unpaired.CYCLE),
  ('Adversarial losses', '', 'training', _ADVERSARIAL),
  ('PatchNCE', 'cross entropy', 'training', _PATCHES),
  ('Distances', 'L1, or 1 - SSIM', 'training', _DISTANCES),
  ('Contents and styles of generated images', 'L1', 'training', _CODES),
)
# Words for parts of column names; other parts stay as they are.
_WORDS = {'ssim': 'SSIM', 'nce': 'NCE', 'rgb': 'RGB', 'ir': 'IR'}


def words(column: str) -> str:
  """Returns what people call a column of metrics.csv or validation.csv, such as 'cycle, IR'."""
  if column in METRICS:
    return METRICS[column].title
  kind, _, domain = column.rpartition('_')
  if domain not in ('rgb', 'ir') or not kind:
    return ' '.join(_WORDS.get(part, part) for part in column.split('_'))
  return f'{" ".join(_WORDS.get(part, part) for part in kind.split("_"))}, {_WORDS[domain]}'


def of_runs(runs: Sequence[Run]) -> list[svg.Chart]:
  """Draws what the runs have logged; of several runs each column for itself."""
  drawn = []
  for title, unit, log, columns in _CHARTS:
    logs = {run.name: getattr(run, log) for run in runs}
    if len(runs) == 1:
      (found,) = logs.values()
      curves = {words(name): (found['step'], found[name]) for name in columns if name in found}
      best = runs[0].best
      marked = (best.step, 'best validation') if best else None
      drawn.append(charts.lines(curves, title, unit, marked=marked))
      continue
    for column in columns:
      if column != 'psnr_pooled':
        title = f'{log.capitalize()}: {words(column)}'
        drawn.append(charts.lines(_of_column(logs, column), title, unit))
  return [chart for chart in drawn if chart]


def _of_column(
  logs: Mapping[str, Mapping[str, np.ndarray]], column: str
) -> dict[str, charts.Curve]:
  # A run that lacks a column keeps its color for the others.
  return {
    name: (found['step'], found[column]) if column in found else ((), ())
    for name, found in logs.items()
  }
