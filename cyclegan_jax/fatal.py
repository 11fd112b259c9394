"""What a person reads when another process of the run dies: one paragraph, not JAX's last words.

JAX ends a process whose peers are gone by abort() in one of its own threads, after a page of C++.
Nothing in Python can catch that. So, once a process joins others: what C++ writes to the outputs
goes through pipes, where threads of ours read it; they pass everything on but JAX's last words,
instead of which they write our own and end the process. Meanwhile abort() waits, in the C library's
sleep(), which is made the handler of its signal.
"""

from collections.abc import Iterator
import contextlib
import ctypes
import os
import re
import signal
import sys
import threading
from typing import TextIO

# The process lost the others: start all of them again (EX_TEMPFAIL of sysexits.h).
EXIT_LOST = 75

_LAST_WORDS = 'Terminating process because the JAX distributed service detected fatal errors'
# Of JAX, about processes that come and go; of gloo, one line for each device.
_NOISE = ('coordination_service.cc:', 'coordination_service_agent.cc:')
# Gloo's threads write it at once, so that pieces of several lines mix.
_GLOO = re.compile(
  r'(\[Gloo\] Rank|is connected to|Expected number of connected peer ranks is :'
  r'|peer ranks\.|\d|\s)*'
)
_LOST = (
  'Another process of this run has ended, or cannot be reached any more: look at its own '
  'output for the reason. This one stops too. What was saved before is intact: start all '
  'processes again with the same command, and they resume.'
)

_lock = threading.Lock()
_explanation = _LOST
_errors = None


@contextlib.contextmanager
def explained(text: str) -> Iterator[None]:
  """If JAX gives up within this, `text` is the message; after it, that a process was lost.

  The first use begins the watch.
  """
  global _explanation
  if _errors is None:
    _watch()
  _explanation = text
  try:
    yield
  finally:
    _explanation = _LOST


def lost() -> None:
  """Ends this process at once, with the message."""
  end(_explanation, EXIT_LOST)


def end(message: str, status: int) -> None:
  """Ends this process at once, without waiting for the others; a message only the first time."""
  with _lock:
    with contextlib.suppress(OSError, ValueError):
      sys.stdout.flush()
      print(f'error: {message}', file=_errors or sys.stderr, flush=True)
    os._exit(status)


def _watch() -> None:
  """Puts pipes and handler in place."""
  global _errors
  sys.stdout.flush()
  # Python's own lines need no filter.
  sys.stdout, sys.stderr = (
    os.fdopen(os.dup(number), 'w', buffering=1, errors='replace') for number in (1, 2)
  )
  _errors = sys.stderr
  for number, out in ((1, sys.stdout), (2, sys.stderr)):
    reading, writing = os.pipe()
    os.dup2(writing, number)
    os.close(writing)
    threading.Thread(target=_pass_on, args=(reading, out), name='fatal', daemon=True).start()
  libc = ctypes.CDLL(None)
  libc.signal.argtypes = ctypes.c_int, ctypes.c_void_p
  libc.signal.restype = ctypes.c_void_p
  # The handler's argument, the signal's number 6, is how many seconds the threads above have.
  libc.signal(signal.SIGABRT, ctypes.cast(libc.sleep, ctypes.c_void_p))


def _pass_on(reading: int, out: TextIO) -> None:
  noise = False
  with os.fdopen(reading, errors='replace') as lines:
    for line in lines:
      if _LAST_WORDS in line:
        lost()
      # Messages of JAX go on in lines that do not begin with a level and a date.
      begins = (line[:1] in 'IWEF' and line[1:5].isdecimal()) or not noise
      noise = any(word in line for word in _NOISE) if begins else noise
      if not noise and not _GLOO.fullmatch(line):
        out.write(line)
