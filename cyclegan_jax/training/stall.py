"""Ends a run whose steps no longer come to an end: a process that hangs, but lives.

A thread looks at how far the loop is. If no step ends for the limit, the process ends with a
message and `fatal.EXIT_LOST`. Of several processes all stand still when one does, because a step
needs them all. So each judges by its own steps, and asks the others only which one it is
(peers.py). That is the work of a second thread, because the first process, which has the answers,
may be the one that hangs.

Time counts only as far as the thread itself runs: a run that was suspended (Ctrl-Z) goes on.
"""

from collections.abc import Iterator
import contextlib
import threading
import time

import jax

from cyclegan_jax import distributed, fatal
from cyclegan_jax.progress import duration, Log
from cyclegan_jax.training import peers
from cyclegan_jax.training.peers import DATA, Note, Place

# Without --stall_timeout: so many times the slowest step so far, at least so many seconds, and
# before the first step has ended so many.
_TIMES, _AT_LEAST, _AT_FIRST = 10.0, 60.0, 600.0
# The thread looks so often within the limit, at least once a second.
_LOOKS = 12
_RESUME = 'Everything saved so far is intact: start {} again with the same command to resume.'


class Stillness:
  """For how long a loop has not moved, in the time that this process itself ran."""

  def __init__(self, timeout: float | None, step: int):
    """`timeout` is in seconds, None follows the slowest step; `step` is the first."""
    self._timeout = timeout
    self._step = step
    self._slowest = 0.0
    self.seconds = 0.0

  @property
  def limit(self) -> float:
    """The seconds after which the loop counts as stalled."""
    if self._timeout is not None:
      return self._timeout
    return max(_AT_LEAST, _TIMES * self._slowest) if self._slowest else _AT_FIRST

  def look(self, place: Place, elapsed: float) -> bool:
    """Notes where the loop is, so many seconds after the last look; returns if it is stalled."""
    self.seconds = self.seconds + elapsed if place.counts else 0.0
    if place.step != self._step:
      self._slowest = max(self._slowest, self.seconds)
      self._step, self.seconds = place.step, 0.0
    return self.seconds >= self.limit


class Watch:
  """Watches the loop of this process, which says where it is; see `running`."""

  def __init__(self, timeout: float | None = None):
    """`timeout` is --stall_timeout in seconds: None follows the slowest step, 0 ends no run."""
    self._timeout = timeout
    self._interval = min(1.0, (timeout or _AT_LEAST) / _LOOKS)
    self._place = Place(0, DATA)
    self._looks, self._asks, self._verdict = 0, False, ''
    self._peers = peers.Peers()
    self._over = threading.Event()

  def at(self, step: int, doing: str) -> None:
    """Says what the loop does now: `peers.DATA`, `DEVICES` or `FILES`."""
    self._place = Place(step, doing)

  @contextlib.contextmanager
  def allowed(self, doing: str) -> Iterator[None]:
    """Surrounds what may take any time, such as a validation."""
    before = self._place
    self._place = Place(before.step, doing, counts=False)
    try:
      yield
    finally:
      self._place = before

  def unhurried(self, log: Log) -> Log:
    """Returns `log`, which may take any time: a reader, such as a pager, holds up the output."""

    def wrapped(line: str) -> None:
      with self.allowed('prints a line'):
        log(line)

    return wrapped

  @contextlib.contextmanager
  def running(self, step: int) -> Iterator[None]:
    """Watches a loop that begins with this step."""
    self.at(step, DATA)
    if self._timeout != 0:
      threading.Thread(target=self._look, daemon=True).start()
      if distributed.joined():
        threading.Thread(target=self._talk, daemon=True).start()
    try:
      yield
    finally:
      self._over.set()

  def _look(self) -> None:
    stillness, then = Stillness(self._timeout, self._place.step), time.monotonic()
    while not self._over.wait(self._interval):
      now = time.monotonic()
      # It is longer if the process was suspended.
      elapsed, then = min(now - then, 2 * self._interval), now
      stalled = stillness.look(self._place, elapsed)
      self._looks += 1
      self._asks = stillness.seconds > stillness.limit / 2
      found = self._peers.verdict if self._asks else ''
      if found or (stalled and not self._peers.busy):
        self._verdict = found or self._explain(stillness)
        # The others have that long to read the verdict.
        fatal.end(self._verdict, fatal.EXIT_LOST, grace=3 * self._interval)
        return

  def _explain(self, stillness: Stillness) -> str:
    """Returns what stands still, and what to do."""
    if distributed.joined():
      _, count = distributed.index_and_count()
      found = peers.who(self._peers.notes, self._peers.silent(stillness.limit / 4), count)
      resume = _RESUME.format('all processes')
    else:
      doing = self._place.doing
      found = f'it {doing} in step {self._place.step}. {peers.HINTS.get(doing, "")}'
      resume = _RESUME.format('it')
    passed = duration(stillness.seconds)
    return f'No step has ended for {passed} (--stall_timeout): {found} {resume}'

  def _talk(self) -> None:
    while not self._over.wait(self._interval):
      # It fails if the first process is gone, which fatal.py notices.
      with contextlib.suppress(jax.errors.JaxRuntimeError):
        self._peers.exchange(Note(self._place, self._looks, self._verdict), self._asks)
