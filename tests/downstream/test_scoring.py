"""IoU beside scikit-image's and plain counting, and what an image contributes to it."""

import numpy as np
import pytest
from scipy import stats
from skimage import metrics as skimage_metrics

from cyclegan_jax.downstream import scoring
from cyclegan_jax.metrics import statistics

CLASSES = 4


def images(n=6, seed=0, right=0.6):
  """True classes, of which 3 is nowhere and 255 is no class, and predictions that often agree."""
  rng = np.random.default_rng(seed)
  truth = rng.choice([0, 1, 2, 255], (n, 8, 10), p=[0.5, 0.3, 0.1, 0.1]).astype(np.uint8)
  other = rng.integers(0, CLASSES, truth.shape).astype(np.uint8)
  return truth, np.where((rng.random(truth.shape) < right) & (truth != 255), truth, other)


def test_iou_is_that_of_plain_counting():
  truth, found = images()
  counts = scoring.confusion(truth, found, CLASSES)
  assert counts.shape == (6, CLASSES, CLASSES) and counts.sum() == (truth != 255).sum()
  known = truth != 255
  for c, value in enumerate(scoring.iou(counts)):
    a, b = (truth == c) & known, (found == c) & known
    expected = (a & b).sum() / (a | b).sum() if a.any() else np.nan
    np.testing.assert_equal(value, expected)
  assert np.isnan(scoring.iou(counts)[3])
  assert scoring.mean_iou(counts) == pytest.approx(np.nanmean(scoring.iou(counts)), abs=1e-12)
  assert scoring.pixel_accuracy(counts) == pytest.approx((truth == found)[known].mean())
  recalls = [(found == c)[truth == c].mean() for c in range(3)]
  assert scoring.class_accuracy(counts) == pytest.approx(np.mean(recalls))


def test_iou_follows_from_scikit_images_rand_table():
  truth, found = images(n=1)
  table = skimage_metrics.contingency_table(truth[0], found[0], ignore_labels=[255]).toarray()
  expected = [table[c, c] / (table[c].sum() + table[:3, c].sum() - table[c, c]) for c in range(3)]
  counts = scoring.confusion(truth, found, CLASSES)
  np.testing.assert_array_equal(counts[0, :3], table[:3, :CLASSES])
  np.testing.assert_allclose(scoring.iou(counts)[:3], expected, rtol=1e-12)


def test_perfect_and_wrong_predictions():
  truth, _ = images()
  perfect = scoring.confusion(truth, np.where(truth == 255, 0, truth), CLASSES)
  assert scoring.mean_iou(perfect) == 1 and scoring.pixel_accuracy(perfect) == 1
  wrong = scoring.confusion(truth, np.full_like(truth, 3), CLASSES)
  assert scoring.mean_iou(wrong) == 0 and scoring.class_accuracy(wrong) == 0


def test_nothing_labeled():
  counts = scoring.confusion(np.full((2, 4, 4), 255, np.uint8), np.zeros((2, 4, 4), np.uint8), 2)
  assert np.isnan(scoring.mean_iou(counts)) and np.isnan(scoring.pixel_accuracy(counts))


def test_the_interval_is_about_that_of_drawing_images_and_counting_again():
  truth, found = images(n=80, seed=1)
  # Some images are worse than others, so that there is something to estimate.
  found[::3] = images(n=80, seed=2, right=0.2)[1][::3]
  counts = scoring.confusion(truth, found, CLASSES)
  linearized = statistics.clustered_interval(scoring.contributions(counts), range(80))
  again = stats.bootstrap(
    (np.arange(80),),
    lambda rows: scoring.mean_iou(counts[rows]),
    vectorized=False,
    n_resamples=3000,
    rng=np.random.default_rng(0),
  ).confidence_interval
  width = again.high - again.low
  assert linearized.mean == pytest.approx(scoring.mean_iou(counts))
  assert linearized.low == pytest.approx(again.low, abs=0.05 * width)
  assert linearized.high == pytest.approx(again.high, abs=0.05 * width)
