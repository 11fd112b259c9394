"""What a run has before its first step: a folder of its own, checkpoints, and batches."""

from collections.abc import Iterator
import contextlib
import math
import pathlib
from typing import Any

import grain

from cyclegan_jax import config as config_lib, distributed
from cyclegan_jax.data import pipeline
from cyclegan_jax.data.source import Dataset
from cyclegan_jax.devices import sharding
from cyclegan_jax.runs import lock, run_folder
from cyclegan_jax.settings import Config
from cyclegan_jax.training import preflight
from cyclegan_jax.training.checkpoint import Checkpoints, Saved
from cyclegan_jax.training.step.state import TrainState


def write(config: Config, dataset: Dataset, workdir: pathlib.Path, state: TrainState) -> None:
  """Writes the folder of a run that begins with a given state; `loop.train` continues it.

  Raises:
    UserError: as `loop.train`, or the folder has a checkpoint already.
  """
  config = config_lib.with_span(config, dataset.ir_span)
  preflight.check_new(config, workdir)
  with open_folder(config, dataset, workdir, overwrite=False) as checkpoints:
    checkpoints.save(0, Saved(state, batches(config, dataset).get_state()), {})


def check(config: Config, dataset: Dataset, workdir: pathlib.Path, overwrite: bool) -> None:
  """Raises what `open_folder` would raise, before long work."""
  pipeline.check_crop(dataset, config.data)
  begun = preflight.begun(workdir, overwrite)
  preflight.check_schedule(config, steps_per_epoch(config, dataset), begun)
  if not distributed.is_first():
    return
  if not overwrite:
    run_folder.check_data(workdir, dataset)
  if (workdir / lock.FILE).exists():
    with lock.held(workdir):
      pass


@contextlib.contextmanager
def open_folder(
  config: Config, dataset: Dataset, workdir: pathlib.Path, overwrite: bool
) -> Iterator[Checkpoints]:
  """Creates the run folder, locks it, and opens its checkpoints.

  Raises:
    UserError: the data are unfit for training, another process writes to the folder, or see
      `run_folder.create`.
  """
  check(config, dataset, workdir, overwrite)
  workdir.mkdir(parents=True, exist_ok=True)
  with lock.held(workdir):
    run_folder.create(workdir, config, dataset, overwrite)
    with Checkpoints(workdir / run_folder.CHECKPOINTS, config, dataset.domains) as checkpoints:
      yield checkpoints


def steps_per_epoch(config: Config, dataset: Dataset) -> int:
  """Returns how many steps are one pass over the larger domain."""
  return math.ceil(len(pipeline.get_split(dataset, 'train')) / config.train.batch_size)


def total_steps(config: Config, dataset: Dataset) -> int:
  """Returns how many steps the run is to have."""
  return config.train.steps or config.train.epochs * steps_per_epoch(config, dataset)


def batches(config: Config, dataset: Dataset) -> grain.DatasetIterator[Any]:
  """Returns this process's part of the training batches, from the first one on."""
  return iter(
    pipeline.batches(
      dataset,
      config.data,
      config.train.batch_size,
      sharding(),
      seed=config.train.seed,
      process=distributed.index_and_count(),
      labeled=config.labeled,
      in_sequence=config.model.method == 'exemplar',
    )
  )
