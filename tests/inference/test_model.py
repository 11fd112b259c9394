"""Model.translate: sizes, bit depths and channels that differ from training."""

import jax.numpy as jnp
import numpy as np
import pytest

from cyclegan_jax import config as config_lib
from cyclegan_jax import emsn
from cyclegan_jax.data.source import Domain
from cyclegan_jax.errors import UserError
from cyclegan_jax.inference.model import Model
from cyclegan_jax.settings import DataConfig

EMSN = DataConfig(normalisation='emsn')


def model(translator, ir_max=255.0):
  domains = {'rgb': Domain('rgb', 3, emsn.normalisation('rgb', EMSN)),
             'ir': Domain('ir', 1, emsn.normalisation('ir', EMSN, ir_max))}
  return Model(config_lib.make(), 0, domains, {'rgb_to_ir': translator})


def first_channel(x):
  """A generator that gives back the red channel, and wants sizes it could work with."""
  assert x.dtype == np.float32 and x.shape[1] % 32 == 0 and x.shape[2] % 32 == 0
  assert -1 <= x.min() and x.max() <= 1
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


def test_grey_images_are_repeated_and_values_scaled():
  image = np.full((4, 4, 1), 200, np.uint8)
  assert (model(first_channel, 65535.0).translate(image) == 200 * 257).all()


def test_false_colour_is_refused_where_one_channel_is_expected():
  reverse = Model(config_lib.make(), 0, model(first_channel).domains,
                  {'ir_to_rgb': lambda x: jnp.repeat(x, 3, -1)})
  colours = np.random.default_rng(0).integers(0, 256, (8, 8, 3), np.uint8)
  with pytest.raises(UserError, match='hot.png: .*false colour'):
    reverse.translate(colours, 'ir_to_rgb', 'hot.png')


def test_grey_rgb_domain_takes_the_luminance():
  domains = {**model(first_channel).domains,
             'rgb': Domain('rgb', 1, emsn.Plain())}
  image = np.random.default_rng(0).integers(0, 256, (8, 8, 3), np.uint8)
  result = Model(config_lib.make(), 0, domains, {'rgb_to_ir': first_channel}).translate(image)
  np.testing.assert_array_equal(result, np.rint(image @ np.float32([[.299], [.587], [.114]])))
