"""16-bit images with swapped bytes are told from right ones."""

import dataclasses

import numpy as np
import pytest

from cyclegan_jax.pairs import byte_order, check, dataset_check, degenerate
from cyclegan_jax.pairs.flags import FLAGS
from tests.pairs.made_up import dataset, gray_rgb, texture


def counts(seed=0, low=12000, gain=37.0, noise=0.5):
  """uint16 [200, 320, 1] of a camera's counts."""
  rng = np.random.default_rng(seed)
  gray = 255 - texture(seed=seed)
  return np.rint(low + gain * (gray + rng.normal(0, noise, gray.shape))).astype(np.uint16)


@pytest.mark.parametrize(
  'options', [{}, {'noise': 3}, {'low': 0, 'gain': 257}, {'low': 29000, 'gain': 20}, {'gain': 9}]
)
def test_swapped_bytes_are_told_from_right_ones(options):
  image = counts(**options)
  assert not byte_order.is_swapped(image)
  assert byte_order.is_swapped(image.byteswap())


def test_images_without_an_order_of_bytes():
  gray = texture()
  for image in (gray, gray.astype(np.uint16), gray.astype(np.uint16) * 256):
    assert not byte_order.is_swapped(image)
  assert not byte_order.is_swapped(gray.astype(np.uint16) * 257)
  noise = np.random.default_rng(0).integers(0, 65536, (200, 320, 1), np.uint16)
  assert not byte_order.is_swapped(noise)
  assert not byte_order.is_swapped(np.full((200, 320, 1), 300, np.uint16))


def test_dead_pixels_are_no_swapped_bytes():
  image = counts(low=7269, gain=2.4)
  image.flat[::500] = 65535
  image.flat[7::500] = 0
  assert not byte_order.is_swapped(image)


def test_roughness_is_that_of_ranks():
  noise = np.random.default_rng(0).permutation(40_000).reshape(200, 200).astype(np.uint16)
  assert byte_order.roughness(noise) == pytest.approx(1, abs=0.02)
  # A ramp: neighbors differ by one of 200 rows, or by nothing.
  ramp = np.repeat(np.arange(200, dtype=np.uint16)[:, None], 200, axis=1)
  assert byte_order.roughness(ramp) == pytest.approx(1.5 / 200)
  assert byte_order.roughness(30000 + ramp) == byte_order.roughness(ramp)


def test_the_rest_of_the_check_looks_at_the_right_bytes():
  image, rgb = counts(), gray_rgb(texture())
  pair = check.check_pair(rgb, image.byteswap())
  assert pair.flags == ('swapped_bytes',) and pair.shift.length < 1
  # The span is that of the file.
  assert pair.spans['ir'][:2] == (image.byteswap().min(), image.byteswap().max())


def a_set(swapped):
  pairs = []
  for i in range(6):
    image = counts(seed=i)
    image = image.byteswap() if i in swapped else image
    pairs.append((f'{i:03}', gray_rgb(texture(seed=i)), image))
  return dataset(pairs)


def test_some_of_a_set_and_all_of_it():
  pairs = dataset_check.check(a_set((1, 4)), print)
  assert {pair.id for pair in pairs[:2]} == {'001', '004'}
  assert [pair.flags for pair in pairs] == [('swapped_bytes',)] * 2 + [()] * 4
  (note,) = dataset_check.notes(pairs)
  assert '2 of 6 IR images have swapped bytes, the others do not' in note
  (note,) = dataset_check.notes(dataset_check.check(a_set(range(6)), print))
  assert 'the whole set' in note and FLAGS['swapped_bytes'].remedy in note


def test_training_is_told_before_it_starts():
  assert degenerate.swapped_bytes(a_set(())) == []
  assert degenerate.swapped_bytes(dataclasses.replace(a_set((1,)), splits={})) == []
  (note,) = degenerate.swapped_bytes(a_set((1,)))  # The first three train.
  assert '1 of the 3 IR images' in note and '001' in note and '--fix=DIR' in note
