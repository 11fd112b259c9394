"""The jobs of a study: an instrument each, and what it found, kept in a file.

FOLDER/jobs/CONDITION-seedK.npz   the counts of one instrument
"""

import dataclasses
import io
import pathlib
from typing import Any
import zipfile

import numpy as np

from cyclegan_jax import files
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
    try:
      with np.load(self.file, allow_pickle=False) as found:
        arrays = dict(found)
    except (OSError, ValueError, EOFError, KeyError, zipfile.BadZipFile):
      return None
    if str(arrays.pop('identity', '')) != self.identity:
      return None
    n_train, shown = int(arrays.pop('n_train')), arrays.pop('shown')
    return Outcome(n_train, arrays, shown)

  def save(self, outcome: 'Outcome') -> None:
    """Writes the file, whole or not at all."""
    content = io.BytesIO()
    arrays: dict[str, Any] = {'identity': self.identity, 'n_train': outcome.n_train}
    arrays |= {'shown': outcome.shown, **outcome.counts}
    np.savez_compressed(content, **arrays)
    files.write_bytes(self.file, content.getvalue())


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
