"""What a run is: made from a preset, validated, shown to people, and kept as JSON.

The settings themselves are in settings.py, the presets in presets.py, what fits together in
validation.py.
"""

from collections.abc import Mapping
import dataclasses
import json
from typing import Any

from cyclegan_jax.errors import UserError
from cyclegan_jax.presets import PRESETS
from cyclegan_jax.settings import (
  Config,
  differences,
  fields,
  flatten,
  format_value,
  PAIRED_SUPERVISED_WEIGHT,
  SECTIONS,
)
from cyclegan_jax.validation import validate


def make(preset: str = 'udacity', **overrides: Any) -> Config:
  """The configuration of a preset with single fields replaced, validated.

  Two settings follow others unless they are given: --paired brings the supervised term, and
  the identity term goes where the domains' channels differ.

  Args:
    preset: a name in PRESETS.
    **overrides: values by field name; they win over the preset. `emsn` too, see
      `without_shorthand`.

  Raises:
    UserError: unknown preset, or values that do not fit (see `validate`).
  """
  if preset not in PRESETS:
    raise UserError(f'--preset={preset} is unknown; there are {", ".join(PRESETS)}.')
  overrides = without_shorthand(overrides)
  values = {name: field.default for name, (_, field) in fields().items()}
  values |= {**PRESETS[preset], 'preset': preset, **overrides}
  if 'supervised_weight' not in overrides and 'paired' in overrides:
    values['supervised_weight'] = (
      values['supervised_weight'] or PAIRED_SUPERVISED_WEIGHT if values['paired'] else 0.0
    )
  if 'identity_weight' not in overrides and values['rgb_channels'] != values['ir_channels']:
    values['identity_weight'] = 0.0
  config = Config(
    **{
      section: cls(**{field.name: values[field.name] for field in dataclasses.fields(cls)})
      for section, cls in SECTIONS.items()
    }
  )
  validate(config)
  return config


def without_shorthand(options: Mapping[str, Any]) -> dict[str, Any]:
  """Options by field name with `emsn`, which is no field, resolved: True is normalization='emsn'.

  False is another normalization: the given one, else 'plain'. None says nothing.

  Raises:
    UserError: `emsn` and `normalization` contradict each other.
  """
  options = dict(options)
  emsn = options.pop('emsn', None)
  if emsn is None:
    return options
  given = options.setdefault('normalization', 'emsn' if emsn else 'plain')
  if (given == 'emsn') != emsn:
    raise UserError(
      f'--{"" if emsn else "no"}emsn and --normalization={given} contradict each other: --emsn '
      'is short for --normalization=emsn. Leave one of them out.'
    )
  return options


def describe(config: Config) -> str:
  """The resolved configuration as text, a line each; * marks what differs from the preset."""
  changed = differences(make(config.train.preset), config)
  lines = [f'Configuration (preset {config.train.preset}; * marks what you changed):']
  for name, value in flatten(config).items():
    mark = '*' if name in changed else ' '
    shown = format_value(value) if value != '' else '-'
    lines.append(f'  {mark} {name:<25}{shown}')
  return '\n'.join(lines)


def to_json(config: Config) -> str:
  """The configuration as JSON text; `from_json` is its inverse."""
  return json.dumps(dataclasses.asdict(config), indent=2) + '\n'


def from_json(text: str, name: str) -> Config:
  """Reads what `to_json` wrote.

  Raises:
    UserError: `name` (the file) is not valid JSON or has other settings than this version.
  """
  try:
    tree = json.loads(text)
    config = Config(
      **{
        section: cls(
          **{k: tuple(v) if isinstance(v, list) else v for k, v in tree[section].items()}
        )
        for section, cls in SECTIONS.items()
      }
    )
    validate(config)
  except (ValueError, TypeError, KeyError, AttributeError) as error:
    raise UserError(f'{name} is not a configuration that this version can read: {error}') from error
  return config
