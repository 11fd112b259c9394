"""Writing, resizing and changing the channels of images."""

import os

from hypothesis import given, settings, strategies as st
from hypothesis.extra import numpy as hnp
import imagecodecs
import numpy as np
from PIL import Image
import pytest
from skimage import color, io as skio

from cyclegan_jax.image_files import images
from tests.image_files.test_images import GRAY8, GRAY16, RGB8, RGB16, RNG, saved

ARRAYS = st.tuples(
  st.sampled_from([np.uint8, np.uint16]),
  st.integers(1, 9),
  st.integers(1, 9),
  st.sampled_from([1, 3]),
).flatmap(lambda t: hnp.arrays(t[0], t[1:]))


@settings(max_examples=100, deadline=None)
@given(ARRAYS)
def test_png_round_trip_is_lossless(array):
  data = images.encode_png(array)
  np.testing.assert_array_equal(images.read_image(data), array)
  np.testing.assert_array_equal(imagecodecs.png_decode(data).reshape(array.shape), array)
  assert images.is_plain(data)


def test_encode_png_takes_views():
  for array in (GRAY8, RGB8, GRAY16, RGB16):
    np.testing.assert_array_equal(
      images.read_image(images.encode_png(array[::2, ::-1])), array[::2, ::-1]
    )


@pytest.mark.parametrize(
  'array', [GRAY8[..., 0], GRAY8.astype(float), np.zeros((2, 2, 4), np.uint8), GRAY8[:0]]
)
def test_encode_png_refuses_other_arrays(array):
  with pytest.raises(ValueError, match='images are'):
    images.encode_png(array)


def test_write_png_is_readable_by_others_and_leaves_nothing_behind(tmp_path):
  path = tmp_path / 'out.png'
  path.write_bytes(b'old')
  images.write_png(path, RGB8)
  np.testing.assert_array_equal(skio.imread(path), RGB8)
  assert os.listdir(tmp_path) == ['out.png']
  umask = os.umask(0)
  os.umask(umask)
  assert path.stat().st_mode & 0o777 == 0o666 & ~umask


def test_write_png_names_what_cannot_be_written(tmp_path):
  with pytest.raises(images.ImageError, match='nowhere.*cannot be written'):
    images.write_png(tmp_path / 'nowhere' / 'out.png', RGB8)
  (tmp_path / 'folder.png').mkdir()
  with pytest.raises(images.ImageError, match='folder.png: cannot be written'):
    images.write_png(tmp_path / 'folder.png', RGB8)
  assert os.listdir(tmp_path) == ['folder.png']


@settings(max_examples=60, deadline=None)
@given(ARRAYS, st.integers(1, 4), st.integers(1, 4))
def test_area_undoes_repetition_and_averages_blocks(array, rows, columns):
  height, width, _ = array.shape
  large = array.repeat(rows, 0).repeat(columns, 1)
  np.testing.assert_array_equal(images.resize(large, (height, width)), array)
  np.testing.assert_array_equal(images.resize(array, large.shape[:2]), large)


@pytest.mark.parametrize('array', [RGB8, GRAY16, RGB16])
def test_area_is_the_mean_of_each_block(array):
  array = np.tile(array, (2, 2, 1))[:8, :12]
  got = images.resize(array, (4, 4))
  expected = array.reshape(4, 2, 4, 3, -1).mean((1, 3))
  # Pillow rounds 8-bit images after each of its two passes.
  np.testing.assert_allclose(got, expected, atol=1 if array.dtype == np.uint8 else 0.51)
  assert got.dtype == array.dtype


@pytest.mark.parametrize('dtype', [np.uint8, np.uint16])
def test_bicubic_keeps_constants_and_clips(dtype):
  top = np.iinfo(dtype).max
  edge = np.zeros((16, 16, 1), dtype)
  edge[:, 8:] = top  # Bicubic overshoots at edges: without clipping, uint16 would wrap.
  got = images.resize(edge, (32, 32), 'bicubic')
  assert got.dtype == dtype and got.min() == 0 and got.max() == top
  assert (np.diff(got[0, 12:20, 0].astype(int)) >= 0).all()
  flat = np.full((9, 7, 3), top // 3, dtype)
  np.testing.assert_array_equal(images.resize(flat, (4, 11), 'bicubic'), top // 3)


def test_bicubic_of_both_depths_agree():
  smooth = np.outer(np.linspace(0, 255, 40), np.linspace(0, 1, 40))[..., None]
  small = images.resize(smooth.astype(np.uint8), (13, 17), 'bicubic')
  deep = images.resize(smooth.astype(np.uint8).astype(np.uint16) * 256, (13, 17), 'bicubic')
  np.testing.assert_allclose(small, deep / 256, atol=1)


def test_resize_returns_the_same_array_and_checks_arguments():
  assert images.resize(RGB16, RGB16.shape[:2]) is RGB16
  with pytest.raises(ValueError, match='method'):
    images.resize(RGB8, (2, 2), 'nearest')
  with pytest.raises(ValueError, match='size'):
    images.resize(RGB8, (0, 2))


@pytest.mark.parametrize('array', [RGB8, RGB16])
def test_luminance(array):
  got = images.luminance(array)
  assert got.shape == (5, 7, 1) and got.dtype == np.float32
  scale = np.iinfo(array.dtype).max
  yiq = color.rgb2yiq(array / scale)[..., :1] * scale
  np.testing.assert_allclose(got, yiq, rtol=1e-5)


def test_channels_repeat_and_merge_exactly():
  for gray in (GRAY8, GRAY16):
    three = images.to_channels(gray, 3, 'a')
    assert three.shape == (5, 7, 3)
    np.testing.assert_array_equal(images.to_channels(three, 1, 'a'), gray)
    assert images.to_channels(gray, 1, 'a') is gray


@pytest.mark.parametrize('dtype', [np.uint8, np.uint16])
def test_channels_allow_for_the_chroma_of_jpeg(dtype):
  gray = np.linspace(20, 200, 64 * 64).reshape(64, 64, 1)
  three = gray + RNG.normal(0, 1, (64, 64, 3))  # A spread of 1.7 levels on average.
  scale = np.iinfo(dtype).max // 255
  merged = images.to_channels((three * scale).astype(dtype), 1, 'a')
  assert merged.dtype == dtype
  assert abs(merged / scale - gray).mean() < 1.5
  data = saved(Image.fromarray(gray[..., 0].astype(np.uint8)).convert('RGB'), 'JPEG', quality=50)
  assert images.to_channels(images.read_image(data), 1, 'a').shape == (64, 64, 1)


@pytest.mark.parametrize('dtype', [np.uint8, np.uint16])
def test_false_color_is_refused(dtype):
  scale = np.iinfo(dtype).max // 255
  heat = np.zeros((64, 64, 3), dtype)
  heat[..., 0] = np.arange(64) * 3 * scale
  with pytest.raises(images.ImageError, match='hot.jpg.*false color.*radiometric'):
    images.to_channels(heat, 1, 'hot.jpg')
  alarm = np.full((64, 64, 3), 100 * scale, dtype)
  alarm[:4, :4] = np.array([255, 0, 0]) * scale  # Only the hottest 0.4 % are colored.
  with pytest.raises(images.ImageError, match='hot.jpg.*false color'):
    images.to_channels(alarm, 1, 'hot.jpg')


@pytest.mark.parametrize('dtype', [np.uint8, np.uint16])
def test_gray_is_what_can_become_one_channel(dtype):
  gray = RNG.integers(0, np.iinfo(dtype).max, (32, 32, 1), dtype)
  colored = np.concatenate([gray, gray, gray[::-1]], -1)
  assert images.is_gray(gray) and images.is_gray(gray.repeat(3, -1))
  assert not images.is_gray(colored)
  with pytest.raises(images.ImageError, match='x: .*false color'):
    images.to_channels(colored, 1, 'x')
