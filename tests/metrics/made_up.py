"""Pairs of images to measure, and the names of the measures."""

import numpy as np
from scipy import ndimage

NAMES = ('mse', 'rmse', 'mae', 'psnr', 'ssim', 'uqi', 'uqi_sewar', 'correlation')


def image_pair(dtype, low, high, channels, shape=(3, 37, 45)):
  """Two related batches: smooth structure, and its mixture with noise."""
  rng = np.random.default_rng(0)
  smooth = ndimage.gaussian_filter(rng.uniform(size=(*shape, channels)), (0, 2, 2, 0))
  smooth = (smooth - smooth.min()) / np.ptp(smooth)
  noisy = 0.6 * smooth + 0.4 * rng.uniform(size=smooth.shape)
  return tuple((low + (high - low) * v).astype(dtype) for v in (smooth, noisy))
