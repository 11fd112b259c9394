"""Compiled programs, kept from one start of a command to the next by JAX's compilation cache.

JAX reads and writes the entries, one file for each program, and compiles where it cannot. It leaves
to others: a folder for each kind of processor (code compiled on the CPU may use instructions that
another one that sees the same home folder lacks), a limit on the size (JAX's own needs the package
filelock), and the removal of what a kill or a full disk has cut short, which JAX would neither read
nor replace.
"""

import glob
import hashlib
import os
import pathlib
import platform
import re
import sys
from typing import Any
import warnings

# Bytes, of all processors' programs together; one program has up to a few megabytes.
MAX_SIZE = 2**30
_SUFFIX = '-cache'
_FOLDER_VARIABLE = 'JAX_COMPILATION_CACHE_DIR'
# Set unless the user has set them.
_SETTINGS = {
  # Seconds; JAX's default, 1, leaves out most of what a command compiles beside the step.
  'JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS': '0.1',
  # XLA's own caches of GPU tuning know no limit, and a full disk would stop the compilation.
  'JAX_PERSISTENT_CACHE_ENABLE_XLA_CACHES': 'none',
}
# What of /proc/cpuinfo decides which instructions are chosen, on x86 and on ARM.
_CPU_FACTS = (
  'vendor_id',
  'cpu family',
  'model',
  'flags',
  'CPU implementer',
  'CPU variant',
  'CPU part',
  'Features',
)
_PROBLEM = re.compile(
  r"Error (reading|writing) persistent compilation cache entry for '(.+?)': (.*)", re.DOTALL
)


def default_folder() -> str:
  """The user's cache folder for this program; ~ is not expanded."""
  base = os.environ.get('XDG_CACHE_HOME', '')
  return os.path.join(base if os.path.isabs(base) else '~/.cache', 'cyclegan_jax')


def enable(folder: str) -> None:
  """Keeps programs compiled from now on in a folder; call it before JAX is imported.

  Does nothing if the environment names a cache for JAX already. A folder that cannot be used is
  told of in one line, and programs are compiled anew then.

  Args:
    folder: the folder, ~ expanded; '' for no cache.
  """
  if not folder or _FOLDER_VARIABLE in os.environ:
    return
  try:
    root = pathlib.Path(folder).expanduser()
    entries = root / _cpu_fingerprint()
    # Whoever may write there may run code here.
    root.mkdir(mode=0o700, parents=True, exist_ok=True)
    entries.mkdir(mode=0o700, exist_ok=True)
    trim(root, MAX_SIZE)
  except (OSError, RuntimeError) as error:  # RuntimeError: ~ of nobody.
    _tell(folder, error)
    return
  os.environ[_FOLDER_VARIABLE] = str(entries.absolute())
  for name, value in _SETTINGS.items():
    os.environ.setdefault(name, value)
  warnings.showwarning = _Caretaker(entries, warnings.showwarning)


def trim(root: pathlib.Path, max_size: int) -> None:
  """Removes the entries that were not read or written for longest, until `max_size` bytes are left.

  Where the file system notes no reading (noatime) they are the oldest ones. Entries that another
  process removes or reads meanwhile do no harm: it compiles what it misses.
  """
  found = []
  for path in root.glob(f'*/*{_SUFFIX}'):
    try:
      status = path.stat()
    except FileNotFoundError:
      continue
    found.append((max(status.st_atime, status.st_mtime), status.st_size, path))
  excess = sum(size for _, size, _ in found) - max_size
  for _, size, path in sorted(found):
    if excess <= 0:
      return
    path.unlink(missing_ok=True)
    excess -= size


class _Caretaker:
  """Stands in for warnings.showwarning: JAX tells what is wrong with an entry by warnings."""

  def __init__(self, entries: pathlib.Path, show: Any):
    self._entries = entries
    self._show = show
    self._told = False

  def __call__(self, message: Any, *args: Any, **kwargs: Any) -> None:
    problem = _PROBLEM.match(str(message))
    if not problem:
      self._show(message, *args, **kwargs)
      return
    kind, program, reason = problem.groups()
    try:
      # Half of it may have been written. The message has the program's name, not the file's: others
      # of that name go too, and are compiled again.
      for path in self._entries.glob(f'{glob.escape(program)}-*{_SUFFIX}'):
        path.unlink(missing_ok=True)
    except OSError:
      kind = 'writing'
    # A damaged entry is gone now, and nobody has to do anything about it.
    if kind == 'writing' and not self._told:
      self._told = True
      _tell(str(self._entries), reason)


def _tell(folder: str, reason: Any) -> None:
  print(
    f'Compiled programs cannot be kept in {folder} ({reason}): the next start compiles them '
    'again. Another folder: --compilation_cache=DIR.',
    file=sys.stderr,
  )


def _cpu_fingerprint() -> str:
  """A name for this kind of processor: its architecture and a hash of what it can do."""
  facts = [platform.processor()]
  try:
    with open('/proc/cpuinfo', encoding='utf-8', errors='replace') as lines:
      for line in lines:
        if not line.strip():
          break  # The others are like the first.
        name, _, value = line.partition(':')
        if name.strip() in _CPU_FACTS:
          facts.append(value.strip())
  except OSError:
    pass  # Not Linux.
  digest = hashlib.sha256('\n'.join(facts).encode()).hexdigest()
  return f'{platform.machine() or "cpu"}-{digest[:12]}'
