"""The plan of a comparison on disk: DIR/plan.json."""

import dataclasses
import datetime
import json
import pathlib

from cyclegan_jax import files
from cyclegan_jax.errors import UserError
from cyclegan_jax.settings import flatten
from experiments.comparison import recipes
from experiments.comparison.plan import Plan

PLAN, RUNS = 'plan.json', 'runs'


def to_json(plan: Plan) -> str:
  """Returns the plan as JSON text. The settings in it are for people."""
  models = {
    m.label: {
      'flags': m.flags,
      'trained_as': plan.trained_as(m.label),
      'settings': flatten(m.config),
    }
    for m in plan.models
  }
  tree = {
    'common_flags': plan.common,
    'models': models,
    'seeds': plan.seeds,
    'split': plan.split,
    'comparisons': plan.comparisons,
    'primary_metric': plan.primary,
    'history': plan.history,
  }
  return json.dumps(tree, indent=2) + '\n'


def load(folder: pathlib.Path) -> Plan | None:
  """Returns the plan in a folder, or None if there is none; UserError if it is damaged."""
  file = folder / PLAN
  try:
    tree = json.loads(file.read_text())
    made = tuple(
      recipes.parse(label, facts['flags'], tree['common_flags'])
      for label, facts in tree['models'].items()
    )
    if not made or not tree['seeds']:
      raise ValueError('it has no models or no seeds')
    return Plan(
      tuple(tree['common_flags']),
      made,
      tuple(tree['seeds']),
      tree['split'],
      tuple(map(tuple, tree['comparisons'])),
      tree['primary_metric'],
      tuple(tree['history']),
    )
  except FileNotFoundError:
    return None
  except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
    raise UserError(
      f'{file} is not a plan that this version can read: {error!r}. Choose another --output.'
    ) from error


def binding(folder: pathlib.Path) -> bool:
  """Returns whether a comparison's folder has runs. Until then, its plan may change freely."""
  return any((folder / RUNS).glob('*/*/config.json'))


def record(folder: pathlib.Path, plan: Plan, old: Plan | None) -> Plan:
  """Writes the plan into the folder, unless it is there already, and returns it with its history.

  Args:
    folder: the comparison's folder, which need not exist.
    plan: from `make`.
    old: the plan that it continues, or None.

  Raises:
    UserError: the folder cannot be written.
  """
  labels = [model.label for model in old.models] if old else []
  models = [model.label for model in plan.models if model.label not in labels]
  seeds = [seed for seed in plan.seeds if not old or seed not in old.seeds]
  history = old.history if old else ()
  if models or seeds:
    now = datetime.datetime.now(datetime.UTC).isoformat(timespec='seconds')
    history = (*history, {'date': now, 'models': models, 'seeds': seeds})
  plan = dataclasses.replace(plan, history=history)
  if old and to_json(old) == to_json(plan):
    return plan
  try:
    folder.mkdir(parents=True, exist_ok=True)
    files.write_text(folder / PLAN, to_json(plan))
  except OSError as error:
    raise UserError(f'--output={folder} cannot be written: {error.strerror}.') from error
  return plan
