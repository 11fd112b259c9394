"""Differences between models: intervals over images, tests over seeds; two questions kept apart.

`clustered_interval`: would other images of this kind give the same difference between these trained
models? Frames of one sequence resemble each other, so it draws whole sequences.
`sign_flip_test`, on one difference per seed: would training again give it?
"""

from collections.abc import Sequence
import dataclasses
import math
from typing import Any
import warnings

import numpy as np

CONFIDENCE = 0.95
MINIMUM_CLUSTERS = 3
# Up to this many seeds all sign flips are tried: 2^20 sums.
MOST_EXACT = 20
_RESAMPLES = 9999


@dataclasses.dataclass(frozen=True)
class Interval:
  """The mean over n images from n_clusters clusters, with its confidence interval.

  If there is none, `low` and `high` are None, and `problem` says why; otherwise it is ''.
  """

  mean: float
  low: float | None
  high: float | None
  n: int
  n_clusters: int
  problem: str = ''

  @property
  def bounds(self) -> dict[str, Any]:
    """`low`, `high` and `problem`, ready for JSON."""
    return {'low': self.low, 'high': self.high, 'problem': self.problem}


def no_interval(problem: str) -> dict[str, Any]:
  """Returns what stands for `Interval.bounds` where nothing can be compared."""
  return {'low': None, 'high': None, 'problem': problem}


def clustered_interval(differences: np.ndarray, clusters: Sequence[Any], seed: int = 0) -> Interval:
  """Computes the 95 % BCa bootstrap interval of a mean, drawing whole clusters.

  The mean is that over images: a cluster counts by its size. Bias-corrected and accelerated (Efron
  1987), 9999 resamples. Equal arguments give the equal interval.

  Args:
    differences: float [n], a paired difference per image, all finite.
    clusters: [n], what each image belongs to, such as its sequence.
    seed: of the resampling.

  Raises:
    ValueError: the lengths differ or are 0, or a difference is not finite.
  """
  differences = np.asarray(differences, np.float64)
  if differences.ndim != 1 or not len(differences) or len(differences) != len(clusters):
    raise ValueError(
      f'expected n > 0 differences and as many clusters, found shape '
      f'{differences.shape} and {len(clusters)}'
    )
  if not np.isfinite(differences).all():
    raise ValueError('differences must be finite')
  _, index = np.unique(np.asarray(clusters), return_inverse=True)
  counts = np.bincount(index).astype(np.float64)
  sums = np.bincount(index, differences)
  found = Interval(float(differences.mean()), None, None, len(differences), len(counts))
  if len(counts) < MINIMUM_CLUSTERS:
    plural = 's' * (len(counts) != 1)
    problem = f'{len(counts)} sequence{plural}; at least {MINIMUM_CLUSTERS} are needed'
    return dataclasses.replace(found, problem=problem)
  if np.ptp(sums / counts) <= 1e-12 * np.abs(sums / counts).max():
    return dataclasses.replace(found, problem='all sequences differ by the same amount')

  from scipy import stats  # Late: takes a second to import.

  with warnings.catch_warnings():
    warnings.simplefilter('ignore', stats.DegenerateDataWarning)
    ends = stats.bootstrap(
      (sums, counts),
      lambda sums, counts, axis: sums.sum(axis) / counts.sum(axis),
      paired=True,
      vectorized=True,
      method='BCa',
      batch=1000,
      n_resamples=_RESAMPLES,
      confidence_level=CONFIDENCE,
      rng=np.random.default_rng(seed),
    ).confidence_interval
  if not np.isfinite(ends).all():
    return dataclasses.replace(found, problem='the bootstrap distribution is degenerate')
  return dataclasses.replace(found, low=float(ends.low), high=float(ends.high))


def sign_flip_test(differences: Sequence[float]) -> float | None:
  """Tests whether the mean difference over seeds is 0, by flipping signs, two-sided.

  If the two models are equally good, each seed's difference is as likely with the other sign. p
  is the share of all 2^n choices of signs whose mean is at least as far from 0; exact up to 20
  seeds, beyond that from 99999 random choices, the same in every call.

  Returns:
    p, at least `least_p(n)`; None with fewer than 2 differences, which say nothing.

  Raises:
    ValueError: a difference is not finite.
  """
  values = np.asarray(differences, np.float64)
  if not np.isfinite(values).all():
    raise ValueError('differences must be finite')
  if len(values) < 2:
    return None
  if len(values) > MOST_EXACT:
    from scipy import stats  # Late, likewise.

    options = {'permutation_type': 'samples', 'vectorized': True, 'batch': 1000}
    rng = np.random.default_rng(0)
    found = stats.permutation_test((values,), np.mean, n_resamples=99999, rng=rng, **options)
    return float(found.pvalue)
  # SciPy walks through the 2^20 choices in Python. The first sign stays, by symmetry.
  sums = values[:1]
  for value in values[1:]:
    sums = np.concatenate([sums + value, sums - value])
  # Rounding must not tell apart sums that are equal.
  slack = 1e-12 * np.abs(values).sum()
  return float(np.mean(np.abs(sums) >= abs(values.sum()) - slack))


def holm(p_values: Sequence[float | None]) -> list[float | None]:
  """Adjusts the p-values of several comparisons (Holm 1979), in the order given.

  Rejecting where an adjusted value is at most 0.05 keeps the chance of any false rejection below
  0.05. A comparison without a p (None) stays without, and counts among the comparisons.
  """
  adjusted: list[float | None] = [None] * len(p_values)
  known = sorted((p, i) for i, p in enumerate(p_values) if p is not None)
  largest = 0.0
  for rank, (p, i) in enumerate(known):
    largest = max(largest, min(1.0, p * (len(p_values) - rank)))
    adjusted[i] = largest
  return adjusted


def add_holm(comparisons: Sequence[dict[str, Any]]) -> None:
  """Adds `p_holm` to several comparisons, dicts with `p`; see `holm`."""
  for one, adjusted in zip(comparisons, holm([one['p'] for one in comparisons])):
    one['p_holm'] = adjusted


def least_p(n_seeds: int) -> float:
  """Returns the smallest p that `sign_flip_test` can return for n_seeds seeds: 2 / 2^n_seeds."""
  return min(1.0, 2.0 ** (1 - n_seeds))


def seeds_needed(n_comparisons: int, level: float = 0.05) -> int:
  """Returns the fewest seeds with which the clearest comparison can reach `level` after Holm."""
  return max(2, 1 + math.ceil(math.log2(n_comparisons / level)))
