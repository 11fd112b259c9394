"""How much memory is free, on the host and on a device, and how much a program takes."""

from collections.abc import Iterator
import contextlib
import ctypes
import os
import pathlib
from typing import Any, TYPE_CHECKING

if TYPE_CHECKING:
  import jax

_CGROUPS = pathlib.Path('/sys/fs/cgroup')
_OWN_CGROUPS = pathlib.Path('/proc/self/cgroup')
# Of glibc's malloc.h: one heap, no array with pages of its own, and no page given back at its end.
_ARENA_MAX, _MMAP_MAX, _TRIM_THRESHOLD = -8, -4, -1
_KEEPING = {_ARENA_MAX: 1, _MMAP_MAX: 0, _TRIM_THRESHOLD: -1}


class TooLittle(MemoryError):
  """A program would not fit into memory, and was not started.

  Attributes:
    needed: the bytes that it takes on a device.
    free: the bytes that are free there.
  """

  def __init__(self, needed: int, free: int):
    super().__init__(f'needs about {text(needed)} on a device, but {text(free)} are free')
    self.needed = needed
    self.free = free


def on_host() -> int:
  """Returns the bytes that are free, within the limits of the process's control groups."""
  try:
    lines = pathlib.Path('/proc/meminfo').read_text().splitlines()
    free = int(next(line for line in lines if line.startswith('MemAvailable:')).split()[1]) * 1024
  except (OSError, StopIteration):
    free = os.sysconf('SC_PHYS_PAGES') * os.sysconf('SC_PAGE_SIZE')
  return max(0, min([free, *_left_in_groups()]))


def on_device() -> int:
  """Returns the bytes that are free on each local device; CPU devices share those of the host."""
  import jax  # Slow to import, and who decodes images only asks for the host.

  statistics = jax.local_devices()[0].memory_stats() or {}
  if limit := statistics.get('bytes_limit'):
    return max(0, limit - statistics.get('bytes_in_use', 0))
  return on_host() // jax.local_device_count()


def of_program(program: 'jax.stages.Compiled') -> int:
  """Returns the bytes that a compiled program takes on each device; 0 if XLA does not say."""
  used: Any = program.memory_analysis()
  if used is None:
    return 0
  kept = used.argument_size_in_bytes + used.output_size_in_bytes - used.alias_size_in_bytes
  return kept + used.temp_size_in_bytes


def keep_freed() -> None:
  """Has the C library keep large arrays that are freed for the next ones, if it is glibc.

  XLA asks for the arrays of a program anew at each call. By default glibc takes large ones from the
  system, which clears each page: up to a quarter of a program's time on a CPU. Call it before other
  threads start, as all are to share the one heap that grows without limit. An environment that sets
  glibc's allocator itself is left alone.
  """
  own = any(name.startswith('MALLOC_') for name in os.environ)
  if own or 'glibc.malloc' in os.environ.get('GLIBC_TUNABLES', ''):
    return
  with contextlib.suppress(AttributeError, OSError):
    library = ctypes.CDLL(None)
    for parameter, value in _KEEPING.items():
      library.mallopt(parameter, value)


def give_back() -> None:
  """Gives memory that is not in use back to the system, where the C library is glibc.

  It keeps what is freed in small pieces: hundreds of MiB once XLA has compiled a training step, and
  some more with each validation.
  """
  with contextlib.suppress(AttributeError, OSError):
    ctypes.CDLL(None).malloc_trim(0)


def text(size: int) -> str:
  """Formats bytes as 3.2 KiB, MiB or GiB."""
  power = 30 if size >= 2**30 else 20 if size >= 2**20 else 10
  return f'{size / 2**power:.1f} {"KMG"[power // 10 - 1]}iB'


def _left_in_groups() -> list[int]:
  """The bytes that each enclosing control group leaves; [] if none limits memory."""
  try:
    groups = [line.split(':', 2) for line in _OWN_CGROUPS.read_text().splitlines()]
  except OSError:
    return []
  left = []
  for _, controllers, name in (group for group in groups if len(group) == 3):
    if not controllers:  # Version 2.
      names = 'memory.max', 'memory.current', 'inactive_file'
      left += _left(_CGROUPS / name.lstrip('/'), *names)
    elif 'memory' in controllers.split(','):
      names = 'memory.limit_in_bytes', 'memory.usage_in_bytes', 'total_inactive_file'
      left += _left(_CGROUPS / 'memory' / name.lstrip('/'), *names)
  return left


def _left(group: pathlib.Path, limit: str, used: str, inactive: str) -> Iterator[int]:
  """Yields the bytes that a group and those around it leave, from their files of these names."""
  for folder in (group, *group.parents):
    try:
      allowed = (folder / limit).read_text().strip()
      taken = int((folder / used).read_text())
      figures = dict(row.split() for row in (folder / 'memory.stat').read_text().splitlines())
    except (OSError, ValueError):
      continue
    if allowed != 'max':
      # Cached files that are not in use are evicted.
      yield int(allowed) - taken + int(figures.get(inactive, 0))
