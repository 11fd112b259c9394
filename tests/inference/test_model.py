"""Model.translate: sizes, bit depths and channels that differ from training."""

import types

from flax import nnx
import jax.numpy as jnp
import numpy as np
import pytest

from cyclegan_jax import config as config_lib, normalization
from cyclegan_jax.data.source import Domain, make_domains
from cyclegan_jax.errors import UserError
from cyclegan_jax.inference.model import Model
from cyclegan_jax.models.apply import Translator
from cyclegan_jax.settings import DataConfig

EMSN = DataConfig(normalization='emsn')


def model(translator, ir_max=255.0):
  domains = make_domains(EMSN, {'rgb': 255.0, 'ir': ir_max})
  return Model(config_lib.make(), 0, domains, {'rgb_to_ir': translator})


def first_channel(x):
  """A generator that gives back the red channel, and wants sizes it could work with."""
  assert x.dtype == np.float32 and x.shape[1] % 32 == 0 and x.shape[2] % 32 == 0
  assert x.min() >= -1 and x.max() <= 1
  return jnp.asarray(x[..., :1])


@pytest.mark.parametrize('size', [(1, 1), (31, 33), (64, 32), (5, 300)])
def test_any_size_keeps_its_pixels(size):
  image = np.random.default_rng(0).integers(0, 256, (*size, 3), np.uint8)
  result = model(first_channel).translate(image)
  assert result.dtype == np.uint8
  np.testing.assert_array_equal(result, image[..., :1])


def test_sixteen_bits_in_and_out():
  image = np.random.default_rng(0).integers(0, 65536, (8, 8, 3), np.uint16)
  np.testing.assert_array_equal(model(first_channel, 65535.0).translate(image), image[..., :1])
  eight = model(first_channel).translate(image)
  assert eight.dtype == np.uint8
  np.testing.assert_allclose(eight, image[..., :1] / 257, atol=0.51)


def test_gray_images_are_repeated_and_values_scaled():
  image = np.full((4, 4, 1), 200, np.uint8)
  assert (model(first_channel, 65535.0).translate(image) == 200 * 257).all()


def test_false_color_is_refused_where_one_channel_is_expected():
  reverse = Model(
    config_lib.make(),
    0,
    model(first_channel).domains,
    {'ir_to_rgb': lambda x: jnp.repeat(x, 3, -1)},
  )
  colors = np.random.default_rng(0).integers(0, 256, (8, 8, 3), np.uint8)
  with pytest.raises(UserError, match='hot.png: .*false color'):
    reverse.translate(colors, 'ir_to_rgb', 'hot.png')


def test_gray_rgb_domain_takes_the_luminance():
  domains = {**model(first_channel).domains, 'rgb': Domain('rgb', 1, normalization.Plain())}
  image = np.random.default_rng(0).integers(0, 256, (8, 8, 3), np.uint8)
  result = Model(config_lib.make(), 0, domains, {'rgb_to_ir': first_channel}).translate(image)
  np.testing.assert_array_equal(result, np.rint(image @ np.float32([[0.299], [0.587], [0.114]])))


def test_several_images_at_once():
  images = np.random.default_rng(0).integers(0, 256, (3, 5, 7, 3), np.uint8)
  np.testing.assert_array_equal(model(first_channel).translate(images), images[..., :1])


@pytest.mark.parametrize(
  'ir_max, bits, scale, dtype',
  [
    (255.0, 16, 257, np.uint16),
    (65535.0, 8, 1, np.uint8),
    (65535.0, 16, 257, np.uint16),
    (255.0, 8, 1, np.uint8),
  ],
)
def test_bits_of_the_result(ir_max, bits, scale, dtype):
  image = np.arange(192, dtype=np.uint8).reshape(8, 8, 3)
  result = model(first_channel, ir_max).translate(image, bits=bits)
  assert result.dtype == dtype
  np.testing.assert_array_equal(result, image[..., :1].astype(int) * scale)


def test_more_bits_show_what_lies_between_gray_levels():
  half = model(lambda x: jnp.asarray(x[..., :1]) + 1 / 255)  # half a gray level of 8 bits
  image = np.full((4, 4, 3), 100, np.uint8)
  assert (half.translate(image, bits=16) == round(100.5 * 257)).all()


def test_tiles_are_cut_and_put_together():
  image = np.random.default_rng(0).integers(0, 256, (70, 300, 3), np.uint8)
  sizes = []

  def seen(x):
    sizes.append(x.shape)
    return first_channel(x)

  class Tiled(Translator):
    def __call__(self, x):
      return np.asarray(seen(x))

  net = types.SimpleNamespace(module=lambda params, batch_stats: nnx.Module())  # no instance norm
  result = model(Tiled(net, {}, {})).translate(image, tile=128, overlap=32)
  np.testing.assert_array_equal(result, image[..., :1])
  assert set(sizes) == {(1, 96, 128, 3)} and len(sizes) == 3


@pytest.mark.parametrize(
  'image, words',
  [
    (np.zeros((4, 4), np.uint8), 'height, width'),
    (np.zeros((4, 4, 2), np.uint8), '1 or 3'),
    (np.zeros((4, 4, 3), np.float32), 'uint8 or uint16'),
    (np.zeros((0, 4, 3), np.uint8), '1 or 3'),
  ],
)
def test_other_arrays_are_refused(image, words):
  with pytest.raises(ValueError, match=words):
    model(first_channel).translate(image)
  with pytest.raises(ValueError, match='bits must be'):
    model(first_channel).translate(np.zeros((4, 4, 3), np.uint8), bits=12)
