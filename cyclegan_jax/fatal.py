"""What a person reads when another process of the run dies: one paragraph, not JAX's last words.

JAX ends a process whose peers are gone by abort() in one of its own threads, after a page of C++.
Nothing in Python can catch that. So, once a process joins others: what C++ writes to the error
output goes through a pipe, where a thread of ours reads it; it passes everything on but JAX's last
words, instead of which it writes its own and ends the process. Meanwhile abort() waits, in the
C library's sleep(), which is made the handler of its signal.
"""

import contextlib
import ctypes
import os
import signal
import sys
import threading
from typing import Iterator

import jax

# The process lost the others: start all of them again (EX_TEMPFAIL of sysexits.h).
EXIT_LOST = 75

_LAST_WORDS = 'Terminating process because the JAX distributed service detected fatal errors'
# Of JAX, about processes that come and go; of gloo, one line for each device.
_NOISE = ('coordination_service.cc:', 'coordination_service_agent.cc:', '[Gloo] Rank ')
_LOST = ('Another process of this run has ended, or cannot be reached any more: look at its own '
         'output for the reason. This one stops too. What was saved before is intact: start all '
         'processes again with the same command, and they resume.')

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
  """Puts the pipe and the handler in place."""
  global _errors
  _errors = os.fdopen(os.dup(2), 'w', buffering=1, errors='replace')
  sys.stderr = _errors  # Python's own lines need no filter.
  reading, writing = os.pipe()
  os.dup2(writing, 2)
  os.close(writing)
  threading.Thread(target=_read, args=(reading,), name='fatal', daemon=True).start()
  libc = ctypes.CDLL(None)
  libc.signal.argtypes = ctypes.c_int, ctypes.c_void_p
  libc.signal.restype = ctypes.c_void_p
  # The handler's argument, the signal's number 6, is how many seconds the thread above has.
  libc.signal(signal.SIGABRT, ctypes.cast(libc.sleep, ctypes.c_void_p))


def _read(reading: int) -> None:
  noise = False
  with os.fdopen(reading, errors='replace') as lines:
    for line in lines:
      if _LAST_WORDS in line:
        lost()
      # Messages of these go on in lines that do not begin with a level and a date.
      begins = line[:1] in 'IWEF' and line[1:5].isdecimal() or line.startswith('[Gloo]')
      noise = any(word in line for word in _NOISE) if begins else noise
      if not noise:
        _errors.write(line)
