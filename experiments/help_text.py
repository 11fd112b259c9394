"""Text for --help: what a flag does, and a command's flags by section, the most used first."""

from collections.abc import Iterable
import shutil
import textwrap

from absl import flags

from cyclegan_jax import settings
from datasets import registry

# Arguments that ask for help.
WANTED = frozenset({'--help', '-help', '-h', '-?', '--helpshort'})
# A section of settings -> its title; the options of single data sets come after the data.
_TITLES = {'data': 'data', 'model': 'model', 'loss': 'loss', 'train': 'training'}
_MAX_WIDTH = 100


def of_setting(name: str) -> str:
  """Returns the help of the flag of a setting, or of an option of single data sets."""
  if name == 'dataset':
    known = ', '.join(f'{dataset} ({cls.title})' for dataset, cls in registry.DATASETS.items())
    return f'The data set: {known}.'
  by_text: dict[str, list[str]] = {}
  default = settings.format_value(registry.default(name))
  for dataset, field in registry.declarations(name).items():
    default = field.metadata['follows'] or default
    by_text.setdefault(field.metadata['help'], []).append(dataset)
  texts = [
    (f'{", ".join(names)}: ' if names != [''] else '') + text for text, names in by_text.items()
  ]
  return ' '.join(texts) + (f' [{default}]' if default else '')


def of_command(flag_values: flags.FlagValues, program: str) -> str:
  """Returns the help of the command whose flags are defined.

  Args:
    flag_values: the flags of this process.
    program: the file of the command, whose own flags come first among those that are no settings.
  """
  import __main__

  defined = {
    flag.name: flag
    for module, members in sorted(
      flag_values.flags_by_module_dict().items(), key=lambda item: item[0] != program
    )
    if not module.startswith('absl')
    for flag in members
  }
  width = min(shutil.get_terminal_size().columns, _MAX_WIDTH)
  parts: list[str] = [(__main__.__doc__ or '').strip()]
  for title, names in _sections(defined).items():
    entries = [_entry(defined[name], width) for name in names if name in defined]
    if entries:
      parts.append('\n'.join([f'{title}:', *entries]))
  return '\n\n'.join([*parts, '--helpfull lists the flags of all modules.'])


def _sections(defined: Iterable[str]) -> dict[str, list[str]]:
  """Returns the titles of the sections and their flags; `defined` has those of the last one."""
  if 'dataset' not in defined:
    return {'flags': list(defined)}
  found: dict[str, list[str]] = {'data': ['preset'], 'options of single data sets': []}
  for name, (section, _) in settings.fields().items():
    if name == 'normalization':
      found['data'].append('emsn')
    if name != 'preset':
      found.setdefault(_TITLES[section], []).append(name)
  found['options of single data sets'] += registry.option_names()
  seen = {name for names in found.values() for name in names}
  return {**found, 'run': [name for name in defined if name not in seen]}


def _entry(flag: flags.Flag, width: int) -> str:
  name = f'--[no]{flag.name}' if flag.boolean else f'--{flag.name}'
  allowed = [field.metadata['allowed'] for field in registry.declarations(flag.name).values()]
  choices = getattr(flag.parser, 'enum_values', None) or dict.fromkeys(
    choice for values in allowed if isinstance(values, tuple) for choice in values
  )
  if choices:
    name += '=' + '|'.join(map(str, choices))
  text = ' '.join((flag.help or '').split())
  if isinstance(flag, flags.EnumFlag):
    text = text.partition('>: ')[2]  # absl puts the choices there.
  if flag.default not in (None, '', [], False) and not text.endswith(']'):
    text += f' [{flag.default}]'
  lines = textwrap.wrap(text, width, initial_indent=' ' * 6, subsequent_indent=' ' * 6)
  return '\n'.join([f'  {name}', *lines])
