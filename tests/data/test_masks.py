"""Valid masks: resized strictly, cut to rectangles, carried through the pipeline."""

import dataclasses

import numpy as np
import pytest

from cyclegan_jax.data import masks, pipeline
from cyclegan_jax.data.source import Dataset, make_domains, Split
from cyclegan_jax.errors import UserError
from cyclegan_jax.image_files import images
from cyclegan_jax.settings import DataConfig, fields

SIZE = (24, 32)


def framed(top=3, bottom=0, left=5, right=2):
  mask = np.zeros((*SIZE, 1), np.uint8)
  mask[top : SIZE[0] - bottom, left : SIZE[1] - right] = 255
  return mask


PLAIN = DataConfig()


def dataset(mask, n=3, config=PLAIN):
  """Records whose IR image is 200 where it is valid and 90 elsewhere."""
  rng = np.random.default_rng(0)
  ir = np.where(mask == 255, 200, 90).astype(np.uint8)
  records = [
    {
      'rgb': images.encode_png(rng.integers(0, 256, (*SIZE, 3), np.uint8)),
      'ir': images.encode_png(ir),
      'mask': images.encode_png(mask),
      'id': f's/{i}'.encode(),
      'sequence': b's',
    }
    for i in range(n)
  ]
  splits = {'train': Split('train', records, records, aligned=True)}
  return Dataset('x', 'x', 'x', make_domains(config), splits, has_mask=True)


@pytest.mark.parametrize('method', ['area', 'bicubic'])
@pytest.mark.parametrize('size', [(12, 16), (10, 14), (9, 31), (40, 50), (24, 32)])
def test_a_valid_pixel_is_made_of_valid_pixels_only(method, size):
  """Whatever invalid pixels hold, the resized image does not change where the mask is true."""
  mask = framed()
  mask[10, 20] = 0
  valid = masks.read(images.encode_png(mask), size, method)
  assert valid.shape == (*size, 1) and valid.dtype == bool and 0.2 < valid.mean() < 1
  image = np.random.default_rng(1).integers(0, 256, (*SIZE, 1), np.uint8)
  black, white = (
    masks.resize(
      np.where(mask == 255, image, other).astype(np.uint8), images.encode_png(mask), size, method
    )
    for other in (0, 255)
  )
  np.testing.assert_array_equal(black[valid], white[valid])


def test_area_averages_valid_pixels_alone():
  mask, image = framed(top=3, left=5, right=2), np.zeros((*SIZE, 1), np.uint8)
  image[...] = np.random.default_rng(1).integers(0, 256, (*SIZE, 1))
  data, size = images.encode_png(mask), (6, 8)
  small, valid = masks.resize(image, data, size, 'area'), masks.read(data, size, 'area')
  for row, column in np.ndindex(size):
    window = slice(4 * row, 4 * row + 4), slice(4 * column, 4 * column + 4)
    inside = mask[window] == 255
    assert valid[row, column] == (inside.mean() >= 0.5)
    if valid[row, column]:
      assert abs(small[row, column, 0] - image[window][inside].mean()) <= 0.51


def test_box_of_data_leaves_out_empty_borders():
  mask = framed(top=3, left=5, right=2)
  mask[10, 12] = 0
  assert masks.data_box(images.encode_png(mask)) == (slice(3, 24), slice(5, 30))


def test_box_is_the_valid_rectangle():
  assert masks.valid_box(images.encode_png(framed()), 'x') == (slice(3, 24), slice(5, 30))
  whole = np.full((*SIZE, 1), 255, np.uint8)
  assert masks.valid_box(images.encode_png(whole), 'x') == (slice(0, 24), slice(0, 32))


def test_box_of_a_wedge_is_valid_and_nearly_the_largest():
  wedge = np.full((*SIZE, 1), 255, np.uint8)
  for row in range(SIZE[0]):
    wedge[row, : row // 6] = 0
  rows, columns = masks.valid_box(images.encode_png(wedge), 'x')
  assert (wedge[rows, columns] == 255).all() and wedge[rows, columns].size >= 24 * 28


def test_no_rectangle_is_refused_by_name():
  holes = np.zeros((*SIZE, 1), np.uint8)
  holes[::4, ::4] = 255
  with pytest.raises(UserError, match='--mask=crop: the valid pixels of s/7 .* --mask=loss'):
    masks.valid_box(images.encode_png(holes), 's/7')


@pytest.mark.parametrize('paired', [True, False])
def test_masks_are_cut_and_mirrored_like_their_images(paired):
  config = DataConfig(paired=paired, resize='none', image_size=(16, 20), flip=True)
  examples = pipeline.examples(dataset(framed()), 'train', config, train=True)
  seen = set()
  for i in range(20):
    example = examples[i]
    assert example['ir_mask'].shape == example['rgb_mask'].shape == (16, 20, 1)
    np.testing.assert_allclose(
      example['ir'], np.where(example['ir_mask'], 200 / 127.5 - 1, -1), atol=1e-6
    )
    assert not paired or (example['ir_mask'] == example['rgb_mask']).all()
    seen.add(example['ir_mask'].tobytes())
  assert len(seen) > 5


@pytest.mark.parametrize('kind', fields()['normalization'][1].metadata['allowed'])
@pytest.mark.parametrize('resize', ['none', 'area', 'bicubic'])
def test_pixels_without_data_are_black_in_every_normalization(kind, resize):
  size = SIZE if resize == 'none' else (12, 16)
  config = DataConfig(paired=True, resize=resize, image_size=size, normalization=kind)
  data = dataset(framed(), config=config)
  pixels = pipeline.pixels(data, 'train', config)[0]
  assert pixels['ir'].dtype == np.uint8
  np.testing.assert_array_equal(pixels['ir'], np.where(pixels['ir_mask'], 200, 0))
  assert not pixels['ir_mask'].all() and pixels['ir_mask'].any()
  example = pipeline.examples(data, 'train', config)[0]
  np.testing.assert_array_equal(data.domains['ir'].to_pixels(example['ir']), pixels['ir'])
  # Exactly what discriminators see where there are no data.
  assert (example['ir'][~example['ir_mask']] == -1).all()


def test_crop_leaves_valid_pixels_only():
  config = DataConfig(paired=True, image_size=(12, 16), mask='crop')
  example = pipeline.examples(dataset(framed()), 'train', config)[0]
  assert 'ir_mask' not in example
  np.testing.assert_allclose(example['ir'], 200 / 127.5 - 1, atol=1e-6)


def test_none_uses_all_pixels():
  config = DataConfig(paired=True, resize='none', image_size=SIZE, mask='none')
  example = pipeline.examples(dataset(framed()), 'train', config)[0]
  assert 'ir_mask' not in example and example['ir'][0, 0, 0] == pytest.approx(90 / 127.5 - 1)


def test_unresized_crop_counts_the_size_within_the_borders():
  data = dataset(framed())
  config = DataConfig(resize='none', image_size=(21, 25), mask='crop')
  pipeline.check_crop(data, config)
  with pytest.raises(UserError, match=r's/0 \(rgb\) is 21x25, --image_size=24x32'):
    pipeline.check_crop(data, dataclasses.replace(config, image_size=(24, 32)))
