"""The configuration of a run: made from a preset, validated, shown, and kept as JSON.

The settings are in settings.py, the presets in presets/, and what fits together in validation.py.
"""

from collections.abc import Mapping
import dataclasses
import json
from typing import Any

from cyclegan_jax import checksum, derived, radiometry
from cyclegan_jax.errors import UserError
from cyclegan_jax.presets import PRESETS
from cyclegan_jax.settings import (
  as_flag,
  Config,
  differences,
  fields,
  flatten,
  format_value,
  SECTIONS,
)
from cyclegan_jax.validation import validate, validate_data

# Of config.json. Runs of format 1 carry no number.
FORMAT = 2
# The last commit that reads format 1.
_LAST_OF_FORMAT_1 = '665ee7a'


def make(preset: str = 'udacity', **overrides: Any) -> Config:
  """Returns the configuration of a preset with single settings replaced, validated.

  Args:
    preset: a name in PRESETS.
    **overrides: values by field name, `options` of the data set among them; they win over the
      preset. None means the default, which for some settings follows others: see
      cyclegan_jax/derived.py. `emsn` works too, see `without_shorthand`.

  Raises:
    UserError: the preset is unknown, or values do not fit (see `validate`).
    TypeError: there is no such setting.
  """
  if preset not in PRESETS:
    raise UserError(f'--preset={preset} is unknown; there are {", ".join(PRESETS)}.')
  given = {key: value for key, value in without_shorthand(overrides).items() if value is not None}
  values = _resolved(preset, given)
  config = Config(
    **{
      section: cls(**{field.name: values[field.name] for field in dataclasses.fields(cls)})
      for section, cls in SECTIONS.items()
    }
  )
  validate(config)
  return config


def _resolved(preset: str, given: Mapping[str, Any]) -> dict[str, Any]:
  """Every setting's value by its name; TypeError if one that is given does not exist."""
  defaults: dict[str, Any] = {name: field.default for name, (_, field) in fields().items()}
  of_preset = {**defaults, 'options': {}, **PRESETS[preset], 'preset': preset}
  if unknown := set(given) - set(of_preset):
    raise TypeError(f'make() got unexpected settings: {", ".join(sorted(unknown))}')
  values = {**of_preset, **given}
  return derived.follow(values, of_preset, frozenset(PRESETS[preset]), frozenset(given))


def without_shorthand(options: Mapping[str, Any]) -> dict[str, Any]:
  """Returns settings by field name with `emsn`, which is no field, replaced by `normalization`.

  True is 'emsn'. False is the given normalization, by default 'plain'. None changes nothing.

  Raises:
    UserError: `emsn` and `normalization` contradict each other.
  """
  options = dict(options)
  emsn, given = options.pop('emsn', None), options.get('normalization')
  if emsn is not None and given is None:
    options['normalization'] = 'emsn' if emsn else 'plain'
  elif emsn is not None and (given == 'emsn') != emsn:
    raise UserError(
      f'{as_flag("emsn", emsn)} and --normalization={given} contradict each other: --emsn '
      'is short for --normalization=emsn. Give only one of them.'
    )
  return options


def with_span(config: Config, span: radiometry.Range | None) -> Config:
  """Returns the configuration with the --ir_span that data were prepared with, for the run to keep.

  Raises:
    UserError: its unit contradicts --ir_range.
  """
  text = span.text if span else ''
  found = dataclasses.replace(config, data=dataclasses.replace(config.data, ir_span=text))
  validate_data(found.data)
  return found


def changed(config: Config) -> dict[str, tuple[Any, Any]]:
  """Returns the settings that differ from the run's preset, as {name: (of the preset, of the run)}.

  The data set is left out: it is a choice of its own.
  """
  found = differences(make(config.train.preset), config)
  return {name: values for name, values in found.items() if name != 'dataset'}


def followed(config: Config) -> frozenset[str]:
  """Returns the settings that differ from the preset only because they follow others."""
  found = changed(config)
  chosen = {name: new for name, (_, new) in found.items() if name not in derived.RULES}
  known = fields()
  values = _resolved(config.train.preset, {k: v for k, v in chosen.items() if k in known})
  return frozenset(name for name, (_, new) in found.items() if values.get(name) == new) - {*chosen}


def describe(config: Config) -> str:
  """Returns the resolved configuration as lines; * marks what differs from the preset."""
  marked, following = changed(config), followed(config)
  head = f'Configuration (preset {config.train.preset}; * marks what you changed'
  head += ', + what follows from it):' if following else '):'
  lines = []
  for name, value in flatten(config).items():
    mark = '+' if name in following else '*' if name in marked else ' '
    lines.append(f'  {mark} {name:<25}{"-" if value == "" else format_value(value)}')
  return '\n'.join([head, *lines])


def to_json(config: Config) -> str:
  """Returns the configuration as JSON text; `from_json` is its inverse."""
  return checksum.dumps({'format': FORMAT, **dataclasses.asdict(config)})


def from_json(text: str, name: str) -> Config:
  """Reads what `to_json` wrote into the file `name`.

  Raises:
    UserError: the text is not valid JSON, has another format, or has other settings than this
      version.
  """
  tuples = lambda tree: {k: tuple(v) if isinstance(v, list) else v for k, v in tree.items()}
  try:
    tree = json.loads(text)
    _check_format(tree.get('format', 1), name)
    tree = checksum.verified(tree)
    config = Config(**{section: cls(**tuples(tree[section])) for section, cls in SECTIONS.items()})
    validate(config)
  except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
    raise UserError(f'{name} is not a configuration that this version can read: {error}') from error
  return config


def _check_format(found: Any, name: str) -> None:
  if found != FORMAT:
    wrote = f'commit {_LAST_OF_FORMAT_1}' if found == 1 else 'the newer version that wrote it'
    raise UserError(
      f'{name} has format {found}, and this version reads format {FORMAT}. Use this run with '
      f'{wrote}, or train again in another --workdir.'
    )
