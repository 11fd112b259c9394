"""What a comparison is: models, seeds, split and questions, written down before it is trained.

DIR/plan.json   the plan; once there are runs, models and seeds may be added, all else stays
"""

from collections.abc import Mapping, Sequence
import dataclasses
import datetime
import json
import pathlib
import re
import shlex
from typing import Any

from absl import flags

from cyclegan_jax import files
from cyclegan_jax.comparison import runs
from cyclegan_jax.errors import UserError
from cyclegan_jax.settings import Config, flatten, format_value
from experiments import flags as common
from experiments.comparison.recipes import default_comparisons

PLAN, RUNS = 'plan.json', 'runs'
# A comparison is written A-B, and a label is a folder's name.
_LABEL = re.compile(r'[A-Za-z0-9][A-Za-z0-9_.+]*')
# Settings that decide which pixels are measured: models that differ in them cannot be compared.
_MEASURED = (
  'dataset',
  'rgb_dir',
  'ir_dir',
  'split_by',
  'allow_unmatched',
  'skip_scenes',
  'registration',
  'plane_depth',
  'ir_channels',
  'image_size',
  'load_size',
  'resize',
  'mask',
)


@dataclasses.dataclass(frozen=True)
class Model:
  """One of the compared models.

  Attributes:
    label: its name.
    flags: its own flags as text, without those common to all models.
    arguments: all its flags, as experiments.train takes them; no --seed, no --workdir.
    config: what these come to, with seed 0.
  """

  label: str
  flags: str
  arguments: tuple[str, ...]
  config: Config


@dataclasses.dataclass(frozen=True)
class Plan:
  """A comparison.

  Attributes:
    common: flags that all models share.
    models: in the order of the tables.
    seeds: each model is trained with each.
    split: what is measured.
    comparisons: (model, what it is compared with), differences are first minus second.
    primary: the metric that the comparisons are decided by.
    history: when which models and seeds were planned.
  """

  common: tuple[str, ...]
  models: tuple[Model, ...]
  seeds: tuple[int, ...]
  split: str
  comparisons: tuple[tuple[str, str], ...]
  primary: str
  history: tuple[dict[str, Any], ...] = ()

  def trained_as(self, label: str) -> str:
    """The model whose runs this one uses: the first with the same settings."""
    wanted = next(model.config for model in self.models if model.label == label)
    return next(model.label for model in self.models if not runs.changes(model.config, wanted))


def model(label: str, text: str, shared: Sequence[str]) -> Model:
  """A model from its flags and those that all models share, which its own win over.

  Raises:
    UserError: the label cannot be a folder's name, or experiments.train would refuse the flags.
  """
  where = f'--model={label!r}: {text!r}' if text else f'model {label}'
  if not _LABEL.fullmatch(label):
    raise UserError(
      f'{where}: a label has letters, digits, and _ . + only, for it names a folder '
      'and a comparison is written A-B.'
    )
  values = flags.FlagValues()
  common.define_config_flags(values)
  try:
    positional = values(['', *shared, *shlex.split(text)])[1:]
  except (flags.Error, ValueError) as error:
    raise UserError(
      f"{where}: {error} A model's flags are settings of experiments.train."
    ) from error
  if positional:
    raise UserError(f'{where}: {positional[0]!r} is no flag; write LABEL: --flag=value ...')
  if values['seed'].present:
    raise UserError(f'{where}: --seed is set by --seeds; each model is trained with each.')
  try:
    return Model(label, text, tuple(arguments(values)), common.config_from_flags(values))
  except UserError as error:
    raise UserError(f'{where}: {error}') from error


def arguments(values: flags.FlagValues) -> list[str]:
  """The configuration flags that were given, as they are typed; paths absolute."""
  known = flags.FlagValues()
  common.define_config_flags(known)
  given = []
  for name in sorted(known):
    if not values[name].present or values[name].value is None:
      continue
    if name in ('source_dir', 'data_dir') and values[name].value:
      given.append(f'--{name}={common.path(values[name].value).resolve()}')
    else:
      given.append(values[name].serialize())
  return given


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
  """A plan, checked as far as that is possible without data.

  Args:
    shared: flags of all models.
    models: label -> own flags.
    seeds: at least one.
    split: the split to measure.
    primary: the metric that decides.
    comparisons: pairs of labels, or None for the usual ones.
    reference: compare each with this one; or None.
    old: a plan that there are runs of. Its models, seeds and comparisons stay.

  Raises:
    UserError: a model or comparison is impossible, models would be measured differently, or
      something other than models and seeds is new in an old plan.
  """
  # What an earlier model is trained as must not change: new models come last.
  texts = {**({m.label: m.flags for m in old.models} if old else {}), **models}
  made = tuple(model(label, text, shared) for label, text in texts.items())
  fresh = set(texts) - {m.label for m in old.models} if old else set(texts)
  if len({label.lower() for label in texts}) < len(texts):
    raise UserError(f'Labels name folders and must not differ in case alone: {", ".join(texts)}.')
  _check_measured_alike(made)
  plan = Plan(
    tuple(shared),
    made,
    tuple(dict.fromkeys((*(old.seeds if old else ()), *seeds))),
    split,
    (),
    primary,
  )
  for name in [reference] * bool(reference) + [n for pair in comparisons or () for n in pair]:
    if name not in texts:
      raise UserError(
        f'{name} is compared, but is none of the models {", ".join(texts)}: add it to --models.'
      )
  for first, second in comparisons or ():
    if plan.trained_as(first) == plan.trained_as(second):
      raise UserError(
        f'--comparisons={first}-{second}: both have the same settings, so they are one model.'
      )
  chosen = comparisons is not None or reference is not None
  pairs = comparisons if comparisons is not None else default_comparisons(list(texts), reference)
  if old:
    further = [pair for pair in pairs if pair not in old.comparisons]
    if not chosen:
      further = [pair for pair in further if fresh & set(pair)]
    _check_added_to(old, plan, further, fresh)
    pairs = [*old.comparisons, *further]
  pairs = [pair for pair in pairs if plan.trained_as(pair[0]) != plan.trained_as(pair[1])]
  return dataclasses.replace(plan, comparisons=tuple(dict.fromkeys(pairs)))


def _check_added_to(
  old: Plan, new: Plan, further: Sequence[tuple[str, str]], fresh: set[str]
) -> None:
  """Refuses a new plan that changes what runs were made for."""

  def refuse(what):
    raise UserError(
      f'There are runs of another plan in --output: {what}\nModels and seeds can be '
      'added, nothing else can change once there are runs: give the same flags or '
      'none, or choose another --output.'
    )

  for name in ('split', 'primary'):
    if getattr(old, name) != getattr(new, name):
      refuse(f'--{name} is {getattr(old, name)} there, {getattr(new, name)} now.')
  for before, now in zip(old.models, new.models):
    changed = runs.changes(before.config, now.config)
    if changed:
      refuse(
        f'model {before.label} has other settings:\n'
        + '\n'.join(
          f'  --{name}: {format_value(a)} there, {format_value(b)} now'
          for name, (a, b) in changed.items()
        )
      )
  for pair in further:
    if not fresh & set(pair):
      refuse(
        f'{"-".join(pair)} is not among its comparisons, '
        f'{", ".join(map("-".join, old.comparisons))}.'
      )


def _check_measured_alike(models: Sequence[Model]) -> None:
  first = models[0]
  for other in models[1:]:
    a, b = flatten(first.config), flatten(other.config)
    changed = [name for name in _MEASURED if a[name] != b[name]]
    if changed:
      lines = [
        f'  --{name}: {format_value(a[name])} in {first.label}, {format_value(b[name])} in '
        f'{other.label}'
        for name in changed
      ]
      cure = ' '.join(_as_flag(name, a[name]) for name in changed)
      raise UserError(
        f'{first.label} and {other.label} would be measured on different pixels:\n'
        + '\n'.join(lines)
        + f'\nGive all models the same, for example {cure}'
      )


def _as_flag(name: str, value: Any) -> str:
  if isinstance(value, bool):
    return f'--{"" if value else "no"}{name}'
  return f'--{name}={format_value(value)}'


def to_json(plan: Plan) -> str:
  """The plan as JSON text; the settings in it are for readers."""
  return (
    json.dumps(
      {
        'common_flags': list(plan.common),
        'models': {
          m.label: {
            'flags': m.flags,
            'trained_as': plan.trained_as(m.label),
            'settings': flatten(m.config),
          }
          for m in plan.models
        },
        'seeds': list(plan.seeds),
        'split': plan.split,
        'comparisons': [list(pair) for pair in plan.comparisons],
        'primary_metric': plan.primary,
        'history': list(plan.history),
      },
      indent=2,
    )
    + '\n'
  )


def load(folder: pathlib.Path) -> Plan | None:
  """The plan in a folder, or None if there is none; UserError if it cannot be read."""
  file = folder / PLAN
  try:
    tree = json.loads(file.read_text())
    made = tuple(
      model(label, facts['flags'], tree['common_flags']) for label, facts in tree['models'].items()
    )
    if not made or not tree['seeds']:
      raise ValueError('it has no models or no seeds')
    return Plan(
      tuple(tree['common_flags']),
      made,
      tuple(tree['seeds']),
      tree['split'],
      tuple(tuple(pair) for pair in tree['comparisons']),
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
  """Whether anything has been trained in a comparison's folder; until then a plan may change."""
  return any((folder / RUNS).glob('*/*/config.json'))


def record(folder: pathlib.Path, plan: Plan, old: Plan | None) -> Plan:
  """Writes the plan into the folder, unless that is there, and returns it with its history.

  Args:
    folder: made if need be.
    plan: from `make`.
    old: the plan that it continues, or None.

  Raises:
    UserError: the folder cannot be written.
  """
  history = list(old.history) if old else []
  new = {
    'models': [
      m.label
      for m in plan.models
      if not old or m.label not in [known.label for known in old.models]
    ],
    'seeds': [seed for seed in plan.seeds if not old or seed not in old.seeds],
  }
  if new['models'] or new['seeds']:
    now = datetime.datetime.now(datetime.UTC)
    history.append({'date': now.isoformat(timespec='seconds'), **new})
  plan = dataclasses.replace(plan, history=tuple(history))
  if old and to_json(old) == to_json(plan):
    return plan
  try:
    folder.mkdir(parents=True, exist_ok=True)
    files.write_text(folder / PLAN, to_json(plan))
  except OSError as error:
    raise UserError(f'--output={folder} cannot be written: {error.strerror}.') from error
  return plan
