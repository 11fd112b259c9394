"""What gray levels of IR images stand for, where the user has said so: --ir_range.

Gray level 0 is the lower end of the range and the largest one (255 or 65535) the upper end, linear
between them. Cameras write such images with a fixed span. Images that are stretched to their own
contrast one by one have no range, and without one nothing here speaks of units.

Imports nothing heavy: flags are checked with it.
"""

import math
from typing import Any, NamedTuple

from cyclegan_jax.errors import UserError


class Range(NamedTuple):
  """The span of IR gray levels.

  Attributes:
    low: what gray level 0 stands for, in units.
    high: what the largest gray level stands for; above low.
    unit: such as degC, K or W/m2/sr.
  """

  low: float
  high: float
  unit: str

  def values(self, gray: Any, max_value: float) -> Any:
    """low + gray / max_value * (high - low): gray levels of any shape, in units.

    Args:
      gray: a number, or NumPy or JAX array; an integer array gives a float one.
      max_value: the largest gray level, 255 or 65535.
    """
    return self.low + gray / max_value * (self.high - self.low)


def parse(text: str) -> Range | None:
  """The range that MIN:MAX,UNIT stands for, such as -20:120,degC; None for ''.

  Raises:
    UserError: it is written otherwise, or MIN is not below MAX.
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
      f'--ir_range={text}: expected what the darkest and the brightest gray level '
      'stand for and the unit, MIN:MAX,UNIT, such as -20:120,degC.'
    )
  return Range(low, high, unit)
