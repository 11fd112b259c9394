"""Pixel values to network values and back: plain scaling, the paper's EMSN, and its relatives.

EMSN, section III of Guzel & Yavuz 2022, carries a pixel value onto its domain's band of the
electromagnetic spectrum and the band onto [-1, 1]. Written out, equation (1) is
2 * (((M - m)/255 * x + m) - m) / (M - m) - 1 = x/127.5 - 1: the band cancels. EMSN as
printed therefore equals `Plain` up to rounding; it is implemented line by line all the same.

`Spectral` does what the paper's text says: both domains share one axis of wavelengths, so that each
has an interval of [-1, 1] for itself. `PlainWithWavelengths` leaves the values as they are and
tells the generators the wavelengths beside them.
"""

from collections.abc import Mapping
import dataclasses
import math
import types
from typing import Any, NamedTuple, Protocol

import numpy as np

from cyclegan_jax import bands
from cyclegan_jax.errors import UserError
from cyclegan_jax.settings import DataConfig

# Values of an 8-bit image, which bfloat16 has to tell apart.
LEVELS = 256


class Interval(NamedTuple):
  """The network values of a domain: `low` is black, pixel value 0, and `high` is max_value."""

  low: float = -1.0
  high: float = 1.0

  def spread(self, y: Any) -> Any:
    """[-1, 1] onto the interval, affinely; an array of any kind and shape."""
    if self == _WHOLE:
      return y
    return self.low + (self.high - self.low) / 2 * (y + 1)

  def relative(self, x: Any) -> Any:
    """The inverse of `spread`: so that distances mean the same in every interval."""
    if self == _WHOLE:
      return x
    return (x - self.low) / ((self.high - self.low) / 2) - 1


_WHOLE = Interval()


class Normalization(Protocol):
  """An invertible, increasing map from pixel values [0, max_value] onto network values.

  Attributes:
    max_value: 255 or 65535.
    interval: the network values of 0 and of max_value.
    constants: values of further channels, one each and the same everywhere, that generators see
      after those of an image.
  """

  max_value: float
  interval: Interval
  constants: tuple[float, ...]

  def forward(self, x: Any) -> Any:
    """Network values of pixel values; NumPy or JAX float32 array of any shape."""

  def inverse(self, x: Any) -> Any:
    """Pixel values, not rounded, of network values; NumPy or JAX float32 array of any shape."""


@dataclasses.dataclass(frozen=True)
class Plain:
  """x / (max_value / 2) - 1: what CycleGAN implementations do."""

  max_value: float = 255.0
  interval = _WHOLE
  constants = ()

  def forward(self, x: Any) -> Any:
    """See `Normalization`."""
    return x / (self.max_value / 2) - 1

  def inverse(self, x: Any) -> Any:
    """See `Normalization`."""
    return (x + 1) * (self.max_value / 2)


@dataclasses.dataclass(frozen=True)
class PlainWithWavelengths(Plain):
  """Plain scaling, and for each channel of an image a constant one with its wavelength's place."""

  constants: tuple[float, ...] = ()


@dataclasses.dataclass(frozen=True)
class EMSN:
  """Equations (1) and (2) with the band [minimum, maximum] in nanometers.

  float32 holds every 8-bit and 16-bit value exactly through forward, inverse and rounding.
  """

  minimum: float
  maximum: float
  max_value: float = 255.0
  interval = _WHOLE
  constants = ()

  def forward(self, x: Any) -> Any:
    """Equation (1); see `Normalization`."""
    x = ((self.maximum - self.minimum) / self.max_value) * x + self.minimum
    x = (x - self.minimum) / (self.maximum - self.minimum)
    return 2 * x - 1

  def inverse(self, x: Any) -> Any:
    """Equation (2); see `Normalization`."""
    x = (x + 1) / 2
    x = x * (self.maximum - self.minimum) + self.minimum
    return ((x - self.minimum) * self.max_value) / (self.maximum - self.minimum)


@dataclasses.dataclass(frozen=True)
class Spectral:
  """Pixel values linearly onto a band's wavelengths, and these to their places on an axis.

  On a logarithmic axis the whole is not linear: a step between dark values is larger than one
  between bright values, by the ratio of the band's ends (RGB 2, the paper's IR 14).
  """

  band: tuple[float, float]
  axis: bands.Axis
  max_value: float = 255.0
  constants = ()

  @property
  def interval(self) -> Interval:
    """The places of the band's ends."""
    return Interval(*map(self.axis.position, self.band))

  def forward(self, x: Any) -> Any:
    """See `Normalization`."""
    share = x / self.max_value
    if self.axis.is_logarithmic:
      ratio = self.band[1] / self.band[0]
      # The wavelength is band[0] * (1 + (ratio - 1) * share).
      share = x.__array_namespace__().log1p((ratio - 1) * share) / math.log(ratio)
    low, high = self.interval
    return low + (high - low) * share

  def inverse(self, x: Any) -> Any:
    """See `Normalization`."""
    low, high = self.interval
    share = (x - low) / (high - low)
    if self.axis.is_logarithmic:
      ratio = self.band[1] / self.band[0]
      share = x.__array_namespace__().expm1(share * math.log(ratio)) / (ratio - 1)
    return share * self.max_value


PLAIN: Mapping[str, Normalization] = types.MappingProxyType({'rgb': Plain(), 'ir': Plain()})


def normalization(domain: str, config: DataConfig, max_value: float = 255.0) -> Normalization:
  """The normalization of a domain.

  Args:
    domain: 'rgb' or 'ir'.
    config: `normalization`, the bands and the domain's channels are read.
    max_value: where its pixel values end.

  Raises:
    UserError: float32 cannot hold all pixel values in so narrow a band.
  """
  kind = config.normalization
  if kind == 'plain':
    return Plain(max_value)
  if kind == 'emsn':
    return EMSN(*bands.PAPER[domain], max_value)
  setting = f'{domain}_band'
  band = bands.parse(setting, getattr(config, setting))
  axis = bands.Axis(*bands.parse('axis_band', config.axis_band), kind != 'spectral_linear')
  if kind == 'spectral_channels':
    wavelengths = bands.centers(domain, getattr(config, f'{domain}_channels'), band)
    return PlainWithWavelengths(max_value, tuple(map(axis.position, wavelengths)))
  norm = Spectral(band, axis, max_value)
  if not _keeps_all_values(norm):
    raise UserError(
      f'--{setting}={getattr(config, setting)} is too narrow on --axis_band={config.axis_band}: '
      f'the network values of --normalization={kind} are float32, which does not tell all '
      f'{max_value + 1:g} pixel values apart there. Give a wider band, or another '
      '--normalization.'
    )
  return norm


def normalizations(config: DataConfig) -> dict[str, Normalization]:
  """Those of both domains for 8-bit images: intervals and constants are those of 16-bit ones."""
  return {domain: normalization(domain, config) for domain in ('rgb', 'ir')}


def levels_in_bfloat16(norm: Normalization) -> int:
  """How many of the LEVELS values of 8-bit images are still apart as bfloat16 network values."""
  import jax.numpy as jnp  # pylint: disable=g-import-not-at-top

  pixels = np.linspace(0, norm.max_value, LEVELS, dtype=np.float32)
  return np.unique(norm.forward(pixels).astype(jnp.bfloat16)).size


def quantize(values: Any, max_value: float) -> np.ndarray:
  """Pixel values, not rounded, as the integers that are written to a file.

  Args:
    values: float array, any shape; what lies outside [0, max_value] is clipped.
    max_value: 255 gives uint8, 65535 uint16.

  Returns:
    NumPy array of the same shape, rounded to the nearest integer.
  """
  dtype = np.uint8 if max_value <= 255 else np.uint16
  return np.clip(np.rint(np.asarray(values)), 0, max_value).astype(dtype)


def to_pixels(norm: Normalization, x: Any) -> np.ndarray:
  """Network values, float of any shape, as the integers that are written to a file."""
  return quantize(norm.inverse(np.asarray(x, np.float32)), norm.max_value)


def _keeps_all_values(norm: Normalization) -> bool:
  """Whether every pixel value comes back from its network value."""
  values = np.arange(norm.max_value + 1, dtype=np.float32)
  return np.array_equal(to_pixels(norm, norm.forward(values)), values)
