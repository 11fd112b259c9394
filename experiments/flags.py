"""Flags that the commands share, and what surrounds every command."""

from collections.abc import Callable, Iterable, Sequence
import contextlib
import pathlib
import sys
from typing import Any

from absl import app, flags, logging

from cyclegan_jax import config as config_lib, files, interruption, memory
from cyclegan_jax.errors import UserError
from cyclegan_jax.runs import addresses
from cyclegan_jax.settings import Config, fields, named, PLACES
from datasets import registry
from experiments import help_text, program_cache, streams

EXIT_USER_ERROR = 2

WORKDIR = flags.DEFINE_string(
  'workdir',
  None,
  'The run folder. In training it defaults to a folder in runs/ named after the settings. '
  'evaluate, translate, export, and demo_app also take a published model: its folder, or its '
  'address on the Hugging Face Hub, hf://OWNER/NAME or hf://OWNER/NAME@REVISION.',
)
MAX_MEGAPIXELS = flags.DEFINE_integer(
  'max_megapixels',
  67,
  'Refuse larger images, in whole megapixels (millions of pixels): a damaged or hostile file '
  'could fill the memory. Reading an image takes up to 14 bytes per pixel.',
  lower_bound=1,
)
COMPILATION_CACHE = flags.DEFINE_string(
  'compilation_cache',
  program_cache.default_folder(),
  'Folder for compiled programs, which later starts load instead of compiling. It stays below '
  '1 GiB; you may delete it at any time. Empty: none. JAX_COMPILATION_CACHE_DIR in the '
  'environment takes precedence.',
)

# Settings that name a folder on the machine that a command runs on.
PATHS = tuple(name for name in fields() if name in named(place=True, per_process=True))
# These, and another run's.
FOLDERS = (*PATHS, 'initialize_from')
# Settings that say where data are.
DATA_PLACES = tuple(name for name in sorted(PLACES) if fields()[name][0] == 'data')
# Flags and values by their former names.
_RENAMED = {
  'normalisation': 'normalization',
  'initialiser': 'initializer',
  'grey_control': 'gray_control',
  'generator=strided': 'generator=udacity',
  'discriminator=strided': 'discriminator=udacity',
}


def define_config_flags(flag_values: flags.FlagValues = flags.FLAGS) -> None:
  """Defines --preset, and a flag per setting and option, whose default is the preset's."""
  flags.DEFINE_string(
    'preset',
    'udacity',
    f'The settings to start from: {", ".join(config_lib.PRESETS)}. Other flags replace single '
    'settings.',
    flag_values=flag_values,
  )
  flags.DEFINE_boolean(
    'emsn',
    None,
    "The paper's normalization: short for --normalization=emsn. --noemsn: the normalization that "
    '--normalization names, by default plain.',
    flag_values=flag_values,
  )
  define_fields([name for name in fields() if name != 'preset'], flag_values)
  define_fields(registry.OPTIONS, flag_values)


def define_fields(names: Iterable[str], flag_values: flags.FlagValues = flags.FLAGS) -> None:
  """Defines a flag for each of these settings and options; None if it is not given."""
  kinds = {bool: flags.DEFINE_boolean, int: flags.DEFINE_integer, float: flags.DEFINE_float}
  for name in names:
    define = kinds.get(type(registry.default(name)), flags.DEFINE_string)
    define(name, None, help_text.of_setting(name), flag_values=flag_values)


def workdir() -> pathlib.Path:
  """Returns the run folder that --workdir names; UserError if the flag is missing."""
  return needed(WORKDIR, 'the run folder that experiments.train wrote')


def workdirs() -> list[pathlib.Path]:
  """Returns the run folders that --workdir names; UserError if the flag is missing."""
  if not (names := WORKDIR.value):
    raise UserError('--workdir is missing: give one run folder or several, joined by commas.')
  return [folder for name in names.split(',') if (folder := path(name))]


def needed(flag: flags.FlagHolder[str | None], what: str) -> pathlib.Path:
  """Returns the path that a flag names; UserError, which says what to give, if it is missing."""
  found = path(flag.value)
  if found is None:
    raise UserError(f'--{flag.name} is missing: give {what}.')
  return found


def path(value: str | None) -> pathlib.Path | None:
  """Returns a flag's value as a path, see `files.expanded`; None if empty.

  Raises:
    UserError: it is an address on the Hub, which this flag does not take.
  """
  if value and value.startswith('hf://'):
    raise UserError(
      f'{value}: expected a folder of this machine. experiments.evaluate, translate, export, and '
      'demo_app take models from the Hub as --workdir.'
    )
  return files.expanded(value) if value else None


def config_from_flags(flag_values: flags.FlagValues = flags.FLAGS) -> Config:
  """Returns the configuration of --preset with the given flags over it; UserError if impossible."""
  settings = given((*fields(), *registry.OPTIONS), flag_values)
  return registry.configuration({**settings, 'emsn': flag_values.emsn})


def given(names: Iterable[str], flag_values: flags.FlagValues = flags.FLAGS) -> dict[str, Any]:
  """Returns the values of those of these settings and options whose flags were given, by name."""
  values = {name: flag_values[name].value for name in names}
  values = {name: value for name, value in values.items() if value is not None}
  for name, value in values.items():
    if isinstance(registry.default(name), tuple):
      values[name] = _parse_size(name, value)
    elif name in FOLDERS and value and not is_address(name, value):
      values[name] = str(files.expanded(value).resolve())
  return values


def is_address(name: str, value: str) -> bool:
  """Returns whether a setting that names a folder names another model instead."""
  return name == 'initialize_from' and addresses.is_address(value)


def given_options(flag_values: flags.FlagValues = flags.FLAGS) -> dict[str, Any]:
  """Returns the options of single data sets that were given, as `DataConfig.options` holds them."""
  return registry.changed(given(registry.OPTIONS, flag_values))


def _parse_size(name: str, text: str) -> tuple[int, int]:
  parts = text.lower().split('x')
  if len(parts) > 2 or not all(part.isdecimal() for part in parts):
    raise UserError(f'--{name}={text}: expected a number such as 128, or HEIGHTxWIDTH.')
  return int(parts[0]), int(parts[-1])


def default_workdir(config: Config) -> pathlib.Path:
  """Returns a folder such as runs/osu_paired_emsn, after what tells the paper's models apart."""
  data, train = config.data, config.train
  parts = [
    data.dataset,
    pathlib.Path(data.source_dir).name,
    train.preset if train.preset != 'udacity' else '',
    'paired' if data.paired else 'unpaired',
    data.normalization if data.normalization != 'plain' else '',
    f'seed{train.seed}' if train.seed else '',
  ]
  return pathlib.Path('runs', '_'.join(filter(None, parts)))


def parse(flag_values: flags.FlagValues, argv: Sequence[str]) -> list[str]:
  """Parses a command line and returns what is no flag; flags.Error if a flag or value is wrong."""
  for argument in argv:
    flag = argument.lstrip('-')
    for old in {flag, flag.partition('=')[0]} & _RENAMED.keys():
      raise flags.Error(f'--{old} is now --{_RENAMED[old]}.')
  return flag_values(argv)


def _parse_or_exit(argv: Sequence[str]) -> list[str]:
  if help_text.WANTED & set(argv[1:]):
    print(help_text.of_command(flags.FLAGS, argv[0]))
    sys.exit()
  try:
    return parse(flags.FLAGS, argv)
  except flags.Error as error:
    print(f'error: {error}', file=sys.stderr)
    sys.exit(EXIT_USER_ERROR)


def run(
  main: Callable[[], Any],
  *,
  compiles: bool = True,
  surrounding: Callable[[], contextlib.AbstractContextManager] = contextlib.nullcontext,
) -> None:
  """Runs a command. A user's mistake prints one message, no traceback, and exits with status 2.

  `main` returns the exit status. `compiles`: this process itself runs JAX programs,
  which are kept, as is the memory that they free. `surrounding` returns what `main` runs in, such
  as `processes.together`.
  """

  def guarded(argv: list[str]) -> None:
    if not flags.FLAGS['verbosity'].present:
      # Orbax and TFDS log every step; our own lines are printed, not logged.
      logging.set_verbosity(logging.ERROR)
      # What destructors of libraries raise after an error that is reported, as Orbax's event loop.
      sys.unraisablehook = lambda unraisable: None
    try:
      if len(argv) > 1:
        raise UserError(f'Unexpected argument {argv[1]!r}: give settings as --name=value.')
      if compiles:
        # Before anything imports JAX, which then reads the environment and starts threads.
        program_cache.enable(COMPILATION_CACHE.value)
        memory.keep_freed()
      # Late, so that --help and bad flags answer at once.
      from cyclegan_jax.image_files import decoding, named_warnings

      named_warnings.install()
      decoding.limit_megapixels(MAX_MEGAPIXELS.value)
      with surrounding():
        status = main()
    except (UserError, OSError) as error:
      print(f'error: {error}', file=sys.stderr)
      status = EXIT_USER_ERROR
    except interruption.Interrupted as error:
      print('interrupted', file=sys.stderr)
      status = error.status
    sys.exit(status)

  streams.prepare()
  try:
    with interruption.watched():
      app.run(guarded, flags_parser=_parse_or_exit)
  except SystemExit as end:
    if not end.code and interruption.received():  # It came too late for a check.
      sys.exit(128 + interruption.received())
    raise
