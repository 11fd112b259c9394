"""What a run is and how far it has come, in words for the top of its page."""

import datetime
import pathlib

import numpy as np

from cyclegan_jax.progress import duration
from cyclegan_jax.runs import best, run_folder
from cyclegan_jax.runs.reader import Run


def is_finished(run: Run) -> bool:
  """Returns whether a run has all its steps, or has ended early because of --patience."""
  train = run.config.train
  complete = bool(run.total_steps and run.step >= run.total_steps)
  return complete or best.stopped(run.validation, train.best_metric, train.patience)


def progress(run: Run) -> str:
  """Returns how far a run has come: that it is finished, or its speed and the time left."""
  if not run.step:
    return 'No step logged yet'
  none = np.array([])
  epochs, rates = (run.training.get(name, none) for name in ('epoch', 'images_per_second'))
  epoch = f', epoch {epochs[-1]:.3g}' if len(epochs) else ''
  if is_finished(run):
    return f'Finished: {run.step:,} steps{epoch}'
  if not run.total_steps:
    return f'{run.step:,} steps{epoch}'
  text = f'Step {run.step} of {run.total_steps}{epoch}'
  if len(rates) and rates[-1] > 0:
    left = (run.total_steps - run.step) * run.config.train.batch_size / rates[-1]
    text += f', {rates[-1]:.3g} images/s, {duration(left)} of training left'
  return text


def facts(run: Run) -> list[tuple[str, str]]:
  """Returns names and values: data set, model, when it was trained and measured, how long."""
  config = run.config
  size = 'x'.join(map(str, config.data.image_size))
  folder = pathlib.Path(config.data.source_dir).name
  data = f'{config.data.dataset}{f" {folder}" if folder else ""}, {size} pixels'
  model = f'{config.train.preset} ({config.model.method}, generator {config.model.generator})'
  found = [('Data set', data), ('Model', model)]
  trained = [_date(run.folder / run_folder.METRICS), _took(run)]
  found.append(('Trained', ' '.join(text for text in trained if text) or 'not yet'))
  if run.measurements:
    content = run.measurements.content
    when = _date(run.measurements.folder / 'metrics.json')
    of = f'{content["n"]} {content["split"]} images, checkpoint of step'
    why = ', best in validation' if content['checkpoint'] == 'best' else ''
    found.append(('Measured', f'{when}, {of} {content["checkpoint_step"]:,}{why}'))
  return found


def _took(run: Run) -> str:
  """How long the steps took, by their rates; '' if these are not known."""
  rates = run.training.get('images_per_second')
  if rates is None:
    return ''
  steps = np.diff(run.training['step'], prepend=0)
  known = np.isfinite(rates) & (rates > 0) & (steps > 0)
  if not known.any():
    return ''
  seconds = (steps[known] * run.config.train.batch_size / rates[known]).sum()
  return f'in {duration(seconds)}'


def _date(file: pathlib.Path) -> str:
  """The day on which a file was written, in UTC; '' if there is none."""
  try:
    seconds = file.stat().st_mtime
  except OSError:
    return ''
  return datetime.datetime.fromtimestamp(seconds, datetime.UTC).strftime('%Y-%m-%d')
