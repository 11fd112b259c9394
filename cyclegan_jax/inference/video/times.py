"""Times of the frames of a video that rise, as writers and players need them."""

import fractions
import math

# Matroska, in which results are written, counts milliseconds.
_SMALLEST = fractions.Fraction(1, 1000)


class RisingTimes:
  """Keeps the time of each frame where times rise, and mends it where they do not.

  A time that repeats, or falls by less than one and a half frames, becomes the earliest one that
  still rises. A larger fall is a clock that starts again, as in recordings joined byte by byte:
  that frame and those after it follow on at the nominal rate. If the clock returns to where it was,
  so do the times.

  Attributes:
    mended: how many frames have another time than their file says.
    first: the number of the first of these, from 0.
  """

  def __init__(self, unit: fractions.Fraction, rate: fractions.Fraction):
    """Times are in `unit` seconds; `rate` is the nominal number of frames per second."""
    self._frame = max(round(1 / rate / unit), 1)
    self._smallest = max(math.ceil(_SMALLEST / unit), 1)
    self._last: int | None = None
    self._offset = self._offset_before = 0
    self._n = self.mended = self.first = 0

  def rising(self, time: int | None) -> int:
    """Returns the time of the next frame, given the file's; None if it does not say."""
    told = time
    if time is None:
      time = 0 if self._last is None else self._last + self._frame
    elif self._last is not None:
      time = self._after(self._last, time)
    if told is not None and time != told:
      self.first = self.first if self.mended else self._n
      self.mended += 1
    self._last = time
    self._n += 1
    return time

  def _after(self, last: int, told: int) -> int:
    time, before = told + self._offset, told + self._offset_before
    if self._offset_before < self._offset and last < before:
      self._offset, time = self._offset_before, before
    if time <= last - 1.5 * self._frame:
      self._offset_before = self._offset
      self._offset = last + self._frame - told
      time = told + self._offset
    return max(time, last + self._smallest)
