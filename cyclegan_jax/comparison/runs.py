"""Runs fit for a comparison: complete, and measured on the same images."""

from collections.abc import Mapping, Sequence
import dataclasses
import json
import pathlib
from typing import Any

from cyclegan_jax.errors import UserError
from cyclegan_jax.runs import reader
from cyclegan_jax.settings import Config, differences, flatten, named

# Settings that change no result.
_IMMATERIAL = named(affects='nothing')
# Facts of an evaluation in which compared runs must agree.
_SHARED = {
  'split': 'split',
  'split_sha256': "the split's images",
  'n': 'number of images',
  'image_size': 'image size',
  'value_range': 'value range',
}


def changes(a: Config, b: Config) -> dict[str, tuple[Any, Any]]:
  """Returns the settings that differ and may change a result, as {name: (in a, in b)}."""
  return {name: values for name, values in differences(a, b).items() if name not in _IMMATERIAL}


def is_complete(folder: pathlib.Path, config: Config, split: str) -> bool:
  """Tells whether a run is trained to its end, and then measured with its best checkpoint.

  Args:
    folder: the run folder, which need not exist.
    config: what the run should be.
    split: what it should be measured on.
  """
  try:
    (run,) = reader.read([folder], split)
  except UserError:
    return False
  if not run.measurements or not run.training or changes(run.config, config):
    return False
  content, train = run.measurements.content, config.train
  finished = run.step >= train.steps if train.steps else run.training['epoch'][-1] >= train.epochs
  return bool(
    finished
    and content['trained_steps'] == run.step
    and content['checkpoint'] == 'best'
    and _same_settings(content['settings'], config)
  )


def load(folder: pathlib.Path, split: str) -> reader.Run:
  """Reads a run that `is_complete`; the images of its evaluation are sorted by id.

  Raises:
    UserError: a file is missing or damaged; the message names it.
  """
  (run,) = reader.read([folder], split)
  return dataclasses.replace(run, measurements=run.measured.by_id())


def check_alike(runs: Sequence[reader.Run]) -> None:
  """Raises UserError, naming the run, if one was measured on other images than the first."""
  first = runs[0].measured
  for run in runs[1:]:
    measured = run.measured
    for key, what in _SHARED.items():
      if measured.content[key] != first.content[key]:
        raise UserError(
          f'{run.folder} cannot be compared with {runs[0].folder}: {what} is '
          f'{measured.content[key]}, not {first.content[key]}. Train and measure both on the same '
          'data.'
        )
    if measured.ids != first.ids:
      raise UserError(
        f'{measured.folder / "per_image.csv"} lists other images than '
        f'{first.folder / "per_image.csv"}. Measure the run again.'
      )


def _same_settings(settings: Mapping[str, Any], config: Config) -> bool:
  wanted = json.loads(json.dumps(flatten(config)))
  return all(
    settings.get(name) == value for name, value in wanted.items() if name not in _IMMATERIAL
  )
