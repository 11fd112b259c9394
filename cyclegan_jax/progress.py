"""Progress lines for long loops: how much is done, at what rate, and the time left.

They are whole lines for terminals and log files alike. tqdm and rich draw bars instead: in a log
file, tqdm's is one line of carriage returns, and rich prints nothing until the end.
"""

from collections.abc import Callable, Iterable, Iterator
import time
from typing import TypeVar

from cyclegan_jax import interruption, memory

_SECONDS_BETWEEN_LINES = 5.0

T = TypeVar('T')
Log = Callable[[str], None]


def duration(seconds: float) -> str:
  """Formats seconds as 59s, 12m03s or 5h07m."""
  seconds = round(seconds)
  if seconds < 60:
    return f'{seconds}s'
  if seconds < 3600:
    return f'{seconds // 60}m{seconds % 60:02}s'
  return f'{seconds // 3600}h{seconds % 3600 // 60:02}m'


def tracked(
  items: Iterable[T],
  total: float | None,
  what: str,
  log: Log,
  each: float = 1,
  unit: str = 'images',
) -> Iterator[T]:
  """Yields the items and logs a line every few seconds, none if they take less.

  Between two items it obeys signals, see `interruption.check`. With each line it gives unused
  memory back, see `memory.give_back`: arrays of many sizes leave ever more of it.

  Args:
    items: the work.
    total: how much there is to do, in `unit`; None if that is not known.
    what: what is being done, the start of each line.
    log: takes each line.
    each: how much an item is, in `unit`; the last item may be less.
    unit: what is counted.
  """
  begin = last_line = time.monotonic()
  for i, item in enumerate(items):
    interruption.check()
    now = time.monotonic()
    if i and now - last_line > _SECONDS_BETWEEN_LINES:
      last_line, done, rate = now, i * each, i * each / (now - begin)
      # A file may announce fewer items than it has.
      of, left = '', ''
      if total is not None and done <= total:
        of, left = f'/{round(total, 1)}', f'  {duration((total - done) / rate)} left'
      log(f'{what} {round(done, 1)}{of}  {rate:.1f} {unit}/s{left}')
      memory.give_back()
    yield item
