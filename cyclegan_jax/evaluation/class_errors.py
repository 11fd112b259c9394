"""Errors of pixel values class by class, where pixels have labels."""

from collections.abc import Mapping, Sequence
import math
from typing import Any

import numpy as np

from cyclegan_jax import radiometry

DEFINITION = (
  'over all pixels of a class in all images, of gray levels: bias: mean of generated minus true '
  'value, above 0 is too hot (of RGB images: too bright); mae: mean absolute difference. Pixels '
  'without a label, and without thermal data, count in no class'
)


def sums(
  truth: np.ndarray,
  prediction: np.ndarray,
  labels: np.ndarray,
  n_classes: int,
  mask: np.ndarray | None,
) -> np.ndarray:
  """Counts the pixels of each class of each image, and adds up their errors.

  Args:
    truth: True pixels, integers [n, height, width, channels].
    prediction: Generated pixels, the same shape.
    labels: Class indices, uint8 [n, height, width]; those from n_classes on are no class.
    n_classes: The number of classes.
    mask: bool [n, height, width, 1], the pixels that are compared; None for all.

  Returns:
    float64 [n, n_classes, 3]: pixels, sum of errors (generated minus true, mean over channels), sum
    of absolute errors.
  """
  found = np.zeros((len(truth), n_classes, 3))
  for i, classes in enumerate(labels):
    compared = classes < n_classes
    compared = compared if mask is None else compared & mask[i, ..., 0]
    errors = (prediction[i].astype(np.float64) - truth[i])[compared]
    for column, values in enumerate((None, errors.mean(-1), np.abs(errors).mean(-1))):
      found[i, :, column] = np.bincount(classes[compared], values, n_classes)
  return found


def content(
  found: Mapping[str, np.ndarray],
  class_names: Sequence[str],
  ir_range: radiometry.Range | None,
  max_value: float,
) -> dict[str, Any]:
  """Returns what metrics.json says about classes.

  Args:
    found: Results of `sums` of all images by predictor.
    class_names: The classes.
    ir_range: What gray levels mean; None if that is not known.
    max_value: The largest gray level.

  Returns:
    `unit`, that of differences, or None; and `errors`, an entry for each class: `class`, its name,
    `pixels`, `images` that have some of them, and by predictor `bias` and `mae` in gray levels, and
    with a unit `bias_in_unit` and `mae_in_unit`; None where there is no pixel.
  """
  errors: list[dict[str, Any]] = [{'class': name} for name in class_names]
  for index, entry in enumerate(errors):
    for predictor, rows in found.items():
      pixels, total, absolute = rows[:, index].sum(0)
      counts = {'pixels': int(pixels), 'images': int((rows[:, index, 0] > 0).sum())}
      values = {
        'bias': float(total / pixels) if pixels else None,
        'mae': float(absolute / pixels) if pixels else None,
      }
      if ir_range:
        values |= {
          f'{key}_in_unit': None if value is None else ir_range.difference(value, max_value)
          for key, value in values.items()
        }
      entry |= {**counts, predictor: values}
  return {'unit': ir_range.difference_unit if ir_range else None, 'errors': errors}


def rows(classes: Mapping[str, Any], titles: Mapping[str, str]) -> list[list[str]]:
  """Returns a table of what `content` returns as text, header first; empty for {}.

  It has bias and MAE of the first predictor of `titles`, what tables call predictors, and the MAE
  of the others.
  """
  if not classes:
    return []
  first, *others = titles
  unit = classes['unit']
  columns = [('bias', first, 'bias'), ('MAE', first, 'mae')]
  if unit:
    columns += [(f'bias, {unit}', first, 'bias_in_unit'), (f'MAE, {unit}', first, 'mae_in_unit')]
  columns += [(f'MAE, {titles[name]}', name, 'mae') for name in others]
  header = ['class', 'pixels', 'images', *(title for title, *_ in columns)]
  return [header] + [
    [
      found['class'],
      str(found['pixels']),
      str(found['images']),
      *(_cell(found[predictor][key], key) for _, predictor, key in columns),
    ]
    for found in classes['errors']
  ]


def csv_rows(classes: Mapping[str, Any], predictors: Sequence[str]) -> list[list[str]]:
  """Returns one row for each class and predictor, header first."""
  unit = classes['unit']
  keys = {'bias': 'bias', 'mae': 'mae'}
  if unit:
    keys |= {'bias_in_unit': f'bias_{unit}', 'mae_in_unit': f'mae_{unit}'}
  return [['class', 'pixels', 'images', 'predictor', *keys.values()]] + [
    [found['class'], str(found['pixels']), str(found['images']), predictor]
    + [_exact(found[predictor][key]) for key in keys]
    for found in classes['errors']
    for predictor in predictors
  ]


def _cell(value: float | None, key: str) -> str:
  if value is None:
    return '-'
  return f'{value:+.3g}' if key.startswith('bias') else f'{value:.3g}'


def _exact(value: float | None) -> str:
  return f'{math.nan if value is None else value:.7g}'
