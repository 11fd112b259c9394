"""The function that every exported file computes."""

from collections.abc import Callable
import dataclasses

import numpy as np

from cyclegan_jax.data import layers
from cyclegan_jax.data.source import Domain, dtype_of, ends
from cyclegan_jax.inference.model import Model
from cyclegan_jax.models.apply import Translator

# Pixels in, pixels out: uint8 or uint16 [batch, height, width, channels] of any size. Layers that a
# network sees are given by name, [batch, height, width] each.
Run = Callable[..., np.ndarray]


@dataclasses.dataclass(frozen=True)
class Program:
  """One direction of a model that computes in float32, from pixels to pixels.

  `limit` is the largest pixel value of the output, 255 or 65535.
  """

  model: Model
  direction: str
  limit: int

  @property
  def domains(self) -> tuple[Domain, Domain]:
    """The source and the target."""
    return ends(self.model.domains, self.direction)

  @property
  def generator(self) -> Translator:
    """The generator with its arrays."""
    return self.model.translator(self.direction)

  @property
  def layers(self) -> dict[str, np.dtype]:
    """The layers of a scene that the file takes beside its image, and their dtypes."""
    inputs = self.domains[0].inputs
    return {name: layers.DTYPES[name] for name in (inputs.layers if inputs else ())}

  @property
  def dtypes(self) -> tuple[np.dtype, np.dtype]:
    """The dtypes of the input and the output, uint8 or uint16."""
    return dtype_of(self.domains[0].max_value), dtype_of(self.limit)
