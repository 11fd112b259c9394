"""Checkpoints of a run: state, data position and validation metrics, by Orbax.

Of several processes the first one writes and reads, and tells the others what it has read: the
state is the same on all devices, so there is nothing to write together, and nothing in a
checkpoint depends on the number of processes or devices. Only the first one needs to see the
folder.
"""

from collections.abc import Iterator, Mapping, Sequence
import contextlib
import hashlib
import pathlib
import shutil
from typing import Any

import grain
import jax
import numpy as np
import orbax.checkpoint as ocp
from orbax.checkpoint import checkpoint_managers

from cyclegan_jax import distributed
from cyclegan_jax.errors import UserError
from cyclegan_jax.progress import Log
from cyclegan_jax.settings import Config
from cyclegan_jax.training import grain_checkpoint, state as state_lib
from cyclegan_jax.training.state import TrainState

# Orbax first renames a step that is to go into this folder: a kill while it deletes cannot leave
# a half-deleted step that still looks restorable.
_TRASH = '.trash'
_UNFINISHED = '*.orbax-checkpoint-tmp*'
# Beside the folder of checkpoints: those that could not be read.
DAMAGED = 'damaged_checkpoints'

Rows = Sequence[Mapping[str, float]]


class Checkpoints:
  """The checkpoints of one run folder.

  Kept are the latest `keep` and the best by the validation metric. Saving is asynchronous: the
  state is copied before `save` returns and written in the background.

  Usage:
    with Checkpoints(workdir / 'checkpoints', config) as checkpoints: ...
  """

  def __init__(self, folder: pathlib.Path, config: Config, *, read_only: bool = False):
    self._config = config
    self._folder = folder.absolute()
    self._read_only = read_only
    metric = config.train.best_metric
    if not read_only:
      # Orbax would do it in the background, and might still be at it at the first save.
      for leftover in self._folder.glob(_UNFINISHED):
        shutil.rmtree(leftover, ignore_errors=True)
      self._folder.mkdir(parents=True, exist_ok=True)
    self._manager = ocp.CheckpointManager(
      self._folder,
      options=ocp.CheckpointManagerOptions(
        best_fn=lambda metrics: metrics[metric],
        best_mode='max',
        read_only=read_only,
        create=False,
        multiprocessing_options=_alone(),
        save_interval_steps=0 if read_only else 1,
        todelete_subdir=None if read_only else _TRASH,
        enable_async_checkpointing=not read_only,
        preservation_policy=checkpoint_managers.AnyPreservationPolicy(
          [
            checkpoint_managers.LatestN(config.train.keep_checkpoints),
            checkpoint_managers.BestN(
              get_metric_fn=lambda metrics: metrics[metric],
              n=1,
              keep_checkpoints_without_metrics=False,
            ),
          ]
        ),
      ),
    )

  def __enter__(self) -> 'Checkpoints':
    return self

  def __exit__(self, *unused: Any) -> None:
    with self._writing():
      self._empty_trash()
      self._manager.close()

  def latest_step(self) -> int | None:
    """The newest complete step, or None."""
    return self._manager.latest_step()

  def resolve(self, which: str) -> int:
    """The step that 'best', 'latest' or a number stands for; without metrics best is latest.

    Raises:
      UserError: there is none.
    """
    steps = sorted(self._manager.all_steps())
    if not steps:
      raise UserError(f'{self._folder} has no checkpoint yet: train first.')
    if which == 'latest':
      return steps[-1]
    if which == 'best':
      best = self._manager.best_step()
      return steps[-1] if best is None else best
    if not which.isdecimal() or int(which) not in steps:
      raise UserError(
        f'--checkpoint={which}: {self._folder} has {", ".join(map(str, steps))}, '
        'or say best or latest.'
      )
    return int(which)

  def save(
    self,
    step: int,
    state: TrainState,
    iterator: grain.DatasetIterator,
    metrics: Mapping[str, float] | None,
    rows: Rows = (),
  ) -> None:
    """Starts saving; `state` is one device's copy and may be donated afterwards.

    Args:
      step: steps done.
      state: the state.
      iterator: of the batches.
      metrics: validation metrics by name, if it was validated.
      rows: terms of the steps that are not in metrics.csv yet.

    Raises:
      UserError: this checkpoint or the one before cannot be written.
    """
    with self._writing():
      self._empty_trash()
      if distributed.joined():  # Orbax takes arrays on devices for parts of greater ones then.
        state = jax.tree.map(np.asarray, state)
      self._manager.save(
        step,
        metrics=metrics and dict(metrics),
        args=ocp.args.Composite(
          state=ocp.args.StandardSave(state),
          data=grain_checkpoint.Save(iterator),
          run=ocp.args.JsonSave({'digest': _digest(state), 'rows': list(rows)}),
        ),
      )

  def restore_latest(self, iterator: grain.DatasetIterator, log: Log) -> tuple[TrainState, Rows]:
    """The newest state that is whole; damaged newer ones are moved out of the way.

    Args:
      iterator: is set to its place.
      log: takes a warning about each damaged checkpoint.

    Returns:
      The state, and the terms of steps that are not in metrics.csv yet.

    Raises:
      UserError: there is none.
    """
    for step in sorted(self._manager.all_steps(), reverse=True):
      try:
        return self._restore(step, iterator)
      except UserError as error:
        aside = self._folder.with_name(DAMAGED) / str(step)
        shutil.rmtree(aside, ignore_errors=True)
        aside.parent.mkdir(exist_ok=True)
        shutil.move(self._folder / str(step), aside)
        self._manager.reload()
        log(f'Warning: {error}\nIt was moved to {aside}; the checkpoint before it is used.')
    raise UserError(f'No checkpoint in {self._folder} can be read. Start anew with --overwrite.')

  def restore(self, step: int) -> TrainState:
    """The state at a step, on the default device.

    Raises:
      UserError: the checkpoint is damaged, or from networks of another shape.
    """
    try:
      return self._restore(step, None)[0]
    except UserError as error:
      others = [str(other) for other in sorted(self._manager.all_steps()) if other != step]
      raise UserError(
        f'{error} '
        + (f'Others: --checkpoint={" or ".join(others)}.' if others else 'There is no other one.')
      ) from error

  def _restore(self, step: int, iterator: grain.DatasetIterator | None) -> tuple[TrainState, Rows]:
    args = {
      'state': ocp.args.StandardRestore(self._abstract_state()),
      'run': ocp.args.JsonRestore(),
    }
    if iterator is not None:
      args['data'] = grain_checkpoint.Restore(iterator)
    try:
      restored = self._manager.restore(step, args=ocp.args.Composite(**args))
      state, run = restored['state'], restored['run']
    except Exception as error:  # Orbax and TensorStore raise errors of many kinds.
      raise UserError(
        f'The checkpoint {self._folder / str(step)} cannot be read: it is damaged, '
        f'or from another configuration ({_first_line(error)}).'
      ) from error
    if run['digest'] != _digest(state):
      raise UserError(
        f'The checkpoint {self._folder / str(step)} is damaged: its content is not what was saved.'
      )
    return state, run['rows']

  @contextlib.contextmanager
  def _writing(self) -> Iterator[None]:
    """Explains what went wrong; Orbax tells it late, of an earlier save, and in many kinds."""
    try:
      yield
    except Exception as error:
      raise UserError(
        f'A checkpoint cannot be written to {self._folder}: {_first_line(error)}. '
        'Checkpoints saved before are intact. Make room there, or see that the '
        'folder is there and may be written to; then the same command resumes.'
      ) from error

  def _empty_trash(self) -> None:
    if not self._read_only:
      self._manager.wait_until_finished()
      shutil.rmtree(self._folder / _TRASH, ignore_errors=True)

  def _abstract_state(self) -> TrainState:
    device = jax.sharding.SingleDeviceSharding(jax.local_devices()[0])
    return jax.tree.map(
      lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=device),
      jax.eval_shape(lambda: state_lib.initialize(self._config)),
    )


def _alone() -> ocp.options.MultiprocessingOptions:
  """Orbax in this process does not wait for others."""
  if not distributed.joined():
    return ocp.options.MultiprocessingOptions()
  own, _ = distributed.index_and_count()
  return ocp.options.MultiprocessingOptions(
    primary_host=own, active_processes={own}, barrier_sync_key_prefix=f'process {own}'
  )


def _digest(state: TrainState) -> str:
  """Of names, shapes and content of all arrays: Orbax does not notice a flipped bit."""
  digest = hashlib.blake2b(digest_size=16)
  for path, leaf in jax.tree.leaves_with_path(state):
    array = np.asarray(leaf)
    digest.update(f'{jax.tree_util.keystr(path)} {array.shape} {array.dtype}'.encode())
    digest.update(np.ascontiguousarray(array).data)
  return digest.hexdigest()


def _first_line(error: Exception) -> str:
  return (str(error).strip().splitlines() or [type(error).__name__])[0][:300]
