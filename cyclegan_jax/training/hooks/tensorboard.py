"""TensorBoard events."""

from collections.abc import Mapping
import pathlib
from typing import Any

from cyclegan_jax.errors import UserError
from cyclegan_jax.runs import run_folder
from cyclegan_jax.training.hooks.hook import Hook
from cyclegan_jax.training.step.state import TrainState


class TensorBoard(Hook):
  """Writes the scalars train/NAME and validation/NAME."""

  def __init__(self, workdir: pathlib.Path, step: int):
    """Hides events after `step`: a resumed run writes them again."""
    self._writer = summary_writer()(str(workdir / run_folder.TENSORBOARD), purge_step=step + 1)

  def on_log(self, step: int, row: Mapping[str, float]) -> None:
    """Writes a row as train/NAME."""
    self._add('train', step, row)

  def on_checkpoint(self, step: int, state: TrainState, metrics: Mapping[str, float]) -> None:
    """Writes the metrics as validation/NAME."""
    self._add('validation', step, metrics)

  def close(self) -> None:
    """Writes what is still buffered and closes the file."""
    self._writer.close()

  def _add(self, group: str, step: int, values: Mapping[str, float]) -> None:
    for name, value in values.items():
      self._writer.add_scalar(f'{group}/{name}', value, step)


def summary_writer() -> Any:
  """Returns the class that writes events.

  Raises:
    UserError: tensorboardX is not installed.
  """
  try:
    import tensorboardX
  except ImportError as error:
    raise UserError('--tensorboard needs tensorboardX: pip install -e ".[tensorboard]"') from error
  return tensorboardX.SummaryWriter
