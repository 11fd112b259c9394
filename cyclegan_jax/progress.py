"""What a person sees of long work: how much is done, the rate, the time left."""

from collections.abc import Callable, Iterable, Iterator
import time
from typing import TypeVar

_SECONDS_BETWEEN_LINES = 5.0

T = TypeVar('T')
Log = Callable[[str], None]


def duration(seconds: float) -> str:
  """Seconds as 59s, 12m03s or 5h07m."""
  seconds = int(round(seconds))
  if seconds < 60:
    return f'{seconds}s'
  if seconds < 3600:
    return f'{seconds // 60}m{seconds % 60:02}s'
  return f'{seconds // 3600}h{seconds % 3600 // 60:02}m'


def tracked(items: Iterable[T], total: int, what: str, log: Log, each: int = 1) -> Iterator[T]:
  """Passes items on, with a line about them now and then.

  Args:
    items: the work.
    total: how many images there are to do.
    what: what is being done, the start of each line.
    log: takes each line.
    each: images in an item; the last item may have fewer.
  """
  begin = said = time.monotonic()
  for done, item in enumerate(items):
    now = time.monotonic()
    if done and now - said > _SECONDS_BETWEEN_LINES:
      said, rate = now, done * each / (now - begin)
      log(
        f'{what} {done * each}/{total}  {rate:.1f} images/s  '
        f'{duration((total - done * each) / rate)} left'
      )
    yield item
