"""Thermal radiation in the long-wave infrared band of 8 to 14 micrometers.

A microbolometer camera responds to the radiance inside this band, not to temperature, so the
renderer adds up radiances (emitted and reflected) and turns them into pixel values. Constants:
CODATA 2018, exact since the SI of 2019.
"""

import functools

import numpy as np
from numpy.typing import ArrayLike

PLANCK = 6.62607015e-34  # J s
LIGHT_SPEED = 2.99792458e8  # m/s
BOLTZMANN = 1.380649e-23  # J/K
ZERO_CELSIUS = 273.15  # K

BAND = (8e-6, 14e-6)  # m

# The lookup table covers more than any surface the renderer can make.
TABLE_RANGE = (180.0, 420.0)  # K
_TABLE_STEP = 0.1  # K
_QUADRATURE_NODES = 24


def planck_radiance(wavelength: ArrayLike, temperature: ArrayLike) -> np.ndarray:
  """Computes the spectral radiance of a black body by Planck's law.

  Args:
    wavelength: array or scalar, meters.
    temperature: array or scalar that broadcasts with `wavelength`, kelvin.

  Returns:
    float64 array, W m^-2 sr^-1 per meter of wavelength.
  """
  wavelength = np.asarray(wavelength, np.float64)
  exponent = PLANCK * LIGHT_SPEED / (wavelength * BOLTZMANN * np.asarray(temperature))
  return 2 * PLANCK * LIGHT_SPEED**2 / wavelength**5 / np.expm1(exponent)


def integrate_band(temperature: ArrayLike) -> np.ndarray:
  """Computes black-body radiance inside `BAND`, by Gauss-Legendre quadrature.

  Args:
    temperature: array or scalar of any shape, kelvin.

  Returns:
    float64 array of the same shape, W m^-2 sr^-1.
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
  """Looks up the in-band radiance of a black body.

  Args:
    temperature: array of any shape, kelvin; clipped to `TABLE_RANGE`.

  Returns:
    float64 array of the same shape, W m^-2 sr^-1.
  """
  return np.interp(temperature, *_table())


def radiance_to_temperature(radiance: np.ndarray) -> np.ndarray:
  """Looks up the temperature of the black body with this in-band radiance: the inverse.

  Args:
    radiance: array of any shape, W m^-2 sr^-1; clipped to the table.

  Returns:
    float64 array of the same shape, kelvin.
  """
  temperatures, radiances = _table()
  return np.interp(radiance, radiances, temperatures)
