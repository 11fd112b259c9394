"""Figures of single images to figures of a collection."""

from collections.abc import Mapping

import numpy as np


def summarize(
  values: Mapping[str, np.ndarray],
  max_value: float,
  undefined: Mapping[str, np.ndarray] | None = None,
) -> dict[str, float | int]:
  """Means over images of what `metrics.image_metrics` gave, all batches joined.

  Args:
    values: name -> [n] values, n >= 1 alike for all; "mse" among the names.
    max_value: the largest possible pixel value, for the pooled PSNR.
    undefined: name -> bool [n], images whose mask leaves too few pixels for this measure.

  Returns:
    Under each name the mean over images, in float64, and:
      n: number of images.
      psnr_pooled: 10 log10(max_value^2 / mean of mse), infinite if all are identical.
      psnr_infinite: number of images with infinite PSNR, which are left out of the
        mean PSNR (infinite if none is left); given where "psnr" is.
      correlation_undefined: number of images with NaN, which are left out of the
        mean correlation (NaN if none is left); given where "correlation" is.
      NAME_undefined: number of images left out of a mean as `undefined` says, if any.
    NaN in any other measure makes its mean NaN: a diverged model must not go unseen.

  Raises:
    ValueError: "mse" is missing, or the lengths differ or are 0.
  """
  columns = {name: np.asarray(column, np.float64) for name, column in values.items()}
  if 'mse' not in columns:
    raise ValueError(f"summarize needs 'mse' among the values, found {sorted(columns)}")
  n = columns['mse'].size
  for name, column in columns.items():
    if n == 0 or column.shape != (n,):
      raise ValueError(f'values of {name!r} have shape {column.shape}, expected ({max(n, 1)},)')
  left_out = {name: np.asarray((undefined or {}).get(name, np.zeros(n, bool))) for name in columns}
  summary = {f'{name}_undefined': int(out.sum()) for name, out in left_out.items() if out.any()}
  if 'psnr' in columns:
    infinite = np.isposinf(columns['psnr'])
    summary['psnr_infinite'] = int(infinite.sum())
    if not (infinite | left_out['psnr']).all():
      left_out['psnr'] = left_out['psnr'] | infinite
  if 'correlation' in columns:
    left_out['correlation'] = np.isnan(columns['correlation'])
    summary['correlation_undefined'] = int(left_out['correlation'].sum())
  means = {
    name: np.nan if left_out[name].all() else float(column[~left_out[name]].mean())
    for name, column in columns.items()
  }
  pooled = means['mse']
  summary['psnr_pooled'] = (
    float(10 * np.log10(max_value**2 / pooled)) if pooled != 0 else float('inf')
  )
  return {**means, **summary, 'n': n}
