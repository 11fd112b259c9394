"""Bands of the electromagnetic spectrum, and the axis on which both domains can be placed.

Wavelengths are in nanometers. Imports nothing heavy: flags are checked with it.
"""

import dataclasses
import math

from cyclegan_jax.errors import UserError

# Section III of Guzel & Yavuz 2022.
PAPER = {'rgb': (380.0, 750.0), 'ir': (1000.0, 14000.0)}
# What --ir_band has names for. nir and mwir: division by detectors of Miller & Friedman, "Photonics
# Rules of Thumb" (2004): from the end of the eye's response to that of silicon, and the atmospheric
# window of cooled detectors. lwir: uncooled microbolometers, whose windows open at 7.5 um.
NAMED = {
  'lwir': (7500.0, 14000.0),
  'mwir': (3000.0, 5000.0),
  'nir': (700.0, 1000.0),
  'paper': PAPER['ir'],
}
# Centers of red (620-750), green (495-570) and blue (450-495).
_RGB_CENTERS = (685.0, 532.5, 472.5)


@dataclasses.dataclass(frozen=True)
class Axis:
  """Wavelengths from minimum to maximum as positions from -1 to 1."""

  minimum: float
  maximum: float
  is_logarithmic: bool

  def position(self, wavelength: float) -> float:
    """Where a wavelength lies, linear in it or in its logarithm."""
    if self.is_logarithmic:
      share = math.log(wavelength / self.minimum) / math.log(self.maximum / self.minimum)
    else:
      share = (wavelength - self.minimum) / (self.maximum - self.minimum)
    return 2 * share - 1


def parse(name: str, text: str) -> tuple[float, float]:
  """The shortest and the longest wavelength of a band.

  Args:
    name: 'rgb_band', 'ir_band' or 'axis_band', the setting.
    text: MIN:MAX, or for ir_band a name.

  Raises:
    UserError: it is neither, or MIN is not below MAX.
  """
  if name == 'ir_band' and text in NAMED:
    return NAMED[text]
  try:
    low, high = (float(part) for part in str(text).split(':'))
  except ValueError:
    low = high = math.nan
  if not 0 < low < high < math.inf:
    names = f', or one of {", ".join(NAMED)}' if name == 'ir_band' else ''
    raise UserError(
      f'--{name}={text}: expected the shortest and the longest wavelength in nm, '
      f'such as 380:750{names}.'
    )
  return low, high


def centers(domain: str, channels: int, band: tuple[float, float]) -> tuple[float, ...]:
  """The wavelength that stands for each channel of an image.

  Those of red, green and blue for an RGB image; else the middle of the band, for all channels.
  """
  if domain == 'rgb' and channels == 3:
    return _RGB_CENTERS
  return ((band[0] + band[1]) / 2,) * channels


def format_band(band: tuple[float, float]) -> str:
  """A band as text, 380-750 nm."""
  return f'{band[0]:g}-{band[1]:g} nm'
