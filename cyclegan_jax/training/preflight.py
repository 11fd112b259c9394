"""Checks that refuse a run before any long work."""

import pathlib

import jax

from cyclegan_jax import devices as devices_lib, distributed
from cyclegan_jax.data.source import Dataset
from cyclegan_jax.errors import UserError
from cyclegan_jax.runs import run_folder
from cyclegan_jax.settings import Config, flatten, named
from cyclegan_jax.training import warm_start
from cyclegan_jax.training.hooks import tensorboard, wandb_log

# Each process may have the data in another place, and keep more or fewer images in memory.
_OWN = named(per_process=True)


def check(config: Config, workdir: pathlib.Path, *, overwrite: bool = False) -> None:
  """Raises what `loop.train` would raise for any data; call it before you prepare them.

  Raises:
    UserError: the batch does not fit the devices, a package is missing, the run folder holds
      another run or cannot be written, or Weights & Biases refuses.
  """
  devices_lib.check()
  resumed = begun(workdir, overwrite)
  check_batch_size(config.train.batch_size, config.train.accumulate, resumed)
  if config.train.tensorboard:
    tensorboard.summary_writer()
  if not distributed.is_first():
    return
  if config.train.initialize_from and not resumed:
    warm_start.check(config)
  if not overwrite:
    run_folder.check(workdir, config)
  if config.train.wandb:
    wandb_log.check()


def check_new(config: Config, workdir: pathlib.Path) -> None:
  """Raises what `run_start.write` would raise for any data."""
  check(config, workdir)
  if any(file.name.isdecimal() for file in (workdir / run_folder.CHECKPOINTS).glob('*')):
    raise UserError(f'--workdir={workdir} has a checkpoint already. Choose another folder.')


def check_batch_size(
  batch_size: int, accumulate: int = 1, begun: pathlib.Path | None = None
) -> None:
  """Refuses a batch that devices, or the parts on each device, cannot share evenly.

  Args:
    batch_size: of all devices.
    accumulate: parts on each device.
    begun: the folder of a run that has begun, whose batch cannot change; None for another run.

  Raises:
    UserError: the message names the numbers that fit.
  """
  devices, processes = jax.device_count(), jax.process_count()
  if jax.local_device_count() * processes != devices:
    raise UserError(
      f'Process {jax.process_index()} has {jax.local_device_count()} of the {devices} devices of '
      f'{processes} processes. All processes need the same number (CUDA_VISIBLE_DEVICES).'
    )
  fitting = [n for n in range(1, devices + 1) if batch_size % (n * accumulate) == 0]
  if begun and fitting and fitting[-1] < devices:
    raise UserError(
      f'--batch_size={batch_size} with --accumulate={accumulate}, of the run in {begun}, cannot be '
      f'shared out among {devices} devices, and a run keeps both. Resume it on '
      f'{" or ".join(map(str, fitting))}: {_fewer(fitting[-1])}'
    )
  if batch_size % devices:
    where = 'this machine' if processes == 1 else f'{processes} processes'
    raise UserError(
      f'--batch_size={batch_size} is not divisible by the {devices} devices of {where}. '
      f'Use a multiple of {devices}, or fewer devices (CUDA_VISIBLE_DEVICES).'
    )
  rows = batch_size // devices
  if rows % accumulate:
    raise UserError(
      f'--accumulate={accumulate} does not divide the {rows} examples of --batch_size={batch_size} '
      f'on each of {devices} devices. Use a --batch_size that is a multiple of '
      f'{devices * accumulate}, or an --accumulate that divides {rows}.'
    )


def _fewer(n: int) -> str:
  """How to have so many devices."""
  if jax.process_count() > 1:
    return 'start fewer processes, or give each fewer devices (CUDA_VISIBLE_DEVICES).'
  if jax.default_backend() == 'cpu':
    return f'XLA_FLAGS=--xla_force_host_platform_device_count={n}'
  return f'CUDA_VISIBLE_DEVICES={",".join(map(str, range(n)))}'


def check_same_run(config: Config, dataset: Dataset) -> None:
  """Refuses processes whose settings or data differ from those of the first one.

  Raises:
    UserError: in the processes that differ.
  """
  settings = {name: value for name, value in flatten(config).items() if name not in _OWN}
  distributed.agree('settings', settings)
  distributed.agree('data', dataset.facts())


def begun(workdir: pathlib.Path, overwrite: bool) -> pathlib.Path | None:
  """Returns the folder if a run has begun in it, which a command would resume."""
  return workdir if not overwrite and (workdir / run_folder.CONFIG).exists() else None


def check_schedule(config: Config, steps_per_epoch: int, begun: pathlib.Path | None = None) -> None:
  """Refuses more --steps than the learning rate lasts; validation.py knows only epochs.

  Args:
    config: of the run.
    steps_per_epoch: of its data.
    begun: the folder of a run that has begun, whose schedule cannot change; None for another run.

  Raises:
    UserError: the learning rate would be 0 before the last step.
  """
  train = config.train
  epochs = train.decay_start + train.decay_epochs
  if train.decay_epochs and train.steps > epochs * steps_per_epoch:
    cure = 'Train fewer steps, or raise one of these.'
    if begun:
      cure = f'The run in {begun} keeps both. {run_folder.train_on(begun)}'
    raise UserError(
      f'--steps={train.steps}: the learning rate is 0 after --decay_start + --decay_epochs = '
      f'{epochs} epochs, or {epochs * steps_per_epoch} steps. {cure}'
    )
