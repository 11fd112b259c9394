"""What image measures make of a mask."""

import numpy as np
import pytest

from cyclegan_jax.metrics import image_quality
from tests.metrics.made_up import image_pair, NAMES

IMAGE = np.zeros((2, 12, 12, 1), np.float32)


@pytest.mark.parametrize('name', NAMES + ('ms_ssim', 'image_metrics'))
def test_a_mask_cannot_be_taken_for_the_maximum(name):
  with pytest.raises(TypeError, match='positional'):
    getattr(image_quality, name)(IMAGE, IMAGE, np.ones((2, 12, 12, 1), bool))


def test_mask_of_all_true_equals_none():
  reference, image = image_pair(np.uint16, 0, 65535, 3)
  unmasked = image_quality.image_metrics(reference, image, max_value=65535)
  masked = image_quality.image_metrics(
    reference, image, max_value=65535, mask=np.ones((3, 37, 45, 1), bool)
  )
  for name in NAMES:
    np.testing.assert_allclose(masked[name], unmasked[name], rtol=2e-6)


@pytest.mark.parametrize('garbage', [1e9, np.nan, np.inf])
def test_masked_garbage_has_no_effect(garbage):
  reference, image = image_pair(np.float32, 0, 255, 3)
  mask = np.ones((3, 37, 45, 1), bool)
  mask[0, 3:6, 7:30] = False
  mask[1, :, -4:] = False
  clean = image_quality.image_metrics(reference, image, mask=mask)
  dirty = image_quality.image_metrics(
    np.where(mask, reference, garbage).astype(np.float32),
    np.where(mask, image, -garbage).astype(np.float32),
    mask=mask,
  )
  unmasked = image_quality.image_metrics(reference, image)
  for name in NAMES:
    np.testing.assert_array_equal(dirty[name], clean[name])
    assert np.all(np.isfinite(clean[name]))
    assert clean[name][0] != unmasked[name][0]  # The mask does something.
    np.testing.assert_allclose(clean[name][2], unmasked[name][2], rtol=2e-6)


def test_mask_of_a_border_equals_cropping():
  reference, image = image_pair(np.uint8, 0, 255, 3)
  mask = np.zeros((3, 37, 45, 1), bool)
  mask[:, 4:30, 5:40] = True
  masked = image_quality.image_metrics(reference, image, mask=mask)
  cropped = image_quality.image_metrics(reference[:, 4:30, 5:40], image[:, 4:30, 5:40])
  for name in NAMES:
    if name != 'uqi_sewar':  # Its missing last windows depend on the image's border.
      np.testing.assert_allclose(masked[name], cropped[name], rtol=3e-6, atol=1e-6)


def test_nothing_valid_gives_nan():
  reference, image = image_pair(np.uint8, 0, 255, 1)
  mask = np.ones_like(image, bool) & (np.arange(3) != 1)[:, None, None, None]
  for values in image_quality.image_metrics(reference, image, mask=mask).values():
    assert np.isnan(values).tolist() == [False, True, False]
