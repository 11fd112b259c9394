"""The training loop: restore, step, signal, save.

Everything else that happens during a run is a hook (training/hooks/). With several processes
(distributed.py), all run the loop together; only the first one writes files and prints lines.
"""

import collections
from collections.abc import Callable, Sequence
import contextlib
import functools
import pathlib
import time
from typing import Any

import jax

from cyclegan_jax import config as config_lib, distributed, interruption, memory
from cyclegan_jax.data.source import Dataset
from cyclegan_jax.models import networks
from cyclegan_jax.progress import duration, Log
from cyclegan_jax.runs import next_step, run_folder
from cyclegan_jax.settings import Config
from cyclegan_jax.training import (
  hooks,
  joint_stop,
  nan_check,
  peers,
  preflight,
  run_start,
  run_summary,
  stall,
  warm_start,
)
from cyclegan_jax.training.checkpoint import Checkpoints, Saved
from cyclegan_jax.training.step import bases, class_balance, conditions, exchange, parallel
from cyclegan_jax.training.step_metrics import StepMetrics

# A progress line appears at least this often, however slow the steps are.
_SECONDS_BETWEEN_LINES = 30.0
# Steps queued on devices besides the current one: enough to keep them busy while the host prepares
# the next one. Without a limit JAX queues about 30, and a signal would wait for them all.
_STEPS_AHEAD = 1
# By then, after a start or a save, each step finds the memory of the one before. What the first of
# them took elsewhere can be given back.
STEPS_TO_SETTLE = 4


def train(
  config: Config,
  dataset: Dataset,
  workdir: pathlib.Path,
  *,
  overwrite: bool = False,
  stall_timeout: float | None = None,
  log: Log = print,
) -> int:
  """Trains, resuming from the newest checkpoint in `workdir` if there is one.

  Args:
    config: the run.
    dataset: its prepared data.
    workdir: the run folder; see runs/run_folder.py for the files in it.
    overwrite: delete an earlier run in the folder first.
    stall_timeout: seconds without a step after which the process ends, see stall.py.
    log: takes each line for the user.

  Returns:
    0, or the number of the signal (see interruption.py) that ended the run early, everything saved.

  Raises:
    UserError: the folder holds another run, the batch does not fit the devices or their memory,
      images are too small, or a loss became NaN; earlier checkpoints stay intact.
  """
  config = config_lib.with_span(config, dataset.ir_span)
  preflight.check(config, workdir, overwrite=overwrite)
  preflight.check_same_run(config, dataset)
  class_balance.check(config, dataset)
  bases.check(config, dataset)
  conditions.check(config, dataset)
  exchange.check(config, dataset)
  dataset = dataset.with_inputs(config.model)
  watch = stall.Watch(stall_timeout)
  log = watch.unhurried(distributed.on_first_process(log))
  run_start.check(config, dataset, workdir, overwrite)
  dataset = conditions.measured(config, dataset, log)
  log(run_summary.text(config, dataset))
  steps_per_epoch = run_start.steps_per_epoch(config, dataset)
  total = run_start.total_steps(config, dataset)
  saved = 0 if overwrite or not distributed.is_first() else run_folder.latest_step(workdir)
  saved = distributed.broadcast(saved)
  # Before anything is written: if the step does not fit, the next try has other settings.
  compiled = functools.partial(
    parallel.compile_ahead, config, dataset, steps_per_epoch, saved > 0, log
  )
  train_step = compiled() if saved < total else None
  with contextlib.ExitStack() as stack:
    checkpoints = None
    if distributed.is_first():
      checkpoints = stack.enter_context(run_start.open_folder(config, dataset, workdir, overwrite))
    loop = _Loop(config, dataset, workdir, checkpoints, watch, log)
    for hook in loop.hooks:
      stack.callback(hook.close)
    log(run_summary.start(config, dataset, loop.step, loop.total, loop.steps_per_epoch, workdir))
    if loop.finished:
      log(f'This run is complete: {loop.step} steps. {_continuing(config, workdir)}')
      loop.end()
      return 0
    train_step = train_step or compiled()  # The latest checkpoint may be damaged.
    begin = time.monotonic()
    interruption.check()
    with interruption.deferred() as received, watch.running(loop.step + 1):
      stop = loop.run(train_step, received)
  if stop:
    resume = 'Resume with the same command.'
    log(f'Stopped by signal {stop} after step {loop.step}, which is saved. {resume}')
  else:
    then = f'Next: {next_step.evaluate(workdir, dataset.splits)}'
    log(f'Trained {loop.step} steps in {duration(time.monotonic() - begin)}. {then}')
    loop.end()
  return stop


def _continuing(config: Config, workdir: pathlib.Path) -> str:
  """How a complete run goes on."""
  if config.train.decay_epochs:
    return f'Its learning rate has fallen to 0. {run_folder.train_on(workdir)}'
  return 'Raise --epochs or --steps to continue it.'


class _Loop:
  """One process's part of a run; `checkpoints` is None in all processes but the first."""

  def __init__(
    self,
    config: Config,
    dataset: Dataset,
    workdir: pathlib.Path,
    checkpoints: Checkpoints | None,
    watch: stall.Watch,
    log: Log,
  ):
    self.config, self.dataset, self.checkpoints, self.log = config, dataset, checkpoints, log
    self.workdir, self.watch = workdir, watch
    self.steps_per_epoch = run_start.steps_per_epoch(config, dataset)
    self.total = run_start.total_steps(config, dataset)
    self.nets = networks.build(config.model, dataset.domains)
    self.iterator = run_start.batches(config, dataset)
    saved = self._restore()
    self.step, self.rows = int(saved.state.step), saved.rows
    self.state = parallel.replicate(saved.state)
    self.hooks = hooks.make(
      config, dataset, self.nets, workdir, self.step, self.steps_per_epoch, log
    )

  @property
  def finished(self) -> bool:
    """Whether no step is left to do."""
    return self.step >= self.total or any(hook.finished for hook in self.hooks)

  def end(self) -> None:
    """Tells the hooks that training is complete."""
    for hook in self.hooks:
      hook.on_end()

  def _restore(self) -> Saved:
    """Returns the newest checkpoint, or the start, in all processes; batches continue from it."""
    saved = None
    if self.checkpoints:
      saved = self.checkpoints.restore_latest(self.log) or Saved(
        warm_start.initialize(self.config, self.dataset.domains, self.workdir, self.log),
        self.iterator.get_state(),
      )
    saved = distributed.broadcast(jax.device_get(saved))
    self.iterator.set_state(saved.position)
    self.iterator.start_prefetch()
    return saved

  def run(self, train_step: Callable[..., Any], received: Callable[[], int]) -> int:
    """Steps until the end, or until a signal, whose number it returns."""
    train = self.config.train
    checkpoint_every = train.checkpoint_every or self.steps_per_epoch
    self.metrics = StepMetrics(self.step, self.total, train.batch_size, self.rows)
    last_line, running = time.monotonic(), collections.deque()
    settled = self.step + STEPS_TO_SETTLE
    while not self.finished:
      self.watch.at(self.step + 1, peers.DATA)
      with self.metrics.waiting():
        batch = next(self.iterator)
      self.watch.at(self.step + 1, peers.DEVICES)
      with nan_check.explain(self.step + 1):
        self.state, terms = train_step(self.state, batch)
      self.step += 1
      self.metrics.add(self.step, terms)
      running.append(terms)
      if len(running) > _STEPS_AHEAD:
        jax.block_until_ready(running.popleft())
      if self.step == settled:
        memory.give_back()
      stop = joint_stop.agreed(self.step, received(), _STEPS_AHEAD)
      at_checkpoint = self.step % checkpoint_every == 0 or self.step == self.total
      at_row = at_checkpoint or self.step % train.log_every == 0
      if at_row or stop or time.monotonic() - last_line > _SECONDS_BETWEEN_LINES:
        self.report(write=at_row)
        last_line = time.monotonic()
      if at_checkpoint or stop:
        with self.metrics.paused(), self.watch.allowed('validates or saves'):
          # Whoever stops a run leaves it little time: save, but do not validate.
          self.save(self.hooks if at_checkpoint else [])
        settled = self.step + STEPS_TO_SETTLE
      if stop:
        return stop
    return 0

  def report(self, write: bool) -> None:
    """Prints a line; perhaps also hands the row to the hooks and begins a new one."""
    self.metrics.collect()
    self.watch.at(self.step, peers.FILES)
    row = self.metrics.mean(restart=write)
    epoch, epochs = self.step / self.steps_per_epoch, self.total / self.steps_per_epoch
    self.log(self.metrics.line(epoch, epochs, row))
    for hook in self.hooks if write else []:
      hook.on_log(self.step, row)

  def save(self, called: Sequence[hooks.Hook]) -> None:
    """Starts saving, once the hooks called have measured what chooses the best checkpoint."""
    memory.give_back()  # What a step took is free, and validation needs other arrays.
    state, metrics = parallel.unreplicate(self.state), {}
    for hook in called:
      metrics |= hook.on_checkpoint(self.step, state, metrics) or {}
    if self.checkpoints:
      # Whoever goes on from this checkpoint finds all rows up to it.
      run_folder.sync_records(self.workdir)
      saved = Saved(state, self.iterator.get_state(), self.metrics.rows)
      self.checkpoints.save(self.step, saved, metrics)
    for hook in called:
      hook.on_saved()
    memory.give_back()
    distributed.barrier(f'checkpoint {self.step}')
