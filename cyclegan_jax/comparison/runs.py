"""Trained and measured runs, read from their folders."""

from collections.abc import Mapping, Sequence
import csv
import dataclasses
import json
import pathlib
from typing import Any

import numpy as np

from cyclegan_jax import config as config_lib
from cyclegan_jax.errors import UserError
from cyclegan_jax.runs import run_folder
from cyclegan_jax.settings import Config, named

# Settings that change no result.
_IMMATERIAL = named(affects='nothing')
# Facts of an evaluation in which runs that are compared have to agree.
_SHARED = {
  'split': 'split',
  'split_sha256': "the split's images",
  'n': 'number of images',
  'image_size': 'image size',
  'value_range': 'value range',
}


@dataclasses.dataclass(frozen=True)
class Run:
  """A run and its evaluation.

  Attributes:
    label: its model's name.
    seed: its seed.
    folder: where it is.
    content: of the evaluation's metrics.json.
    ids: of the images, sorted.
    sequences: [n], what each image belongs to; an image that belongs to nothing stands for itself.
    per_image: metric -> float64 [n], in the order of `ids`.
    curves: columns of validation.csv, with `epoch` among them; {} without validation.
  """

  label: str
  seed: int
  folder: pathlib.Path
  content: Mapping[str, Any]
  ids: tuple[str, ...]
  sequences: tuple[str, ...]
  per_image: Mapping[str, np.ndarray]
  curves: Mapping[str, np.ndarray]

  @property
  def evaluation(self) -> pathlib.Path:
    """The folder of the evaluation, with its pictures."""
    return self.folder / run_folder.EVALUATION / self.content['split']


def changes(a: Config, b: Config) -> dict[str, tuple[Any, Any]]:
  """The settings that differ and may change a result, as {name: (value in a, value in b)}."""
  return {
    name: values for name, values in config_lib.differences(a, b).items() if name not in _IMMATERIAL
  }


def is_complete(folder: pathlib.Path, config: Config, split: str) -> bool:
  """Whether a run is trained to its end, and then measured with its best checkpoint.

  Args:
    folder: the run folder, which need not exist.
    config: what it should be.
    split: what it should be measured on.
  """
  try:
    if changes(run_folder.load_config(folder), config):
      return False
    content = json.loads(_evaluation(folder, split).read_text())
    last = _rows(folder / run_folder.METRICS)[-1]
    train = config.train
    finished = (
      int(last['step']) >= train.steps if train.steps else float(last['epoch']) >= train.epochs
    )
    return (
      finished
      and content['trained_steps'] == int(last['step'])
      and content['checkpoint'] == 'best'
      and _same_settings(content['settings'], config)
    )
  except (UserError, OSError, ValueError, KeyError, IndexError, TypeError):
    return False


def load(label: str, seed: int, folder: pathlib.Path, split: str) -> Run:
  """A run that `is_complete`.

  Raises:
    UserError: a file is missing or damaged; the message names it.
  """
  file = _evaluation(folder, split)
  try:
    content = json.loads(file.read_text())
    file = file.with_name('per_image.csv')
    rows = sorted(_rows(file), key=lambda row: row['id'])
    names = [name for name in rows[0] if name not in ('id', 'sequence')]
    per_image = {name: np.array([float(row[name]) for row in rows]) for name in names}
    return Run(
      label,
      seed,
      folder,
      content,
      tuple(row['id'] for row in rows),
      tuple(row['sequence'] or row['id'] for row in rows),
      per_image,
      _curves(folder),
    )
  except (OSError, ValueError, KeyError, IndexError, TypeError) as error:
    raise UserError(
      f'{file} cannot be read: {error!r}. Delete it; the same command writes it again.'
    ) from error


def check_alike(runs: Sequence[Run]) -> None:
  """Raises UserError, naming the run, if one was measured on other images than the first."""
  first = runs[0]
  for run in runs[1:]:
    for key, what in _SHARED.items():
      if run.content[key] != first.content[key]:
        raise UserError(
          f'{run.folder} cannot be compared with {first.folder}: {what} is {run.content[key]}, '
          f'not {first.content[key]}. Measure or train it anew on the same data.'
        )
    if run.ids != first.ids:
      raise UserError(
        f'{run.evaluation / "per_image.csv"} lists other images than '
        f'{first.evaluation / "per_image.csv"}. Measure the run anew.'
      )


def _evaluation(folder: pathlib.Path, split: str) -> pathlib.Path:
  return folder / run_folder.EVALUATION / split / 'metrics.json'


def _same_settings(settings: Mapping[str, Any], config: Config) -> bool:
  wanted = json.loads(json.dumps(config_lib.flatten(config)))
  return all(settings[name] == value for name, value in wanted.items() if name not in _IMMATERIAL)


def _rows(file: pathlib.Path) -> list[dict[str, str]]:
  with file.open(newline='') as lines:
    return list(csv.DictReader(lines))


def _curves(folder: pathlib.Path) -> dict[str, np.ndarray]:
  file = folder / run_folder.VALIDATION
  rows = _rows(file) if file.exists() else []
  if not rows:
    return {}
  last = _rows(folder / run_folder.METRICS)[-1]
  columns = {name: np.array([float(row[name]) for row in rows]) for name in rows[0]}
  return {**columns, 'epoch': columns['step'] * float(last['epoch']) / float(last['step'])}
