"""The files of a run folder, apart from the checkpoints.

config.json         the resolved configuration; every later command reads it from here
data.json           what the pixels mean and how many examples there were
metrics.csv         loss terms, one row per --log_every steps (means over these steps)
validation.csv      figures of merit on the validation split, one row per checkpoint
samples/            a grid of pictures per checkpoint
checkpoints/        see checkpoint.py
run.lock            which process writes here, see runs/lock.py
evaluation/SPLIT/   what experiments.evaluate writes
report.html         all of this as one page
"""

import json
import os
import pathlib
import shutil

from cyclegan_jax import config as config_lib, files, normalization
from cyclegan_jax.data.source import Dataset, Domain
from cyclegan_jax.errors import UserError
from cyclegan_jax.settings import Config, differences, format_value

CONFIG, DATA, METRICS, VALIDATION = 'config.json', 'data.json', 'metrics.csv', 'validation.csv'
SAMPLES, CHECKPOINTS, EVALUATION = 'samples', 'checkpoints', 'evaluation'
TENSORBOARD, PAGE = 'tensorboard', 'report.html'
_OURS = (CONFIG, DATA, METRICS, VALIDATION, SAMPLES, CHECKPOINTS, EVALUATION, TENSORBOARD, PAGE)

# Settings that may change when a run goes on: none of them changes a step.
_FREE = frozenset(
  {
    'epochs',
    'steps',
    'log_every',
    'checkpoint_every',
    'keep_checkpoints',
    'best_metric',
    'n_samples',
    'tensorboard',
    'source_dir',
    'data_dir',
    'cache_gib',
    'ir_range',
  }
)


def check(workdir: pathlib.Path, config: Config) -> None:
  """Refuses, before any long work, a folder that holds another run or cannot be written.

  Raises:
    UserError: so; the message shows the settings that differ.
  """
  existing = workdir.absolute()
  while not existing.exists():
    existing = existing.parent
  if not existing.is_dir() or not os.access(existing, os.W_OK):
    raise UserError(
      f'--workdir={workdir} cannot be written: {existing} is not a folder that you '
      'may write to. Choose another one.'
    )
  file = workdir / CONFIG
  if file.exists():
    _check_same(file, config)
  elif (workdir / CHECKPOINTS).exists():
    raise UserError(
      f'--workdir={workdir} has checkpoints but no {CONFIG}: it is not known '
      'what they belong to. Choose another folder, or start anew: --overwrite.'
    )


def check_data(workdir: pathlib.Path, dataset: Dataset) -> None:
  """Refuses data that are not the ones the run in a folder was trained on; see `Dataset.facts`."""
  file = workdir / DATA
  if not file.exists():
    return
  then, now = read_json(file), dataset.facts()
  changed = [
    f'  {name}: {then.get(name)} then, {now[name]} now'
    for name in now
    if then.get(name) != now[name]
  ]
  if changed:
    raise UserError(
      f'{dataset.name}: these are other data than --workdir={workdir} was trained on:\n'
      + '\n'.join(changed)
      + '\nRestore the images and the way they are split, or train anew in '
      'another --workdir.'
    )


def create(workdir: pathlib.Path, config: Config, dataset: Dataset, overwrite: bool) -> None:
  """Writes what the run is into its folder; a run that is there already is resumed.

  Args:
    workdir: the run folder, which exists.
    config: the run.
    dataset: its data.
    overwrite: delete an earlier run's files in it first (only files that a run writes).

  Raises:
    UserError: see `check` and `check_data`; or the folder cannot be written.
  """
  if overwrite:
    for name in _OURS:
      _remove(workdir / name)
  check(workdir, config)
  check_data(workdir, dataset)
  try:
    files.write_text(workdir / DATA, json.dumps(dataset.facts(), indent=2) + '\n')
    files.write_text(workdir / CONFIG, config_lib.to_json(config))
  except OSError as error:
    raise UserError(
      f'--workdir={workdir} cannot be written: {error.strerror}. Make room there, or '
      'choose another one.'
    ) from error


def load_config(workdir: pathlib.Path) -> Config:
  """The configuration that a run folder carries.

  Raises:
    UserError: there is no run in the folder, or it is from another version.
  """
  file = workdir / CONFIG
  try:
    text = file.read_text()
  except OSError as error:
    raise UserError(
      f'--workdir={workdir} is not a run folder: {CONFIG} cannot be read '
      f'({error.strerror}). Give the folder that experiments.train wrote.'
    ) from error
  return config_lib.from_json(text, str(file))


def load_domains(workdir: pathlib.Path, config: Config) -> dict[str, Domain]:
  """The domains that a run was trained on, 'rgb' and 'ir'; UserError if they cannot be read."""
  try:
    return {
      name: Domain(
        name, facts['channels'], normalization.normalization(name, config.data, facts['max_value'])
      )
      for name, facts in read_json(workdir / DATA)['domains'].items()
    }
  except (KeyError, TypeError) as error:
    raise UserError(
      f'{workdir / DATA} does not say what the pixel values mean: no {error}.'
    ) from error


def read_json(file: pathlib.Path) -> dict:
  """The content of a JSON file of a run folder; UserError if it cannot be read."""
  try:
    return json.loads(file.read_text())
  except (OSError, ValueError) as error:
    raise UserError(f'{file} cannot be read: {error}') from error


def _check_same(file: pathlib.Path, config: Config) -> None:
  changed = {
    name: values
    for name, values in differences(
      config_lib.from_json(file.read_text(), str(file)), config
    ).items()
    if name not in _FREE
  }
  if changed:
    lines = [
      f'  --{name}: {format_value(old) or "(empty)"} there, {format_value(new) or "(empty)"} now'
      for name, (old, new) in changed.items()
    ]
    raise UserError(
      f'--workdir={file.parent} holds a run with another configuration:\n'
      + '\n'.join(lines)
      + '\nGive the same flags to resume it, another --workdir to start beside it, or '
      '--overwrite to delete it and start anew.'
    )


def _remove(path: pathlib.Path) -> None:
  if path.is_dir() and not path.is_symlink():
    shutil.rmtree(path)
  else:
    path.unlink(missing_ok=True)
