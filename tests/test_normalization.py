"""EMSN equals plain scaling; both are invertible, increasing, and end at -1 and 1."""

from hypothesis import given, strategies as st
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from cyclegan_jax import normalization

KINDS = ('plain', 'emsn', 'spectral_channels')


@pytest.mark.parametrize('domain', ['rgb', 'ir'])
@pytest.mark.parametrize('kind', KINDS)
@pytest.mark.parametrize('max_value', [255, 65535])
@pytest.mark.parametrize('array', [np.asarray, jnp.asarray])
def test_every_pixel_value_survives_the_round_trip(domain, kind, max_value, array):
  norm = normalization.make(kind, domain, float(max_value))
  pixels = np.arange(max_value + 1, dtype=np.float32)
  network = norm.forward(array(pixels))
  assert network.dtype == np.float32 and norm.max_value == max_value
  # Black is -1 to the bit: discriminators see pixels without thermal data like that.
  assert network[0] == -1 and network[-1] == pytest.approx(1, abs=2e-7)
  assert (np.diff(np.asarray(network)) > 0).all()
  back = norm.inverse(network)
  assert back.dtype == np.float32
  np.testing.assert_array_equal(np.rint(back), pixels)


@pytest.mark.parametrize('domain', ['rgb', 'ir'])
def test_emsn_as_printed_equals_plain_scaling(domain):
  pixels = np.arange(256, dtype=np.float32)
  # Four roundings of float32 at values near 1.
  np.testing.assert_allclose(
    normalization.make('emsn', domain).forward(pixels),
    pixels / 127.5 - 1,
    atol=4 * np.finfo(np.float32).eps,
    rtol=0,
  )


@given(value=st.floats(0, 255), minimum=st.floats(1, 1e4), width=st.floats(1, 1e4))
def test_the_band_cancels_whatever_it_is(value, minimum, width):
  norm = normalization.EMSN(minimum, minimum + width)
  x = np.float64(value)
  np.testing.assert_allclose(norm.forward(x), x / 127.5 - 1, atol=1e-10)
  np.testing.assert_allclose(norm.inverse(norm.forward(x)), x, atol=1e-8)


def test_equation_1_line_by_line():
  x = np.array([0.0, 51.0, 255.0])
  first = 370 / 255 * x + 380  # 380..750 nm
  np.testing.assert_allclose(first, [380, 454, 750])
  np.testing.assert_allclose(normalization.EMSN(380, 750).forward(x), 2 * (first - 380) / 370 - 1)


def test_channels_and_their_wavelengths():
  """Positions of the centers on the axis, found by going along it in equal ratios."""
  places = np.linspace(-1, 1, 100_001)
  wavelengths = np.geomspace(380, 14000, places.size)

  def place(wavelength):
    return places[np.abs(wavelengths - wavelength).argmin()]

  for domain, channels, ir_band, centers in (
    ('rgb', 3, 'paper', (685, 532.5, 472.5)),
    ('rgb', 1, 'lwir', (565,)),
    ('ir', 1, 'lwir', (10750,)),
    ('ir', 1, '8000:12000', (10000,)),
    ('ir', 3, 'paper', (7500,) * 3),
  ):
    found = normalization.wavelength_channels(domain, channels, ir_band)
    np.testing.assert_allclose(found, [place(c) for c in centers], atol=1e-4)


@pytest.mark.parametrize('kind', KINDS)
def test_forward_and_inverse_can_be_compiled(kind):
  norm, pixels = normalization.make(kind, 'ir'), np.arange(256, dtype=np.float32)
  network = jax.jit(norm.forward)(pixels)
  np.testing.assert_allclose(network, norm.forward(pixels), atol=1e-6)
  np.testing.assert_array_equal(np.rint(jax.jit(norm.inverse)(network)), pixels)


@pytest.mark.parametrize('kind', KINDS)
@pytest.mark.parametrize('domain', ['rgb', 'ir'])
def test_bfloat16_keeps_all_levels_of_8_bits(kind, domain):
  """bfloat16 is the upper half of float32, rounded to even; counted on its bits."""
  network = normalization.make(kind, domain).forward(np.arange(256, dtype=np.float32))
  bits = network.view(np.uint32).astype(np.uint64)
  assert len(set((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16)) == 256
  assert np.unique(network.astype(jnp.bfloat16)).size == 256
