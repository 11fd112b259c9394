"""Distances between two collections of images, and the sum that chooses a checkpoint without pairs.

They say whether generated images look like real ones as a collection: as bright, as contrasty, as
sharp. None says that an image shows what is in the scene; the cycle error at least says that the
scene can be regained from it.
"""

from collections.abc import Mapping

import numpy as np

# The metric that chooses the best checkpoint where there are no pairs; lower is better.
ERROR = 'unpaired_error'
DISTANCES = ('histogram_distance', 'spectral_distance')
CYCLE = ('cycle_error_rgb', 'cycle_error_ir')


def counts(pixels: np.ndarray, max_value: int) -> np.ndarray:
  """Counts gray levels of integers from 0 to max_value, of any shape: int64 [max_value + 1]."""
  return np.bincount(pixels.ravel(), minlength=max_value + 1)


def histogram_distance(a: np.ndarray, b: np.ndarray) -> float:
  """Returns the Wasserstein distance of two histograms in gray levels, given their `counts`.

  It is the mean way that gray levels would have to go to turn one histogram into the other.
  """
  return float(np.abs(np.cumsum(a) / a.sum() - np.cumsum(b) / b.sum()).sum())


def spectral_distance(a: np.ndarray, b: np.ndarray) -> float:
  """Returns the root mean square difference in dB of two mean spectra [rings].

  The means, over images, are of `sharpness.log_spectrum`.
  """
  return float(np.sqrt(np.mean(np.square(np.asarray(a, float) - np.asarray(b, float)))))


def error(
  totals: Mapping[str, float], max_values: Mapping[str, float], target: str = 'ir'
) -> float:
  """Returns the sum that chooses a checkpoint: % of the range, dB, and % of the range.

  These are the histogram distance, the spectral distance, and, if there are two generators, the
  mean of the cycle errors. Each is a few units for a usable model, so that none decides alone.

  Args:
    totals: `histogram_distance`, `spectral_distance`, and perhaps those of CYCLE.
    max_values: the largest value of 'rgb' and 'ir'.
    target: the domain that was generated.
  """
  share = 100 * totals['histogram_distance'] / max_values[target] + totals['spectral_distance']
  cycles = [
    100 * totals[name] / max_values[name.rpartition('_')[2]] for name in CYCLE if name in totals
  ]
  return float(share + (np.mean(cycles) if cycles else 0.0))
