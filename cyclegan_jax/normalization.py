"""Pixel values to network values and back: the paper's EMSN, and plain scaling.

EMSN (section III of Guzel & Yavuz 2022) maps a pixel value onto its domain's band of the
electromagnetic spectrum, and the band onto [-1, 1]. Written out, equation (1) is
2 * (((M - m)/255 * x + m) - m) / (M - m) - 1 = x/127.5 - 1: the band cancels. As printed, EMSN
equals `Plain` up to rounding. It is implemented line by line all the same.

This module imports nothing heavy, because flags are checked with it.
"""

import dataclasses
import math
from typing import Any

from cyclegan_jax.errors import UserError


@dataclasses.dataclass(frozen=True)
class EMSN:
  """Equations (1) and (2) with the band [minimum, maximum] in nanometers.

  `x` is a NumPy or JAX float array of any shape. float32 carries every 8-bit and every 16-bit value
  exactly through `forward`, `inverse` and rounding. `max_value` is the largest: 255 or 65535.
  """

  minimum: float
  maximum: float
  max_value: float = 255.0

  def forward(self, x: Any) -> Any:
    """Equation (1): returns the network values in [-1, 1] of pixel values in [0, max_value]."""
    x = ((self.maximum - self.minimum) / self.max_value) * x + self.minimum
    x = (x - self.minimum) / (self.maximum - self.minimum)
    return 2 * x - 1

  def inverse(self, x: Any) -> Any:
    """Equation (2): returns the pixel values, not rounded, of network values."""
    x = (x + 1) / 2
    x = x * (self.maximum - self.minimum) + self.minimum
    return ((x - self.minimum) * self.max_value) / (self.maximum - self.minimum)


@dataclasses.dataclass(frozen=True)
class Plain:
  """x / (max_value / 2) - 1, as CycleGAN implementations do it; used like `EMSN`."""

  max_value: float = 255.0

  def forward(self, x: Any) -> Any:
    """Returns the network values in [-1, 1] of pixel values in [0, max_value]."""
    return x / (self.max_value / 2) - 1

  def inverse(self, x: Any) -> Any:
    """Returns the pixel values, not rounded, of network values."""
    return (x + 1) * (self.max_value / 2)


Normalization = EMSN | Plain

# Bands in nm, from section III of the paper.
PAPER_BANDS = {'rgb': (380.0, 750.0), 'ir': (1000.0, 14000.0)}
# The names that --ir_band knows. nir and mwir: the division by detectors of Miller & Friedman,
# "Photonics Rules of Thumb" (2004): from the end of the eye's response to that of silicon, and the
# atmospheric window of cooled detectors. lwir: uncooled microbolometers, whose windows open at
# 7.5 um.
IR_BANDS = {
  'paper': PAPER_BANDS['ir'],
  'lwir': (7500.0, 14000.0),
  'mwir': (3000.0, 5000.0),
  'nir': (700.0, 1000.0),
}
# Centers of red (620-750), green (495-570) and blue (450-495), in nm.
_RGB_CENTERS = (685.0, 532.5, 472.5)
# The ends of the axis on which both domains lie, in nm.
_SHORTEST, _LONGEST = PAPER_BANDS['rgb'][0], PAPER_BANDS['ir'][1]


def make(kind: str, domain: str, max_value: float = 255.0) -> Normalization:
  """Returns the normalization of a domain, 'rgb' or 'ir'; `kind` is the setting."""
  return EMSN(*PAPER_BANDS[domain], max_value) if kind == 'emsn' else Plain(max_value)


def parse_ir_band(text: str) -> tuple[float, float]:
  """Returns the shortest and the longest wavelength, in nm, of the setting `ir_band`.

  Raises:
    UserError: It is neither a name in IR_BANDS nor MIN:MAX within 380 to 14000 nm.
  """
  if text in IR_BANDS:
    return IR_BANDS[text]
  try:
    low, high = (float(part) for part in text.split(':'))
  except ValueError:
    low = high = math.nan
  if not _SHORTEST <= low < high <= _LONGEST:
    raise UserError(
      f'--ir_band={text}: expected the shortest and the longest wavelength in nm within '
      f'{_SHORTEST:g}:{_LONGEST:g}, such as 8000:12000, or one of {", ".join(IR_BANDS)}.'
    )
  return low, high


def wavelength_channels(domain: str, channels: int, ir_band: str) -> tuple[float, ...]:
  """Returns the values of the constant channels that say which wavelengths an image shows.

  It is another reading of the paper's idea: values are scaled plainly, and generators also see the
  wavelength of each of the 1 or 3 channels. A value is a place on the logarithmic axis on which 380
  nm is -1 and 14000 nm is 1. Channels of a color image of the domain 'rgb' stand for red, green and
  blue, all others for the middle of their domain's band; `ir_band` is the setting.
  """
  if domain == 'rgb' and channels == 3:
    wavelengths = _RGB_CENTERS
  else:
    low, high = parse_ir_band(ir_band) if domain == 'ir' else PAPER_BANDS['rgb']
    wavelengths = ((low + high) / 2,) * channels
  axis = math.log(_LONGEST / _SHORTEST)
  return tuple(2 * math.log(wavelength / _SHORTEST) / axis - 1 for wavelength in wavelengths)


def format_band(band: tuple[float, float]) -> str:
  """Formats a band in nm as text, such as 380-750 nm."""
  return f'{band[0]:g}-{band[1]:g} nm'
