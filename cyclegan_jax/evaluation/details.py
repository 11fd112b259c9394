"""What PSNR does not see: sharpness, hot objects, and what is left after gain and offset.

True and predicted images are integers [n, height, width, channels]; a mask is bool [n, height,
width, 1] or None. `metrics.catalog` defines the names.
"""

import numpy as np

from cyclegan_jax.data.source import Domain
from cyclegan_jax.metrics import gain_offset, hot_objects, image_quality, sharpness

_SHARPNESS = {
  'log_spectral_distance': sharpness.log_spectral_distance,
  'gradient_ratio': sharpness.gradient_ratio,
}
_AFTER_GAIN = {'psnr': image_quality.psnr, 'ssim': image_quality.ssim}


def details(
  truth: np.ndarray,
  prediction: np.ndarray,
  sums: np.ndarray,
  target: Domain,
  mask: np.ndarray | None,
) -> dict[str, np.ndarray]:
  """Returns these metrics of each image by name, [n], given its row of `gain_offset.sums`.

  Only IR images have hot objects.
  """
  fits = np.array([gain_offset.fit(row) for row in sums])
  hot = hot_objects.hot_objects(truth, prediction, mask) if target.name == 'ir' else {}
  return {
    **{name: np.asarray(f(truth, prediction, mask=mask)) for name, f in _SHARPNESS.items()},
    **hot,
    **after_gain(truth, prediction, fits, 'image', target, mask),
  }


def after_gain(
  truth: np.ndarray,
  prediction: np.ndarray,
  fits: np.ndarray,
  of: str,
  target: Domain,
  mask: np.ndarray | None,
) -> dict[str, np.ndarray]:
  """Returns psnr_OF_gain and ssim_OF_gain of each image, [n].

  The fits are gain and offset, float64: [n, 2], or [2] for all images. The fitted images are
  rounded and clipped like all others.
  """
  gain, offset = np.moveaxis(fits, -1, 0)[..., np.newaxis, np.newaxis, np.newaxis]
  fitted = target.quantize(gain * prediction + offset)
  return {
    f'{name}_{of}_gain': np.asarray(f(truth, fitted, max_value=target.max_value, mask=mask))
    for name, f in _AFTER_GAIN.items()
  }
