"""Flags of the commands that use a trained model: which one, and where its data are.

They belong to the command that calls `define_...`.
"""

import dataclasses
import pathlib
import sys

from absl import flags

from cyclegan_jax.errors import UserError
from cyclegan_jax.runs import addresses
from cyclegan_jax.settings import DataConfig
from experiments import flags as common

flags.disclaim_key_flags()


def define_checkpoint_flag() -> flags.FlagHolder[str]:
  """Defines --checkpoint, as `inference.model.load` takes it."""
  return flags.DEFINE_string(
    'checkpoint', 'best', 'best (by the validation metric), latest, or a step.'
  )


def define_gallery_flag(help_text: str) -> flags.FlagHolder[str]:
  """Defines --gallery, which `gallery` reads."""
  return flags.DEFINE_string('gallery', '24', help_text)


def gallery(text: str) -> int | None:
  """Returns how many images --gallery asks for; None for all."""
  if text == 'all':
    return None
  if not text.isdecimal():
    raise UserError(f'--gallery={text}: expected a number of images, 0 for none, or all.')
  return int(text)


def define_direction_flag() -> flags.FlagHolder[str | None]:
  """Defines --direction, of a generator; None: that of the run's configuration."""
  return flags.DEFINE_enum(
    'direction',
    None,
    ['rgb_to_ir', 'ir_to_rgb'],
    'Which generator to use. [rgb_to_ir, unless the model was trained with --direction=ir_to_rgb]',
  )


def define_model_flag() -> None:
  """Defines --model, which `model_folder` reads."""
  flags.DEFINE_string(
    'model',
    None,
    'In place of --workdir, a model that comes with the program: rendered, which has learned from '
    'rendered street scenes.',
  )


def define_place_flags() -> None:
  """Defines the flags that say where the data of a trained run are, for `moved`."""
  flags.DEFINE_string('source_dir', None, 'Folder with the raw images, if they have moved.')
  flags.DEFINE_string('data_dir', None, 'Folder for prepared data sets, if it has moved.')
  flags.DEFINE_string('exclude', None, 'The pairs.csv of flagged pairs, if it has moved.')


def moved(data: DataConfig) -> DataConfig:
  """Returns the settings of a run's data, with full paths from the flags that name other places."""
  places = {name: value for name, value in common.given(common.PATHS).items() if value}
  return dataclasses.replace(data, **places)


def model_folder(results: str = '') -> pathlib.Path:
  """Returns the folder of the model that --workdir or --model names.

  Args:
    results: see `addresses.located`.

  Raises:
    UserError: both flags or none are given, there is no such model, or it cannot be fetched.
  """
  text, name = common.WORKDIR.value or '', flags.FLAGS['model'].value
  if text and name:
    raise UserError(f'--model={name} and --workdir={text}: give only one of them.')
  if not name and not text:
    raise UserError(
      '--workdir is missing: give --model=rendered, a model that comes with the program, or the '
      'run folder that experiments.train wrote.'
    )
  if not name and not text.startswith('hf://'):
    return common.workdir()
  # Late, so that --help and bad flags answer at once.
  from cyclegan_jax import distributed

  # Standard output may be an image.
  log = distributed.on_first_process(lambda line: print(line, file=sys.stderr))

  def found() -> pathlib.Path:
    if not name:
      return addresses.located(text, log, results)
    folder = addresses.bundled(name, results)
    log(addresses.described(name))
    return folder

  return distributed.first_alone(found, 'model')
