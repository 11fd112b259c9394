"""Metrics of single images to metrics of a collection."""

from collections.abc import Mapping
import types

import numpy as np

from cyclegan_jax.metrics.catalog import METRICS


def summarize(
  values: Mapping[str, np.ndarray],
  max_value: float,
  undefined: Mapping[str, np.ndarray] = types.MappingProxyType({}),
) -> dict[str, float | int]:
  """Computes means over images of the results of `image_quality.image_metrics`, batches joined.

  Args:
    values: Name -> [n] values, the same n >= 1 for all, "mse" among the names.
    max_value: The largest possible pixel value, for the pooled PSNR.
    undefined: Name -> bool [n], the images whose mask leaves too few pixels for this metric.

  Returns:
    Under each name the mean over images, in float64; NaN makes it NaN, so that a diverged model
    does not go unnoticed, except where `METRICS` says that it is left out. And:
      n: The number of images.
      psnr_pooled: 10 log10(max_value^2 / mean of mse), infinite if all images are identical.
      NAME_infinite: For the kinds of PSNR, the number of images with infinite PSNR, which the mean
        leaves out (it is infinite if none is left).
      NAME_undefined: For metrics that may be undefined, the number of images with NaN, which the
        mean leaves out (it is NaN if none is left). For others the number of images left out
        because of `undefined`, if any.

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
  left_out = {name: np.asarray(undefined.get(name, np.zeros(n, bool))) for name in columns}
  summary = {f'{name}_undefined': int(out.sum()) for name, out in left_out.items() if out.any()}
  for name, metric in METRICS.items():
    if name in columns and metric.left_out == 'infinite':
      infinite = np.isposinf(columns[name])
      summary[f'{name}_infinite'] = int(infinite.sum())
      if not (infinite | left_out[name]).all():
        left_out[name] = left_out[name] | infinite
    if name in columns and metric.left_out == 'undefined':
      left_out[name] = np.isnan(columns[name])
      summary[f'{name}_undefined'] = int(left_out[name].sum())
  means = {
    name: np.nan if left_out[name].all() else float(column[~left_out[name]].mean())
    for name, column in columns.items()
  }
  pooled = means['mse']
  psnr_pooled = float(10 * np.log10(max_value**2 / pooled)) if pooled != 0 else float('inf')
  return {**means, **summary, 'psnr_pooled': psnr_pooled, 'n': n}
