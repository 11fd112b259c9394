"""Thermal radiation in the long-wave infrared band of 8 to 14 micrometers.

A microbolometer camera responds to the radiance inside this band, not to temperature, so the
renderer adds up radiances (emitted and reflected) and turns them into pixel values.
"""

import functools

import numpy as np
from numpy.typing import ArrayLike
from scipy import constants

ZERO_CELSIUS = constants.zero_Celsius  # K
BAND = (8e-6, 14e-6)  # m

# The lookup table covers more than any surface the renderer can make.
TABLE_RANGE = (180.0, 420.0)  # K
_TABLE_STEP = 0.1  # K
_QUADRATURE_NODES = 24


def planck_radiance(wavelength: ArrayLike, temperature: ArrayLike) -> np.ndarray:
  """Returns a black body's spectral radiance by Planck's law, float64, W m^-2 sr^-1 per meter.

  Args:
    wavelength: meters.
    temperature: kelvin; broadcasts with `wavelength`.
  """
  wavelength = np.asarray(wavelength, np.float64)
  h, c, k = constants.h, constants.c, constants.k
  exponent = h * c / (wavelength * k * np.asarray(temperature))
  return 2 * h * c**2 / wavelength**5 / np.expm1(exponent)


def integrate_band(temperature: ArrayLike) -> np.ndarray:
  """Returns a black body's radiance inside `BAND`, by Gauss-Legendre quadrature.

  Args:
    temperature: kelvin, any shape.

  Returns:
    float64 of the same shape, W m^-2 sr^-1.
  """
  nodes, weights = np.polynomial.legendre.leggauss(_QUADRATURE_NODES)
  half = (BAND[1] - BAND[0]) / 2
  wavelengths = (BAND[0] + BAND[1]) / 2 + half * nodes
  temperature = np.asarray(temperature, np.float64)[..., None]
  return half * (planck_radiance(wavelengths, temperature) @ weights)


@functools.cache
def _table() -> tuple[np.ndarray, np.ndarray]:
  count = round((TABLE_RANGE[1] - TABLE_RANGE[0]) / _TABLE_STEP) + 1
  temperatures = np.linspace(*TABLE_RANGE, count)
  return temperatures, integrate_band(temperatures)


def temperature_to_radiance(temperature: np.ndarray) -> np.ndarray:
  """Looks up `integrate_band` in a table; clips the temperature to `TABLE_RANGE`."""
  return np.interp(temperature, *_table())


def radiance_to_temperature(radiance: np.ndarray) -> np.ndarray:
  """Returns the temperature of a black body with this radiance: of any other, its brightness."""
  temperatures, radiances = _table()
  return np.interp(radiance, radiances, temperatures)
