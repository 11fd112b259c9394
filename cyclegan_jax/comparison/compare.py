"""From runs to figures: means and spread over seeds, differences, and what they show."""

from collections.abc import Callable, Iterable, Mapping, Sequence
import dataclasses
import math
from typing import Any

import numpy as np

from cyclegan_jax.comparison.runs import check_alike, SHARED
from cyclegan_jax.errors import UserError
from cyclegan_jax.evaluation import results
from cyclegan_jax.metrics import statistics
from cyclegan_jax.metrics.catalog import METRICS
from cyclegan_jax.runs.reader import Run

# The significance level, after the correction for the number of comparisons.
LEVEL = 0.05


@dataclasses.dataclass(frozen=True)
class ComparedModel:
  """A model to compare.

  Attributes:
    flags: what makes it this model, for readers.
    trained_as: the model whose runs these are: itself, or one with equal settings.
    runs: its complete runs from `runs.load`, one per seed; may be empty.
  """

  flags: str
  trained_as: str
  runs: Sequence[Run]


def compare(
  models: Mapping[str, ComparedModel], comparisons: Sequence[tuple[str, str]], primary: str
) -> dict[str, Any]:
  """Returns the content of comparison.json, as far as it comes from runs.

  At least one model has a run. Differences are the first minus the second model of a comparison, of
  which the primary metric decides.

  Raises:
    UserError: a run was measured on other images than the others, or lacks the primary metric.
  """
  runs = list({run.folder: run for model in models.values() for run in model.runs}.values())
  check_alike(runs)
  contents = [run.measured.content for run in runs]
  first = contents[0]
  names = [name for name in METRICS if all(name in content['model'] for content in contents)]
  if 'psnr' not in names:
    raise UserError(
      'These runs were measured without pairs, and comparisons need pairs. Put them on one page '
      'instead: python -m experiments.report --workdir=RUN,RUN --output=PAGE.html'
    )
  if primary not in names:
    raise UserError(
      f'--primary={primary} is not in all evaluations; choose one of {", ".join(names)}.'
    )
  # What decides stands first, the others as on the page of a run.
  names = [primary, *(name for name in names if name != primary)]
  guesses, train_pairs = _guesses(runs)
  return {
    'models': {name: _figures(model, names) for name, model in models.items()},
    'baselines': {
      guess: {key: found.get(key) for key in names} for guess, found in guesses.items()
    },
    'baselines_train_pairs': train_pairs,
    'comparisons': [
      {**result, 'primary': result['metric'] == primary}
      for result in paired_differences(models, comparisons, 'metric', names, _score, _interval)
    ],
    'primary_metric': primary,
    'metrics': names,
    'what_seeds_can_show': {
      'comparisons': len(comparisons),
      'seeds_needed_for_one': statistics.seeds_needed(1, LEVEL),
      'seeds_needed': statistics.seeds_needed(max(1, len(comparisons)), LEVEL),
    },
    **{key: first[key] for key in (*SHARED, 'definitions')},
    'direction': results.direction(first),
    'n_sequences': len(set(runs[0].measured.clusters)),
    'best_metric': sorted({content['settings']['best_metric'] for content in contents}),
    'versions': _distinct(content['versions'] for content in contents),
    'commits': _distinct(content['commit'] for content in contents),
  }


def _guesses(runs: Sequence[Run]) -> tuple[Mapping[str, Mapping[str, Any]], int | None]:
  """The trivial guesses, and the number of training pairs that they know if models differ in it.

  In a learning curve that is the greatest: nobody who has more pairs would guess from fewer.
  """
  numbers = [run.config.data.train_pairs or math.inf for run in runs]
  most = runs[numbers.index(max(numbers))]
  known = most.config.data.train_pairs if len({*numbers}) > 1 else None
  return most.measured.content['baselines'], known


def median_run(model: ComparedModel, metric: str) -> Run:
  """Returns the run nearest to the median over seeds, the lower of two; pictures show it."""

  def figure(run: Run) -> tuple[float, int]:
    value = run.measured.content['model'][metric]
    return -math.inf if value is None else value, -run.config.train.seed

  return sorted(model.runs, key=figure)[(len(model.runs) - 1) // 2]


def paired_differences(
  models: Mapping[str, ComparedModel],
  comparisons: Sequence[tuple[str, str]],
  kind: str,
  names: Iterable[str],
  score: Callable[[Run, str], Any],
  interval: Callable[[Sequence[tuple[Run, Run]], str], dict[str, Any]],
) -> list[dict[str, Any]]:
  """Returns all comparisons in each of several figures, with p-values corrected within each.

  Args:
    models: by label.
    comparisons: pairs of labels. Their runs of equal seeds are compared.
    kind: what the figures are, 'metric' for instance: the entry of a result for its figure's name.
    names: of the figures.
    score: a run, a name -> the figure; None if it is undefined.
    interval: at least one pair of runs, a name -> the interval of their difference over images.
  """
  found = []
  for name in names:
    compared: list[dict[str, Any]] = []
    for labels in comparisons:
      first, second = ({run.config.train.seed: run for run in models[one].runs} for one in labels)
      seeds = [seed for seed in first if seed in second]
      pairs = [(first[seed], second[seed]) for seed in seeds]
      scores = [(score(a, name), score(b, name)) for a, b in pairs]
      by_seed = [] if any(None in both for both in scores) else [a - b for a, b in scores]
      compared.append(
        {
          'first': labels[0],
          'second': labels[1],
          kind: name,
          'seeds': seeds,
          'difference': float(np.mean(by_seed)) if by_seed else None,
          'by_seed': by_seed,
          'interval': interval(pairs, name)
          if pairs
          else statistics.no_interval('the models have no seed in common'),
          'p': statistics.sign_flip_test(by_seed),
          'least_p': statistics.least_p(len(seeds)),
        }
      )
    statistics.add_holm(compared)
    found += compared
  return found


def _figures(model: ComparedModel, names: Sequence[str]) -> dict[str, Any]:
  contents = [run.measured.content for run in model.runs]
  facts = ('seed', 'checkpoint_step', 'trained_steps')
  runs = [
    {key: content[key] for key in facts} | {name: content['model'][name] for name in names}
    for content in contents
  ]
  return {
    'flags': model.flags,
    'trained_as': model.trained_as,
    'seeds': [run['seed'] for run in runs],
    'preset': contents[0]['preset'] if contents else None,
    'metrics': {name: spread([run[name] for run in runs]) for name in names},
    'runs': runs,
  }


def spread(values: Sequence[float | None]) -> dict[str, float | None]:
  """Returns mean, standard deviation (n - 1), least and greatest; None where undefined."""
  known = [value for value in values if value is not None]
  if not known or len(known) < len(values):
    return dict.fromkeys(('mean', 'sd', 'min', 'max'))
  sd = float(np.std(known, ddof=1)) if len(known) > 1 else None
  return {'mean': float(np.mean(known)), 'sd': sd, 'min': min(known), 'max': max(known)}


def _score(run: Run, metric: str) -> float | None:
  return run.measured.content['model'][metric]


def _interval(pairs: Sequence[tuple[Run, Run]], metric: str) -> dict[str, Any]:
  """The interval over images of the difference, averaged over seeds."""
  measured = [(a.measured.per_image, b.measured.per_image) for a, b in pairs]
  if metric not in measured[0][0]:
    return statistics.no_interval('a pooled figure has no value per image')
  with np.errstate(invalid='ignore'):
    differences = np.mean([a[metric] - b[metric] for a, b in measured], axis=0)
  finite = np.isfinite(differences)
  if not finite.any():
    return statistics.no_interval('it is undefined in every image')
  clusters = np.array(pairs[0][0].measured.clusters)[finite].tolist()
  found = dataclasses.asdict(statistics.clustered_interval(differences[finite], clusters))
  return {**found, 'left_out': int((~finite).sum()), 'confidence': statistics.CONFIDENCE}


def _distinct(values: Iterable[Any]) -> list[Any]:
  return list({repr(value): value for value in values}.values())
