"""From runs to figures: means and spread over seeds, differences, what they show."""

from collections.abc import Mapping, Sequence
import dataclasses
import types
from typing import Any

import numpy as np

from cyclegan_jax.comparison.runs import check_alike, Run
from cyclegan_jax.errors import UserError
from cyclegan_jax.metrics import statistics
from cyclegan_jax.reports.evaluation_files import COLUMNS

LEVEL = 0.05


@dataclasses.dataclass(frozen=True)
class Metric:
  """A figure of merit in tables.

  Attributes:
    title: its name.
    better: 1 if higher is better, -1 if lower is.
    unit: behind the number, with a space; '' if it has none.
  """

  title: str
  better: int
  unit: str = ''


# In the order of the paper's Table I, then the others.
METRICS: Mapping[str, Metric] = types.MappingProxyType(
  {
    name: Metric(COLUMNS[name], better, *unit)
    for name, better, *unit in (
      ('mse', -1),
      ('rmse', -1),
      ('psnr', 1, ' dB'),
      ('psnr_pooled', 1, ' dB'),
      ('uqi_sewar', 1),
      ('ssim', 1),
      ('ms_ssim', 1),
      ('uqi', 1),
      ('correlation', 1),
      ('mae', -1),
      ('lpips', -1),
      ('fid', -1),
      ('kid', -1),
    )
  }
)


@dataclasses.dataclass(frozen=True)
class Model:
  """A model to compare.

  Attributes:
    flags: what makes it this model, for readers.
    trained_as: the model whose runs these are; its own name, or that of one with equal settings.
    runs: its complete runs, one per seed; may be empty.
  """

  flags: str
  trained_as: str
  runs: Sequence[Run]


def compare(
  models: Mapping[str, Model], comparisons: Sequence[tuple[str, str]], primary: str
) -> dict[str, Any]:
  """The content of comparison.json, as far as it comes from runs.

  Args:
    models: by name, at least one with a run.
    comparisons: (model, what it is compared with); differences are first minus second.
    primary: the metric that the comparisons are decided by.

  Raises:
    UserError: a run was measured on other images than the others, or lacks the primary metric.
  """
  runs = list({run.folder: run for model in models.values() for run in model.runs}.values())
  check_alike(runs)
  first = runs[0].content
  names = [name for name in METRICS if all(name in run.content['model'] for run in runs)]
  if primary not in names:
    raise UserError(
      f'The metric {primary} is not in all evaluations; there are '
      f'{", ".join(names)}. Choose another one.'
    )
  return {
    'models': {name: _model(model, names) for name, model in models.items()},
    'baselines': {
      name: {metric: totals.get(metric) for metric in names}
      for name, totals in first['baselines'].items()
    },
    'comparisons': [
      result for name in names for result in _compared(models, comparisons, name, name == primary)
    ],
    'primary_metric': primary,
    'metrics': names,
    'what_seeds_can_show': {
      'comparisons': len(comparisons),
      'seeds_needed_for_one': statistics.seeds_needed(1, LEVEL),
      'seeds_needed': statistics.seeds_needed(max(1, len(comparisons)), LEVEL),
    },
    'split': first['split'],
    'n': first['n'],
    'split_sha256': first['split_sha256'],
    'n_sequences': len(set(runs[0].sequences)),
    'image_size': first['image_size'],
    'value_range': first['value_range'],
    'definitions': first['definitions'],
    'best_metric': sorted({run.content['settings']['best_metric'] for run in runs}),
    'versions': _distinct(run.content['versions'] for run in runs),
    'commits': _distinct(run.content['commit'] for run in runs),
  }


def median_run(model: Model, metric: str) -> Run:
  """The run whose figure is the median one over seeds, the lower of two; pictures show it."""

  def figure(run):
    value = run.content['model'][metric]
    return (value is not None, value or 0.0, -run.seed)

  return sorted(model.runs, key=figure)[(len(model.runs) - 1) // 2]


def _model(model: Model, names: Sequence[str]) -> dict[str, Any]:
  return {
    'flags': model.flags,
    'trained_as': model.trained_as,
    'seeds': [run.seed for run in model.runs],
    'preset': model.runs[0].content['preset'] if model.runs else None,
    'metrics': {
      name: _spread([run.content['model'][name] for run in model.runs]) for name in names
    },
    'runs': [
      {
        'seed': run.seed,
        'checkpoint_step': run.content['checkpoint_step'],
        'trained_steps': run.content['trained_steps'],
        **{name: run.content['model'][name] for name in names},
      }
      for run in model.runs
    ],
  }


def _spread(values: Sequence[float | None]) -> dict[str, float | None]:
  """Mean, standard deviation (n - 1), least and greatest; None where that is not defined."""
  if not values or None in values:
    return dict.fromkeys(('mean', 'sd', 'min', 'max'))
  return {
    'mean': float(np.mean(values)),
    'sd': float(np.std(values, ddof=1)) if len(values) > 1 else None,
    'min': min(values),
    'max': max(values),
  }


def _compared(
  models: Mapping[str, Model], comparisons: Sequence[tuple[str, str]], metric: str, is_primary: bool
) -> list[dict[str, Any]]:
  """All comparisons in one metric, with p-values corrected for their number."""
  results = []
  for first, second in comparisons:
    by_seed = [{run.seed: run for run in models[name].runs} for name in (first, second)]
    seeds = [seed for seed in by_seed[0] if seed in by_seed[1]]
    pairs = [tuple(runs[seed] for runs in by_seed) for seed in seeds]
    totals = [tuple(run.content['model'][metric] for run in pair) for pair in pairs]
    defined = bool(totals) and not any(None in pair for pair in totals)
    differences = [a - b for a, b in totals] if defined else []
    results.append(
      {
        'first': first,
        'second': second,
        'metric': metric,
        'primary': is_primary,
        'seeds': seeds,
        'difference': float(np.mean(differences)) if defined else None,
        'by_seed': differences,
        'interval': _interval(pairs, metric),
        'p': statistics.sign_flip_test(differences),
        'least_p': statistics.least_p(len(seeds)),
      }
    )
  for result, adjusted in zip(results, statistics.holm([result['p'] for result in results])):
    result['p_holm'] = adjusted
  return results


def _interval(pairs: Sequence[tuple[Run, Run]], metric: str) -> dict[str, Any]:
  """The interval over images, of what both models gave with the same seeds."""
  if not pairs:
    return {'low': None, 'high': None, 'problem': 'no seed is there for both'}
  if metric not in pairs[0][0].per_image:
    return {'low': None, 'high': None, 'problem': 'a pooled figure has no value per image'}
  with np.errstate(invalid='ignore'):
    differences = np.mean([a.per_image[metric] - b.per_image[metric] for a, b in pairs], axis=0)
  finite = np.isfinite(differences)
  if not finite.any():
    return {'low': None, 'high': None, 'problem': 'it is undefined in every image'}
  sequences = np.array(pairs[0][0].sequences)[finite]
  found = dataclasses.asdict(statistics.clustered_interval(differences[finite], sequences))
  return {**found, 'left_out': int((~finite).sum()), 'confidence': statistics.CONFIDENCE}


def _distinct(values: Any) -> list[Any]:
  found = []
  for value in values:
    if value not in found:
      found.append(value)
  return found
