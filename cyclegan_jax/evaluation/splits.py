"""Whether a split can be measured, and what to do if not."""

from collections.abc import Mapping

from cyclegan_jax.data.source import Dataset, Domain
from cyclegan_jax.errors import UserError
from cyclegan_jax.runs import next_step


def check(dataset: Dataset, split: str, workdir: str = 'RUN', direction: str = 'rgb_to_ir') -> None:
  """Refuses a split that has nothing to compare with, or nothing at all.

  `workdir` is the run folder that commands in messages name, `direction` that of the run.

  Raises:
    UserError: the message has the command that works instead.
  """
  if len(dataset.splits.get(split, ())):
    return
  if split in dataset.rgb_only:
    folder = dataset.rgb_only[split]
    instead = next_step.command('translate', workdir=workdir, input=folder, output='translated')
    cure = f' Translate them instead: {instead}' if direction == 'rgb_to_ir' else ''
    raise UserError(
      f'--split={split}: there are RGB images only, in {folder}, and no IR images: nothing to '
      f'compare with.{cure}'
    )
  others = ', '.join(f'{name} ({len(found)})' for name, found in dataset.splits.items())
  raise UserError(
    f'{dataset.name} has no examples in split {split}; there are {others}. Measure on others: '
    f'{next_step.evaluate(workdir, dataset.splits)}'
  )


def check_inputs(dataset: Dataset, split: str, domains: Mapping[str, Domain]) -> None:
  """Raises UserError if a split lacks what a model of these domains sees beside RGB images."""
  inputs = domains['rgb'].inputs
  if not inputs:
    return
  seen = ','.join(inputs.kinds)
  if not dataset.pairs(split):
    raise UserError(
      f'{dataset.name}: split {split} has no pairs, and only pairs have layers, which this model '
      f'sees (--inputs={seen}). Measure on a split with pairs.'
    )
  if 'labels' in inputs.kinds and dataset.class_names != inputs.class_names:
    raise UserError(
      f'{dataset.name} has other classes than this model sees (--inputs={seen}): '
      f'{", ".join(dataset.class_names) or "none"}, not {", ".join(inputs.class_names)}. '
      'Measure on data with these.'
    )
  if 'depth' in inputs.kinds and not dataset.has_depth:
    raise UserError(
      f'{dataset.name} has no depth, which this model sees (--inputs={seen}). Measure on data that '
      'have it, as --dataset=synthetic.'
    )
