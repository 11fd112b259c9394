"""Tests of the radiation law and the surface temperatures behind `synthetic`."""

import math

from hypothesis import given, strategies as st
import numpy as np
import pytest
from scipy import constants, integrate

from datasets.synthetic import materials, physics, scene


def _closed_form(wavelength, temperature):
  h, c, k = constants.h, constants.c, constants.k
  return 2 * h * c**2 / (wavelength**5 * (math.exp(h * c / (wavelength * k * temperature)) - 1))


def _fraction_below(wavelength, temperature):
  """Share of a black body's radiation below a wavelength, by its known series."""
  x = constants.h * constants.c / (wavelength * constants.k * temperature)
  terms = (
    math.exp(-n * x) * (x**3 / n + 3 * x**2 / n**2 + 6 * x / n**3 + 6 / n**4) for n in range(1, 40)
  )
  return 15 / math.pi**4 * sum(terms)


@pytest.mark.parametrize('temperature', [200.0, 253.15, 300.0, 323.15, 400.0])
def test_band_radiance_equals_adaptive_quadrature(temperature):
  expected, _ = integrate.quad(_closed_form, *physics.BAND, args=(temperature,), epsrel=1e-10)
  assert physics.integrate_band(temperature) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize('temperature', [220.0, 300.0, 400.0])
def test_band_radiance_is_its_share_of_stefan_boltzmann(temperature):
  share = _fraction_below(physics.BAND[1], temperature) - _fraction_below(
    physics.BAND[0], temperature
  )
  expected = share * constants.sigma * temperature**4 / math.pi
  assert physics.integrate_band(temperature) == pytest.approx(expected, rel=1e-6)


def test_spectral_radiance_integrates_to_stefan_boltzmann():
  wavelengths = np.geomspace(1e-6, 3e-3, 20001)
  total = integrate.simpson(physics.planck_radiance(wavelengths, 300.0), x=wavelengths)
  assert math.pi * total == pytest.approx(constants.sigma * 300.0**4, rel=1e-4)


@given(st.floats(*physics.TABLE_RANGE))
def test_table_equals_the_quadrature(temperature):
  radiance = physics.temperature_to_radiance(temperature)
  assert radiance == pytest.approx(physics.integrate_band(temperature), rel=1e-5)


def test_table_keeps_the_shape_of_arrays_and_rises():
  temperatures = np.linspace(200, 400, 24).reshape(2, 3, 4)
  radiance = physics.temperature_to_radiance(temperatures)
  assert radiance.shape == (2, 3, 4)
  assert np.all(np.diff(radiance.ravel()) > 0)


def _conditions(**changes):
  values = {
    'is_night': False,
    'air_temperature': 288.0,
    'cloud_cover': 0.0,
    'sun_elevation': 45.0,
    'sun_azimuth': 0.0,
    'autumn': 0.0,
  }
  return scene.Conditions(**{**values, **changes})


def _temperature(name, conditions, facing=0.0, albedo=0.3):
  shade, heating = materials.surface_temperature(
    materials.MATERIALS[name], conditions, facing, albedo
  )
  return shade + heating


def test_sun_direction_is_a_unit_vector_that_rises_with_elevation():
  low, high = (_conditions(sun_elevation=e, sun_azimuth=70.0).sun_direction for e in (10.0, 60.0))
  assert math.hypot(*low) == pytest.approx(1.0)
  assert high[1] == pytest.approx(math.sin(math.radians(60.0)))
  assert low[0] > 0  # An azimuth to the right puts the sun on the right.


def test_sun_warms_dark_asphalt_most():
  day = _conditions()
  sunny = _temperature('asphalt', day, facing=0.7)
  assert sunny > _temperature('asphalt', day) + 5
  assert sunny > _temperature('asphalt', day, facing=0.7, albedo=0.8) + 2
  assert sunny > _temperature('grass', day, facing=0.7) + 5
  assert sunny > _temperature('asphalt', _conditions(cloud_cover=0.9), facing=0.7) + 5


def test_clear_nights_cool_grass_and_roofs_below_air_but_not_asphalt():
  clear, overcast = (_conditions(is_night=True, cloud_cover=cover) for cover in (0.0, 1.0))
  assert _temperature('grass', clear) < clear.air_temperature - 2
  assert _temperature('tile', clear) < clear.air_temperature - 2
  assert _temperature('asphalt', clear) > clear.air_temperature + 2
  assert _temperature('grass', overcast) > _temperature('grass', clear) + 1


@pytest.mark.parametrize('is_night', [True, False])
def test_bodies_engines_and_rooms_are_warm_whatever_the_sun(is_night):
  conditions = _conditions(is_night=is_night, air_temperature=283.0)
  skin = _temperature('skin', conditions, facing=0.5) - physics.ZERO_CELSIUS
  assert 30 < skin < 36
  cloth = _temperature('cloth', conditions) - physics.ZERO_CELSIUS
  assert 20 < cloth < skin
  assert _temperature('engine', conditions) > _temperature('paint', conditions) + 15
  assert _temperature('window_lit', conditions) > _temperature('window', conditions) + 2


def test_materials_are_physical():
  for name, material in materials.MATERIALS.items():
    assert 0 < material.emissivity <= 1, name
    assert 0 <= material.sky_view <= 1, name
    assert 0 <= material.coupling <= 1, name
    assert 0 <= material.label < len(materials.CLASS_NAMES), name
