"""The function that every exported file computes, and the interface of the file formats."""

from collections.abc import Callable, Mapping
import dataclasses
import pathlib
from typing import Any, Protocol

import numpy as np

from cyclegan_jax.data.source import Domain
from cyclegan_jax.inference.model import Model

# Pixels in, pixels out: uint8 or uint16 [batch, height, width, channels] of any size.
Run = Callable[[np.ndarray], np.ndarray]


@dataclasses.dataclass(frozen=True)
class Program:
  """One direction of a model, from pixels to pixels.

  Attributes:
    model: computes in float32.
    direction: 'rgb_to_ir' or 'ir_to_rgb'.
    limit: the largest pixel value of the output, 255 or 65535.
  """

  model: Model
  direction: str
  limit: int

  @property
  def domains(self) -> tuple[Domain, Domain]:
    """The source and the target."""
    source, target = self.direction.split('_to_')
    return self.model.domains[source], self.model.domains[target]

  @property
  def generator(self) -> Any:
    """The generator with its arrays, `inference.generators.Generator`."""
    return self.model.translator(self.direction)

  @property
  def dtypes(self) -> tuple[np.dtype, np.dtype]:
    """The dtypes of the input and the output, uint8 or uint16."""
    limits = self.domains[0].max_value, self.limit
    first, second = (np.dtype(np.uint8 if limit <= 255 else np.uint16) for limit in limits)
    return first, second


class Format(Protocol):
  """A module that writes and runs files of one format."""

  def write(self, file: pathlib.Path, program: Program, metadata: Mapping[str, str]) -> None:
    """Writes a file that computes in float32; `metadata` are texts by name, kept in the file."""
    ...

  def load(self, file: pathlib.Path) -> Run:
    """Loads a file to run it here."""
    ...
