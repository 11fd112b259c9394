"""Weights & Biases: the scalars of TensorBoard, and the sample grids."""

from collections.abc import Mapping
import os
import pathlib
import secrets
from typing import Any

from cyclegan_jax import files
from cyclegan_jax.errors import UserError
from cyclegan_jax.progress import Log
from cyclegan_jax.runs import published, run_folder
from cyclegan_jax.settings import Config, flatten
from cyclegan_jax.training.hooks.hook import Hook
from cyclegan_jax.training.state import TrainState

_PROJECT = 'cyclegan-jax'


class WandbLog(Hook):
  """Logs the scalars train/NAME and validation/NAME, and samples; a resumed run continues its own.

  Without an account it logs offline, into the run folder.
  """

  def __init__(self, workdir: pathlib.Path, config: Config, log: Log):
    """Begins or continues a run called after the folder; UserError if the server refuses it."""
    self._wandb, self._workdir, self._step = module(), workdir, 0
    mode = os.environ.get('WANDB_MODE') or None
    if mode is None and not self._wandb.login(prompt=False):
      mode = 'offline'
    folder = workdir / run_folder.WANDB
    try:
      self._run = self._wandb.init(
        project=os.environ.get('WANDB_PROJECT') or _PROJECT,
        name=workdir.resolve().name,
        id=_id(folder),
        dir=str(workdir),
        resume='allow',
        mode=mode,
        config=published.without_folders(flatten(config)),
        settings=self._wandb.Settings(console='off', silent=True),
      )
    except self._wandb.Error as error:
      raise UserError(
        f'--wandb: Weights & Biases refuses this run ({error}). Log in with `wandb login`, or keep '
        f'it in {folder} with WANDB_MODE=offline.'
      ) from error
    if mode == 'offline':
      log(f'Weights & Biases logs offline. To upload it: wandb sync {folder}/offline-run-*')

  def on_log(self, step: int, row: Mapping[str, float]) -> None:
    """Logs a row as train/NAME."""
    self._add('train', step, row)

  def on_checkpoint(self, step: int, state: TrainState, metrics: Mapping[str, float]) -> None:
    """Logs the metrics as validation/NAME."""
    self._add('validation', step, metrics)
    self._step = step

  def on_saved(self) -> None:
    """Logs the sample grid of the checkpoint, which another hook has written."""
    grid = self._workdir / run_folder.SAMPLES / f'step_{self._step:08d}.png'
    if grid.exists():
      self._run.log({'samples': self._wandb.Image(str(grid))}, step=self._step)

  def close(self) -> None:
    """Hands over what is left."""
    self._run.finish()

  def _add(self, group: str, step: int, values: Mapping[str, float]) -> None:
    self._run.log({f'{group}/{name}': float(value) for name, value in values.items()}, step=step)


def _id(folder: pathlib.Path) -> str:
  """Returns the name that the service knows the run by, drawn at its first start."""
  file = folder / 'id'
  if not file.exists():
    folder.mkdir(parents=True, exist_ok=True)
    files.write_text(file, secrets.token_hex(8))
  return file.read_text()


def module() -> Any:
  """Returns the package wandb; UserError if it is not installed."""
  try:
    import wandb
  except ImportError as error:
    raise UserError('--wandb needs wandb: pip install -e ".[wandb]"') from error
  return wandb
