"""Shapes, size, and pixels that become channels and back."""

from flax import nnx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from cyclegan_jax.downstream import network


@pytest.mark.parametrize('size', [(16, 16), (24, 40), (17, 31), (5, 3)])
def test_any_size(size):
  logits = nnx.eval_shape(
    lambda x: network.SegmentationUNet(5, 4, nnx.Rngs(0))(x), jnp.zeros((2, *size))
  )
  assert logits.shape == (2, *size, 5)


def test_squares_of_pixels_become_channels_and_back():
  x = jnp.arange(2 * 4 * 6 * 3.0).reshape(2, 4, 6, 3)
  channels = network._to_channels(x)
  assert channels.shape == (2, 2, 3, 12)
  np.testing.assert_array_equal(channels[0, 1, 2], x[0, 2:4, 4:6].ravel())
  np.testing.assert_array_equal(network._to_pixels(channels), x)


def test_maxima():
  x = jax.random.normal(jax.random.key(0), (1, 4, 4, 1))
  expected = [[np.max(x[0, i : i + 2, j : j + 2]) for j in (0, 2)] for i in (0, 2)]
  np.testing.assert_array_equal(network._maxima(x)[0, ..., 0], expected)
