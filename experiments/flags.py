"""Flags that the commands share, and what surrounds every command."""

from collections.abc import Callable, Iterable, Sequence
import contextlib
import pathlib
import sys
from typing import Any

from absl import app, flags, logging

from cyclegan_jax import config as config_lib
from cyclegan_jax.errors import UserError
from cyclegan_jax.settings import Config, fields, format_value
from experiments import program_cache

EXIT_USER_ERROR = 2


WORKDIR = flags.DEFINE_string(
  'workdir',
  None,
  'The run folder. For training it may be left out: then it is in runs/, with '
  'a name made of the settings.',
)
MAX_MEGAPIXELS = flags.DEFINE_integer(
  'max_megapixels',
  67,
  'Larger images are refused, in whole megapixels (millions of pixels): a '
  'damaged or hostile file could fill the memory. Reading one takes up to 14 bytes per pixel.',
  lower_bound=1,
)
COMPILATION_CACHE = flags.DEFINE_string(
  'compilation_cache',
  program_cache.default_folder(),
  'Folder for compiled programs, which a '
  'later start loads instead of compiling. Kept below 1 GiB; may be deleted at any time. Empty: '
  'none. JAX_COMPILATION_CACHE_DIR in the environment wins.',
)


def define_config_flags(flag_values: flags.FlagValues = flags.FLAGS) -> None:
  """--preset, and one flag per field of the configuration; its default is the preset's."""
  flags.DEFINE_string(
    'preset',
    'udacity',
    'The settings to start from: '
    f'{", ".join(config_lib.PRESETS)}. Other flags replace single ones.',
    flag_values=flag_values,
  )
  flags.DEFINE_boolean(
    'emsn',
    None,
    "The paper's normalization: short for --normalization=emsn; "
    '--noemsn for plain, or what else --normalization says.',
    flag_values=flag_values,
  )
  define_fields((name for name in fields() if name != 'preset'), flag_values)


def define_fields(names: Iterable[str], flag_values: flags.FlagValues = flags.FLAGS) -> None:
  """One flag for each of these fields of the configuration; None if it is not given."""
  for name in names:
    _, field = fields()[name]
    default = '' if field.default == '' else f' [{format_value(field.default)}]'
    help_text = field.metadata['help'] + default
    if field.metadata['choices']:
      flags.DEFINE_enum(name, None, field.metadata['choices'], help_text, flag_values=flag_values)
    else:
      define = {
        bool: flags.DEFINE_boolean,
        int: flags.DEFINE_integer,
        float: flags.DEFINE_float,
      }.get(field.type, flags.DEFINE_string)
      define(name, None, help_text, flag_values=flag_values)


def define_checkpoint_flag() -> flags.FlagHolder[str]:
  """--checkpoint, as `inference.model.load` takes it."""
  return flags.DEFINE_string(
    'checkpoint', 'best', 'best (by the validation metric), latest, or a step.'
  )


def define_direction_flag() -> flags.FlagHolder[str]:
  """--direction, of a generator."""
  return flags.DEFINE_enum(
    'direction', 'rgb_to_ir', ['rgb_to_ir', 'ir_to_rgb'], 'Which generator to use.'
  )


def define_place_flags() -> None:
  """Where the data of a trained run are, for `moved`."""
  flags.DEFINE_string('source_dir', None, 'The raw images, if they have moved.')
  flags.DEFINE_string('data_dir', None, 'The prepared data sets, if they have moved.')


def moved() -> dict[str, str]:
  """The settings of a run that the flags of `define_place_flags` replace, as full paths."""
  return {name: value for name, value in given(('source_dir', 'data_dir')).items() if value}


def workdir() -> pathlib.Path:
  """The run folder that --workdir names; UserError if the flag is missing."""
  if not WORKDIR.value:
    raise UserError('--workdir is missing: give the run folder that experiments.train wrote.')
  return path(WORKDIR.value)


def path(value: str | None) -> pathlib.Path | None:
  """A flag's value as a path, ~ expanded (shells do not after a =); None if it is empty."""
  return pathlib.Path(value).expanduser() if value else None


def config_from_flags(flag_values: flags.FlagValues = flags.FLAGS) -> Config:
  """The preset with the given flags put over it.

  Raises:
    UserError: a value cannot be read, or the values contradict each other.
  """
  names = [name for name in fields() if name != 'preset']
  return config_lib.make(flag_values.preset, emsn=flag_values.emsn, **given(names, flag_values))


def given(names: Iterable[str], flag_values: flags.FlagValues = flags.FLAGS) -> dict[str, Any]:
  """The values of those of these fields whose flags were given, by name."""
  values = {name: flag_values[name].value for name in names}
  values = {name: value for name, value in values.items() if value is not None}
  for name in values:
    if isinstance(fields()[name][1].default, tuple):
      values[name] = parse_size(name, values[name])
    if name in ('source_dir', 'data_dir') and values[name]:
      values[name] = str(path(values[name]).resolve())
  return values


def parse_size(name: str, text: str) -> tuple[int, int]:
  """128 is (128, 128), 96x128 is height 96 and width 128."""
  parts = text.lower().split('x')
  if len(parts) > 2 or not all(part.isdecimal() for part in parts):
    raise UserError(f'--{name}={text}: expected a number such as 128, or HEIGHTxWIDTH.')
  return int(parts[0]), int(parts[-1])


def default_workdir(config: Config) -> pathlib.Path:
  """runs/osu_paired_emsn: the settings that tell the paper's models apart."""
  data, train = config.data, config.train
  source = [pathlib.Path(data.source_dir).name] if data.source_dir else []
  preset = [train.preset] if train.preset != 'udacity' else []
  seed = [f'seed{train.seed}'] if train.seed else []
  pairing = ['paired' if data.paired else 'unpaired']
  pairing += [data.normalization] if data.normalization != 'plain' else []
  return pathlib.Path('runs', '_'.join([data.dataset] + source + preset + pairing + seed))


def _parsed(argv: Sequence[str]) -> Sequence[str]:
  """Reads the flags; a bad one ends the command like any other mistake."""
  try:
    return flags.FLAGS(argv)
  except flags.Error as error:
    print(f'error: {error}', file=sys.stderr)
    sys.exit(EXIT_USER_ERROR)


def run(
  main: Callable[[], Any],
  *,
  compiles: bool = True,
  surrounding: Callable[[], contextlib.AbstractContextManager] = contextlib.nullcontext,
) -> None:
  """Runs a command: a person's mistake is one message and exit status 2, no traceback.

  Args:
    main: the command; its result is the exit status.
    compiles: whether this process itself runs JAX programs.
    surrounding: gives what the command runs in, such as `processes.together`.
  """

  def guarded(argv):
    # Lines reach a log file at once, not when a buffer is full.
    sys.stdout.reconfigure(line_buffering=True)
    if not flags.FLAGS['verbosity'].present:
      # Orbax and TFDS tell every step of theirs; our own lines are printed, not logged.
      logging.set_verbosity(logging.ERROR)
    try:
      if len(argv) > 1:
        raise UserError(f'Unexpected argument {argv[1]!r}: settings are given as --name=value.')
      # Before anything imports JAX, which reads the environment then.
      if compiles:
        program_cache.enable(COMPILATION_CACHE.value)
      # Late, so that --help and bad flags answer at once.
      from cyclegan_jax.data import decoding

      decoding.limit_megapixels(MAX_MEGAPIXELS.value)
      with surrounding():
        status = main()
    except (UserError, OSError) as error:
      print(f'error: {error}', file=sys.stderr)
      status = EXIT_USER_ERROR
    except KeyboardInterrupt:
      print('interrupted', file=sys.stderr)
      status = 130
    sys.exit(status)

  app.run(guarded, flags_parser=_parsed)
