"""A file of the corpus and what is to come of it."""

from typing import NamedTuple

import numpy as np


class Sample(NamedTuple):
  """A file and what is to come of it.

  Attributes:
    format: 'PNG', 'JPEG', 'TIFF', 'BMP', 'WebP', 'HEIC' or 'other'.
    kind: what is special about it.
    data: its content.
    expected: the pixels; None if it is to be refused.
    tolerance: how far each value may be off.
  """

  format: str
  kind: str
  data: bytes
  expected: np.ndarray | None
  tolerance: int = 0
