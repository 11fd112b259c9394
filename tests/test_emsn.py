"""EMSN: invertible for every pixel value, and equal to plain scaling."""

import itertools

from hypothesis import given
from hypothesis import strategies as st
import jax.numpy as jnp
import numpy as np
import pytest

from cyclegan_jax import emsn

ALL = list(itertools.product(('rgb', 'ir'), (False, True), (255, 65535)))


@pytest.mark.parametrize('domain, use_emsn, max_value', ALL)
@pytest.mark.parametrize('array', [np.asarray, jnp.asarray])
def test_every_pixel_value_survives_the_round_trip(domain, use_emsn, max_value, array):
  norm = emsn.normalisation(domain, use_emsn, float(max_value))
  pixels = np.arange(max_value + 1).astype(np.uint8 if max_value == 255 else np.uint16)
  network = norm.forward(array(pixels.astype(np.float32)))
  assert network.dtype == np.float32
  assert network.min() == -1 and network.max() == 1
  back = emsn.to_pixels(norm, network)
  assert back.dtype == pixels.dtype
  np.testing.assert_array_equal(back, pixels)


@pytest.mark.parametrize('domain', ['rgb', 'ir'])
def test_emsn_as_printed_equals_plain_scaling(domain):
  pixels = np.arange(256, dtype=np.float32)
  # Four roundings of float32 at values near 1.
  np.testing.assert_allclose(emsn.normalisation(domain, True).forward(pixels),
                             pixels / 127.5 - 1, atol=4 * np.finfo(np.float32).eps, rtol=0)


@given(value=st.floats(0, 255), minimum=st.floats(1, 1e4), width=st.floats(1, 1e4))
def test_the_band_cancels_whatever_it_is(value, minimum, width):
  norm = emsn.EMSN(minimum, minimum + width)
  x = np.float64(value)
  np.testing.assert_allclose(norm.forward(x), x / 127.5 - 1, atol=1e-10)
  np.testing.assert_allclose(norm.inverse(norm.forward(x)), x, atol=1e-8)


def test_equation_1_line_by_line():
  x = np.array([0.0, 51.0, 255.0])
  first = 370 / 255 * x + 380  # 380..750 nm
  np.testing.assert_allclose(first, [380, 454, 750])
  np.testing.assert_allclose(emsn.EMSN(380, 750).forward(x), 2 * (first - 380) / 370 - 1)


def test_values_outside_the_range_are_clipped():
  assert emsn.to_pixels(emsn.Plain(), np.array([-3.0, 3.0])).tolist() == [0, 255]
