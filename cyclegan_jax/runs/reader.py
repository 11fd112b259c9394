"""Reads run folders: settings, curves, progress, measurements."""

from collections.abc import Iterable, Mapping, Sequence
import csv
import dataclasses
import json
import math
import os
import pathlib
from typing import Any

import numpy as np

from cyclegan_jax import checksum, config as config_lib
from cyclegan_jax.errors import UserError
from cyclegan_jax.runs import best, run_folder, shown
from cyclegan_jax.runs.run_folder import DATA, METRICS, VALIDATION, VALIDATION_IMAGES
from cyclegan_jax.settings import Config

# The entry of metrics.json for the checksum of per_image.csv.
PER_IMAGE_SUM = 'per_image_sha256'
# Entries of metrics.json that its readers rely on.
_ENTRIES = (
  *('model', 'baselines', 'split', 'n', 'split_sha256', 'image_size', 'value_range'),
  *('checkpoint', 'checkpoint_step', 'trained_steps', 'preset', 'seed', 'settings'),
  *('definitions', 'versions', 'commit'),
)
_IF_MEASURED = ('classes', 'in_unit', 'true_condition', 'obedience', 'source', 'on')


# Compared by identity: arrays have no single answer.
@dataclasses.dataclass(frozen=True, eq=False)
class Measurements:
  """The measurements of a run on one split, as experiments.evaluate wrote them into `folder`.

  Attributes:
    content: of metrics.json.
    ids: [n], of the images.
    sequences: [n], of the images; '' for an image without one.
    per_image: metric -> float64 [n]; not finite where the metric is undefined.
  """

  folder: pathlib.Path
  content: Mapping[str, Any]
  ids: Sequence[str]
  sequences: Sequence[str]
  per_image: Mapping[str, np.ndarray]

  @property
  def clusters(self) -> list[str]:
    """The group that each image belongs to: its sequence, or itself if it has none."""
    return [sequence or id_ for sequence, id_ in zip(self.sequences, self.ids)]

  def by_id(self) -> 'Measurements':
    """Returns the same measurements with their images sorted by id."""
    order = np.argsort(self.ids, kind='stable')
    return dataclasses.replace(
      self,
      ids=[self.ids[i] for i in order],
      sequences=[self.sequences[i] for i in order],
      per_image={name: values[order] for name, values in self.per_image.items()},
    )


@dataclasses.dataclass(frozen=True, eq=False)
class Run:
  """A run, finished or not.

  Attributes:
    name: the shortest path suffix that is unique among the runs read together.
    training: columns of metrics.csv, float64; {} before the first row.
    validation: columns of validation.csv, float64; {} before the first row.
    images: columns of validation_images.csv, float64: `step`, and the score of each image; {} if
      the images are many, or the run is of an earlier version.
    total_steps: it is to have; None if that is not known.
    measurements: None if the run has not been measured.
  """

  name: str
  folder: pathlib.Path
  config: Config
  training: Mapping[str, np.ndarray]
  validation: Mapping[str, np.ndarray]
  images: Mapping[str, np.ndarray]
  total_steps: int | None
  measurements: Measurements | None

  @property
  def step(self) -> int:
    """The last step that was logged; 0 before the first."""
    return int(self.training['step'][-1]) if self.training else 0

  @property
  def measured(self) -> Measurements:
    """The measurements of a run that has some."""
    assert self.measurements is not None
    return self.measurements

  @property
  def best(self) -> best.Best | None:
    """The best validation so far; None before the first one."""
    return best.find(self.validation, self.config.train.best_metric)

  def _repr_html_(self) -> str:
    return shown.run(self)

  def about_best(self) -> list[str]:
    """Returns sentences about the best step, and how certain it is."""
    return list(best.sentences(self.validation, self.config.train.best_metric, self.images))

  @property
  def changed(self) -> dict[str, tuple[Any, Any]]:
    """The settings that differ from the run's preset, as {name: (of the preset, of the run)}."""
    return config_lib.changed(self.config)


def read(folders: Sequence[pathlib.Path], split: str | None, checkpoint: str = 'best') -> list[Run]:
  """Reads runs, and their measurements of a checkpoint on a split, if one is given.

  Raises:
    UserError: a folder holds no run or is named twice, or one of its files is damaged; the message
      names it.
  """
  resolved = [folder.resolve() for folder in folders]
  twice = [folder for i, folder in enumerate(folders) if resolved[i] in resolved[:i]]
  if twice:
    raise UserError(f'--workdir names {twice[0]} twice. Name each run once.')
  names = _names(resolved)
  return [_read(folder, name, split, checkpoint) for folder, name in zip(folders, names)]


def _read(folder: pathlib.Path, name: str, split: str | None, checkpoint: str) -> Run:
  config = run_folder.load_config(folder)
  metrics, validation, images = (
    columns(folder / file) for file in (METRICS, VALIDATION, VALIDATION_IMAGES)
  )
  measurements = (
    measurements_in(run_folder.evaluation(folder, split, checkpoint)) if split else None
  )
  total = _total_steps(folder, config)
  return Run(name, folder, config, metrics, validation, images, total, measurements)


def _names(folders: Sequence[pathlib.Path]) -> list[str]:
  """The last parts of different paths, as many as tell them apart."""
  n = 1
  while len(set(names := [os.sep.join(folder.parts[-n:]) for folder in folders])) < len(folders):
    n += 1
  return names


def _total_steps(folder: pathlib.Path, config: Config) -> int | None:
  if config.train.steps:
    return config.train.steps
  try:
    train = json.loads((folder / DATA).read_text())['splits']['train']
    # An epoch is a pass over the larger domain.
    per_epoch = math.ceil(max(train['rgb'], train['ir']) / config.train.batch_size)
  except (OSError, ValueError, KeyError, TypeError):
    return None
  return config.train.epochs * per_epoch


def columns(file: pathlib.Path) -> dict[str, np.ndarray]:
  """Returns the columns of a CSV file of numbers, float64; {} if there is no file or no row."""
  if not file.exists():
    return {}
  try:
    # A kill may have cut the last row short.
    rows = [row for row in _rows(file) if None not in row.values()]
    return _numbers(rows, rows[0]) if rows else {}
  except (OSError, ValueError, TypeError) as error:
    raise UserError(
      f'{file} cannot be read: {error}. It should hold numbers below a line of names, as '
      'experiments.train writes it.'
    ) from error


def measurements_in(folder: pathlib.Path) -> Measurements | None:
  """Reads what experiments.evaluate wrote into a folder; None if it has not.

  Raises:
    UserError: a file is damaged; the message names it.
  """
  file = folder / 'metrics.json'
  if not file.exists():
    return None
  try:
    loaded = checksum.loads(file.read_text())
    content = {entry: loaded[entry] for entry in _ENTRIES}
    content |= {entry: loaded[entry] for entry in _IF_MEASURED if entry in loaded}
    file = folder / 'per_image.csv'
    if loaded.get(PER_IMAGE_SUM) not in (None, checksum.of_file(file)):
      raise ValueError('its content has changed since it was written')
    rows = _rows(file)
    ids, sequences = ([row[name] for row in rows] for name in ('id', 'sequence'))
    metrics = [name for name in rows[0] if name not in ('id', 'sequence')]
    return Measurements(folder, content, ids, sequences, _numbers(rows, metrics))
  except (OSError, ValueError, KeyError, IndexError, TypeError) as error:
    raise UserError(
      f'{file} cannot be read ({type(error).__name__}: {error}): it is damaged or of another '
      f'version. Delete {folder}, and measure the run again with experiments.evaluate.'
    ) from error


def _rows(file: pathlib.Path) -> list[dict[str, str]]:
  with file.open(newline='', encoding='utf-8') as lines:
    return list(csv.DictReader(lines))


def _numbers(rows: list[dict[str, str]], names: Iterable[str]) -> dict[str, np.ndarray]:
  return {name: np.array([float(row[name]) for row in rows]) for name in names}
