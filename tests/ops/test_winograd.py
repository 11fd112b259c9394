"""Convolutions after Winograd against the definition, and how much they are rounded."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import signal

from cyclegan_jax.ops import winograd


def convolution(x, kernel):
  """In float64, channel by channel, with scipy."""
  return np.stack(
    [
      np.stack(
        [
          sum(
            signal.correlate(image[..., i], kernel[..., i, o], 'valid')
            for i in range(kernel.shape[2])
          )
          for o in range(kernel.shape[3])
        ],
        -1,
      )
      for image in x
    ]
  )


@pytest.mark.parametrize('k', (2, 3, 4))
def test_matrices_give_what_a_convolution_in_one_dimension_gives(k):
  to_outputs, from_kernel, from_image = winograd.matrices(k)
  rng = np.random.default_rng(k)
  kernel, image = rng.normal(size=k), rng.normal(size=winograd.OUTPUTS + k - 1)
  np.testing.assert_allclose(
    to_outputs @ ((from_kernel @ kernel) * (from_image @ image)),
    signal.correlate(image, kernel, 'valid'),
    atol=1e-13,
  )


@pytest.mark.parametrize('k', (2, 3, 4))
@pytest.mark.parametrize('height, width', ((4, 4), (5, 8), (7, 11)))
def test_convolution_and_its_gradients(k, height, width):
  rng = np.random.default_rng(0)
  x, kernel = rng.normal(size=(2, height, width, 3)), rng.normal(size=(k, k, 3, 2))
  want = convolution(x, kernel)
  gradient = rng.normal(size=want.shape)
  bordered = np.pad(gradient, ((0, 0), (k - 1, k - 1), (k - 1, k - 1), (0, 0)))
  with jax.enable_x64(True):
    np.testing.assert_allclose(jax.jit(winograd.convolution)(x, kernel), want, atol=1e-12)
    to_x = jax.jit(winograd.transposed)(bordered, kernel)
    to_kernel = jax.jit(winograd.kernel_gradient)(x, gradient)
  # The map is linear in either argument, which defines the gradients.
  for _ in range(3):
    u, v = rng.normal(size=x.shape), rng.normal(size=kernel.shape)
    np.testing.assert_allclose(np.vdot(u, to_x), np.vdot(gradient, convolution(u, kernel)))
    np.testing.assert_allclose(np.vdot(v, to_kernel), np.vdot(gradient, convolution(x, v)))


@pytest.mark.parametrize('k, most', ((3, 3), (4, 8)))
def test_float32_is_rounded_at_most_a_few_times_as_much_as_by_lax(k, most):
  rng = np.random.default_rng(0)
  x = rng.normal(size=(1, 18, 18, 64)).astype(np.float32)
  kernel = rng.normal(size=(k, k, 64, 64)).astype(np.float32)
  plain = jax.lax.conv_general_dilated(
    x, kernel, (1, 1), 'VALID', dimension_numbers=('NHWC', 'HWIO', 'NHWC')
  )
  want = convolution(x.astype(np.float64), kernel.astype(np.float64))

  def error(y):
    return np.sqrt(np.mean((np.asarray(y, np.float64) - want) ** 2))

  assert error(winograd.convolution(jnp.asarray(x), jnp.asarray(kernel))) < most * error(plain)
