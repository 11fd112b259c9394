"""Keeps decoded images in memory, so that a training run decodes each of them once.

Every process keeps its own. Give each of several processes on one machine its share (--cache_gib).
"""

from collections.abc import Callable
import functools
import os
import pathlib
import threading
from typing import Any

from cyclegan_jax.data import record_images
from cyclegan_jax.data.source import Records

# The share of the memory that is free at the start, unless --cache_gib gives an amount.
_AUTOMATIC_SHARE = 0.25
# With this many locks, threads that decode at the same time rarely wait for each other.
_LOCKS = 64
_CGROUPS = pathlib.Path('/sys/fs/cgroup')

Images = tuple[record_images.Image, ...]


def budget(gib: float) -> int:
  """Returns the bytes that `DataConfig.cache_gib` allows."""
  return int(gib * 2**30 if gib >= 0 else _AUTOMATIC_SHARE * available_memory())


@functools.cache
def available_memory() -> int:
  """Returns the bytes free at the first call, within the limits of the process's control groups."""
  try:
    lines = pathlib.Path('/proc/meminfo').read_text().splitlines()
    free = int(next(line for line in lines if line.startswith('MemAvailable:')).split()[1]) * 1024
  except (OSError, StopIteration):
    free = os.sysconf('SC_PHYS_PAGES') * os.sysconf('SC_PAGE_SIZE')
  return max(0, min([free, *_left_in_groups()]))


def _left_in_groups() -> list[int]:
  """The bytes that each enclosing control group (version 2) leaves; [] if none limits memory."""
  try:
    lines = pathlib.Path('/proc/self/cgroup').read_text().splitlines()
    name = next(line for line in lines if line.startswith('0::'))[3:]
  except (OSError, StopIteration):
    return []
  group = _CGROUPS / name.lstrip('/')
  left = []
  for folder in (group, *group.parents):
    try:
      limit = (folder / 'memory.max').read_text().strip()
      used = int((folder / 'memory.current').read_text())
      figures = dict(row.split() for row in (folder / 'memory.stat').read_text().splitlines())
    except OSError:
      continue
    if limit != 'max':
      # Cached files that are not in use are evicted.
      left.append(int(limit) - used + int(figures.get('inactive_file', 0)))
  return left


class MemoryBudget:
  """The bytes that are left for images. Once an item does not fit, it is `full` for good."""

  def __init__(self, size: int):
    self._left = size
    self._lock = threading.Lock()
    self.full = size <= 0

  def take(self, size: int) -> bool:
    """Takes `size` bytes if they are available, and returns whether they were."""
    with self._lock:
      self.full = self.full or size > self._left
      if not self.full:
        self._left -= size
      return not self.full


class CachedRecords:
  """The images of records, decoded at their first use and kept while there is memory.

  Images that do not fit are decoded each time. An epoch uses each record once in a random order, so
  evicting one for another gains nothing. Safe for many threads.
  """

  def __init__(self, records: Records, decode: Callable[[Any], Images], memory: MemoryBudget):
    self._records, self._decode, self._memory = records, decode, memory
    self._images: dict[int, Images] = {}
    self._locks = [threading.Lock() for _ in range(_LOCKS)]

  def __getitem__(self, index: int) -> Images:
    if (found := self._images.get(index)) is not None:
      return found
    if self._memory.full:
      return self._decode(self._records[index])
    with self._locks[index % _LOCKS]:
      if (found := self._images.get(index)) is None:
        found = self._decode(self._records[index])
        if self._memory.take(sum(image.nbytes for image in found)):
          self._images[index] = found
    return found
