"""Pixel values to network values and back: the paper's EMSN and plain scaling.

EMSN, section III of Guzel & Yavuz 2022, carries a pixel value onto its domain's band of the
electromagnetic spectrum and the band onto [-1, 1]. Written out, equation (1) is
2 * (((M - m)/255 * x + m) - m) / (M - m) - 1 = x/127.5 - 1: the band cancels. EMSN as
printed therefore equals `Plain` up to rounding; it is implemented line by line all the same.
"""

import dataclasses
from typing import Any, Protocol

import numpy as np

# Wavelengths in nanometres, equation (1).
BANDS = {'rgb': (380.0, 750.0), 'ir': (1000.0, 14000.0)}


class Normalisation(Protocol):
  """An invertible map from pixel values [0, max_value] to network values [-1, 1]."""
  max_value: float

  def forward(self, x: Any) -> Any:
    """Network values of pixel values; NumPy or JAX float32 array of any shape."""

  def inverse(self, x: Any) -> Any:
    """Pixel values, not rounded, of network values; NumPy or JAX float32 array of any shape."""


@dataclasses.dataclass(frozen=True)
class Plain:
  """x / (max_value / 2) - 1: what CycleGAN implementations do."""
  max_value: float = 255.0

  def forward(self, x: Any) -> Any:
    """See `Normalisation`."""
    return x / (self.max_value / 2) - 1

  def inverse(self, x: Any) -> Any:
    """See `Normalisation`."""
    return (x + 1) * (self.max_value / 2)


@dataclasses.dataclass(frozen=True)
class EMSN:
  """Equations (1) and (2) with the band [minimum, maximum] in nanometres.

  float32 holds every 8-bit and 16-bit value exactly through forward, inverse and rounding.
  """
  minimum: float
  maximum: float
  max_value: float = 255.0

  def forward(self, x: Any) -> Any:
    """Equation (1); see `Normalisation`."""
    x = ((self.maximum - self.minimum) / self.max_value) * x + self.minimum
    x = (x - self.minimum) / (self.maximum - self.minimum)
    return 2 * x - 1

  def inverse(self, x: Any) -> Any:
    """Equation (2); see `Normalisation`."""
    x = (x + 1) / 2
    x = x * (self.maximum - self.minimum) + self.minimum
    return ((x - self.minimum) * self.max_value) / (self.maximum - self.minimum)


def normalisation(domain: str, emsn: bool, max_value: float = 255.0) -> Normalisation:
  """The normalisation of a domain, 'rgb' or 'ir', whose pixel values end at max_value."""
  return EMSN(*BANDS[domain], max_value) if emsn else Plain(max_value)


def quantise(values: Any, max_value: float) -> np.ndarray:
  """Pixel values, not rounded, as the integers that are written to a file.

  Args:
    values: float array, any shape; what lies outside [0, max_value] is clipped.
    max_value: 255 gives uint8, 65535 uint16.

  Returns:
    NumPy array of the same shape, rounded to the nearest integer.
  """
  dtype = np.uint8 if max_value <= 255 else np.uint16
  return np.clip(np.rint(np.asarray(values)), 0, max_value).astype(dtype)


def to_pixels(norm: Normalisation, x: Any) -> np.ndarray:
  """Network values, float of any shape, as the integers that are written to a file."""
  return quantise(norm.inverse(np.asarray(x, np.float32)), norm.max_value)
