"""Runs fit for a comparison: complete, and measured on the same images."""

from collections.abc import Sequence
import dataclasses
import json
import pathlib
from typing import Any

from cyclegan_jax.errors import UserError
from cyclegan_jax.evaluation import results
from cyclegan_jax.runs import best, reader
from cyclegan_jax.settings import Config, differences, flatten, named

# Settings that change no result.
_IMMATERIAL = named(affects='nothing')
# Facts of an evaluation in which compared runs must agree.
SHARED = {
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
  """Tells whether a folder has a run of config, finished, and then measured at its best checkpoint.

  The folder need not exist.
  """
  try:
    (run,) = reader.read([folder], split)
  except UserError:
    return False
  if not run.measurements or not run.training or changes(run.config, config):
    return False
  content, train = run.measurements.content, config.train
  # As JSON holds them.
  wanted = json.loads(json.dumps(flatten(config)))
  finished = run.step >= train.steps if train.steps else run.training['epoch'][-1] >= train.epochs
  finished = finished or best.stopped(run.validation, train.best_metric, train.patience)
  return bool(
    finished
    and content['trained_steps'] == run.step
    and content['checkpoint'] == 'best'
    # The run keeps the span that --ir_span=auto came to, and `changes` has compared it. So it has
    # the settings that the version which measured did not know.
    and all(
      content['settings'].get(name, wanted[name]) == wanted[name]
      for name in wanted.keys() - _IMMATERIAL - {'ir_span'}
    )
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
    ways = [results.direction(one.content) for one in (measured, first)]
    if ways[0] != ways[1]:
      raise UserError(
        f'{run.folder} cannot be compared with {runs[0].folder}: it translates {ways[0]}, not '
        f'{ways[1]}. Compare runs of one --direction.'
      )
    for key, what in SHARED.items():
      found, wanted = measured.content[key], first.content[key]
      if found != wanted:
        raise UserError(
          f'{run.folder} cannot be compared with {runs[0].folder}: {what} is {found}, not '
          f'{wanted}. Train and measure both on the same data.'
        )
    if measured.ids != first.ids:
      raise UserError(
        f'{measured.folder / "per_image.csv"} lists other images than '
        f'{first.folder / "per_image.csv"}. Measure the run again.'
      )
