"""Whether a split can be measured, and what to do if not."""

from cyclegan_jax.data.source import Dataset
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
