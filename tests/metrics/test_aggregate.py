"""Means over images, and what they leave out."""

import numpy as np
import pytest

from cyclegan_jax.metrics import aggregate


def test_summarize_gives_means_and_counts():
  values = {
    'mse': np.array([0, 100, 300, 0], np.float32),
    'psnr': np.array([np.inf, 28, 24, np.inf], np.float32),
    'ssim': np.array([1, 0.5, 0.25, 1], np.float32),
    'correlation': np.array([np.nan, 0.5, 0.7, np.nan], np.float32),
  }
  assert aggregate.summarize(values, 255) == {
    'n': 4,
    'mse': 100.0,
    'psnr': 26.0,
    'ssim': 0.6875,
    'correlation': pytest.approx(0.6, abs=1e-7),
    'psnr_pooled': pytest.approx(10 * np.log10(65025 / 100)),
    'psnr_infinite': 2,
    'correlation_undefined': 2,
  }


def test_summarize_where_values_are_undefined():
  values = {'mse': [0, 0], 'psnr': [np.inf, np.inf], 'correlation': [np.nan, np.nan]}
  summary = aggregate.summarize(values, 255)
  assert summary['psnr'] == summary['psnr_pooled'] == np.inf
  assert summary['psnr_infinite'] == summary['correlation_undefined'] == 2
  assert np.isnan(summary['correlation'])
  # So for every other kind of PSNR, and whatever is undefined for constant images.
  values = {'mse': [1, 2, 3], 'psnr_image_gain': [30, np.inf, 20], 'hot_mae': [np.nan, 4, 6]}
  left_out = {
    'mse': np.array([False, False, True]),
    'psnr_image_gain': np.array([True, False, False]),
  }
  summary = aggregate.summarize(values, 255, left_out)
  assert (summary['mse'], summary['psnr_image_gain'], summary['hot_mae']) == (1.5, 20, 5)
  assert (summary['psnr_image_gain_infinite'], summary['hot_mae_undefined']) == (1, 1)
  assert summary['psnr_image_gain_undefined'] == 1
  diverged = aggregate.summarize({'mse': [1, np.nan], 'psnr': [np.inf, np.nan]}, 255)
  assert all(np.isnan(diverged[name]) for name in ('mse', 'psnr', 'psnr_pooled'))


@pytest.mark.parametrize(
  'values', [{'psnr': [1.0]}, {'mse': []}, {'mse': [1.0], 'mae': [1.0, 2.0]}, {'mse': 1.0}]
)
def test_summarize_refuses_bad_values(values):
  with pytest.raises(ValueError, match='mse|mae'):
    aggregate.summarize(values, 255)
