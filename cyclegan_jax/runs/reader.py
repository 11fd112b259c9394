"""Runs as their folders hold them, to be shown: settings, curves, progress, measurements."""

from collections.abc import Mapping, Sequence
import csv
import dataclasses
import json
import math
import os
import pathlib
from typing import Any

from cyclegan_jax import config as config_lib
from cyclegan_jax.errors import UserError
from cyclegan_jax.runs import run_folder
from cyclegan_jax.settings import Config

Columns = Mapping[str, Sequence[float]]


@dataclasses.dataclass(frozen=True)
class Evaluated:
  """What experiments.evaluate left of a run on a split.

  Attributes:
    folder: where it is.
    content: of metrics.json.
    ids: of the images.
    sequences: of the images; '' where there is none.
    per_image: metric -> a value per image; not finite where it is undefined.
  """

  folder: pathlib.Path
  content: Mapping[str, Any]
  ids: Sequence[str]
  sequences: Sequence[str]
  per_image: Columns


@dataclasses.dataclass(frozen=True)
class Run:
  """A run, trained for as long as it may be.

  Attributes:
    name: as short as tells it from the others.
    folder: of the run.
    config: of the run.
    training: columns of metrics.csv.
    validation: columns of validation.csv.
    total_steps: how many there will be; None if that is not known.
    evaluated: None if the run was not measured yet.
  """

  name: str
  folder: pathlib.Path
  config: Config
  training: Columns
  validation: Columns
  total_steps: int | None
  evaluated: Evaluated | None

  @property
  def step(self) -> int:
    """The last step that was logged; 0 before."""
    return int(self.training['step'][-1]) if self.training.get('step') else 0


def read(folders: Sequence[pathlib.Path], split: str | None) -> list[Run]:
  """Reads runs.

  Args:
    folders: of the runs, all different.
    split: whose measurements are read; None: none are.

  Raises:
    UserError: there is no run in a folder, or a file of it is damaged; the message names it.
  """
  resolved = [folder.resolve() for folder in folders]
  twice = [folder for i, folder in enumerate(folders) if resolved[i] in resolved[:i]]
  if twice:
    raise UserError(f'--workdir names {twice[0]} twice. Name each run once.')
  return [_read(folder, name, split) for folder, name in zip(folders, _names(resolved))]


def _read(folder: pathlib.Path, name: str, split: str | None) -> Run:
  config = run_folder.load_config(folder)
  return Run(
    name,
    folder,
    config,
    _columns(folder / run_folder.METRICS),
    _columns(folder / run_folder.VALIDATION),
    _total_steps(folder, config),
    _evaluated(folder / run_folder.EVALUATION / split) if split else None,
  )


def _names(folders: Sequence[pathlib.Path]) -> list[str]:
  """The last parts of paths, as many as tell them apart."""
  for length in range(1, max(len(folder.parts) for folder in folders) + 1):
    names = [os.sep.join(folder.parts[-length:]) for folder in folders]
    if len(set(names)) == len(names):
      return names
  raise ValueError('equal paths')


def _total_steps(folder: pathlib.Path, config: Config) -> int | None:
  if config.train.steps:
    return config.train.steps
  try:
    train = json.loads((folder / run_folder.DATA).read_text())['splits']['train']
    # An epoch is a pass over the larger domain.
    per_epoch = math.ceil(max(train['rgb'], train['ir']) / config.train.batch_size)
  except (OSError, ValueError, KeyError, TypeError):
    return None
  return config.train.epochs * per_epoch


def _columns(file: pathlib.Path) -> dict[str, list[float]]:
  """The columns of a CSV file of numbers; {} if there is none, or no row."""
  if not file.exists():
    return {}
  try:
    # A kill may have cut the last row short.
    rows = [row for row in _rows(file) if None not in row.values()]
    return {name: [float(row[name]) for row in rows] for name in rows[0]} if rows else {}
  except (OSError, ValueError, TypeError) as error:
    raise UserError(
      f'{file} cannot be read: {error}. It should hold numbers under a line of '
      'names, as experiments.train wrote it.'
    ) from error


def _evaluated(folder: pathlib.Path) -> Evaluated | None:
  file = folder / 'metrics.json'
  if not file.exists():
    return None
  try:
    content = json.loads(file.read_text())
    for key in (
      'model',
      'baselines',
      'n',
      'image_size',
      'definitions',
      'versions',
      'commit',
      'checkpoint_step',
      'split_sha256',
    ):
      content[key]  # pylint: disable=pointless-statement
    file = folder / 'per_image.csv'
    rows = _rows(file)
    metrics = [name for name in rows[0] if name not in ('id', 'sequence')]
    return Evaluated(
      folder,
      content,
      [row['id'] for row in rows],
      [row['sequence'] for row in rows],
      {name: [float(row[name]) for row in rows] for name in metrics},
    )
  except (OSError, ValueError, KeyError, IndexError, TypeError) as error:
    raise UserError(
      f'{file} cannot be read: {error!r}. Measure the run again: python -m '
      f'experiments.evaluate --workdir={folder.parent.parent}'
    ) from error


def _rows(file: pathlib.Path) -> list[dict[str, str]]:
  with file.open(newline='', encoding='utf-8') as lines:
    return list(csv.DictReader(lines))


def differences_from_preset(config: Config) -> dict[str, tuple[Any, Any]]:
  """The settings that a person changed, as {name: (of the preset, now)}."""
  return config_lib.differences(config_lib.make(config.train.preset), config)
