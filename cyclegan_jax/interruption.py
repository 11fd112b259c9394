"""SIGINT (Ctrl-C) and SIGTERM (a scheduler) end a run after the current step, which is saved."""

from collections.abc import Callable, Iterator
import contextlib
import signal
import threading

from cyclegan_jax import distributed

_SIGNALS = (signal.SIGINT, signal.SIGTERM)
_TOPIC = 'stop'


@contextlib.contextmanager
def deferred() -> Iterator[Callable[[], int]]:
  """Notes the first signal instead of obeying it; a second one of the same kind acts at once.

  Only one of the same kind does, since a scheduler may send SIGTERM both to a command and to its
  parent, which passes it on as SIGINT.

  Yields:
    A function that returns the number of the signal received, or 0. Outside the main thread,
    where Python handles no signals, it always returns 0.
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


def agreed(step: int, received: int, steps_ahead: int) -> int:
  """Returns the signal that ends the run after this step, in all processes alike, or 0.

  A process that has received a signal announces the step after which all stop, and every process
  looks at each step. No process misses it: a step finishes only once all processes have begun it,
  so whoever has waited for step n + 1 sees what any process announced at step n. A process that
  works alone stops at once.

  Args:
    step: the step that this process has begun; step - steps_ahead is finished.
    received: the signal that this process has received, or 0.
    steps_ahead: steps that may be unfinished besides the one before them.
  """
  if not distributed.joined():
    return received
  if received:
    distributed.announce(_TOPIC, f'{step + steps_ahead + 1} {received}')
  stops = [tuple(map(int, text.split())) for text in distributed.announced(_TOPIC)]
  return max((number for last, number in stops if last == step), default=0)
