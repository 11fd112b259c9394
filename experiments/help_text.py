"""Text for --help: what a flag does, and a command's flags by section, the most used first."""

import shutil
import textwrap

from absl import flags

from cyclegan_jax import settings
from datasets import registry

# Arguments that ask for help.
WANTED = frozenset({'--help', '-help', '-h', '-?', '--helpshort'})
_MOST_USED = ('preset', 'dataset', 'source_dir', 'paired', 'emsn')
_MAX_WIDTH = 100
# What absl appends, after a full stop, to the help of flags that may be repeated.
_REPEATED = '; repeat this option to specify a list of values'


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
    text if names == [''] else f'{", ".join(names)}: {text}' for text, names in by_text.items()
  ]
  return ' '.join([*texts, f'[{default}]'] if default else texts)


def of_command(flag_values: flags.FlagValues, program: str) -> str:
  """Returns the help of the command in the file `program`: its text and all flags that it has.

  Its own flags come first in the last section.
  """
  import __main__

  modules = flag_values.flags_by_module_dict()
  defined = {
    flag.name: flag
    for module in sorted(modules, key=lambda module: module != program)
    if not module.startswith('absl')
    for flag in modules[module]
  }
  data = [name for name, (section, _) in settings.fields().items() if section == 'data']
  names = [*_MOST_USED, *data, *registry.OPTIONS, *settings.fields(), *defined]
  has_settings = 'dataset' in defined
  sections: dict[str, list[str]] = {}
  for name in dict.fromkeys(names if has_settings else defined):
    if name in defined:
      title = _section(name) if has_settings else 'flags'
      sections.setdefault(title, []).append(_entry(defined[name]))
  texts = ['\n'.join([f'{title}:', *entries]) for title, entries in sections.items()]
  main = (__main__.__doc__ or '').strip()
  return '\n\n'.join([main, *texts, '--helpfull lists the flags of all modules.'])


def _section(name: str) -> str:
  if name in _MOST_USED:
    return 'data'
  if name in settings.fields():
    section = settings.fields()[name][0]
    return 'training' if section == 'train' else section
  return 'options of single data sets' if name in registry.OPTIONS else 'run'


def _entry(flag: flags.Flag) -> str:
  name = f'--[no]{flag.name}' if flag.boolean else f'--{flag.name}'
  text = ' '.join((flag.help or '').split()).removesuffix(_REPEATED)
  if isinstance(flag, flags.EnumFlag):
    choices = list(flag.parser.enum_values)
    text = text.partition('>: ')[2]  # absl puts the choices there.
  else:
    allowed = [field.metadata['allowed'] for field in registry.declarations(flag.name).values()]
    choices = [one for values in allowed if isinstance(values, tuple) for one in values]
  if choices:
    name += '=' + '|'.join(str(choice) for choice in dict.fromkeys(choices))
  if flag.default not in (None, '', [], False) and not text.endswith(']'):
    text += f' [{flag.default}]'
  width = min(shutil.get_terminal_size().columns, _MAX_WIDTH) - 6
  return f'  {name}\n' + textwrap.indent(textwrap.fill(text, width), ' ' * 6)
