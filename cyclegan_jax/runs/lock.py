"""One process at a time writes to a run folder."""

from collections.abc import Iterator
import contextlib
import errno
import fcntl
import json
import os
import pathlib
import socket
import time

from cyclegan_jax.errors import UserError

FILE = 'run.lock'


@contextlib.contextmanager
def held(workdir: pathlib.Path) -> Iterator[None]:
  """Holds the run folder's lock, run.lock, which names its owner.

  The operating system gives the lock up when its owner ends, however that happens, so a file
  left behind by a kill locks nothing. Where the file system has no locks, nothing is checked.

  Raises:
    UserError: another process holds it; the message names its host and process number.
  """
  with open(workdir / FILE, 'a+') as file:
    try:
      fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
      if error.errno not in (errno.ENOSYS, errno.ENOLCK, errno.ENOTSUP):
        raise UserError(
          f'--workdir={workdir} is in use by {_owner(file)}. Wait for its end, stop '
          'it, or choose another folder.'
        ) from error
    file.seek(0)
    file.truncate()
    file.write(
      json.dumps(
        {
          'host': socket.gethostname(),
          'pid': os.getpid(),
          'since': time.strftime('%Y-%m-%d %H:%M:%S'),
        }
      )
    )
    with contextlib.suppress(OSError):  # A full disk: the lock holds all the same.
      file.flush()
    yield


def _owner(file) -> str:
  file.seek(0)
  try:
    owner = json.load(file)
    return f'process {owner["pid"]} on {owner["host"]} (since {owner["since"]})'
  except (ValueError, KeyError, TypeError):
    # It has only just begun.
    return 'another process'
