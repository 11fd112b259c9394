"""What networks are told about an IR image beside its RGB image: a vector for each image.

One RGB image has many IR images: on a warm day and on a cold one, with engines running or not. A
condition says which of them is meant. It is a float32 vector of network values, which the generator
of IR images and their discriminator see as constant channels beside the image; beside labels, they
see the temperature of a class where the class is (`with_condition` in models/network.py).

class_temperatures: for each class the mean level over its pixels (0 where there are none), then for
each class 1 where there are some, and 0 where not. It needs labels, in training only. quantiles:
the median and the 95th percentile of all pixels.
"""

from collections.abc import Mapping, Sequence
import dataclasses
from typing import Any

import numpy as np

from cyclegan_jax.errors import UserError

# Of a batch: float32 [rows, size].
KEY = 'condition'
# In commands: all classes that are not named.
BACKGROUND = 'background'
_QUANTILES = {'median': 0.5, '95th_percentile': 0.95}


@dataclasses.dataclass(frozen=True)
class Condition:
  """The quantities of a condition, and what they were in the training images.

  Attributes:
    kind: 'class_temperatures' or 'quantiles'.
    names: Of the quantities: of the classes in the order of their indices, or of the quantiles.
    mean: Of each quantity, its mean over the training images that have it, as a network value; 0 if
      none has it.
    spread: Of each quantity, the standard deviation likewise.
    share: Of each quantity, the share of the training images that have it, 0 to 1.
  """

  kind: str
  names: tuple[str, ...]
  mean: tuple[float, ...]
  spread: tuple[float, ...]
  share: tuple[float, ...]

  @property
  def needs_labels(self) -> bool:
    """Whether labels are needed to tell the condition of an image."""
    return self.kind == 'class_temperatures'

  @property
  def size(self) -> int:
    """The length of the vector."""
    return len(self.names) * (2 if self.needs_labels else 1)

  @property
  def default(self) -> tuple[float, ...]:
    """The condition of an image of which nothing is known: the means of the training images.

    All classes of the training images are said to be present, since the image may have any of them.
    Shares in place of these bits would be a value that no training image has.
    """
    seen = tuple(float(share > 0) for share in self.share)
    return self.mean + (seen if self.needs_labels else ())

  def of_images(
    self, ir: np.ndarray, labels: np.ndarray | None, mask: np.ndarray | None
  ) -> np.ndarray:
    """Returns the conditions of IR images.

    Args:
      ir: Network values, float32 [n, height, width, channels]; channels are averaged.
      labels: Class indices, uint8 [n, height, width], of which others than those of the classes
        are no class; None if they are not needed.
      mask: bool [n, height, width, 1], the pixels that count; None for all.

    Returns:
      float32 [n, size]. Without a pixel that counts, quantiles are 0.
    """
    levels = ir.mean(-1)
    counts = np.ones(levels.shape, bool) if mask is None else mask[..., 0]
    if not self.needs_labels:
      found = np.zeros((len(ir), self.size), np.float32)
      for row, image, valid in zip(found, levels, counts):
        if valid.any():
          row[:] = np.quantile(image[valid], list(_QUANTILES.values()))
      return found
    assert labels is not None
    n, found = len(self.names), []
    for image, classes, valid in zip(levels, labels, counts):
      here = valid & (classes < n)
      pixels = np.bincount(classes[here], minlength=n)
      sums = np.bincount(classes[here], image[here], n)
      found.append([*(sums / np.maximum(pixels, 1)), *(pixels > 0)])
    return np.array(found, np.float32)

  def levels(self, vectors: np.ndarray) -> np.ndarray:
    """Returns the quantities, [..., quantities], of conditions [..., size]."""
    return vectors[..., : len(self.names)]

  def present(self, vectors: np.ndarray) -> np.ndarray:
    """Returns which images have which quantities, bool [..., quantities]."""
    if not self.needs_labels:
      return np.ones(vectors.shape, bool)
    return vectors[..., len(self.names) :] > 0

  def exchanged(self, vectors: np.ndarray, donors: np.ndarray) -> np.ndarray:
    """Returns the conditions of images with the quantities of others, float32 [n, size].

    Each image keeps the classes that it has. Of those that its donor lacks, it gets the mean.

    Args:
      vectors: The images' own conditions, float32 [n, size].
      donors: The index of the other image, [n].
    """
    levels = np.where(self.present(vectors), self.levels(vectors), self.mean)[donors]
    found, n = vectors.copy(), len(self.names)
    found[:, :n] = np.where(self.present(vectors), levels, 0)
    return found

  def measured(self, vectors: np.ndarray) -> 'Condition':
    """Returns the same quantities with what they are in training images, float32 [n, size]."""
    levels, present = self.levels(vectors).astype(np.float64), self.present(vectors)
    counts = np.maximum(present.sum(0), 1)
    mean = np.where(present, levels, 0).sum(0) / counts
    squares = np.where(present, (levels - mean) ** 2, 0).sum(0)
    numbers = mean, np.sqrt(squares / counts), present.mean(0)
    mean, spread, share = (tuple(float(x) for x in column) for column in numbers)
    return dataclasses.replace(self, mean=mean, spread=spread, share=share)

  def command(self, levels: Mapping[str, float]) -> np.ndarray:
    """Returns the condition, float32 [size], with some quantities as they are commanded.

    Args:
      levels: Network values by the names of quantities; `background` stands for all classes that
        are not named and that training images have. The others have their means.

    Raises:
      UserError: There is no such quantity.
    """
    known = (*self.names, *((BACKGROUND,) if self.needs_labels else ()))
    if unknown := [name for name in levels if name not in known]:
      raise UserError(
        f'--temperature: {unknown[0]} is unknown; this model knows {", ".join(known)}.'
      )
    vector, n = np.array(self.default, np.float32), len(self.names)
    for i, name in enumerate(self.names):
      stands_for_it = self.share[i] > 0 and BACKGROUND not in self.names
      level = levels.get(name, levels.get(BACKGROUND) if stands_for_it else None)
      if level is not None:
        vector[i] = level
        vector[n + i : n + i + 1] = 1
    return vector

  def to_json(self) -> dict[str, Any]:
    """Returns it as JSON takes it; `from_json` is the inverse."""
    return {**dataclasses.asdict(self), 'unit': 'network values, from -1 (black) to 1 (white)'}


def of_kind(kind: str, class_names: Sequence[str] = ()) -> Condition | None:
  """Returns a condition whose quantities have not been measured; None for 'none'."""
  if kind == 'none':
    return None
  names = tuple(class_names if kind == 'class_temperatures' else _QUANTILES)
  zeros, ones = (0.0,) * len(names), (1.0,) * len(names)
  return Condition(kind, names, zeros, zeros, ones)


def from_json(content: Mapping[str, Any]) -> Condition:
  """Reads what `to_json` returned; KeyError or TypeError if it is something else."""
  fields = [field.name for field in dataclasses.fields(Condition) if field.name != 'kind']
  found = {name: tuple(content[name]) for name in fields}
  return Condition(kind=content['kind'], **found)
