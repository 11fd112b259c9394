"""The meaning of IR gray levels in physical units, if the user gives it: --ir_range.

Gray level 0 is the lower end of the range, the largest gray level (255 or 65535) is the upper end,
and values between them are linear. Cameras write such images with a fixed span. Images that are
stretched to their own contrast have no range; without one, nothing is reported in units.

This module imports nothing heavy, because flags are checked with it.
"""

import math
from typing import Any, NamedTuple

from cyclegan_jax.errors import UserError


class Range(NamedTuple):
  """The span of IR gray levels.

  Attributes:
    low: The value of gray level 0, in units.
    high: The value of the largest gray level, above low.
    unit: The unit, such as degC, K or W/m2/sr.
  """

  low: float
  high: float
  unit: str

  def values(self, gray: Any, max_value: float) -> Any:
    """Converts gray levels of any shape to units: low + gray / max_value * (high - low).

    Args:
      gray: A number, or a NumPy or JAX array; integer arrays become float.
      max_value: The largest gray level, 255 or 65535.
    """
    return self.low + gray / max_value * (self.high - self.low)


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
  if not (
    -math.inf < low < high < math.inf and unit and unit == unit.strip() and unit.isprintable()
  ):
    raise UserError(
      f'--ir_range={text}: expected MIN:MAX,UNIT, the values of the darkest and the brightest '
      'gray level and their unit, such as -20:120,degC.'
    )
  return Range(low, high, unit)
