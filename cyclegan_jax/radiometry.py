"""The meaning of IR gray levels in physical units, if it is known: --ir_range and --ir_span.

Gray level 0 is the lower end of the range, the largest gray level (255 or 65535) is the upper end,
and values between them are linear. Cameras write such images with a fixed span. Images that are
stretched to their own contrast have no range; without one, nothing is reported in units.

A span says which values of the files become gray levels 0 to 65535, when the data are prepared:
counts of a camera, or degrees. With a unit it is also the range.

This module imports nothing heavy, because flags are checked with it.
"""

from collections.abc import Callable
import functools
import math
from typing import Any, NamedTuple

from cyclegan_jax.errors import UserError

_CELSIUS = ('degc', '°c', 'c', 'celsius')


class Scale(NamedTuple):
  """What the gray levels of one bit depth mean, linear or not.

  Attributes:
    unit: Of the values.
    values: Gray levels 0 to 255 or 65535 to values, numbers or arrays.
    gray: The inverse; not rounded, and outside of the levels for values outside of the range.
  """

  unit: str
  values: Callable[[Any], Any]
  gray: Callable[[Any], Any]

  @property
  def difference_unit(self) -> str:
    """The unit of differences: kelvin for temperatures in degrees Celsius."""
    return 'K' if self.unit.casefold() in _CELSIUS else self.unit


class Range(NamedTuple):
  """The values of gray level 0 and of the largest one, which is above, in degC, W/m2/sr or so.

  The unit of a span may be '': the values are those of the files, whatever they mean.
  """

  low: float
  high: float
  unit: str

  def values(self, gray: Any, max_value: float) -> Any:
    """Converts a number or an array of gray levels 0..max_value to float values in units."""
    return self.low + gray / max_value * (self.high - self.low)

  def difference(self, gray: Any, max_value: float) -> Any:
    """Converts a difference of gray levels to one of values, in `difference_unit`."""
    return gray / max_value * (self.high - self.low)

  def scale(self, max_value: float) -> Scale:
    """Returns the scale of gray levels 0..max_value."""
    gray = lambda values: (values - self.low) / (self.high - self.low) * max_value
    return Scale(self.unit, functools.partial(self.values, max_value=max_value), gray)

  def gray_levels(self, values: Any) -> Any:
    """Returns the gray levels, uint16 in [0, 65535], of an array of values.

    They are rounded. Values outside the span become the level of its nearer end, and values that
    are not finite 0.
    """
    import numpy as np  # Late: flags do not need it.

    share = (values.astype(np.float64) - self.low) / (self.high - self.low)
    known = np.where(np.isfinite(values), share, 0)
    return np.rint(65535 * known.clip(0, 1)).astype(np.uint16)

  @property
  def text(self) -> str:
    """The range as flags take it: MIN:MAX or MIN:MAX,UNIT."""
    ends = ':'.join(repr(float(end)).removesuffix('.0') for end in (self.low, self.high))
    return f'{ends},{self.unit}' if self.unit else ends

  @property
  def is_counts(self) -> bool:
    """Whether the values are whole numbers that 16 bits hold: no unit, whole ends, 256 or more."""
    whole = float(self.low).is_integer() and float(self.high).is_integer()
    wide = self.high - self.low >= 255
    return not self.unit and whole and wide and self.low >= 0 and self.high <= 65535

  @property
  def difference_unit(self) -> str:
    """The unit of differences: kelvin for temperatures in degrees Celsius."""
    return 'K' if self.unit.casefold() in _CELSIUS else self.unit

  @property
  def is_celsius(self) -> bool:
    """Whether the values are temperatures in degrees Celsius."""
    return self.unit.casefold() in _CELSIUS


def parse(text: str) -> Range | None:
  """Parses MIN:MAX,UNIT, such as -20:120,degC; returns None for ''.

  Raises:
    UserError: The text has another form, or MIN is not below MAX.
  """
  if not text:
    return None
  found = _parsed(text)
  if not found or not found.unit:
    raise UserError(
      f'--ir_range={text}: expected MIN:MAX,UNIT, the values of the darkest and the brightest '
      'gray level and their unit, such as -20:120,degC.'
    )
  return found


def parse_span(text: str) -> Range | None:
  """Parses MIN:MAX or MIN:MAX,UNIT, such as 7000:8200; returns None for '' and 'auto'.

  Raises:
    UserError: The text has another form, or MIN is not below MAX.
  """
  if text in ('', 'auto'):
    return None
  found = _parsed(text)
  if not found:
    raise UserError(
      f'--ir_span={text}: expected MIN:MAX or MIN:MAX,UNIT, the values of the IR files that become '
      'black and white, such as 7000:8200 or -20:120,degC; or auto.'
    )
  return found


def same_span(one: str, other: str) -> bool:
  """Returns whether two texts of --ir_span may mean one span; 'auto' may mean any."""
  if not (one and other):
    return one == other
  return 'auto' in (one, other) or parse_span(one) == parse_span(other)


def known(ir_range: str, ir_span: str) -> Range | None:
  """Returns what gray levels mean by --ir_range, or by an --ir_span with a unit; None if unknown.

  Raises:
    UserError: A text has another form, or the two contradict each other.
  """
  given, span = parse(ir_range), parse_span(ir_span)
  of_span = span if span and span.unit else None
  if given and of_span and given != of_span:
    raise UserError(
      f'--ir_range={ir_range} and --ir_span={ir_span} contradict each other: a span with a unit '
      'says what gray levels mean. Give only --ir_span.'
    )
  return given or of_span


def around(low: float, high: float, least: float = -math.inf, most: float = math.inf) -> Range:
  """Returns a span, without a unit, of round numbers that holds values from low to high.

  It is at most three times as wide as they are, and does not go beyond `least` and `most`.
  """
  width = max(high - low, 1e-6 * max(abs(low), abs(high)), 1e-6)
  power = math.floor(math.log10(width / 2))
  # Division by a whole number keeps the ends short, such as 0.3 instead of 0.30000000000000004.
  scale, step = (1, 10**power) if power >= 0 else (10**-power, 1)
  bottom = math.floor(low * scale / step) * step / scale
  top = math.ceil(high * scale / step) * step / scale
  top = top if top > bottom else bottom + step / scale
  return Range(max(float(bottom), least), min(float(top), most), '')


def _parsed(text: str) -> Range | None:
  """MIN:MAX,UNIT or MIN:MAX as a range; None if the text has another form."""
  span, comma, unit = str(text).partition(',')
  try:
    low, high = (float(part) for part in span.split(':'))
  except ValueError:
    return None
  is_unit = bool(unit) == bool(comma) and unit == unit.strip() and (unit or 'x').isprintable()
  return Range(low, high, unit) if is_unit and -math.inf < low < high < math.inf else None
