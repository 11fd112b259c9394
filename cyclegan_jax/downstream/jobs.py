"""The jobs of a study: an instrument each, and what it found, kept in a file.

FOLDER/jobs/CONDITION-seedK.npz   the counts of one instrument
"""

import dataclasses
import pathlib

import numpy as np

from cyclegan_jax.downstream import arrays_file
from cyclegan_jax.downstream.conditions import Condition


@dataclasses.dataclass(frozen=True)
class Job:
  """An instrument: what it has learned from, its seed, the file of its counts, and what they mean.

  Counts hold for this `identity` alone.
  """

  condition: Condition
  seed: int
  file: pathlib.Path
  identity: str

  def load(self) -> 'Outcome | None':
    """Returns what the file has; None if it is missing, damaged, or of something else."""
    arrays = arrays_file.read(self.file)
    if arrays is None or str(arrays.pop('identity', '')) != self.identity:
      return None
    n_train, shown = int(arrays.pop('n_train')), arrays.pop('shown')
    return Outcome(n_train, arrays, shown)

  def save(self, outcome: 'Outcome') -> None:
    """Writes the file, whole or not at all."""
    facts = {'identity': self.identity, 'n_train': outcome.n_train, 'shown': outcome.shown}
    arrays_file.write(self.file, facts | outcome.counts)


@dataclasses.dataclass(frozen=True)
class Outcome:
  """What one instrument found.

  Attributes:
    n_train: images that it has learned from.
    counts: condition -> int64 [n, classes, classes] on real IR of the test split, see
      `scoring.confusion`; after real IR also `study.FCN` with what it has judged instead.
    shown: uint8 [pictures, height, width], its classes of some real IR images.
  """

  n_train: int
  counts: dict[str, np.ndarray]
  shown: np.ndarray
