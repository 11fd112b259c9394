"""The conditions of the training images, see data/condition.py: measured once, at the start.

Whoever translates knows no condition of the image to be made. The mean over training stands for it:
in validation during training, too, because the best checkpoint is to be the best for them. With the
true condition, which holds part of the answer, it would be another one.
"""

import numpy as np

from cyclegan_jax.data import condition, labels, training_conditions
from cyclegan_jax.data.source import Dataset
from cyclegan_jax.errors import UserError
from cyclegan_jax.progress import Log
from cyclegan_jax.settings import Config


def check(config: Config, dataset: Dataset) -> None:
  """Raises UserError if a run whose condition needs labels has none."""
  if config.model.condition == 'class_temperatures' and not dataset.class_names:
    raise UserError(
      '--condition=class_temperatures needs labels, and these data have none '
      f'(--dataset={dataset.name}). Give labels with {labels.FLAGS}, or --condition=quantiles, '
      'which needs none.'
    )


def measured(config: Config, dataset: Dataset, log: Log) -> Dataset:
  """Returns the data set with the condition of its IR images, if the run has one.

  Args:
    config: The run.
    dataset: Its data.
    log: Takes lines about the progress.
  """
  kind = condition.of_kind(config.model.condition, dataset.class_names)
  if not kind:
    return dataset
  found = kind.measured(training_conditions.measured(kind, dataset, config.data, log))
  ir = dataset.domains['ir']
  levels = ir.denormalize(np.array(found.mean))
  spread = ir.denormalize(np.array(found.spread)) - ir.denormalize(np.zeros(()))
  listed = ', '.join(
    f'{name} {level:.0f} ± {deviation:.0f}' if share else f'{name} nowhere'
    for name, level, deviation, share in zip(found.names, levels, spread, found.share)
  )
  log(f'Condition: gray levels of the training images, mean and standard deviation: {listed}.')
  return dataset.with_condition(found)
