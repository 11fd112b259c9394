"""Intersection over union (IoU) of predicted and true classes.

Counts are summed over images before they are divided, as PASCAL VOC does (Everingham et al. 2010):
IoU = true positives / (true positives + false positives + false negatives). Classes that no true
pixel has are left out of means.
"""

import numpy as np

from cyclegan_jax.data.labels import UNLABELED


def confusion(truth: np.ndarray, prediction: np.ndarray, n_classes: int) -> np.ndarray:
  """Counts the pixels of each image by true and predicted class.

  Args:
    truth: uint8 [n, height, width], with UNLABELED for pixels that do not count.
    prediction: uint8 [n, height, width].
    n_classes: how many classes there are.

  Returns:
    int64 [n, true class, predicted class].
  """
  counts = np.zeros((len(truth), n_classes**2), np.int64)
  for row, wanted, found in zip(counts, truth, prediction):
    known = wanted != UNLABELED
    pairs = n_classes * wanted[known].astype(np.int64) + found[known]
    row += np.bincount(pairs, minlength=n_classes**2)
  return counts.reshape(-1, n_classes, n_classes)


def iou(counts: np.ndarray) -> np.ndarray:
  """Returns the IoU of each class, float64 [classes], of counts [n, classes, classes].

  It is NaN for classes that no true pixel has.
  """
  shared, either, present = _sums(counts)
  return np.where(present, shared.sum(0) / np.maximum(either.sum(0), 1), np.nan)


def mean_iou(counts: np.ndarray) -> float:
  """Returns the mean IoU over the classes that true pixels have; NaN if there are none."""
  return float(contributions(counts).mean())


def pixel_accuracy(counts: np.ndarray) -> float:
  """Returns the share of pixels whose class is right; NaN without any pixel."""
  total = counts.sum()
  return float(counts.trace(axis1=1, axis2=2).sum() / total) if total else float('nan')


def class_accuracy(counts: np.ndarray) -> float:
  """Returns the mean over true classes of the share of their pixels that is found."""
  total = counts.sum(0)
  present = total.sum(1) > 0
  return float(np.mean(total.diagonal()[present] / total.sum(1)[present]))


def contributions(counts: np.ndarray) -> np.ndarray:
  """Returns a value for each image, float64 [n], whose mean is the mean IoU of all images.

  A ratio of sums is no mean over images. This is its Taylor linearization (Cochran 1977, chapter
  6), with which intervals for means also hold for it: IoU + n (I_i - IoU * U_i) / sum of U, for the
  I_i pixels of the intersection and the U_i of the union in image i, averaged over classes.
  """
  shared, either, present = _sums(counts)
  if not present.any():
    return np.full(len(counts), np.nan)
  shared, either = shared[:, present], either[:, present]
  ratio = shared.sum(0) / either.sum(0)
  return np.mean(ratio + len(counts) * (shared - ratio * either) / either.sum(0), axis=1)


def _sums(counts: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
  """Pixels of intersections and unions, float64 [n, classes], and which classes are there."""
  shared = np.diagonal(counts, axis1=1, axis2=2).astype(np.float64)
  true, predicted = counts.sum(2), counts.sum(1)
  return shared, true + predicted - shared, true.sum(0) > 0
