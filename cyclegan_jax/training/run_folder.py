"""The files of a run folder, apart from the checkpoints.

    config.json         the resolved configuration; every later command reads it from here
    data.json           what the pixels mean and how many examples there were
    metrics.csv         loss terms, one row per --log_every steps (means over these steps)
    validation.csv      figures of merit on the validation split, one row per checkpoint
    samples/            a grid of pictures per checkpoint
    checkpoints/        see checkpoint.py
    evaluation/SPLIT/   what experiments.evaluate writes
"""

import csv
import json
import os
import pathlib
import shutil
from typing import Mapping

from cyclegan_jax import config as config_lib
from cyclegan_jax import emsn
from cyclegan_jax.config import Config
from cyclegan_jax.data.source import Dataset, Domain
from cyclegan_jax.errors import UserError

CONFIG, DATA, METRICS, VALIDATION = 'config.json', 'data.json', 'metrics.csv', 'validation.csv'
SAMPLES, CHECKPOINTS, EVALUATION = 'samples', 'checkpoints', 'evaluation'
TENSORBOARD = 'tensorboard'
_OURS = (CONFIG, DATA, METRICS, VALIDATION, SAMPLES, CHECKPOINTS, EVALUATION, TENSORBOARD)

# Settings that may change when a run goes on: none of them changes a step.
_FREE = frozenset({'epochs', 'steps', 'log_every', 'checkpoint_every', 'keep_checkpoints',
                   'n_samples', 'tensorboard', 'source_dir', 'data_dir'})


def create(workdir: pathlib.Path, config: Config, dataset: Dataset, overwrite: bool) -> None:
  """Makes the folder, or checks that the run in it is this one; writes config and data facts.

  Args:
    workdir: the run folder.
    config: the run.
    dataset: its data.
    overwrite: delete an earlier run's files in it first (only files that a run writes).

  Raises:
    UserError: the folder cannot be written, or holds a run with another configuration.
  """
  file = workdir / CONFIG
  try:
    workdir.mkdir(parents=True, exist_ok=True)
    if overwrite:
      for name in _OURS:
        _remove(workdir / name)
    facts = json.dumps(dataset.facts(), indent=2) + '\n'
    if file.exists():
      _check_same(file, config)
      _check_same_data(workdir / DATA, facts)
    elif (workdir / CHECKPOINTS).exists():
      raise UserError(f'--workdir={workdir} has checkpoints but no {CONFIG}: it is not known '
                      'what they belong to. Choose another folder, or start anew: --overwrite.')
    write_text(workdir / DATA, facts)
    write_text(file, config_lib.to_json(config))
  except OSError as error:
    raise UserError(f'--workdir={workdir} cannot be written: {error.strerror or error}. '
                    'Choose a folder that you may write to.') from error


def load_config(workdir: pathlib.Path) -> Config:
  """The configuration that a run folder carries.

  Raises:
    UserError: there is no run in the folder, or it is from another version.
  """
  file = workdir / CONFIG
  try:
    text = file.read_text()
  except OSError as error:
    raise UserError(f'--workdir={workdir} is not a run folder: {CONFIG} cannot be read '
                    f'({error.strerror}). Give the folder that experiments.train wrote.') from error
  return config_lib.from_json(text, str(file))


def load_domains(workdir: pathlib.Path, config: Config) -> dict[str, Domain]:
  """The domains that a run was trained on, 'rgb' and 'ir'; UserError if they cannot be read."""
  file = workdir / DATA
  try:
    domains = json.loads(file.read_text())['domains']
    return {name: Domain(name, facts['channels'], emsn.normalisation(
        name, config.data.emsn, facts['max_value'])) for name, facts in domains.items()}
  except (OSError, ValueError, KeyError) as error:
    raise UserError(f'{file} cannot be read, so it is not known what the pixel values mean: '
                    f'{error}') from error


def write_text(file: pathlib.Path, text: str) -> None:
  """Writes a file whole or not at all."""
  partial = file.with_name(f'.{file.name}.{os.getpid()}')
  partial.write_text(text)
  partial.replace(file)


class CsvLog:
  """A CSV file that grows by rows, each with a `step`; a resumed run drops the rows it redoes."""

  def __init__(self, file: pathlib.Path, last_step: int):
    """Opens the file, keeping only rows up to and including `last_step`."""
    self._file = file
    self._columns: list[str] = []
    if file.exists():
      with file.open(newline='') as lines:
        reader = csv.DictReader(lines)
        rows = [row for row in reader if int(row['step']) <= last_step]
        self._columns = list(reader.fieldnames or [])
      partial = file.with_name(f'.{file.name}.{os.getpid()}')
      self._write(partial, rows, header=True, mode='w')
      partial.replace(file)

  def add(self, row: Mapping[str, float | int]) -> None:
    """Appends a row; the first one sets the columns."""
    header = not self._columns
    self._columns = self._columns or list(row)
    self._write(self._file, [row], header=header, mode='a')

  def _write(self, file, rows, *, header, mode):
    with file.open(mode, newline='') as out:
      writer = csv.DictWriter(out, self._columns, lineterminator='\n')
      if header:
        writer.writeheader()
      writer.writerows(rows)


def _check_same(file: pathlib.Path, config: Config) -> None:
  changed = {name: values for name, values in config_lib.differences(
      config_lib.from_json(file.read_text(), str(file)), config).items() if name not in _FREE}
  if changed:
    lines = [f'  --{name}: {config_lib.format_value(old) or "(empty)"} there, '
             f'{config_lib.format_value(new) or "(empty)"} now'
             for name, (old, new) in changed.items()]
    raise UserError(
        f'--workdir={file.parent} holds a run with another configuration:\n' + '\n'.join(lines) +
        '\nGive the same flags to resume it, another --workdir to start beside it, or '
        '--overwrite to delete it and start anew.')


def _check_same_data(file: pathlib.Path, facts: str) -> None:
  if file.exists() and file.read_text() != facts:
    raise UserError(
        f'--workdir={file.parent} holds a run on other data: {file} says\n{file.read_text()}'
        f'and the data are now\n{facts}Restore the images, choose another --workdir, or start '
        'anew: --overwrite.')


def _remove(path: pathlib.Path) -> None:
  if path.is_dir() and not path.is_symlink():
    shutil.rmtree(path)
  else:
    path.unlink(missing_ok=True)
