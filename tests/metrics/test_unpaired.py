"""Distances of collections against SciPy and NumPy."""

import numpy as np
import pytest
import scipy.stats

from cyclegan_jax.metrics import selection, sharpness, unpaired


@pytest.mark.parametrize(('dtype', 'high'), [(np.uint8, 255), (np.uint16, 65535)])
def test_histogram_distance_is_that_of_scipy(dtype, high):
  rng = np.random.default_rng(0)
  a = rng.integers(0, high // 2, (3, 9, 7, 1)).astype(dtype)
  b = rng.integers(high // 4, high, (5, 6, 8, 1)).astype(dtype)
  found = unpaired.histogram_distance(*(unpaired.counts(x, high) for x in (a, b)))
  np.testing.assert_allclose(found, scipy.stats.wasserstein_distance(a.ravel(), b.ravel()))
  assert unpaired.histogram_distance(*[unpaired.counts(a, high)] * 2) == 0


def test_a_shift_of_gray_levels_is_its_own_distance():
  a = np.random.default_rng(0).integers(0, 200, (2, 8, 8, 1)).astype(np.uint8)
  found = unpaired.histogram_distance(*(unpaired.counts(x, 255) for x in (a, a + np.uint8(17))))
  np.testing.assert_allclose(found, 17)


def test_spectra_of_pairs_and_of_collections_agree():
  """Of one image each, the spectral distance is the log-spectral distance of the two."""
  a, b = np.random.default_rng(0).integers(0, 256, (2, 1, 32, 24, 1)).astype(np.uint8)
  spectra = [np.asarray(sharpness.log_spectrum(x))[0] for x in (a, b)]
  want = float(sharpness.log_spectral_distance(a, b)[0])
  np.testing.assert_allclose(unpaired.spectral_distance(*spectra), want, rtol=1e-5)


def test_blur_is_far_from_sharp_and_another_sharp_scene_is_near():
  rng = np.random.default_rng(0)
  sharp, other = rng.integers(0, 256, (2, 20, 32, 32, 1)).astype(np.float32)
  blurred = (sharp + np.roll(sharp, 1, 1) + np.roll(sharp, 1, 2)) / 3
  means = [np.asarray(sharpness.log_spectrum(x)).mean(0) for x in (sharp, other, blurred)]
  near, far = (unpaired.spectral_distance(means[0], x) for x in means[1:])
  assert near < 1 < 3 < far


def test_the_sum_is_of_shares_of_the_range_and_decibels():
  totals = {'histogram_distance': 2.55, 'spectral_distance': 3.0}
  high = {'rgb': 255.0, 'ir': 255.0}
  np.testing.assert_allclose(unpaired.error(totals, high), 4)
  totals |= {'cycle_error_rgb': 5.1, 'cycle_error_ir': 10.2}
  np.testing.assert_allclose(unpaired.error(totals, high), 4 + (2 + 4) / 2)
  deep = {name: value * (257 if 'spectral' not in name else 1) for name, value in totals.items()}
  np.testing.assert_allclose(unpaired.error(deep, {'rgb': 65535, 'ir': 65535}), 7)


def test_without_pairs_the_smallest_error_is_the_best():
  values = {unpaired.ERROR: 4.0, 'histogram_distance': 1.0}
  worse = {**values, unpaired.ERROR: 5.0}
  for metric in ('overall', 'psnr'):
    assert selection.basis(values, metric) == unpaired.ERROR
    assert selection.rank(values, metric) > selection.rank(worse, metric)
    assert selection.rank({unpaired.ERROR: np.nan}, metric) == -np.inf
  assert selection.basis({'psnr': 1.0}, 'psnr') == 'psnr'
