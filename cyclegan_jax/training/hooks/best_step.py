"""The best validation so far: ends the run with --patience, and says at the end which it was."""

from collections.abc import Mapping
import pathlib

import numpy as np

from cyclegan_jax import distributed
from cyclegan_jax.progress import Log
from cyclegan_jax.runs import best, reader, run_folder
from cyclegan_jax.settings import TrainConfig
from cyclegan_jax.training.hooks.csv_log import CsvFile
from cyclegan_jax.training.hooks.hook import Hook
from cyclegan_jax.training.hooks.unpaired_validation import UnpairedValidation
from cyclegan_jax.training.hooks.validation import Validation
from cyclegan_jax.training.step.state import TrainState


class BestStep(Hook):
  """Keeps all validations; every process has one, so that all end the run at the same step."""

  def __init__(
    self,
    config: TrainConfig,
    workdir: pathlib.Path,
    step: int,
    validation: Validation | UnpairedValidation,
    log: Log,
  ):
    """Continues what the run folder says about validations up to `step`."""
    self._config, self._log, self._validation = config, log, validation
    self._images, found = workdir / run_folder.VALIDATION_IMAGES, {}
    self._file = None
    if distributed.is_first():
      found = reader.columns(workdir / run_folder.VALIDATION)
      self._file = CsvFile(self._images, step)
    found = distributed.broadcast(found)
    rows = zip(*found.values())
    self._rows = [row for row in (dict(zip(found, row)) for row in rows) if row['step'] <= step]
    self._finished = self._exhausted()

  @property
  def finished(self) -> bool:
    """Whether --patience is exhausted."""
    return self._finished

  def on_checkpoint(self, step: int, state: TrainState, metrics: Mapping[str, float]) -> None:
    """Notes a validation, and the scores of its images if they are few."""
    self._rows.append({'step': step, **metrics})
    self._finished = self._exhausted()
    scores = self._validation.scores(self._config.best_metric)
    if self._file and 0 < len(scores) <= best.MOST_IMAGES:
      self._file.add({'step': step, **scores})

  def on_end(self) -> None:
    """Says which step was best, and how certain that is."""
    if self._finished:
      self._log(
        f'Stopped early: {self._config.patience} validations without improvement '
        f'(--patience={self._config.patience}). A larger --patience, or 0, goes on.'
      )
    images = reader.columns(self._images) if self._file else None
    for line in best.sentences(self._columns(), self._config.best_metric, images):
      self._log(line)

  def _exhausted(self) -> bool:
    return best.stopped(self._columns(), self._config.best_metric, self._config.patience)

  def _columns(self) -> dict[str, np.ndarray]:
    names = self._rows[0] if self._rows else ()
    # A run that an earlier version started may lack a metric.
    return {name: np.array([row.get(name, np.nan) for row in self._rows]) for name in names}
