"""SIGINT (Ctrl-C), SIGTERM (a scheduler), and SIGHUP end a command between two images or steps.

The last one comes when the terminal is gone, as after a lost connection.

A handler that raises is not enough: what runs at that moment may swallow the exception, as JAX's
callback of the garbage collector does. So a signal is noted, and `check` raises where nothing is
half done. A second one of the same kind ends the command at once, even within a long library call.

Signals that come together count as one: timeout(1) sends its own to the command and, right after
that, to the process group that the command is in.
"""

import _thread
from collections.abc import Callable, Iterator, Mapping
import contextlib
import os
import signal
import threading
import time
from typing import Any, NoReturn

_SIGNALS = (signal.SIGINT, signal.SIGTERM, *([signal.SIGHUP] if hasattr(signal, 'SIGHUP') else []))
# Within so many seconds, signals of one kind count as one. Nobody presses Ctrl-C twice as fast and
# means it.
_TOGETHER = 0.5
# After a second signal, the seconds that clean-up in Python may take.
_GRACE = 2.0
_NOTED = b'\nCtrl-C: this ends as soon as nothing is half done. Press it again to end it at once.\n'

_Handler = Callable[[int, Any], Any] | int | signal.Handlers | None

_received: list[int] = []
_repeated: set[int] = set()
_watching = False
_deferrals = 0


class Interrupted(KeyboardInterrupt):
  """A signal ends the command; `status` is the exit status that shells give it."""

  def __init__(self, number: int):
    super().__init__(number)
    self.status = 128 + number


def received() -> int:
  """Returns the number of the first signal that was noted, or 0."""
  return _received[0] if _received else 0


def check() -> None:
  """Raises `Interrupted` if a signal was noted; call it where nothing is half done.

  Within `deferred` it does nothing.
  """
  if _received and not _deferrals:
    raise Interrupted(received())


@contextlib.contextmanager
def watched() -> Iterator[None]:
  """Notes signals during a command, in the main thread; ignored ones (nohup) stay ignored.

  Afterwards, while the process ends, they have the system's effect.

  A thread reads them, too, from the pipe that Python's C code writes them to: Python itself runs no
  handler before a library call returns.
  """
  global _watching
  reader, writer = os.pipe()
  os.set_blocking(writer, False)
  before = signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
  threading.Thread(target=_read, args=(reader,), daemon=True).start()
  _received.clear()
  _repeated.clear()
  _watching = True
  obeyed = [number for number in _SIGNALS if _is_obeyed(number)]
  try:
    for number in obeyed:
      signal.signal(number, _note)
    yield
  finally:
    for number in obeyed:
      signal.signal(number, signal.SIG_DFL)
    _watching = False
    signal.set_wakeup_fd(before)
    os.close(writer)


@contextlib.contextmanager
def handled_by_others() -> Iterator[None]:
  """Has Python's own handlers, for a server that installs its own; obeys a signal noted before."""
  check()
  pipe = signal.set_wakeup_fd(-1)
  own: dict[int, _Handler] = dict.fromkeys(_SIGNALS, signal.SIG_DFL)
  own[signal.SIGINT] = signal.default_int_handler
  try:
    with _handlers(own):
      yield
  finally:
    signal.set_wakeup_fd(pipe, warn_on_full_buffer=False)


@contextlib.contextmanager
def deferred() -> Iterator[Callable[[], int]]:
  """Leaves it to the caller when to obey the first signal; a second one of its kind acts at once.

  Only one of the same kind does, since a scheduler may send SIGTERM both to a command and to its
  parent, which passes it on as SIGINT.

  Yields:
    `received`. Outside the main thread, where Python handles no signals, it never changes.
  """
  global _deferrals
  handlers: dict[int, _Handler] = {}
  if threading.current_thread() is threading.main_thread():
    handlers = dict.fromkeys(_SIGNALS, _note if _watching else _note_once())
  with _handlers(handlers):
    _deferrals += 1
    try:
      yield received
    finally:
      _deferrals -= 1
      if not _watching:
        _received.clear()


def _is_obeyed(number: int) -> bool:
  """Whether a signal is not ignored, as nohup has it for one, and shells for background jobs."""
  return signal.getsignal(number) != signal.SIG_IGN


@contextlib.contextmanager
def _handlers(handlers: Mapping[int, _Handler]) -> Iterator[None]:
  previous = {
    number: signal.signal(number, handler)
    for number, handler in handlers.items()
    if _is_obeyed(number)
  }
  try:
    yield
  finally:
    for number, handler in previous.items():
      signal.signal(number, handler)


def _note_once() -> Callable[[int, Any], None]:
  """Returns a handler that notes the first signal of each kind; a second has its former effect."""
  previous: dict[int, _Handler] = {number: signal.getsignal(number) for number in _SIGNALS}
  first: dict[int, float] = {}
  _received.clear()

  def note(number: int, unused_frame: Any) -> None:
    if _is_repeated(number, first):
      signal.signal(number, previous[number])
      signal.raise_signal(number)
    elif number not in _received:
      _received.append(number)

  return note


def _is_repeated(number: int, first: dict[int, float]) -> bool:
  """Whether a signal comes later than together with the first of its kind, whose time is kept.

  Both the shell and the system send SIGHUP, and nobody asks for more by another one.
  """
  now = time.monotonic()
  since = now - first.setdefault(number, now)
  return since > _TOGETHER and number in (signal.SIGINT, signal.SIGTERM)


def _note(number: int, unused_frame: Any) -> None:
  # The thread says whether it is a second one: a handler may run long after the signal came.
  if number in _repeated:
    raise Interrupted(number)
  if number not in _received:
    _received.append(number)


def _read(reader: int) -> None:
  """Says that a Ctrl-C was noted, and ends the process soon after a second signal of one kind."""
  first: dict[int, float] = {}
  with os.fdopen(reader, 'rb', buffering=0) as numbers:
    while data := numbers.read(1):
      number = data[0]
      if number not in _SIGNALS:
        continue
      is_new = number not in first
      if _is_repeated(number, first):
        _repeated.add(number)
        _thread.interrupt_main(number)
        _end(number)
      elif is_new and number == signal.SIGINT:
        with contextlib.suppress(OSError):
          os.write(2, _NOTED)


def _end(number: int) -> NoReturn:
  time.sleep(_GRACE)
  os._exit(128 + number)
