"""Image measures against sewar, scikit-image and float64 formulas.

Tolerances in float32, eps = 1.2e-7: means of squares and absolute values are good to
some eps (1e-6 here), PSNR up to 100 dB is spaced by 7.6e-6 dB (2e-5 here), quotients
of window moments lose a few eps (2e-6 here).
"""

from hypothesis import given, settings, strategies as st
from hypothesis.extra import numpy as hnp
import jax
import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
import pytest
import sewar.full_ref
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from cyclegan_jax.metrics import image_quality
from tests.metrics.made_up import image_pair, NAMES

RELATIVE = 1e-6
DECIBEL = 2e-5
INDEX = 2e-6
IMAGE = np.zeros((2, 12, 12, 1), np.float32)


def uqi_float64(reference, image):
  """Q of Wang & Bovik 2002, straight from its definition; no zero denominators."""
  pair = np.stack([reference, image]).astype(np.float64)
  x, y = sliding_window_view(pair, (8, 8), (1, 2))
  m1, m2 = x.mean((-2, -1)), y.mean((-2, -1))
  covariance = ((x - m1[..., None, None]) * (y - m2[..., None, None])).sum((-2, -1)) / 63
  variances = x.var((-2, -1), ddof=1) + y.var((-2, -1), ddof=1)
  return (4 * covariance * m1 * m2 / (variances * (m1**2 + m2**2))).mean()


def expected(reference, image, max_value):
  """All measures of one pair [height, width, channels], by other people's code."""
  x, y = reference.astype(np.float64), image.astype(np.float64)
  return {
    'mse': sewar.full_ref.mse(reference, image),
    'rmse': sewar.full_ref.rmse(reference, image),
    'mae': np.abs(x - y).mean(),
    'psnr': sewar.full_ref.psnr(reference, image, MAX=max_value),
    'ssim': structural_similarity(
      reference,
      image,
      gaussian_weights=True,
      sigma=1.5,
      use_sample_covariance=False,
      data_range=max_value,
      channel_axis=-1,
    ),
    'uqi': uqi_float64(reference, image),
    'uqi_sewar': sewar.full_ref.uqi(reference, image),
    'correlation': np.corrcoef(x.ravel(), y.ravel())[0, 1],
  }


def check(actual, reference, image, max_value):
  """Compares the measures {name: [batch]} with the references, image by image."""
  for index, (x, y) in enumerate(zip(reference, image)):
    targets = expected(x, y, max_value)
    for name, values in actual.items():
      relative = {'mse': RELATIVE, 'rmse': RELATIVE, 'mae': RELATIVE}.get(name, 0)
      absolute = {'psnr': DECIBEL}.get(name, 0 if relative else INDEX)
      error = abs(float(values[index]) - targets[name])
      assert error <= absolute + relative * targets[name], (name, error)


@pytest.mark.parametrize('channels', [1, 3])
@pytest.mark.parametrize(
  'dtype, low, high, max_value',
  [
    (np.uint8, 0, 255.9, 255),
    (np.uint8, 230, 240, 255),
    (np.uint16, 0, 65535.9, 65535),
    (np.uint16, 65000, 65100, 65535),  # Squares cancel in float32 here.
    (np.int32, 0, 16383, 16383),
    (np.float32, 0, 1, 1),
    (np.float32, 0, 255, 255),
  ],
)
def test_all_measures_equal_their_references(dtype, low, high, max_value, channels):
  reference, image = image_pair(dtype, low, high, channels)
  actual = image_quality.image_metrics(reference, image, max_value=max_value)
  assert set(actual) == set(NAMES)
  assert all(v.shape == (3,) and v.dtype == np.float32 for v in actual.values())
  check(actual, reference, image, max_value)


def test_smallest_sizes():
  reference, image = image_pair(np.uint8, 0, 255, 3, (2, 12, 11))
  check(image_quality.image_metrics(reference, image), reference, image, 255)
  reference, image = reference[:1, :9, :9], image[:1, :9, :9]
  assert float(image_quality.uqi_sewar(reference, image)[0]) == pytest.approx(
    sewar.full_ref.uqi(reference[0], image[0]), abs=INDEX
  )
  reference, image = reference[:, 1:, 1:], image[:, 1:, 1:]
  assert float(image_quality.uqi(reference, image)[0]) == pytest.approx(
    uqi_float64(reference[0], image[0]), abs=INDEX
  )


@pytest.mark.parametrize('name', NAMES)
def test_image_metrics_equals_the_single_functions(name):
  reference, image = image_pair(np.uint16, 0, 65535, 3)
  mask = np.random.default_rng(1).uniform(size=(3, 37, 45, 1)) < 0.99
  options = {'max_value': 65535} if name in ('psnr', 'ssim') else {}
  single = getattr(image_quality, name)(reference, image, mask=mask, **options)
  together = image_quality.image_metrics(reference, image, max_value=65535, mask=mask)[name]
  np.testing.assert_allclose(single, together, rtol=2e-6)


def test_sewar_scores_uint8_and_float_alike():
  reference, image = image_pair(np.uint8, 0, 255, 3)
  as_float = reference.astype(np.float64), image.astype(np.float64)
  values = image_quality.uqi_sewar(reference, image)
  np.testing.assert_array_equal(values, image_quality.uqi_sewar(*as_float))
  check({'uqi_sewar': values}, *as_float, 255)


def test_sewar_uqi_hides_what_uqi_shows():
  reference, _ = image_pair(np.uint8, 60, 200, 1)
  gray = np.full_like(reference, 128)
  np.testing.assert_allclose(image_quality.uqi(reference, gray), 0, atol=INDEX)
  assert np.all(image_quality.uqi_sewar(reference, gray) > 0.8)


@pytest.mark.parametrize(
  'function, minimum',
  [
    (image_quality.ssim, 11),
    (image_quality.uqi, 8),
    (image_quality.uqi_sewar, 9),
    (image_quality.image_metrics, 11),
  ],
)
def test_too_small_images_are_refused(function, minimum):
  for shape in ((1, minimum - 1, 32, 1), (1, 32, minimum - 1, 1)):
    with pytest.raises(ValueError, match=f'at least {minimum}x{minimum}'):
      function(np.zeros(shape), np.zeros(shape))


@pytest.mark.parametrize(
  'reference, image, mask, error, message',
  [
    (IMAGE, np.zeros((2, 12, 12, 3), np.float32), None, ValueError, 'same shape'),
    (IMAGE[0], IMAGE[0], None, ValueError, 'same shape'),
    (IMAGE[..., :0], IMAGE[..., :0], None, ValueError, 'channels 0'),
    (IMAGE, IMAGE.astype(np.complex64), None, TypeError, 'real'),
    (IMAGE, IMAGE, np.ones((2, 12, 12), bool), ValueError, 'mask must have shape'),
    (IMAGE, IMAGE, np.ones((2, 12, 12, 1), np.uint8), TypeError, 'bool'),
  ],
)
def test_wrong_arguments_are_refused(reference, image, mask, error, message):
  with pytest.raises(error, match=message):
    image_quality.correlation(reference, image, mask=mask)


@pytest.mark.parametrize('dtype', [np.uint8, np.uint16, np.float32])
def test_identical_images(dtype):
  reference, _ = image_pair(dtype, 0, 255, 3)
  actual = image_quality.image_metrics(reference, reference)
  for name in ('mse', 'rmse', 'mae'):
    np.testing.assert_array_equal(actual[name], 0)
  for name in ('ssim', 'uqi', 'uqi_sewar'):
    np.testing.assert_array_equal(actual[name], 1)
  np.testing.assert_array_equal(actual['psnr'], np.inf)
  np.testing.assert_allclose(actual['correlation'], 1, atol=INDEX)


@pytest.mark.parametrize('a, b', [(10, 200), (0, 7), (0.1, 0.7), (65535, 1)])
def test_constant_images(a, b):
  x, y = (np.full((1, 16, 20, 1), value, np.float32) for value in (a, b))
  actual = image_quality.image_metrics(x, y)
  luminance = 2 * a * b / (a**2 + b**2)
  assert float(actual['uqi'][0]) == pytest.approx(luminance, abs=INDEX)
  assert float(actual['uqi_sewar'][0]) == pytest.approx(luminance**2, abs=INDEX)
  ssim = (2 * a * b + 2.55**2) / (a**2 + b**2 + 2.55**2)
  assert float(actual['ssim'][0]) == pytest.approx(ssim, abs=INDEX)
  assert np.isnan(actual['correlation'][0])


def test_black_windows_score_one():
  black = np.zeros((1, 16, 16, 1), np.uint8)
  assert image_quality.uqi(black, black)[0] == 1
  assert image_quality.uqi_sewar(black, black)[0] == sewar.full_ref.uqi(black[0], black[0]) == 1
  # Nine of the 81 windows, those of the first column, are black in both images.
  half = black.copy()
  half[:, :, 8:] = np.random.default_rng(0).integers(0, 256, (8, 1))
  other = np.where(half > 0, 255 - half, 0).astype(np.uint8)
  target = sewar.full_ref.uqi(half[0], other[0])
  assert float(image_quality.uqi_sewar(half, other)[0]) == pytest.approx(target, abs=INDEX)
  rest = float(image_quality.uqi(half[:, :, 1:], other[:, :, 1:])[0])
  assert float(image_quality.uqi(half, other)[0]) == pytest.approx((9 + 72 * rest) / 81, abs=INDEX)


def test_inside_jit_with_traced_maximum_and_under_vmap():
  reference, image = image_pair(np.float32, 0, 1, 1)
  function = jax.jit(lambda x, y, peak: image_quality.image_metrics(x, y, max_value=peak))
  direct = image_quality.image_metrics(reference, image, max_value=1)
  mapped = jax.vmap(lambda x, y: image_quality.image_metrics(x[None], y[None], max_value=1))(
    reference, image
  )
  for name, values in function(reference, image, 1.0).items():
    np.testing.assert_allclose(values, direct[name], rtol=2e-6)
    np.testing.assert_allclose(mapped[name][:, 0], direct[name], rtol=2e-6)


images = hnp.arrays(np.uint8, (1, 12, 11, 1))


@settings(max_examples=60, deadline=None)
@given(images, images)
def test_symmetry_and_bounds(x, y):
  forward, backward = image_quality.image_metrics(x, y), image_quality.image_metrics(y, x)
  for name in NAMES:
    # Fused multiply-adds round a*a + b*b unlike b*b + a*a.
    np.testing.assert_allclose(forward[name], backward[name], rtol=2e-6, atol=1e-6)
  target = sewar.full_ref.uqi(x[0], y[0])
  assert float(forward['uqi_sewar'][0]) == pytest.approx(target, abs=INDEX)
  for name in ('ssim', 'uqi', 'uqi_sewar'):
    assert -1 - INDEX <= forward[name][0] <= 1
  assert forward['rmse'][0] >= forward['mae'][0] * (1 - RELATIVE)


@settings(max_examples=60, deadline=None)
@given(images, images, st.sampled_from([1.0, 255.0, 65535.0]))
def test_psnr_follows_from_mse(x, y, max_value):
  mse, psnr = (
    float(image_quality.mse(x, y)[0]),
    float(image_quality.psnr(x, y, max_value=max_value)[0]),
  )
  with np.errstate(divide='ignore'):
    target = peak_signal_noise_ratio(x, y, data_range=max_value)
    from_mse = 10 * np.log10(max_value**2 / np.float64(mse))
  assert psnr == pytest.approx(target, abs=DECIBEL)
  assert psnr == pytest.approx(from_mse, abs=DECIBEL)
