"""The conditions: which training images an instrument learns from."""

from collections.abc import Mapping, Sequence
import dataclasses

import numpy as np

REAL, GENERATED, LUMINANCE = 'real', 'generated', 'luminance'
# The stream of random numbers that draws which images are the few real ones.
_STREAM = 1


@dataclasses.dataclass(frozen=True)
class Condition:
  """What an instrument learns from: real IR of some training pairs, and something for the others.

  Attributes:
    name: in files.
    title: for people.
    share: of the training pairs whose real IR image is there; at least one if it is not 0.
    others: what stands for the others, `GENERATED` or `LUMINANCE`; '' leaves them out.
  """

  name: str
  title: str
  share: float
  others: str = ''

  def is_real(self, n: int, seed: int) -> np.ndarray:
    """Draws the training pairs whose real IR image is there, bool [n].

    With one seed, a larger share includes a smaller one.
    """
    count = max(1, round(self.share * n)) if self.share else 0
    found = np.zeros(n, bool)
    found[np.random.default_rng([seed, _STREAM]).permutation(n)[:count]] = True
    return found

  def select(
    self, images: Mapping[str, np.ndarray], labels: np.ndarray, seed: int
  ) -> tuple[np.ndarray, np.ndarray]:
    """Returns the images and labels to learn from, in the order of the training split.

    Args:
      images: `REAL`, `GENERATED` and `LUMINANCE` -> [n, height, width], of the training pairs.
      labels: [n, height, width].
      seed: of the draw.
    """
    real = self.is_real(len(labels), seed)
    if not self.others:
      return images[REAL][real], labels[real]
    return np.where(real[:, np.newaxis, np.newaxis], images[REAL], images[self.others]), labels


def conditions(few: Sequence[float]) -> list[Condition]:
  """Returns all conditions, for these shares of few real images, each above 0 and below 1."""
  found = [
    Condition(REAL, 'real IR', 1.0),
    Condition(GENERATED, 'generated IR', 0.0, GENERATED),
    Condition(LUMINANCE, 'luminance (gray)', 0.0, LUMINANCE),
  ]
  for share in few:
    percent = f'{100 * share:g}'
    name, title = f'few_{percent}', f'{percent} % real IR'
    found.append(Condition(name, title, share))
    found.append(Condition(f'{name}_generated', f'{title}, others generated', share, GENERATED))
  return found


def comparisons(chosen: Sequence[Condition]) -> list[tuple[str, str]]:
  """Returns the pairs of conditions to compare; a difference is the first minus the second."""
  names = {condition.name for condition in chosen}
  few = [c.name for c in chosen if f'{c.name}_generated' in names]
  return [
    *((GENERATED, REAL), (GENERATED, LUMINANCE)),
    *((f'{name}_generated', name) for name in few),
  ]
