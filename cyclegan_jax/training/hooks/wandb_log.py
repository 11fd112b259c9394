"""Weights & Biases: the scalars of TensorBoard, and the sample grids."""

from collections.abc import Iterator, Mapping
import contextlib
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
from cyclegan_jax.training.step.state import TrainState

_PROJECT = 'cyclegan-jax'


class WandbLog(Hook):
  """Logs the scalars train/NAME and validation/NAME, and samples; a resumed run continues its own.

  Without an account it logs offline, into the run folder.
  """

  def __init__(self, workdir: pathlib.Path, config: Config, log: Log):
    """Begins or continues a run called after the folder; UserError if the server refuses it."""
    self._wandb, self._workdir, self._step = _module(), workdir, 0
    folder = workdir / run_folder.WANDB
    with _explained(self._wandb):
      mode = _mode(self._wandb)
      self._run = self._wandb.init(
        project=_project(),
        name=workdir.resolve().name,
        id=_id(folder),
        dir=str(workdir),
        resume='allow',
        mode=mode,
        config=published.without_folders(flatten(config)),
        settings=self._wandb.Settings(console='off', silent=True),
      )
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


def check() -> None:
  """Raises what `WandbLog` would raise for any run; call it before any long work.

  Raises:
    UserError: wandb is not installed, its settings are wrong, or the server does not take the key.
  """
  wandb = _module()
  with _explained(wandb):
    wandb.Settings(mode=_mode(wandb), project=_project())


def _mode(wandb: Any) -> str:
  """WANDB_MODE, or else what there is an account for."""
  return os.environ.get('WANDB_MODE') or ('online' if wandb.login(prompt=False) else 'offline')


def _project() -> str:
  return os.environ.get('WANDB_PROJECT') or _PROJECT


@contextlib.contextmanager
def _explained(wandb: Any) -> Iterator[None]:
  """Makes what the package raises an error for people."""
  try:
    yield
  except (wandb.Error, ValueError) as error:  # A wrong setting is a ValueError, of pydantic.
    raise UserError(
      f'--wandb: Weights & Biases refuses this run or cannot be reached: {_reason(error)} Correct '
      'the variable that is named (WANDB_...), or log in with `wandb login`. With '
      'WANDB_MODE=offline, it needs no account and no network: all is kept in the run folder.'
    ) from error


def _reason(error: Exception) -> str:
  """What the package says, as one sentence that names the variable."""
  if found := getattr(error, 'errors', None):  # of pydantic's ValidationError
    wrong = [(str(one['loc'][0]).upper(), one['msg']) for one in found()]
    return '; '.join(f'WANDB_{name}: {message}' for name, message in wrong) + '.'
  return ' '.join(str(error).split()).rstrip('.') + '.'


def _module() -> Any:
  """Returns the package wandb; UserError if it is not installed."""
  try:
    import wandb
  except ImportError as error:
    raise UserError('--wandb needs wandb: pip install -e ".[wandb]"') from error
  return wandb
