"""A run from its first step, or its last checkpoint, to its end.

Several processes (distributed.py) go through it together; the first one alone writes and speaks.
"""

import collections
from collections.abc import Callable, Iterator, Mapping
import contextlib
import dataclasses
import functools
import math
import pathlib
import time
from typing import Any

import grain
import jax
import numpy as np

from cyclegan_jax import distributed, normalization
from cyclegan_jax.data import images, pipeline
from cyclegan_jax.data.source import Dataset
from cyclegan_jax.errors import UserError
from cyclegan_jax.evaluation import measure
from cyclegan_jax.models import apply, networks
from cyclegan_jax.progress import duration, Log
from cyclegan_jax.reports import run_page, sample_grid
from cyclegan_jax.runs import lock, run_folder
from cyclegan_jax.settings import Config
from cyclegan_jax.training import (
  diagnostics,
  interruption,
  nan_check,
  parallel,
  run_summary,
  state as state_lib,
)
from cyclegan_jax.training.checkpoint import Checkpoints
from cyclegan_jax.training.progress import Progress

# A line at least this often, however slow the steps.
_SECONDS_BETWEEN_LINES = 30.0
# Steps that the devices have in store beside the one in hand: enough to keep them busy while the
# host prepares the next one. Without a limit JAX takes about 30: a signal would wait for them all.
_STEPS_AHEAD = 1


def train(
  config: Config,
  dataset: Dataset,
  workdir: pathlib.Path,
  *,
  overwrite: bool = False,
  log: Log = print,
) -> int:
  """Trains, resuming from the newest checkpoint in `workdir` if there is one.

  Args:
    config: the run.
    dataset: its prepared data.
    workdir: the run folder, see runs/run_folder.py for what is written there.
    overwrite: delete an earlier run in the folder first.
    log: takes each line meant for a person.

  Returns:
    0, or the number of the signal (SIGINT, SIGTERM) that ended it early, everything saved.

  Raises:
    UserError: the folder holds another run, the batch does not fit the devices, images are too
      small, or a loss is NaN; checkpoints written before stay intact.
  """
  check(config, workdir, overwrite=overwrite)
  parallel.check_alike(config, dataset)
  log = distributed.on_first_process(log)
  with contextlib.ExitStack() as stack:
    steps_per_epoch, checkpoints = _steps_per_epoch(config, dataset), None
    if distributed.is_first():
      stack.enter_context(_owned(config, dataset, workdir, overwrite))
      checkpoints = stack.enter_context(Checkpoints(workdir / run_folder.CHECKPOINTS, config))
    run = _Run(config, dataset, workdir, checkpoints, log, steps_per_epoch)
    log(run_summary.text(config, dataset, run.state, run.total, steps_per_epoch, workdir))
    return run.go()


def start(
  config: Config, dataset: Dataset, workdir: pathlib.Path, state: state_lib.TrainState
) -> None:
  """Writes the run folder of a run that begins with a given state; `train` goes on from it.

  Raises:
    UserError: as `train`, or the folder has a checkpoint already.
  """
  check_start(config, workdir)
  with (
    _owned(config, dataset, workdir, overwrite=False),
    Checkpoints(workdir / run_folder.CHECKPOINTS, config) as checkpoints,
  ):
    checkpoints.save(0, state, _batches(config, dataset), None)


def check_start(config: Config, workdir: pathlib.Path) -> None:
  """Raises what `start` would raise whatever the data are."""
  check(config, workdir)
  if any(file.name.isdecimal() for file in (workdir / run_folder.CHECKPOINTS).glob('*')):
    raise UserError(f'--workdir={workdir} has a checkpoint already. Choose another folder.')


def check(config: Config, workdir: pathlib.Path, *, overwrite: bool = False) -> None:
  """Raises what `train` would raise whatever the data are; for use before these are prepared."""
  parallel.check_batch_size(config.train.batch_size, config.train.accumulate)
  if config.train.tensorboard:
    _summary_writer()
  if not overwrite and distributed.is_first():
    run_folder.check(workdir, config)


def _steps_per_epoch(config: Config, dataset: Dataset) -> int:
  """Steps in an epoch."""
  return math.ceil(len(pipeline.get_split(dataset, 'train')) / config.train.batch_size)


@contextlib.contextmanager
def _owned(
  config: Config, dataset: Dataset, workdir: pathlib.Path, overwrite: bool
) -> Iterator[None]:
  """Makes the run folder, if the data are fit for training, and keeps others out of it."""
  pipeline.check_crop(dataset, config.data)
  _check_schedule(config, _steps_per_epoch(config, dataset))
  workdir.mkdir(parents=True, exist_ok=True)
  with lock.held(workdir):
    run_folder.create(workdir, config, dataset, overwrite)
    yield


def _check_schedule(config: Config, steps_per_epoch: int) -> None:
  """Refuses more --steps than the learning rate lasts; `validate` knows only epochs."""
  train = config.train
  last = (train.decay_start + train.decay_epochs) * steps_per_epoch
  if train.decay_epochs and train.steps > last:
    raise UserError(
      f'--steps={train.steps}: the learning rate is 0 after --decay_start + --decay_epochs = '
      f'{train.decay_start + train.decay_epochs} epochs, which are {last} steps. Change these.'
    )


def _batches(config: Config, dataset: Dataset) -> grain.DatasetIterator:
  """The training batches from the first one on."""
  return iter(
    pipeline.batches(
      dataset,
      config.data,
      config.train.batch_size,
      parallel.sharding(),
      seed=config.train.seed,
      process=distributed.index_and_count(),
    )
  )


@dataclasses.dataclass
class _Run:
  """One process's share of a run; `checkpoints` is None in all but the first."""

  config: Config
  dataset: Dataset
  workdir: pathlib.Path
  checkpoints: Checkpoints | None
  log: Log
  steps_per_epoch: int

  def __post_init__(self):
    data = self.config.data
    self.nets = networks.build(
      self.config.model, data.rgb_channels, data.ir_channels, normalization.normalizations(data)
    )
    self.total = self.config.train.steps or self.config.train.epochs * self.steps_per_epoch
    self.iterator = _batches(self.config, self.dataset)
    self.state, self.step = self._restored_or_new()
    self.tensorboard = None
    if not distributed.is_first():
      return
    self.metrics, self.validation = (
      run_folder.CsvLog(self.workdir / name, self.step)
      for name in (run_folder.METRICS, run_folder.VALIDATION)
    )
    if self.config.train.tensorboard:
      self.tensorboard = _summary_writer()(
        str(self.workdir / run_folder.TENSORBOARD), purge_step=self.step + 1
      )

  def _restored_or_new(self) -> tuple[Any, int]:
    state, self.rows = None, ()
    if self.checkpoints and self.checkpoints.latest_step() is not None:
      state, self.rows = self.checkpoints.restore_latest(self.iterator, self.log)
    elif self.checkpoints:
      state = jax.jit(state_lib.initialize, static_argnums=0)(self.config)
    if distributed.joined():
      state, self.rows, place = distributed.broadcast(
        (jax.tree.map(np.asarray, state), self.rows, self.iterator.get_state())
      )
      self.iterator.set_state(place)
    return parallel.replicate(state), int(state.step)

  def go(self) -> int:
    """Steps until the end, or until a signal, whose number it returns."""
    if self.step >= self.total:
      self.log(f'This run is complete: {self.step} steps. Raise --epochs or --steps to go on.')
      return 0
    compiled = self._compile()
    self.progress = Progress(self.step, self.total, self.config.train.batch_size, self.rows)
    begin = time.monotonic()
    with interruption.deferred() as signaled:
      stop = self._steps(compiled, signaled)
    if self.tensorboard:
      self.tensorboard.close()
    if stop:
      self.log(
        f'Stopped by signal {stop} after step {self.step}, which is saved: the same command '
        'resumes there.'
      )
    else:
      self.log(
        f'Trained {self.total} steps in {duration(time.monotonic() - begin)}. '
        f'Next: python -m experiments.evaluate --workdir={self.workdir}'
      )
    return stop

  def _steps(self, compiled: Callable[..., Any], signaled: Callable[[], int]) -> int:
    """The loop itself, with logging, validation and checkpoints at their intervals."""
    every = self.config.train.checkpoint_every or self.steps_per_epoch
    said = time.monotonic()
    ahead = collections.deque()
    while self.step < self.total:
      with self.progress.waiting():
        batch = next(self.iterator)
      with nan_check.explained(self.step + 1):
        self.state, terms = compiled(self.state, parallel.with_signal(batch, signaled))
      self.step += 1
      told = parallel.told_signal(terms)
      self.progress.add(self.step, terms)
      ahead.append((terms, told))
      told = None
      if len(ahead) > _STEPS_AHEAD:
        terms, told = jax.block_until_ready(ahead.popleft())
      stop = parallel.agreed_signal(told, signaled)
      at_checkpoint = self.step % every == 0 or self.step == self.total
      at_log = at_checkpoint or self.step % self.config.train.log_every == 0
      if at_log or stop or time.monotonic() - said > _SECONDS_BETWEEN_LINES:
        self.progress.collect()
        self._log(write=at_log)
        said = time.monotonic()
      if at_checkpoint or stop:
        with self.progress.paused():
          # Whoever stops a run has little time: no validation then.
          self._checkpoint(validate=at_checkpoint)
      if stop:
        return stop
    return 0

  def _compile(self) -> Callable[..., Any]:
    make = functools.partial(
      parallel.compile_train_step, self.nets, self.config, self.steps_per_epoch
    )
    if jax.config.jax_debug_nans:
      # JAX runs a step again, operation by operation, to find the one that gave NaN.
      return make(donate=False)
    begin = time.monotonic()
    step, program = parallel.lowered(
      make(),
      self.state,
      parallel.batch_shapes(self.config, pipeline.masked(self.dataset, self.config.data)),
    )
    memory = program.memory_analysis()
    line = f'Compiled the training step in {duration(time.monotonic() - begin)}'
    if memory:
      used = memory.argument_size_in_bytes + memory.temp_size_in_bytes
      line += f'; it needs about {used / 2**20:.0f} MiB on each device'
    self.log(line + '.')
    return step

  def _log(self, write: bool) -> None:
    epoch = self.step / self.steps_per_epoch
    row = self.progress.mean(restart=write)
    self.log(self.progress.line(epoch, self.total / self.steps_per_epoch, row))
    if write and distributed.is_first():
      self.metrics.add({'step': self.step, 'epoch': round(epoch, 4), **row})
      self._to_tensorboard('train', row)
      for warning in diagnostics.warnings(row, self.config.train.batch_size):
        self.log(warning)

  def _checkpoint(self, validate: bool) -> None:
    """Starts saving; before that perhaps validates and draws sample images."""
    state = parallel.unreplicate(self.state)
    figures = None
    if validate:
      translators = apply.translators(self.nets, state.inference_params(), state.batch_stats)
      if self.dataset.pairs('validation'):
        figures = self._validate(translators)
    if self.checkpoints:
      if validate:
        folder = self.workdir / run_folder.SAMPLES
        folder.mkdir(exist_ok=True)
        images.write_png(
          folder / f'step_{self.step:08d}.png',
          sample_grid.grid(translators, self.dataset, self.config),
        )
      self.checkpoints.save(self.step, state, self.iterator, figures, self.progress.rows)
      if validate:
        run_page.refresh(self.workdir)
    distributed.barrier(f'checkpoint {self.step}')

  def _validate(self, translators: Mapping[str, Any]) -> dict[str, float]:
    data = pipeline.examples(self.dataset, 'validation', self.config.data)
    predict = measure.predictor(translators['rgb_to_ir'], self.dataset.domains['ir'])
    totals = measure.measure(
      {'model': predict}, data, self.dataset.domains['ir'], self.config.train.batch_size, self.log
    )['model'].totals
    if distributed.is_first():
      self.validation.add({'step': self.step, **totals})
    self._to_tensorboard('validation', totals)
    self.log(
      'validation  '
      + '  '.join(f'{name} {totals[name]:.4g}' for name in ('psnr', 'ssim', 'uqi', 'rmse'))
    )
    # NaN, where too few pixels are valid, would be better than any number.
    return {
      name: float(np.nan_to_num(totals[name], nan=-1.0, posinf=np.inf))
      for name in ('psnr', 'ssim', 'uqi')
    }

  def _to_tensorboard(self, group: str, row: Mapping[str, float]) -> None:
    if self.tensorboard:
      for name, value in row.items():
        self.tensorboard.add_scalar(f'{group}/{name}', value, self.step)


def _summary_writer() -> type:
  try:
    import tensorboardX  # pylint: disable=g-import-not-at-top
  except ImportError as error:
    raise UserError('--tensorboard needs tensorboardX: pip install -e ".[tensorboard]"') from error
  return tensorboardX.SummaryWriter
