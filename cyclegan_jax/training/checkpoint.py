"""Checkpoints of a run by Orbax: state, position in the data, and validation metrics.

Of several processes, the first one writes and reads, and sends the others what it has read. The
state is the same on all devices, so there is nothing to write together, and a checkpoint does not
depend on the number of processes or devices. Only the first process needs access to the folder.
"""

from collections.abc import Iterator, Mapping, Sequence
import contextlib
import pathlib
import shutil
from typing import Any, NamedTuple

import jax
import orbax.checkpoint as ocp
from orbax.checkpoint import checkpoint_managers

from cyclegan_jax import checksum, distributed, files
from cyclegan_jax.data.source import Domain
from cyclegan_jax.errors import UserError
from cyclegan_jax.metrics import selection
from cyclegan_jax.progress import Log
from cyclegan_jax.runs import run_folder
from cyclegan_jax.settings import Config
from cyclegan_jax.training import damage, orbax_log
from cyclegan_jax.training.step import state as state_lib
from cyclegan_jax.training.step.state import TrainState

# Orbax first moves a step that it deletes into this folder, so that a kill cannot leave a
# half-deleted step that still looks complete.
_TRASH = '.trash'
_UNFINISHED = '*.orbax-checkpoint-tmp*'


class Saved(NamedTuple):
  """The content of a checkpoint.

  Attributes:
    state: one copy.
    position: of the batches, from their iterator's get_state(): a few numbers, the same in all
      processes.
    rows: terms of the steps that are not in metrics.csv yet.
  """

  state: TrainState
  position: Mapping[str, Any]
  rows: Sequence[Mapping[str, float]] = ()


class Checkpoints:
  """The checkpoints of one run folder: the latest few and the best by the validation metric.

  Saving is asynchronous: `save` copies the state, then a background thread writes it.

  Usage:
    with Checkpoints(workdir / 'checkpoints', config, dataset.domains) as checkpoints: ...
  """

  def __init__(
    self,
    folder: pathlib.Path,
    config: Config,
    domains: Mapping[str, Domain],
    *,
    read_only: bool = False,
  ):
    """Opens them; unless `read_only`, those with damaged metrics are moved out of the way.

    `domains` are those of the data, on which the shape of the networks depends.
    """
    self._config = config
    self._domains = domains
    self._folder = folder.absolute()
    self._read_only = read_only
    self._moved: list[str] = []
    if not read_only:
      # Orbax would do this in the background, perhaps still during the first save.
      for leftover in self._folder.glob(_UNFINISHED):
        shutil.rmtree(leftover, ignore_errors=True)
      self._folder.mkdir(parents=True, exist_ok=True)
    self._check_metrics()
    with orbax_log.without_read_only():
      self._manager = ocp.CheckpointManager(self._folder, options=self._options())

  def _check_metrics(self) -> None:
    for step in sorted(path for path in self._folder.glob('*') if path.name.isdecimal()):
      try:
        damage.check_metrics(step)
      except UserError as error:
        if not step.exists():  # A run that goes on has just replaced it.
          continue
        if self._read_only:
          raise
        self._set_aside(step, error)

  def _set_aside(self, step: pathlib.Path, error: UserError) -> None:
    aside = damage.set_aside(step)
    self._moved.append(f'Warning: {error}\nMoved it to {aside}; using the checkpoint before it.')

  def _options(self) -> ocp.CheckpointManagerOptions:
    train = self._config.train
    rank = lambda metrics: selection.rank(metrics, train.best_metric)
    best = checkpoint_managers.BestN(
      get_metric_fn=rank, n=1, keep_checkpoints_without_metrics=False
    )
    latest = checkpoint_managers.LatestN(train.keep_checkpoints)
    access: dict[str, Any]
    if self._read_only:
      access = {'read_only': True, 'save_interval_steps': 0, 'enable_async_checkpointing': False}
    else:
      # Before a checkpoint gets its name, all of it is on the disk.
      writing = ocp.options.AsyncOptions(post_finalization_callback=self._sync_unfinished)
      access = {'todelete_subdir': _TRASH, 'async_options': writing}
    return ocp.CheckpointManagerOptions(
      best_fn=rank,
      best_mode='max',
      create=False,
      multiprocessing_options=_alone(),
      preservation_policy=checkpoint_managers.AnyPreservationPolicy([latest, best]),
      **access,
    )

  def _sync_unfinished(self) -> None:
    for folder in self._folder.glob(_UNFINISHED):
      files.sync_tree(folder)

  def __enter__(self) -> 'Checkpoints':
    return self

  def __exit__(self, *unused: Any) -> None:
    with self._writing():
      self._empty_trash()
      self._manager.close()

  def latest_step(self) -> int | None:
    """Returns the newest complete step, or None."""
    return self._manager.latest_step()

  def resolve(self, which: str) -> int:
    """Returns the step of 'best', 'latest' or a number; without metrics the best is the latest.

    Raises:
      UserError: there is no such step.
    """
    steps = sorted(self._manager.all_steps())
    if not steps:
      raise UserError(f'{self._folder} has no checkpoint yet. Train first.')
    if which == 'latest':
      return steps[-1]
    if which == 'best':
      best = self._manager.best_step()
      return steps[-1] if best is None else best
    if not which.isdecimal() or int(which) not in steps:
      raise UserError(
        f'--checkpoint={which}: {self._folder} has {", ".join(map(str, steps))}. Choose one of '
        'these, best or latest.'
      )
    return int(which)

  def save(self, step: int, saved: Saved, metrics: Mapping[str, float]) -> None:
    """Starts saving; you may donate the state afterwards.

    Args:
      step: steps done.
      saved: what to save.
      metrics: validation metrics by name; {} if the state was not validated.

    Raises:
      UserError: this checkpoint, or the one before, cannot be written.
    """
    with self._writing():
      self._empty_trash()
      state = saved.state
      if distributed.joined():  # Otherwise Orbax takes arrays on devices for parts of larger ones.
        state = jax.device_get(state)
      found = {name: float(value) for name, value in metrics.items()}
      run = {'digest': damage.digest(state), 'rows': list(saved.rows), 'position': saved.position}
      run['metrics'] = found
      self._manager.save(
        step,
        metrics=found or None,
        args=ocp.args.Composite(
          state=ocp.args.StandardSave(state), run=ocp.args.JsonSave(checksum.stamped(run))
        ),
      )

  def restore_latest(self, log: Log) -> Saved | None:
    """Restores the newest undamaged checkpoint; damaged newer ones are moved out of the way.

    Args:
      log: takes a warning about each damaged checkpoint.

    Returns:
      None if there is no checkpoint yet.

    Raises:
      UserError: there are checkpoints, but none can be read.
    """
    found = None
    for step in sorted(self._manager.all_steps(), reverse=True):
      try:
        state, run = self._read(step, 'digest', 'position', 'rows')
        found = Saved(state, run['position'], run['rows'])
        break
      except UserError as error:
        self._set_aside(self._folder / str(step), error)
        self._manager.reload()
    for line in self._moved:
      log(line)
    if found is None and damage.folder_of(self._folder).exists():
      raise UserError(f'No checkpoint in {self._folder} can be read. Start again with --overwrite.')
    return found

  def restore(self, step: int) -> TrainState:
    """Restores the state at a step, on the default device.

    Raises:
      UserError: the checkpoint is damaged, or from networks of another shape.
    """
    try:
      return self._read(step, 'digest')[0]
    except UserError as error:
      others = [str(other) for other in sorted(self._manager.all_steps()) if other != step]
      raise UserError(
        f'{error} '
        + (f'Others: --checkpoint={" or ".join(others)}.' if others else 'There is no other one.')
      ) from error

  def _read(self, step: int, *needed: str) -> tuple[TrainState, dict[str, Any]]:
    """Returns the state and what `save` wrote beside it, of which `needed` must be there."""
    file = self._folder / str(step)
    items = ocp.args.Composite(
      state=ocp.args.StandardRestore(state_lib.abstract(self._config, self._domains)),
      run=ocp.args.JsonRestore(),
    )
    try:
      restored = self._manager.restore(step, args=items)
      state, noted = restored['state'], checksum.verified(restored['run'])
      run = {name: noted[name] for name in needed}
    except Exception as error:  # Orbax and TensorStore raise errors of many kinds.
      raise UserError(
        f'The checkpoint {file} cannot be read: it is damaged, or from another configuration '
        f'({_first_line(error)}).'
      ) from error
    if run['digest'] != damage.digest(state):
      raise UserError(
        f'The checkpoint {file} is damaged: its content has changed since it was saved.'
      )
    return state, run

  @contextlib.contextmanager
  def _writing(self) -> Iterator[None]:
    """Explains a failure, which Orbax may report only at the next save, by errors of many kinds."""
    try:
      yield
    except Exception as error:
      raise UserError(
        f'A checkpoint cannot be written to {self._folder}: {_first_line(error)}. '
        'Earlier checkpoints are intact. Free some space, or make sure that the folder exists and '
        'is writable, then resume with the same command.'
      ) from error

  def _empty_trash(self) -> None:
    """Deletes what newer checkpoints replace, once the names of these are on the disk, too."""
    if self._read_only:
      return
    self._manager.wait_until_finished()
    if (step := self._manager.latest_step()) is not None:
      files.sync_tree(self._folder / str(step))
    shutil.rmtree(self._folder / _TRASH, ignore_errors=True)


@contextlib.contextmanager
def of_run(workdir: pathlib.Path) -> Iterator[tuple[Config, dict[str, Domain], Checkpoints]]:
  """Opens the checkpoints of a run to read them; gives its configuration and domains, too.

  Raises:
    UserError: there is no run in the folder, or its files cannot be read.
  """
  config = run_folder.load_config(workdir)
  domains = run_folder.load_domains(workdir, config)
  folder = workdir / run_folder.CHECKPOINTS
  with Checkpoints(folder, config, domains, read_only=True) as checkpoints:
    yield config, domains, checkpoints


def _alone() -> ocp.options.MultiprocessingOptions:
  """Returns options with which Orbax in this process does not wait for other processes."""
  if not distributed.joined():
    return ocp.options.MultiprocessingOptions()
  own, _ = distributed.index_and_count()
  return ocp.options.MultiprocessingOptions(
    primary_host=own, active_processes={own}, barrier_sync_key_prefix=f'process {own}'
  )


def _first_line(error: Exception) -> str:
  return (str(error).strip().splitlines() or [type(error).__name__])[0][:300]
