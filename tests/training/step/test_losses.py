"""Loss terms against formulas in numpy, with and without masks."""

import warnings

import jax
import numpy as np
import pytest
import skimage.metrics

from cyclegan_jax.training.step import losses

RNG = np.random.default_rng(0)


def sigmoid(x):
  return 1 / (1 + np.exp(-x))


@pytest.mark.parametrize(
  'kind, on_real, on_fake, generator',
  [
    ('lsgan', lambda s: (s - 1) ** 2, lambda s: s**2, lambda s: (s - 1) ** 2),
    (
      'vanilla',
      lambda s: -np.log(sigmoid(s)),
      lambda s: -np.log(1 - sigmoid(s)),
      lambda s: -np.log(sigmoid(s)),
    ),
    ('hinge', lambda s: np.maximum(0, 1 - s), lambda s: np.maximum(0, 1 + s), lambda s: -s),
  ],
)
def test_adversarial_losses(kind, on_real, on_fake, generator):
  scores = (3 * RNG.normal(size=(4, 5, 6, 1))).astype(np.float32)
  assert losses.discriminator(kind, [scores], True) == pytest.approx(
    on_real(scores).mean(), rel=1e-5
  )
  assert losses.discriminator(kind, [scores], False) == pytest.approx(
    on_fake(scores).mean(), rel=1e-5
  )
  assert losses.generator(kind, [scores]) == pytest.approx(generator(scores).mean(), rel=1e-5)


def test_vanilla_is_finite_for_certain_discriminators():
  assert float(losses.discriminator('vanilla', [np.float32([-1e4])], True)) == pytest.approx(1e4)
  assert float(losses.generator('vanilla', [np.float32([1e4])])) == 0


def pair(mask_share=None):
  a, b = RNG.uniform(-1, 1, (2, 3, 24, 20, 2)).astype(np.float32)
  mask = None if mask_share is None else RNG.random((3, 24, 20, 1)) < mask_share
  return a, b, mask


def test_l1_with_a_mask_is_the_mean_over_images_of_means_over_valid_pixels():
  a, b, mask = pair(0.4)
  mask[2] = False
  expected = np.mean(
    [np.abs(a[i] - b[i])[mask[i, ..., 0]].mean() if mask[i].any() else 0 for i in range(3)]
  )
  assert losses.l1(a, b, mask) == pytest.approx(expected, rel=1e-5)
  assert losses.l1(a, b, np.ones_like(mask)) == pytest.approx(np.abs(a - b).mean(), rel=1e-5)


def test_gradient_term():
  a, b, mask = pair(0.6)
  d = (a - b).astype(np.float64)
  vertical, horizontal = np.abs(d[:, 1:] - d[:, :-1]), np.abs(d[:, :, 1:] - d[:, :, :-1])
  assert losses.gradient_l1(a, b) == pytest.approx(vertical.mean() + horizontal.mean(), rel=1e-5)
  valid = [mask[:, 1:] & mask[:, :-1], mask[:, :, 1:] & mask[:, :, :-1]]
  expected = sum(
    np.mean([x[i][v[i, ..., 0]].mean() for i in range(3)])
    for x, v in zip((vertical, horizontal), valid)
  )
  assert losses.gradient_l1(a, b, mask) == pytest.approx(expected, rel=1e-5)
  assert losses.gradient_l1(a, a + 0.3) == pytest.approx(0, abs=1e-6)


def window_means(x, valid):
  """Mean gradient sizes in windows of 8x8 pixels, half of which overlap; NaN for none."""
  size = np.hypot(x[:, 1:, :-1] - x[:, :-1, :-1], x[:, :-1, 1:] - x[:, :-1, :-1])
  size = np.where(valid[:, 1:, :-1] & valid[:, :-1, 1:] & valid[:, :-1, :-1], size, np.nan)
  windows = np.lib.stride_tricks.sliding_window_view(size, (8, 8), (1, 2))[:, ::4, ::4]
  with warnings.catch_warnings():
    warnings.simplefilter('ignore')
    return np.nanmean(windows, (-2, -1))


def blocks(x):
  """The 2x2 pixels of each block, [..., 4]."""
  n, h, w, c = x.shape
  return (
    x.reshape(n, h // 2, 2, w // 2, 2, c)
    .transpose(0, 1, 3, 5, 2, 4)
    .reshape(n, h // 2, w // 2, c, 4)
  )


def sharpness(a, b, mask):
  """Over scales of 24x20 and 12x10 pixels; the third has no window."""
  a, b, terms = a.astype(np.float64), b.astype(np.float64), []
  for _ in range(2):
    differences = np.abs(window_means(a, mask) - window_means(b, mask))
    terms.append(np.mean([np.nanmean(image) for image in differences]))
    a, b, mask = blocks(a).mean(-1), blocks(b).mean(-1), blocks(mask).all(-1)
  return np.mean(terms)


def test_sharpness_term():
  a, b, mask = pair(0.9)
  expected = sharpness(a, b, np.ones_like(mask))
  assert losses.sharpness_l1(a, b) == pytest.approx(expected, rel=1e-4)
  assert losses.sharpness_l1(a, b, mask) == pytest.approx(sharpness(a, b, mask), rel=1e-4)
  # Details as strong cost nothing, wherever they are.
  assert losses.sharpness_l1(a, -a + 0.3) == pytest.approx(0, abs=1e-6)


def test_dissimilarity_is_one_minus_ssim_of_the_pixels():
  a, b, _ = pair()
  expected = np.mean(
    [
      skimage.metrics.structural_similarity(
        127.5 * (x + 1),
        127.5 * (y + 1),
        gaussian_weights=True,
        sigma=1.5,
        use_sample_covariance=False,
        data_range=255,
        channel_axis=-1,
      )
      for x, y in zip(a, b)
    ]
  )
  assert losses.dissimilarity(a, b) == pytest.approx(1 - expected, abs=1e-5)
  assert losses.dissimilarity(a, a) == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize(
  'term', [losses.l1, losses.gradient_l1, losses.sharpness_l1, losses.dissimilarity]
)
def test_masked_pixels_have_no_gradient_and_an_empty_mask_harms_nothing(term):
  a, b, _ = pair()
  mask = np.zeros((3, 24, 20, 1), bool)
  mask[0, 2:16, 3:18] = True
  mask[1] = True  # and nothing in the third
  value, gradient = jax.value_and_grad(lambda b: term(a, b, mask))(b)
  assert np.isfinite(value) and np.isfinite(gradient).all()
  assert not np.any(np.where(mask, 0, gradient)) and np.any(gradient[0]) and np.any(gradient[1])


@pytest.mark.parametrize('kind', ['l1', 'smooth_l1'])
def test_balance_weighs_pixels_by_the_rarity_of_their_gray_level(kind):
  a, b = RNG.uniform(-1, 1, (2, 3, 12, 10, 1)).astype(np.float32)
  # Mostly cold, with a few hot pixels.
  a = np.where(RNG.random(a.shape) < 0.9, -0.9, a).astype(np.float32)
  mask = RNG.random(a.shape) < 0.8
  power, expected = 0.7, []
  for image, other, valid in zip(a, b, mask):
    levels = np.minimum(((image[valid] + 1) * 16).astype(int), 31)
    weights = (np.bincount(levels, minlength=32)[levels] / len(levels)) ** -power
    d = np.abs(image[valid] - other[valid])
    if kind == 'smooth_l1':
      d = np.where(d < 1, d**2 / 2, d - 0.5)
    expected.append(np.sum(weights * d) / np.sum(weights))
  loss = getattr(losses, kind)
  assert loss(a, b, mask, power) == pytest.approx(np.mean(expected), rel=1e-4)
  everywhere = np.ones_like(mask)
  assert loss(a, b, None, power) == pytest.approx(float(loss(a, b, everywhere, power)), rel=1e-5)


def test_an_image_without_a_valid_pixel_counts_as_0_with_balance():
  a, b = RNG.uniform(-1, 1, (2, 2, 8, 8, 1)).astype(np.float32)
  mask = np.zeros(a.shape, bool)
  mask[0] = True
  half = losses.l1(a[:1], b[:1], None, 0.5) / 2
  assert losses.l1(a, b, mask, 0.5) == pytest.approx(float(half), rel=1e-5)
