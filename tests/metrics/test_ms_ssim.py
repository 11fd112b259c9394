"""Multi-scale SSIM against its definition in float64; tests/parity has another's program."""

import jax
import numpy as np
import pytest
from scipy import ndimage

from cyclegan_jax.metrics import image_quality

# Five factors, each good to some float32 eps.
TOLERANCE = 5e-6


def moments_float64(x, y):
  """Means, variances and covariance of all 11x11 Gaussian windows that lie in the image."""
  weights = np.exp(-(np.arange(-5, 6) ** 2) / (2 * 1.5**2))

  def mean(values):
    for axis in (0, 1):
      values = ndimage.correlate1d(values, weights / weights.sum(), axis)
    return values[5:-5, 5:-5]

  mx, my = mean(x), mean(y)
  return mx, my, mean(x * x) - mx**2, mean(y * y) - my**2, mean(x * y) - mx * my


def ms_ssim_float64(x, y, max_value):
  """One channel, [height, width]: equation 7 of Wang, Simoncelli & Bovik, as published."""
  x, y = x.astype(np.float64), y.astype(np.float64)
  c1, c2 = (0.01 * max_value) ** 2, (0.03 * max_value) ** 2
  result = 1
  for scale, weight in enumerate([0.0448, 0.2856, 0.3001, 0.2363, 0.1333], 1):
    mx, my, vx, vy, covariance = moments_float64(x, y)
    quality = (2 * covariance + c2) / (vx + vy + c2)
    if scale == 5:
      quality = quality * (2 * mx * my + c1) / (mx**2 + my**2 + c1)
    result *= max(quality.mean(), 0) ** weight
    x, y = (v[: len(v) // 2 * 2, : v.shape[1] // 2 * 2] for v in (x, y))
    x, y = ((v[::2, ::2] + v[1::2, ::2] + v[::2, 1::2] + v[1::2, 1::2]) / 4 for v in (x, y))
  return result


def image_pair(shape, low=0, high=255):
  """Integer images in float32: structure of many sizes, and its mixture with noise."""
  rng = np.random.default_rng(0)
  noise = rng.uniform(size=(2, *shape))
  smooth = sum(ndimage.gaussian_filter(noise[0], (0, s, s, 0)) * s for s in (1, 3, 10))
  smooth = (smooth - smooth.min()) / np.ptp(smooth)
  mixed = 0.7 * smooth + 0.3 * noise[1]
  return tuple(np.rint(low + (high - low) * v).astype(np.float32) for v in (smooth, mixed))


@pytest.mark.parametrize('shape', [(2, 176, 176, 1), (1, 177, 211, 3)])
@pytest.mark.parametrize(
  'low, high, max_value', [(0, 255, 255), (230, 240, 255), (0, 65535, 65535), (65000, 65100, 65535)]
)
def test_equals_the_definition(shape, low, high, max_value):
  reference, image = image_pair(shape, low, high)
  actual = image_quality.ms_ssim(reference, image, max_value=max_value)
  assert actual.shape == shape[:1] and actual.dtype == np.float32
  for i in range(shape[0]):
    expected = np.mean(
      [ms_ssim_float64(reference[i, ..., c], image[i, ..., c], max_value) for c in range(shape[3])]
    )
    assert float(actual[i]) == pytest.approx(expected, abs=TOLERANCE)


def test_extremes():
  reference, _ = image_pair((2, 176, 176, 1))
  np.testing.assert_array_equal(image_quality.ms_ssim(reference, reference), 1)
  # Every covariance is negative.
  np.testing.assert_array_equal(image_quality.ms_ssim(reference, 255 - reference), 0)
  a, b = (np.full_like(reference, value) for value in (10, 200))
  luminance = (2 * 10 * 200 + 2.55**2) / (10**2 + 200**2 + 2.55**2)
  np.testing.assert_allclose(image_quality.ms_ssim(a, b), luminance**0.1333, atol=TOLERANCE)


def test_mask_of_a_border_equals_cropping_at_every_scale():
  reference, image = image_pair((2, 208, 224, 1))
  mask = np.zeros(reference.shape, bool)
  mask[:, 16:192, 32:208] = True
  cropped = image_quality.ms_ssim(reference[:, 16:192, 32:208], image[:, 16:192, 32:208])
  spoilt = [np.where(mask, values, np.nan) for values in (reference, image)]
  np.testing.assert_allclose(image_quality.ms_ssim(*spoilt, mask=mask), cropped, atol=TOLERANCE)
  # One pixel less leaves no window at the coarsest scale, though thousands at the finest.
  mask[1, 16:192, 32] = False
  assert np.isnan(image_quality.ms_ssim(*spoilt, mask=mask)).tolist() == [False, True]


def test_small_images_are_refused_and_left_out():
  for shape in ((1, 175, 176, 1), (1, 176, 175, 1)):
    with pytest.raises(ValueError, match='ms_ssim needs images of at least 176x176'):
      image_quality.ms_ssim(np.zeros(shape), np.zeros(shape))
    assert 'ms_ssim' not in jax.eval_shape(image_quality.image_metrics, *[np.zeros(shape)] * 2)
  reference, image = image_pair((2, 176, 176, 1))
  np.testing.assert_allclose(
    image_quality.image_metrics(reference, image)['ms_ssim'],
    image_quality.ms_ssim(reference, image),
    rtol=2e-6,
  )
