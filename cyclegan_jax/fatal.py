"""Ends a process that has lost the others with one paragraph and exit status 75.

JAX ends such a process from a C++ thread: a page of C++, then abort(). Python cannot catch that,
and JAX (0.10.2 and 0.12.0) has no hook for it: the client's `missed_heartbeat_callback` dies of
std::bad_cast, and jax_enable_recoverability leaves the death of process 0 fatal. So what C++ prints
goes through a pipe. A thread passes it on until it reads JAX's last words; it then prints the
paragraph and ends the process. Meanwhile abort() waits in the C library's sleep(), which is made
the handler of its signal.
"""

import contextlib
import ctypes
import os
import re
import signal
import sys
import threading
import time
from typing import NoReturn, TextIO

# A peer was lost: start all processes again (EX_TEMPFAIL of sysexits.h).
EXIT_LOST = 75
# Seconds; shorter than abort() waits.
_PATIENCE = 5.0

_LAST_WORDS = 'Terminating process because the JAX distributed service detected fatal errors'
# A message of C++ begins with its level and date, and may go on for several lines.
_MESSAGE = re.compile(r'[IWEF]\d{4} ')
# Gloo prints a line for each device from several threads at once, so the pieces mix.
_GLOO = re.compile(
  r'(\[Gloo\] Rank|is connected to|Expected number of connected peer ranks is :'
  r'|peer ranks\.|\d|\s)*'
)
_lock = threading.Lock()


def lost() -> NoReturn:
  """Ends this process at once because another one is gone."""
  end(
    'Another process of this run has ended or cannot be reached; its own output gives the reason. '
    'This process stops too. Everything saved so far is intact: start all processes again with '
    'the same command to resume.',
    EXIT_LOST,
  )


def end(message: str, status: int, grace: float = 0.0) -> NoReturn:
  """Ends this process without waiting for the others; only the first call is heard.

  The message is printed at once, and the process ends `grace` seconds later.
  """
  with _lock:
    # Nobody may read the output any more, and then it blocks.
    threading.Timer(_PATIENCE, os._exit, (status,)).start()
    with contextlib.suppress(OSError, ValueError):
      sys.stdout.flush()
      print(f'error: {message}', file=sys.stderr, flush=True)
    time.sleep(grace)
    os._exit(status)


def watch() -> None:
  """From now on, JAX's last words end this process with `lost`; call it before joining others."""
  sys.stdout.flush()
  # Python's own lines need no filter.
  sys.stdout, sys.stderr = (
    os.fdopen(os.dup(number), 'w', buffering=1, errors='replace') for number in (1, 2)
  )
  reader, writer = os.pipe()
  for number in (1, 2):
    os.dup2(writer, number)
  os.close(writer)
  threading.Thread(target=_filter, args=(reader, sys.stderr), daemon=True).start()
  libc = ctypes.CDLL(None)
  libc.signal.argtypes = ctypes.c_int, ctypes.c_void_p
  # sleep() gets the number of the signal, 6: the seconds that the thread has.
  libc.signal(signal.SIGABRT, ctypes.cast(libc.sleep, ctypes.c_void_p))


def _filter(reader: int, out: TextIO) -> None:
  hidden = False
  with os.fdopen(reader, errors='replace') as lines:
    for line in lines:
      if _LAST_WORDS in line:
        lost()
      if _MESSAGE.match(line):
        hidden = 'coordination_service' in line
      if not hidden and not _GLOO.fullmatch(line):
        out.write(line)
