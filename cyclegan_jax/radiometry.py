"""The meaning of IR gray levels in physical units, if the user gives it: --ir_range.

Gray level 0 is the lower end of the range, the largest gray level (255 or 65535) is the upper end,
and values between them are linear. Cameras write such images with a fixed span. Images that are
stretched to their own contrast have no range; without one, nothing is reported in units.

This module imports nothing heavy, because flags are checked with it.
"""

import math
from typing import Any, NamedTuple

from cyclegan_jax.errors import UserError

_CELSIUS = ('degc', '°c', 'c', 'celsius')


class Range(NamedTuple):
  """The values of gray level 0 and of the largest one, which is above, in degC, W/m2/sr or so."""

  low: float
  high: float
  unit: str

  def values(self, gray: Any, max_value: float) -> Any:
    """Converts a number or an array of gray levels 0..max_value to float values in units."""
    return self.low + gray / max_value * (self.high - self.low)

  def difference(self, gray: Any, max_value: float) -> Any:
    """Converts a difference of gray levels to one of values, in `difference_unit`."""
    return gray / max_value * (self.high - self.low)

  @property
  def difference_unit(self) -> str:
    """The unit of differences: kelvin for temperatures in degrees Celsius."""
    return 'K' if self.unit.casefold() in _CELSIUS else self.unit


def parse(text: str) -> Range | None:
  """Parses MIN:MAX,UNIT, such as -20:120,degC; returns None for ''.

  Raises:
    UserError: The text has another form, or MIN is not below MAX.
  """
  if not text:
    return None
  span, _, unit = str(text).partition(',')
  try:
    low, high = (float(part) for part in span.split(':'))
  except ValueError:
    low = high = math.nan
  is_unit = unit and unit == unit.strip() and unit.isprintable()
  if not (is_unit and -math.inf < low < high < math.inf):
    raise UserError(
      f'--ir_range={text}: expected MIN:MAX,UNIT, the values of the darkest and the brightest '
      'gray level and their unit, such as -20:120,degC.'
    )
  return Range(low, high, unit)
