"""Downstream studies of several models side by side, over seeds of their runs."""

from collections.abc import Mapping, Sequence
import pathlib
from typing import Any

import numpy as np

from cyclegan_jax.comparison.compare import ComparedModel, paired_differences
from cyclegan_jax.comparison.tables import number
from cyclegan_jax.downstream import results, tables
from cyclegan_jax.errors import UserError
from cyclegan_jax.metrics import statistics
from cyclegan_jax.runs import next_step, reader, run_folder
from cyclegan_jax.runs.reader import Run

# In these, studies that are compared must agree.
_SHARED = ('split_sha256', 'image_size', 'class_names', 'seeds', 'few', 'instrument')


def is_complete(folder: pathlib.Path) -> bool:
  """Tells whether a finished run has a study of its best checkpoint, made after its training."""
  try:
    (run,) = reader.read([folder], None)
    content = results.read(folder / run_folder.DOWNSTREAM)
  except UserError:
    return False
  return bool(content and content['checkpoint'] == 'best' and content['trained_steps'] == run.step)


def compare(
  models: Mapping[str, ComparedModel], comparisons: Sequence[tuple[str, str]]
) -> dict[str, Any]:
  """Returns mean IoU of each model in each condition, and the differences between models.

  A run's figure is the mean over the seeds of its instruments. Differences are the first minus the
  second model, between runs of equal seeds, in the conditions that a model has a part in.

  Raises:
    UserError: a study is damaged, or was made on other images or in another way than the others.
  """
  contents = {run.folder: _read(run) for model in models.values() for run in model.runs}
  _check_alike(contents)
  rows = next(iter(contents.values()))['results']
  score = lambda run, name: contents[run.folder]['results'][name]['mean_iou']['mean']
  return {
    'conditions': {name: row['title'] for name, row in rows.items()},
    'models': {
      label: {
        'seeds': [run.config.train.seed for run in model.runs],
        'mean_iou': {name: [score(run, name) for run in model.runs] for name in rows},
      }
      for label, model in models.items()
      if model.runs
    },
    'comparisons': paired_differences(
      models,
      comparisons,
      'condition',
      [name for name in rows if 'generated' in name],
      score,
      _interval,
    ),
  }


def models_table(content: Mapping[str, Any]) -> list[list[str]]:
  """Returns mean IoU in percent, mean ± standard deviation over seeds of the runs, header first."""
  rows = [['mean IoU, %', 'seeds', *content['conditions'].values()]]
  for label, model in content['models'].items():
    cells = []
    for values in model['mean_iou'].values():
      sd = f' ± {tables.percent(float(np.std(values, ddof=1)))}' if len(values) > 1 else ''
      cells.append(tables.percent(float(np.mean(values))) + sd)
    rows.append([label, str(len(model['seeds'])), *cells])
  return rows


def comparisons_table(content: Mapping[str, Any]) -> list[list[str]]:
  """Returns the differences between models in points of mean IoU, header first."""
  header = ['comparison', 'learned from', 'seeds', 'difference', '95 % over images']
  return [[*header, 'better in', 'p', 'p, Holm']] + [
    [
      f'{one["first"]} - {one["second"]}',
      content['conditions'][one['condition']],
      str(len(one['seeds'])),
      tables.percent(one['difference'], '+') if one['seeds'] else '-',
      tables.interval(one['interval'], '+'),
      f'{sum(value > 0 for value in one["by_seed"])} of {len(one["by_seed"])}',
      *(number(one[p], 3) for p in ('p', 'p_holm')),
    ]
    for one in content['comparisons']
  ]


def _read(run: Run) -> dict[str, Any]:
  content = results.read(run.folder / run_folder.DOWNSTREAM)
  if content is None:
    make = next_step.command('downstream', workdir=run.folder)
    raise UserError(f'{run.folder} has no downstream study. Make it: {make}')
  return content


def _check_alike(contents: Mapping[Any, Mapping[str, Any]]) -> None:
  (first_folder, first), *others = contents.items()
  for folder, content in others:
    for key in _SHARED:
      if content[key] != first[key]:
        raise UserError(
          f'{folder} cannot be compared with {first_folder}: {key} is {content[key]}, not '
          f'{first[key]}. Study both in the same way: python -m experiments.downstream.'
        )


def _interval(pairs: Sequence[tuple[Run, Run]], condition: str) -> dict[str, Any]:
  """The interval over images of the difference, averaged over seeds."""
  differences, groups = [], []
  for pair in pairs:
    (ids, groups, one), (other_ids, _, other) = (
      results.read_per_image(run.folder / run_folder.DOWNSTREAM) for run in pair
    )
    if ids != other_ids:
      raise UserError(f'{pair[0].folder} and {pair[1].folder} were studied on other images.')
    differences.append(one[condition] - other[condition])
  return statistics.clustered_interval(np.mean(differences, axis=0), groups).bounds
