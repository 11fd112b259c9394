"""Sharpness against plain float64 texts with np.fft and np.diff.

Float32 leaves relative errors of some 1e-6 in a power, hence 1e-4 dB in a distance.
"""

import warnings

from hypothesis import given, settings, strategies as st
from hypothesis.extra import numpy as hnp
import numpy as np
import pytest
from scipy import ndimage

from cyclegan_jax.metrics import sharpness
from tests.metrics.made_up import image_pair

DECIBEL = 1e-3


def log_spectrum(image, mask):
  """dB by ring of one image [height, width, channels]."""
  height, width, channels = image.shape
  rows, columns = (np.arange(n) for n in (height, width))
  hann = lambda places, n: 0.5 - 0.5 * np.cos(2 * np.pi * (places + 0.5) / n)
  window = hann(rows, height)[:, None] * hann(columns, width)[None] * mask[:, :, 0]
  power = np.zeros((height, width))
  for c in range(channels):
    plane = np.where(mask[:, :, 0], image[:, :, c], 0).astype(np.float64)
    plane = window * (plane - np.average(plane, weights=window))
    power += np.abs(np.fft.fft2(plane)) ** 2 / (window**2).sum() / channels
  found = []
  shorter = min(height, width)
  # Cycles over the shorter side, signed.
  fy, fx = (
    (n // 2 - (n // 2 - p) % n) * shorter / n for p, n in ((rows, height), (columns, width))
  )
  radius = np.sqrt(fy[:, None] ** 2 + fx[None] ** 2)
  for ring in range(1, shorter // 2 + 1):
    inside = (radius >= ring - 0.5) & (radius < ring + 0.5)
    found.append(10 * np.log10(power[inside].mean() + 1 / 12))
  return np.array(found)


def distances(reference, image, mask):
  return [
    np.sqrt(np.mean((log_spectrum(x, m) - log_spectrum(y, m)) ** 2))
    for x, y, m in zip(reference, image, mask)
  ]


def gradient_ratios(reference, image, mask):
  found = []
  for x, y, m in zip(reference, image, mask[..., 0]):
    there = m[:-1, :-1] & m[:-1, 1:] & m[1:, :-1]
    means = []
    for pixels in (y, x):
      pixels = pixels.astype(np.float64)
      size = np.hypot(np.diff(pixels, axis=1)[:-1], np.diff(pixels, axis=0)[:, :-1])
      means.append(size[there].mean())
    found.append(means[0] / means[1])
  return found


@pytest.mark.parametrize('channels', [1, 3])
@pytest.mark.parametrize('masked', [False, True])
@pytest.mark.parametrize(
  'dtype, low, high',
  [(np.uint8, 0, 255.9), (np.uint8, 230, 240), (np.uint16, 0, 65535.9), (np.uint16, 65000, 65100)],
)
def test_both_equal_their_references(dtype, low, high, masked, channels):
  reference, image = image_pair(dtype, low, high, channels)
  mask = np.ones((3, 37, 45, 1), bool)
  if masked:
    mask = np.random.default_rng(1).uniform(size=mask.shape) < 0.9
    mask[1, :, :20] = False
  given_mask = mask if masked else None
  np.testing.assert_allclose(
    sharpness.log_spectral_distance(reference, image, mask=given_mask),
    distances(reference, image, mask),
    atol=DECIBEL,
  )
  np.testing.assert_allclose(
    sharpness.gradient_ratio(reference, image, mask=given_mask),
    gradient_ratios(reference, image, mask),
    rtol=1e-5,
  )


kinds = st.sampled_from([np.uint8, np.uint16])
shapes = st.sampled_from([(1, 11, 11, 1), (1, 12, 17, 1), (1, 16, 11, 3)])


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_any_integers(data):
  shape, dtype = data.draw(shapes), data.draw(kinds)
  x, y = (data.draw(hnp.arrays(dtype, shape)) for _ in range(2))
  mask = data.draw(hnp.arrays(bool, (*shape[:3], 1)))
  found = np.asarray(sharpness.log_spectral_distance(x, y, mask=mask))
  ratio = np.asarray(sharpness.gradient_ratio(x, y, mask=mask))
  if not mask.any():
    assert np.isnan(found[0]) and np.isnan(ratio[0])
    return
  np.testing.assert_allclose(found, distances(x, y, mask), atol=DECIBEL)
  with warnings.catch_warnings():
    warnings.simplefilter('ignore', RuntimeWarning)
    expected = np.array(gradient_ratios(x, y, mask))
  # Infinite where only the true image is constant: undefined too.
  np.testing.assert_allclose(ratio, np.where(np.isinf(expected), np.nan, expected), rtol=1e-5)


def test_white_noise_has_the_power_of_its_variance():
  noise = np.random.default_rng(0).normal(1000, 8, (1, 256, 256, 1))
  constant = np.full_like(noise, 1000)
  # 64 beside the noise of rounding.
  expected = 10 * np.log10((64 + 1 / 12) * 12)
  found = float(sharpness.log_spectral_distance(constant, noise)[0])
  assert found == pytest.approx(expected, abs=0.3)


@pytest.mark.parametrize('value', [0, 200, 65535])
def test_equal_images_and_constant_ones(value):
  reference, _ = image_pair(np.uint16, 0, 65535, 1)
  constant = np.full_like(reference, value)
  for image in (reference, constant):
    np.testing.assert_allclose(sharpness.log_spectral_distance(image, image), 0, atol=1e-5)
  np.testing.assert_allclose(sharpness.log_spectral_distance(constant, constant * 0), 0, atol=1e-4)
  np.testing.assert_allclose(sharpness.gradient_ratio(reference, reference), 1, rtol=1e-6)
  np.testing.assert_array_equal(sharpness.gradient_ratio(reference, constant), 0)
  assert np.isnan(sharpness.gradient_ratio(constant, reference)).all()


def test_blur_and_noise_are_told_apart():
  reference, _ = image_pair(np.uint8, 0, 255.9, 1)
  blurred = ndimage.gaussian_filter(reference.astype(float), (0, 2, 2, 0))
  noisy = reference + np.random.default_rng(0).normal(0, 10, reference.shape)
  assert (np.asarray(sharpness.gradient_ratio(reference, blurred)) < 0.8).all()
  assert (np.asarray(sharpness.gradient_ratio(reference, noisy)) > 1.2).all()
  slightly = ndimage.gaussian_filter(reference.astype(float), (0, 1, 1, 0))
  near, far = (sharpness.log_spectral_distance(reference, x) for x in (slightly, blurred))
  assert ((near > 0) & (near < far)).all()


@pytest.mark.parametrize('garbage', [1e9, np.nan, np.inf])
def test_masked_garbage_has_no_effect(garbage):
  reference, image = image_pair(np.float32, 0, 255, 3)
  mask = np.ones((3, 37, 45, 1), bool)
  mask[0, 3:6, 7:30] = False
  mask[1, :, -4:] = False
  dirty = [np.where(mask, x, garbage).astype(np.float32) for x in (reference, image)]
  for measure in (sharpness.log_spectral_distance, sharpness.gradient_ratio):
    clean = measure(reference, image, mask=mask)
    np.testing.assert_array_equal(measure(*dirty, mask=mask), clean)
    assert np.isfinite(clean).all()
