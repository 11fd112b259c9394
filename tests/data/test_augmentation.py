"""What --zoom and --jitter_* show of the training images, and what they leave alone."""

import colorsys
import dataclasses

import numpy as np
import pytest

from cyclegan_jax.data import jitter, pipeline, record_images
from cyclegan_jax.data.source import Dataset, make_domains, Split
from cyclegan_jax.image_files import images
from cyclegan_jax.settings import DataConfig

SIZE = (40, 60)
CONFIG = DataConfig(paired=True, image_size=(20, 30), zoom=0.5)


def dataset(masked=False, n=6):
  """IR is the row in its first half and the column in its second, so a crop shows its place."""
  rows, columns = np.mgrid[: SIZE[0], : SIZE[1]]
  rgb = np.stack([4 * rows, 4 * columns, 0 * rows], -1).astype(np.uint8)
  mask = np.where(columns < 20, 0, 255).astype(np.uint8)[..., None]
  records = [
    {
      'rgb': images.encode_png(rgb),
      'ir': images.encode_png(rgb[..., :1]),
      'id': str(i).encode(),
      'sequence': b'',
      **({'mask': images.encode_png(mask)} if masked else {}),
    }
    for i in range(n)
  ]
  splits = {'train': Split('train', records, records, aligned=True)}
  return Dataset('x', 'x', 'x', make_domains(CONFIG), splits, has_mask=masked)


def training_examples(config, data, n=60, seed=0):
  examples = pipeline.examples(data, 'train', config, seed=seed, train=True)
  return [
    {
      name: data.domains[name].denormalize(value) if name in ('rgb', 'ir') else value
      for name, value in examples[i].items()
    }
    for i in range(n)
  ]


def test_a_zoomed_pair_shows_one_part_of_at_least_that_share():
  spans = []
  for example in training_examples(CONFIG, dataset()):
    rgb, ir = example['rgb'], example['ir']
    assert rgb.shape == (20, 30, 3)
    # The pair has one crop: IR was the red channel before.
    np.testing.assert_allclose(ir[..., 0], rgb[..., 0], atol=1)
    spans.append([np.ptp(rgb[..., 0]) / 4 / 40, np.ptp(rgb[..., 1]) / 4 / 60])
  spans = np.array(spans)
  # The centers of the first and last new pixel lie half a pixel inside: 1 / 20 less.
  assert 0.5 - 0.07 < spans.min() < 0.56 and 0.85 < spans.max() <= 1
  np.testing.assert_allclose(spans[:, 0], spans[:, 1], atol=0.07)


def test_crops_are_made_of_images_that_are_large_enough():
  config = record_images.for_training(CONFIG)
  assert config.load_size == (40, 60)
  # A user's own --load_size stays, and without a zoom nothing changes.
  given = dataclasses.replace(CONFIG, load_size=(24, 36))
  assert record_images.for_training(given) is given
  assert record_images.for_training(DataConfig()) == DataConfig()


def test_images_are_measured_whole():
  data = dataset()
  whole = pipeline.pixels(data, 'train', CONFIG)[0]
  plain = pipeline.pixels(data, 'train', dataclasses.replace(CONFIG, zoom=1.0))[0]
  np.testing.assert_array_equal(whole['rgb'], plain['rgb'])


def test_masks_follow_the_zoom():
  shares = []
  for example in training_examples(CONFIG, dataset(masked=True)):
    np.testing.assert_array_equal(example['ir_mask'], example['rgb_mask'])
    valid = example['ir_mask'][..., 0]
    # Columns from 20 on have data, and their number is in the green channel.
    np.testing.assert_array_equal(valid[:, 1:-1], (example['rgb'][..., 1] / 4 > 19.4)[:, 1:-1])
    assert (example['ir'][~valid] == 0).all()
    shares.append(valid.mean())
  assert np.ptp(shares) > 0.2


def test_draws_follow_the_seed():
  data = dataset()
  same = [training_examples(CONFIG, data, 5, seed)[4]['rgb'] for seed in (0, 0, 1)]
  np.testing.assert_array_equal(same[0], same[1])
  assert np.any(same[0] != same[2])


COLORS = np.random.default_rng(0).integers(60, 190, (30, 20, 3), np.uint8)


def test_without_settings_nothing_is_drawn():
  rng = np.random.default_rng(0)
  assert jitter.jitter(COLORS, DataConfig(), rng) is COLORS
  assert rng.random() == np.random.default_rng(0).random()


@pytest.mark.parametrize('dtype, scale', [(np.uint8, 1), (np.uint16, 257)])
def test_brightness_and_contrast(dtype, scale):
  pixels = COLORS.astype(dtype) * dtype(scale)
  factors = []
  for seed in range(40):
    config = DataConfig(jitter_brightness=0.2)
    bright = jitter.jitter(pixels, config, np.random.default_rng(seed)).astype(float)
    factor = bright.mean() / pixels.mean()
    np.testing.assert_allclose(bright, pixels * factor, atol=0.7 * 1.2)
    factors.append(factor)
    config = DataConfig(jitter_contrast=0.3)
    flat = jitter.jitter(pixels, config, np.random.default_rng(seed)).astype(float)
    luma = pixels @ [0.299, 0.587, 0.114]
    slope = np.std(flat[..., 0]) / np.std(pixels[..., 0])
    np.testing.assert_allclose(
      flat, luma.mean() + slope * (pixels - luma.mean()), atol=0.02 * scale + 1
    )
  assert 0.8 <= min(factors) < 0.85 and 1.15 < max(factors) <= 1.2


def test_hue_turns_colors_and_keeps_their_luminance():
  red = np.broadcast_to(np.uint8([140, 100, 100]), (4, 4, 3))
  hues = []
  for seed in range(60):
    turned = jitter.jitter(red, DataConfig(jitter_hue=0.1), np.random.default_rng(seed))[0, 0]
    assert turned @ [0.299, 0.587, 0.114] == pytest.approx(111.96, abs=1)
    hues.append((colorsys.rgb_to_hsv(*turned / 255.0)[0] + 0.5) % 1 - 0.5)
  # A tenth of the chrominance circle is about as much of the HSV circle.
  assert -0.16 < min(hues) < -0.05 and 0.05 < max(hues) < 0.16
  gray = np.full((4, 4, 3), 90, np.uint8)
  config = DataConfig(jitter_hue=0.5)
  np.testing.assert_array_equal(jitter.jitter(gray, config, np.random.default_rng(0)), gray)


def test_gray_is_a_share_of_the_images():
  config, rng = DataConfig(jitter_gray=0.25), np.random.default_rng(0)
  made = [jitter.jitter(COLORS, config, rng) for _ in range(400)]
  gray = [np.all(image == image[..., :1]) for image in made]
  assert 0.19 < np.mean(gray) < 0.31
  np.testing.assert_allclose(
    made[gray.index(True)][..., 0], COLORS @ [0.299, 0.587, 0.114], atol=0.51
  )


def test_gray_rgb_images_have_no_hue_to_turn():
  config = DataConfig(rgb_channels=1, jitter_hue=0.5, jitter_gray=1.0)
  pixels = COLORS[..., :1]
  np.testing.assert_array_equal(jitter.jitter(pixels, config, np.random.default_rng(0)), pixels)


def test_ir_images_keep_their_gray_levels():
  config = dataclasses.replace(CONFIG, zoom=1.0, jitter_brightness=0.5, jitter_hue=0.3)
  data = dataset()
  whole = pipeline.pixels(data, 'train', config)[0]['ir']
  for example in training_examples(config, data, 10):
    np.testing.assert_allclose(example['ir'], whole, atol=0.01)
