"""EMSN equals plain scaling; its relatives are invertible, increasing, and end as they should."""

import itertools

from hypothesis import given, settings, strategies as st
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from cyclegan_jax import bands, normalization
from cyclegan_jax.errors import UserError
from cyclegan_jax.settings import DataConfig, fields

KINDS = fields()['normalization'][1].metadata['allowed']
SPECTRAL = ('spectral_linear', 'spectral_log')
ALL = list(
  itertools.product(
    ('rgb', 'ir'),
    [
      (kind, ir_band)
      for kind in KINDS
      for ir_band in (bands.NAMED if kind in SPECTRAL else ('paper',))
    ],
    (255, 65535),
  )
)


def made(domain, kind, max_value=255.0, **options):
  return normalization.normalization(
    domain, DataConfig(normalization=kind, **options), float(max_value)
  )


@pytest.mark.parametrize('domain, kind, max_value', ALL)
@pytest.mark.parametrize('array', [np.asarray, jnp.asarray])
def test_every_pixel_value_survives_the_round_trip(domain, kind, max_value, array):
  norm = made(domain, kind[0], max_value, ir_band=kind[1])
  pixels = np.arange(max_value + 1).astype(np.uint8 if max_value == 255 else np.uint16)
  network = norm.forward(array(pixels.astype(np.float32)))
  assert network.dtype == np.float32
  np.testing.assert_allclose([network[0], network[-1]], norm.interval, atol=2e-7)
  assert network[0] == np.float32(norm.interval.low)  # What `views.normalized` takes for black.
  assert (np.diff(np.asarray(network)) > 0).all()
  back = normalization.to_pixels(norm, network)
  assert back.dtype == pixels.dtype
  np.testing.assert_array_equal(back, pixels)


@pytest.mark.parametrize('domain', ['rgb', 'ir'])
def test_emsn_as_printed_equals_plain_scaling(domain):
  pixels = np.arange(256, dtype=np.float32)
  # Four roundings of float32 at values near 1.
  np.testing.assert_allclose(
    made(domain, 'emsn').forward(pixels),
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


def test_values_outside_the_range_are_clipped():
  assert normalization.to_pixels(normalization.Plain(), np.array([-3.0, 3.0])).tolist() == [0, 255]


# The ends that the axis of 380 to 14000 nm gives the paper's bands, and thermal cameras' one.
@pytest.mark.parametrize(
  'kind, domain, ir_band, low, high',
  [
    ('spectral_linear', 'rgb', 'paper', -1, -0.946),
    ('spectral_linear', 'ir', 'paper', -0.909, 1),
    ('spectral_linear', 'ir', 'lwir', 0.046, 1),
    ('spectral_log', 'rgb', 'paper', -1, -0.623),
    ('spectral_log', 'ir', 'paper', -0.463, 1),
    ('spectral_log', 'ir', 'lwir', 0.654, 1),
  ],
)
def test_interval_ends(kind, domain, ir_band, low, high):
  norm = made(domain, kind, ir_band=ir_band)
  np.testing.assert_allclose(norm.interval, (low, high), atol=5e-4)
  np.testing.assert_allclose(norm.forward(np.float32([0, 255])), (low, high), atol=5e-4)


@st.composite
def spectra(draw):
  """A band within an axis, both of some width, and the settings that say so."""
  a, b, c, d = (
    float(x)
    for x in sorted(draw(st.lists(st.integers(10, 10**5), min_size=4, max_size=4, unique=True)))
  )
  return dict(axis_band=f'{a}:{d}', ir_band=f'{b}:{c}'), (a, b, c, d)


@settings(deadline=None)  # All values are tried where float32 might not hold them.
@given(
  drawn=spectra(),
  kind=st.sampled_from(SPECTRAL),
  max_value=st.sampled_from([255.0, 65535.0]),
  values=st.lists(st.floats(0, 1), min_size=2, max_size=20),
)
def test_the_wavelength_is_linear_in_the_pixel_and_the_axis_holds_it(
  drawn, kind, max_value, values
):
  options, (a, b, c, d) = drawn
  scale = np.asarray if kind == 'spectral_linear' else np.log

  def place(x):
    return 2 * (scale(b + (c - b) * x / max_value) - scale(a)) / (scale(d) - scale(a)) - 1

  try:
    norm = made('ir', kind, max_value, **options)
  except UserError as error:
    # Only where the smallest step, the last one, is no more than a few roundings of float32.
    assert place(max_value) - place(max_value - 1) < 8 * 2**-24
    assert '--ir_band' in str(error) and 'too narrow' in str(error)
    return
  x = max_value * np.sort(np.array(values))
  expected, found = place(x), norm.forward(x)
  np.testing.assert_allclose(found, expected, atol=1e-10)
  np.testing.assert_allclose(norm.inverse(found), x, atol=1e-6 * max_value)
  assert (np.diff(found) >= 0).all() and found[0] >= -1 - 1e-12 and found[-1] <= 1 + 1e-12
  pixels = np.rint(x).astype(np.float32)
  np.testing.assert_array_equal(normalization.to_pixels(norm, norm.forward(pixels)), pixels)


def test_too_narrow_a_band_is_refused_only_where_values_would_be_lost():
  narrow = dict(axis_band='380:14000', ir_band='13000:13010')
  assert made('ir', 'spectral_linear', 255, **narrow).interval.low > 0.8
  with pytest.raises(UserError, match='--ir_band=13000:13010 is too narrow .* 65536 pixel values'):
    made('ir', 'spectral_linear', 65535, **narrow)


def test_equal_steps_of_pixels_on_a_logarithmic_axis():
  """How much steeper the dark end is: the ratio of the band's ends, as the docstring says."""
  for domain, ratio in (('rgb', 750 / 380), ('ir', 14)):
    steps = np.diff(made(domain, 'spectral_log', 65535).forward(np.arange(65536.0)))
    assert steps[0] / steps[-1] == pytest.approx(ratio, rel=1e-3)


@given(
  low=st.floats(-1, 0.9), width=st.floats(1e-3, 0.1), values=st.lists(st.floats(-1, 1), min_size=1)
)
def test_intervals_are_spread_onto_and_brought_back(low, width, values):
  interval, y = normalization.Interval(low, low + width), np.array(values)
  x = interval.spread(y)
  np.testing.assert_allclose(x, np.interp(y, [-1, 1], interval), atol=1e-12)
  np.testing.assert_allclose(interval.relative(x), y, atol=1e-9)


@pytest.mark.parametrize('kind', ['plain', 'emsn', 'spectral_channels'])
def test_the_whole_interval_changes_no_bit(kind):
  x = jnp.linspace(-1, 1, 7)
  for norm in normalization.normalizations(DataConfig(normalization=kind)).values():
    assert norm.interval.spread(x) is x and norm.interval.relative(x) is x


def test_channels_and_their_wavelengths():
  """Positions of the centers on the axis, found by going along it in equal ratios."""
  places = np.linspace(-1, 1, 100_001)
  wavelengths = np.geomspace(380, 14000, places.size)

  def place(wavelength):
    return places[np.abs(wavelengths - wavelength).argmin()]

  for domain, options, centers in (
    ('rgb', {}, (685, 532.5, 472.5)),
    ('rgb', dict(rgb_channels=1), (565,)),
    ('ir', dict(ir_band='lwir'), (10750,)),
    ('ir', dict(ir_channels=3), (7500,) * 3),
  ):
    norm = made(domain, 'spectral_channels', **options)
    np.testing.assert_allclose(norm.constants, [place(c) for c in centers], atol=1e-4)
    pixels = np.arange(256, dtype=np.float32)
    np.testing.assert_array_equal(norm.forward(pixels), normalization.Plain().forward(pixels))


@pytest.mark.parametrize('kind', KINDS)
def test_forward_and_inverse_can_be_compiled(kind):
  norm, pixels = made('ir', kind), np.arange(256, dtype=np.float32)
  network = jax.jit(norm.forward)(pixels)
  np.testing.assert_allclose(network, norm.forward(pixels), atol=1e-6)
  np.testing.assert_array_equal(np.rint(jax.jit(norm.inverse)(network)), pixels)


@pytest.mark.parametrize('kind', KINDS)
@pytest.mark.parametrize('domain', ['rgb', 'ir'])
def test_levels_that_bfloat16_keeps(kind, domain):
  """bfloat16 is the upper half of float32, rounded to even; counted on its bits."""
  norm = made(domain, kind)
  bits = norm.forward(np.arange(256, dtype=np.float32)).view(np.uint32).astype(np.uint64)
  kept = len(set((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16))
  assert normalization.levels_in_bfloat16(norm) == kept
  assert (kept == 256) == (kind not in SPECTRAL or (kind, domain) == ('spectral_linear', 'ir'))
