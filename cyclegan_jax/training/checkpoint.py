"""Checkpoints of a run: state, data position and validation metrics, by Orbax."""

import pathlib
import shutil
from typing import Any, Mapping

import grain
import grain.checkpoint
import jax
import orbax.checkpoint as ocp
from orbax.checkpoint import checkpoint_managers

from cyclegan_jax.settings import Config
from cyclegan_jax.errors import UserError
from cyclegan_jax.training import state as state_lib
from cyclegan_jax.training.state import TrainState

# Orbax first renames a step that is to go into this folder: a kill while it deletes cannot leave
# a half-deleted step that still looks restorable.
_TRASH = '.trash'
_UNFINISHED = '*.orbax-checkpoint-tmp*'


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
    self._manager = ocp.CheckpointManager(self._folder, options=ocp.CheckpointManagerOptions(
        best_fn=lambda metrics: metrics[metric], best_mode='max', read_only=read_only,
        create=not read_only, save_interval_steps=0 if read_only else 1,
        todelete_subdir=None if read_only else _TRASH, enable_async_checkpointing=not read_only,
        preservation_policy=checkpoint_managers.AnyPreservationPolicy([
            checkpoint_managers.LatestN(config.train.keep_checkpoints),
            checkpoint_managers.BestN(get_metric_fn=lambda metrics: metrics[metric], n=1,
                                      keep_checkpoints_without_metrics=False)])))

  def __enter__(self) -> 'Checkpoints':
    return self

  def __exit__(self, *unused: Any) -> None:
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
      raise UserError(f'--checkpoint={which}: {self._folder} has {", ".join(map(str, steps))}, '
                      'or say best or latest.')
    return int(which)

  def save(self, step: int, state: TrainState, iterator: grain.DatasetIterator,
           metrics: Mapping[str, float] | None) -> None:
    """Starts saving; `state` is one device's copy and may be donated afterwards."""
    self._empty_trash()
    self._manager.save(step, metrics=metrics and dict(metrics), args=ocp.args.Composite(
        state=ocp.args.StandardSave(state), data=grain.checkpoint.CheckpointSave(iterator)))

  def restore(self, step: int, iterator: grain.DatasetIterator | None = None) -> TrainState:
    """The state at a step, on the default device; the iterator, if given, is set to its place.

    Raises:
      UserError: the checkpoint is damaged, or from networks of another shape.
    """
    args = {'state': ocp.args.StandardRestore(self._abstract_state())}
    if iterator is not None:
      args['data'] = grain.checkpoint.CheckpointRestore(iterator)
    try:
      return self._manager.restore(step, args=ocp.args.Composite(**args))['state']
    except (ValueError, KeyError, OSError) as error:
      raise UserError(f'The checkpoint {self._folder / str(step)} cannot be read. It is damaged, '
                      f'or from another configuration: {error}') from error

  def _empty_trash(self) -> None:
    if not self._read_only:
      self._manager.wait_until_finished()
      shutil.rmtree(self._folder / _TRASH, ignore_errors=True)

  def _abstract_state(self) -> TrainState:
    device = jax.sharding.SingleDeviceSharding(jax.local_devices()[0])
    return jax.tree.map(
        lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=device),
        jax.eval_shape(lambda: state_lib.initialise(self._config)))
