"""What the validations of a run say: which step was best, whether it overfits, how certain that is.

`validation` holds the columns of validation.csv, float64 [validations] each.
"""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

import numpy as np

from cyclegan_jax.metrics import selection

# Overfitting: the best validation lies in this share of the run, its first, at least so many others
# followed, and the last of these are worse by more than this many times the median step between
# neighbors.
_EARLY, _FOLLOWING, _CLEARLY = 0.5, 3, 2.0
# Resampled image sets; the range of steps that is chosen in this share of them.
_DRAWS, _COVERED = 1000, 0.9
# With more images than this, the choice is not described: the file would be large.
MOST_IMAGES = 100


class Best(NamedTuple):
  """The best validation of a run so far.

  Attributes:
    step: its step; of several equal ones the first.
    since: how many validations followed it.
    last: the step of the latest validation.
    overfits: whether the following ones are clearly worse.
  """

  step: int
  since: int
  last: int
  overfits: bool


def find(validation: Mapping[str, np.ndarray], metric: str) -> Best | None:
  """Finds the best validation by a metric, see `selection.score`; None if there is none."""
  names = selection.needed(selection.basis(validation.keys(), metric))
  if not validation.keys() >= {'step', *names}:
    return None
  steps = validation['step']
  scores = np.array(
    [
      selection.rank({name: validation[name][i] for name in names}, metric)
      for i in range(len(steps))
    ]
  )
  index = int(np.argmax(scores))
  since = len(steps) - 1 - index
  return Best(int(steps[index]), since, int(steps[-1]), _overfits(steps, scores, index))


def _overfits(steps: np.ndarray, scores: np.ndarray, index: int) -> bool:
  after = scores[index + 1 :]
  if steps[index] > _EARLY * steps[-1] or len(after) < _FOLLOWING or not np.isfinite(scores).all():
    return False
  noise = np.median(np.abs(np.diff(scores)))
  return bool(scores[index] - np.mean(after[-_FOLLOWING:]) > _CLEARLY * noise)


def stopped(validation: Mapping[str, np.ndarray], metric: str, patience: int) -> bool:
  """Returns whether so many validations have brought no improvement; False without patience."""
  found = find(validation, metric)
  return bool(patience and found and found.since >= patience)


def sentences(
  validation: Mapping[str, np.ndarray], metric: str, images: Mapping[str, np.ndarray] | None = None
) -> Iterator[str]:
  """Yields what there is to say about the best step of a run, for people.

  `images` holds the columns of validation_images.csv: `step`, and the score of each image.
  """
  found = find(validation, metric)
  if found is None:
    return
  metric = selection.basis(validation.keys(), metric)
  place = f'step {found.step:,} of {found.last:,}'
  if found.overfits:
    yield (
      f'Overfitting: validation was best at {place} (by {metric}) and has fallen since. More '
      '--epochs do not help; more data or augmentation may (docs/how-to/small-data.md).'
    )
  else:
    yield f'Validation was best at {place} (by {metric}).'
  if images and len(images['step']) > 1:
    yield from _certainty(found.step, images)


def _certainty(step: int, images: Mapping[str, np.ndarray]) -> Iterator[str]:
  """Says how often other images would have chosen the same step, by the bootstrap over images."""
  steps = images['step'].astype(int)
  scores = np.array([column for name, column in images.items() if name != 'step'])
  scores = scores[np.isfinite(scores).all(axis=1)]
  if step not in steps or len(scores) < 2:
    return
  n = len(scores)
  counts = np.random.default_rng(0).multinomial(n, np.full(n, 1 / n), _DRAWS)
  chosen = steps[np.argmax(counts @ scores, axis=1)]
  share = np.mean(chosen == step)
  tail = (1 - _COVERED) / 2
  low, high = np.quantile(chosen, [tail, 1 - tail], method='nearest')
  line = f'{n} images choose: others like them would choose the same step in {share:.0%} of cases'
  yield line + (f', and one from {low:,} to {high:,} in {_COVERED:.0%}.' if low < high else '.')
