"""Keeps compiled programs from one start of a command to the next, in JAX's compilation cache.

An entry is one file for each program, under a name that includes the kind of processor. Two things
are left to do here: JAX never replaces an entry that a kill or a full disk has cut short, and its
limit on the size, `jax_compilation_cache_max_size`, makes every access wait for a lock on the
folder; in JAX 0.10, one entry that was cut short then stops all writing.
"""

import contextlib
import glob
import os
import pathlib
import re
import sys
from typing import Any
import warnings

from cyclegan_jax import files

# Bytes; one program has up to a few megabytes.
MAX_SIZE = 2**30
_FOLDER_VARIABLE = 'JAX_COMPILATION_CACHE_DIR'
# Set unless the user has set them.
_SETTINGS = {
  # Seconds; JAX's default, 1, leaves out most of what a command compiles beside the step.
  'JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS': '0.1',
  # XLA's own caches of GPU tuning know no limit, and a full disk would stop the compilation.
  'JAX_PERSISTENT_CACHE_ENABLE_XLA_CACHES': 'none',
}
_PROBLEM = re.compile(
  r"Error (reading|writing) persistent compilation cache entry for '(.+?)': (.*)", re.DOTALL
)


def default_folder() -> str:
  """Returns the user's cache folder for this program, with ~ not expanded."""
  return os.path.join(files.caches(), 'cyclegan_jax')


def enable(folder: str) -> None:
  """Keeps programs compiled from now on in a folder; call it before JAX is imported.

  Does nothing if the environment names a cache for JAX already, or `folder` is ''; ~ is expanded.
  If the folder cannot be used, one line says so, and programs are compiled again at each start.
  """
  if not folder or _FOLDER_VARIABLE in os.environ:
    return
  try:
    entries = pathlib.Path(folder).expanduser().absolute()
    # Whoever may write there may run code here.
    entries.mkdir(mode=0o700, parents=True, exist_ok=True)
    trim(entries, MAX_SIZE)
  except (OSError, RuntimeError) as error:  # RuntimeError: ~ of nobody.
    _print_unusable(folder, error)
    return
  os.environ[_FOLDER_VARIABLE] = str(entries)
  for name, value in _SETTINGS.items():
    os.environ.setdefault(name, value)
  _handle_problems(entries)


def trim(folder: pathlib.Path, max_size: int) -> None:
  """Removes the entries that were not used for longest, until `max_size` bytes are left.

  On file systems that do not record reading (noatime) these are the oldest. If another process
  removes an entry meanwhile, the rest stays until the next start.
  """
  with contextlib.suppress(FileNotFoundError):
    entries = [(path.stat(), path) for path in folder.rglob('*-cache')]
    excess = sum(status.st_size for status, _ in entries) - max_size
    last_use = lambda entry: max(entry[0].st_atime, entry[0].st_mtime)
    for status, path in sorted(entries, key=last_use):
      if excess <= 0:
        break
      path.unlink()
      excess -= status.st_size


def _handle_problems(entries: pathlib.Path) -> None:
  """Removes entries that JAX warns of, instead of showing the warning."""
  show = warnings.showwarning
  printed = []

  def showwarning(message: Any, *args: Any, **kwargs: Any) -> None:
    problem = _PROBLEM.match(str(message))
    if not problem:
      show(message, *args, **kwargs)
      return
    kind, program, reason = problem.groups()
    try:
      # JAX names the program, not the file. Others of that name go too, and are compiled again.
      for path in entries.glob(f'{glob.escape(program)}-*-cache'):
        path.unlink(missing_ok=True)
    except OSError:
      kind = 'writing'
    # An entry that could not be read is gone now: nothing to say.
    if kind == 'writing' and not printed:
      printed.append(reason)
      _print_unusable(str(entries), reason)

  warnings.showwarning = showwarning


def _print_unusable(folder: str, reason: Any) -> None:
  print(
    f'Compiled programs cannot be kept in {folder} ({reason}): the next start compiles them '
    'again. To use another folder: --compilation_cache=DIR.',
    file=sys.stderr,
  )
