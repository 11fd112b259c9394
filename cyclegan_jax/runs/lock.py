"""The lock of a run folder: one process at a time writes there."""

from collections.abc import Iterator
import contextlib
import errno
import fcntl
import json
import os
import pathlib
import socket
import time
from typing import TextIO

from cyclegan_jax.errors import UserError

FILE = 'run.lock'
# What file systems without locks answer, such as NFS or Lustre with some settings.
_NO_LOCKS = (errno.ENOSYS, errno.ENOLCK, errno.ENOTSUP)


@contextlib.contextmanager
def held(workdir: pathlib.Path) -> Iterator[None]:
  """Holds the run folder's lock, run.lock, which names its owner.

  The operating system releases the lock when its owner ends in any way, on any host, so a file
  that a kill leaves behind locks nothing. A file system without locks is used without one.

  Raises:
    UserError: another process holds the lock; the message names its host and process number.
  """
  with open(workdir / FILE, 'a+') as file:
    try:
      fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
      if error.errno not in _NO_LOCKS:
        raise UserError(
          f'--workdir={workdir} is in use by {_owner(file)}. Wait until it ends, stop it, or '
          'choose another folder.'
        ) from error
    since = time.strftime('%Y-%m-%d %H:%M:%S')
    owner = {'host': socket.gethostname(), 'pid': os.getpid(), 'since': since}
    file.truncate(0)
    file.write(json.dumps(owner))
    with contextlib.suppress(OSError):  # A full disk: the lock holds all the same.
      file.flush()
    yield


def _owner(file: TextIO) -> str:
  file.seek(0)
  try:
    owner = json.load(file)
    return f'process {owner["pid"]} on {owner["host"]} (since {owner["since"]})'
  except (ValueError, KeyError, TypeError):  # It has only just begun.
    return 'another process'
