"""The figure that chooses the best checkpoint; higher is better."""

from collections.abc import Collection, Mapping
import math
from typing import Any

import numpy as np

from cyclegan_jax.metrics import unpaired

# The weights of PSNR, SSIM and correlation in `overall`. Between neighboring validations of runs on
# 27 RoadScene images PSNR differs by 0.08 dB, SSIM by 0.004, and correlation by 0.006 (medians),
# so that each term is about as noisy as the others.
_PSNR_UNIT = 20.0
# Infinite PSNR, of identical images, counts as so many dB.
_HIGHEST_PSNR = 100.0


def basis(names: Collection[str], metric: str) -> str:
  """Returns the metric that chooses, given the names of what was measured.

  Without pairs, this is `unpaired.ERROR`, whatever metric of pairs was to choose.
  """
  return unpaired.ERROR if unpaired.ERROR in names else metric


def needed(metric: str) -> tuple[str, ...]:
  """Returns the metrics that the `score` by a metric is made of."""
  return ('psnr', 'ssim', 'correlation') if metric == 'overall' else (metric,)


def score(values: Mapping[str, Any], metric: str) -> np.ndarray:
  """Returns what chooses a checkpoint, of one image set or, as arrays, of each image.

  Args:
    values: metrics by name, float or float [n]; see `image_quality.image_metrics`.
    metric: one of them, or 'overall': PSNR / 20 dB + SSIM + correlation. PSNR alone prefers blurred
      images. Where the correlation is undefined, it counts as 0. `unpaired.ERROR` is negated.

  Returns:
    float64, of the shape of the values; NaN where the metric is undefined.
  """
  column = lambda name: np.asarray(values[name], np.float64)
  metric = basis(values.keys(), metric)
  if metric == unpaired.ERROR:
    return -column(metric)
  if metric != 'overall':
    return column(metric)
  psnr = np.minimum(column('psnr'), _HIGHEST_PSNR) / _PSNR_UNIT
  return psnr + column('ssim') + np.nan_to_num(column('correlation'), nan=0.0)


def rank(values: Mapping[str, Any], metric: str) -> float:
  """Returns the `score` of totals as a number to sort by: undefined is worse than any other."""
  value = float(score(values, metric))
  return -math.inf if math.isnan(value) else value
