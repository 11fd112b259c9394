"""Standard output and error that no unusual terminal breaks, and no reader that has gone."""

import io
import os
import sys
from typing import TextIO


class _Stream(io.TextIOWrapper):
  """A stream whose lines are dropped once they cannot be written: `| head`, a full disk.

  The work goes on, because it may be long, and its results are files. Data for other programs go to
  `buffer`, which raises.
  """

  def write(self, text: str, /) -> int:
    """Writes text, as far as that is possible; returns its length."""
    try:
      return super().write(text)
    except OSError as error:
      self._drop(error)
      return len(text)

  def flush(self) -> None:
    """Hands over what is buffered, as far as that is possible."""
    try:
      super().flush()
    except OSError as error:
      self._drop(error)

  def _drop(self, error: OSError) -> None:
    number = self.fileno()
    with open(os.devnull, 'wb') as nowhere:
      os.dup2(nowhere.fileno(), number)
    if not isinstance(error, BrokenPipeError) and number == 1:
      print(f'Standard output cannot be written ({error.strerror}).', file=sys.stderr)


def prepare() -> None:
  """Makes standard output and error safe to print to, whatever they are.

  Characters that their encoding lacks are written as escapes. Lines reach a log file at once, not
  when a buffer is full. A stream that was closed (>&-) goes nowhere: its number would be given to
  the next file that is opened.
  """
  for number in range(3):
    try:
      os.fstat(number)
    except OSError:
      os.open(os.devnull, os.O_RDWR)  # Takes the lowest free number.
  sys.stdout = _safe(sys.stdout, 1)
  sys.stderr = _safe(sys.stderr, 2)


def _safe(stream: TextIO | None, number: int) -> TextIO:
  if stream is None:
    return _Stream(open(number, 'wb', closefd=False), 'utf-8', 'backslashreplace')
  if stream not in (sys.__stdout__, sys.__stderr__):  # A test's.
    return stream
  return _Stream(stream.buffer, stream.encoding, 'backslashreplace', line_buffering=True)
