"""What happens beside the steps of a run: logs, validation, pictures, warnings, the page."""

from collections.abc import Mapping
import pathlib

from cyclegan_jax import distributed
from cyclegan_jax.data.source import Dataset
from cyclegan_jax.models.network import Network
from cyclegan_jax.progress import Log
from cyclegan_jax.settings import Config
from cyclegan_jax.training.hooks.best_step import BestStep
from cyclegan_jax.training.hooks.collapse_warnings import CollapseWarnings
from cyclegan_jax.training.hooks.csv_log import CsvLog
from cyclegan_jax.training.hooks.hook import Hook
from cyclegan_jax.training.hooks.run_page import RunPage
from cyclegan_jax.training.hooks.sample_grid import SampleGrid
from cyclegan_jax.training.hooks.tensorboard import TensorBoard
from cyclegan_jax.training.hooks.unpaired_validation import UnpairedValidation
from cyclegan_jax.training.hooks.validation import Validation
from cyclegan_jax.training.hooks.wandb_log import WandbLog


def make(
  config: Config,
  dataset: Dataset,
  nets: Mapping[str, Network],
  workdir: pathlib.Path,
  step: int,
  steps_per_epoch: int,
  log: Log,
) -> list[Hook]:
  """Returns this process's hooks in the order in which the loop calls them.

  All processes validate together; only the first one writes.

  Args:
    config: the run.
    dataset: its data.
    nets: from `networks.build`.
    workdir: the run folder.
    step: where the run begins or resumes.
    steps_per_epoch: steps.
    log: takes each line for the user.
  """
  hooks: list[Hook] = []
  if len(dataset.splits.get('validation', ())):
    kind = Validation if dataset.pairs('validation') else UnpairedValidation
    validation = kind(nets, config, dataset, log)
    hooks += [validation, BestStep(config.train, workdir, step, validation, log)]
  if not distributed.is_first():
    return hooks
  hooks.append(CsvLog(workdir, step, steps_per_epoch))
  if config.train.tensorboard:
    hooks.append(TensorBoard(workdir, step))
  if config.train.wandb:
    hooks.append(WandbLog(workdir, config, log))
  return [
    *hooks,
    CollapseWarnings(config.train.batch_size, log, config.model.direction),
    SampleGrid(nets, config, dataset, workdir),
    RunPage(workdir),
  ]
