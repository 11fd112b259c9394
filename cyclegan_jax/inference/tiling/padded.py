"""An image of any size as a network sees it: padded, and read part by part as network values."""

from collections.abc import Mapping
import dataclasses

import numpy as np

from cyclegan_jax.data.source import Domain


@dataclasses.dataclass(frozen=True)
class Padded:
  """An image whose sides are padded to multiples of `step`.

  It is mirrored at the border as far as that is possible: the network sees no new edge. Only the
  parts that are read become floating-point numbers.

  Attributes:
    pixels: uint8 or uint16 [height, width, c] in the full range of their dtype.
    domain: what the pixels mean.
    step: the sides of `shape` are multiples of it.
    layers: [height, width] each, those that networks see, see data/layers.py.
  """

  pixels: np.ndarray
  domain: Domain
  step: int
  layers: Mapping[str, np.ndarray] = dataclasses.field(default_factory=dict)

  @property
  def shape(self) -> tuple[int, int]:
    """Height and width, padded."""
    height, width = self.pixels.shape[:2]
    return padded_size(height, width, self.step)

  def crop(self, rows: slice, columns: slice) -> np.ndarray:
    """Returns a part as network values, float32 [1, rows, columns, c] in [-1, 1]."""
    down, across = (
      _mirrored(part, side) for part, side in zip((rows, columns), self.pixels.shape[:2])
    )
    area = np.ix_(down, across)
    seen = {key: plane[area] for key, plane in self.layers.items()}
    seen[self.domain.name] = self.domain.rescale(self.pixels[area])
    return self.domain.seen({key: x[np.newaxis] for key, x in seen.items()})

  def whole(self) -> np.ndarray:
    """Returns all of it, as `crop` does."""
    height, width = self.shape
    return self.crop(slice(0, height), slice(0, width))


def padded_size(height: int, width: int, step: int) -> tuple[int, int]:
  """Returns the size to which an image is padded, in multiples of `step`."""
  down, across = (-(-side // step) * step for side in (height, width))
  return down, across


def _mirrored(part: slice, side: int) -> np.ndarray:
  """The pixels along an axis of `side` pixels that stand for those of a part of the padded axis."""
  index = np.arange(part.start, part.stop) % (2 * side)
  return np.minimum(index, 2 * side - 1 - index)
