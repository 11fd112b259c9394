"""The plan of a comparison: models, seeds, split and questions, fixed before training.

Once there are runs, models and seeds may be added; everything else stays. It is kept on the disk as
DIR/plan.json.
"""

from collections.abc import Iterator, Mapping, Sequence, Set
import dataclasses
import datetime
import itertools
import pathlib
from typing import Any

from cyclegan_jax import checksum, files
from cyclegan_jax.comparison import runs
from cyclegan_jax.errors import UserError
from cyclegan_jax.settings import affects, as_flag, differences, flatten, format_value
from datasets import registry
from experiments.comparison import recipes
from experiments.comparison.recipes import Recipe

PLAN, RUNS = 'plan.json', 'runs'


@dataclasses.dataclass(frozen=True)
class Plan:
  """The models, seeds, and questions of a comparison.

  Attributes:
    common: the flags that all models share.
    models: in the order of the tables.
    seeds: those that each model is trained with.
    split: the one to measure on.
    comparisons: pairs of labels; a difference is first minus second.
    primary: the metric that decides the comparisons.
    history: which models and seeds were planned when.
  """

  common: tuple[str, ...]
  models: tuple[Recipe, ...]
  seeds: tuple[int, ...]
  split: str
  comparisons: tuple[tuple[str, str], ...]
  primary: str
  history: tuple[dict[str, Any], ...] = ()

  def trained_as(self, label: str) -> str:
    """Returns the model whose runs this one uses: the first with the same settings."""
    wanted = next(model.config for model in self.models if model.label == label)
    return next(model.label for model in self.models if not runs.changes(model.config, wanted))


def make(
  shared: Sequence[str],
  models: Mapping[str, str],
  seeds: Sequence[int],
  split: str,
  primary: str,
  comparisons: Sequence[tuple[str, str]] | None,
  reference: str | None,
  old: Plan | None = None,
) -> Plan:
  """Returns a plan, checked as far as possible without data.

  Args:
    shared: the flags of all models.
    models: label -> own flags.
    seeds: at least one.
    split: see `Plan`.
    primary: see `Plan`.
    comparisons: pairs of labels, or None for the default ones.
    reference: the model to compare all others with, or None.
    old: an earlier plan with runs. Its models, seeds and comparisons stay.

  Raises:
    UserError: a model or comparison is impossible, models would be measured on different pixels, or
      an old plan would change by more than new models and seeds.
  """
  # New models come last, so that `trained_as` stays the same for earlier ones.
  planned = {model.label: model.flags for model in old.models} if old else {}
  texts = {**planned, **models}
  fresh = texts.keys() - planned
  made = tuple(recipes.parse(label, text, shared) for label, text in texts.items())
  if len({label.lower() for label in texts}) < len(texts):
    raise UserError(
      f'Labels name folders, so they must differ in more than case: {", ".join(texts)}.'
    )
  _check_measured_alike(made)
  all_seeds = dict.fromkeys([*(old.seeds if old else ()), *seeds])
  plan = Plan(tuple(shared), made, tuple(all_seeds), split, (), primary)
  for name in [*filter(None, [reference]), *itertools.chain(*comparisons or ())]:
    if name not in texts:
      raise UserError(
        f'{name} is compared, but is not one of the models {", ".join(texts)}. Add it to --models.'
      )
  for first, second in comparisons or ():
    if plan.trained_as(first) == plan.trained_as(second):
      raise UserError(
        f'--comparisons={first}-{second}: both have the same settings, so they are one model.'
      )
  pairs = default_comparisons(list(texts), reference) if comparisons is None else comparisons
  if old:
    further = [pair for pair in pairs if pair not in old.comparisons]
    if comparisons is None and reference is None:
      further = [pair for pair in further if fresh & set(pair)]
    if change := next(_changes(old, plan, further, fresh), None):
      raise UserError(
        f'--output has runs of another plan: {change}\nOnce there are runs, you can add models and '
        'seeds and change nothing else. Give the same flags or none, or choose another --output.'
      )
    pairs = [*old.comparisons, *further]
  pairs = [pair for pair in pairs if plan.trained_as(pair[0]) != plan.trained_as(pair[1])]
  return dataclasses.replace(plan, comparisons=tuple(dict.fromkeys(pairs)))


def default_comparisons(labels: Sequence[str], reference: str | None) -> list[tuple[str, str]]:
  """Returns the comparisons to make if --comparisons is not given: with a reference, all with it.

  Otherwise paired with unpaired, each model with EMSN with the same model without, and every model
  that is in none of these with the first one.
  """
  if reference:
    return [(label, reference) for label in labels if label != reference]
  with_emsn = [label for label in labels if label.endswith('_emsn')]
  pairs = [('paired', 'unpaired'), *((label, label.removesuffix('_emsn')) for label in with_emsn)]
  pairs = [pair for pair in pairs if set(pair) <= set(labels)]
  seen = {label for pair in pairs for label in pair}
  return pairs + [(label, labels[0]) for label in labels[1:] if label not in seen]


def _changes(
  old: Plan, new: Plan, further: Sequence[tuple[str, str]], fresh: Set[str]
) -> Iterator[str]:
  """Sentences on what a new plan changes of that which the runs were made for."""
  for name in ('split', 'primary'):
    if getattr(old, name) != getattr(new, name):
      yield f'--{name} is {getattr(old, name)} there, {getattr(new, name)} now.'
  for before, now in zip(old.models, new.models):
    if changed := runs.changes(before.config, now.config):
      yield f'model {before.label} has other settings:{_listed(changed, "there", "now")}'
  for pair in further:
    if not fresh & set(pair):
      known = ', '.join(map('-'.join, old.comparisons))
      yield f'{"-".join(pair)} is not among its comparisons, {known}.'


def _check_measured_alike(models: Sequence[Recipe]) -> None:
  """Refuses models that would be measured on different pixels, or not at all."""
  first = models[0]
  if any(model.config.data.options.get('pairs') == 'none' for model in models):
    raise UserError(
      '--pairs=none leaves nothing to measure differences on: comparisons need pairs. Train the '
      'models one by one, and put them on one page: python -m experiments.report '
      '--workdir=RUN,RUN --output=PAGE.html'
    )
  for other in models[1:]:
    changed = differences(first.config, other.config)
    changed = {name: values for name, values in changed.items() if affects(name) == 'pixels'}
    if changed:
      cure = ' '.join(
        as_flag(name, registry.default(name) if value is None else value)
        for name, (value, _) in changed.items()
      )
      raise UserError(
        f'{first.label} and {other.label} would be measured on different pixels:'
        f'{_listed(changed, f"in {first.label}", f"in {other.label}")}\n'
        f'Give all models the same, for example {cure}'
      )


def _listed(changed: Mapping[str, tuple[Any, Any]], one: str, other: str) -> str:
  """A line for each setting, and where it has which value."""
  return ''.join(
    f'\n  --{name}: {format_value(a)} {one}, {format_value(b)} {other}'
    for name, (a, b) in changed.items()
  )


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
  return checksum.dumps(tree)


def load(folder: pathlib.Path) -> Plan | None:
  """Returns the plan in a folder, or None if there is none; UserError if it is damaged."""
  file = folder / PLAN
  try:
    tree = checksum.loads(file.read_text())
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
  """Writes a plan into a folder, unless it is there already, and returns it with its history.

  The folder need not exist; `old` is the plan that it continues, if any.

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
    files.write_text(folder / PLAN, to_json(plan), durable=True)
  except OSError as error:
    raise UserError(f'--output={folder} cannot be written: {error.strerror}.') from error
  return plan
