"""SIGINT (a person's Ctrl-C) and SIGTERM (a scheduler) end a run after the step in hand."""

from collections.abc import Callable, Iterator
import contextlib
import signal
import threading

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


@contextlib.contextmanager
def deferred() -> Iterator[Callable[[], int]]:
  """Notes the first signal instead of obeying it; a second one of the same kind acts at once.

  Of the same kind, since a scheduler may send SIGTERM to a command and to the one that started
  it, which passes its own on as SIGINT.

  Yields:
    A function that gives the number of the signal received, or 0. Outside of the main thread,
    where Python handles no signals, it always gives 0.
  """
  received = []
  if threading.current_thread() is not threading.main_thread():
    yield lambda: 0
    return
  previous = {number: signal.getsignal(number) for number in _SIGNALS}

  def note(number, unused_frame):
    received.append(number)
    signal.signal(number, previous[number])

  for number in _SIGNALS:
    signal.signal(number, note)
  try:
    yield lambda: received[0] if received else 0
  finally:
    for number, handler in previous.items():
      signal.signal(number, handler)
