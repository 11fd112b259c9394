"""Decoded images kept in memory, so that a training decodes each of them once.

Every process keeps its own: of several on one machine each should be given its share
(--cache_gib).
"""

from collections.abc import Callable
import functools
import os
import pathlib
import threading
from typing import Any

from cyclegan_jax.data import record_images
from cyclegan_jax.data.source import Records

# What is taken of the memory that is free at the start, unless --cache_gib says how much.
_AUTOMATIC_SHARE = 0.25
# Threads that decode at the same time rarely wait for each other with so many locks.
_LOCKS = 64
_CGROUPS = pathlib.Path('/sys/fs/cgroup')


Images = tuple[record_images.Image, ...]


def budget(gib: float) -> int:
  """Bytes that `DataConfig.cache_gib` allows."""
  return int(gib * 2**30 if gib >= 0 else _AUTOMATIC_SHARE * available_memory())


@functools.cache
def available_memory() -> int:
  """Bytes free for use when first asked for, within the limits of the process's control groups."""
  try:
    lines = pathlib.Path('/proc/meminfo').read_text().splitlines()
    free = int(next(line for line in lines if line.startswith('MemAvailable:')).split()[1]) * 1024
  except (OSError, StopIteration):
    free = os.sysconf('SC_PHYS_PAGES') * os.sysconf('SC_PAGE_SIZE')
  return max(0, min([free, *_left_in_groups()]))


def _left_in_groups() -> list[int]:
  """What each enclosing control group (version 2) leaves; [] where none limits memory."""
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
      # Files that were read and are not in use give way.
      left.append(int(limit) - used + int(figures.get('inactive_file', 0)))
  return left


class MemoryBudget:
  """How much may still be kept. Once something does not fit nothing more is kept."""

  def __init__(self, size: int):
    """`size` in bytes."""
    self._left = size
    self._lock = threading.Lock()
    self.full = size <= 0

  def take(self, size: int) -> bool:
    """Whether `size` bytes are there; they are then taken."""
    with self._lock:
      self.full = self.full or size > self._left
      if not self.full:
        self._left -= size
      return not self.full


class CachedRecords:
  """The images of records, decoded when they are first asked for and kept while there is room.

  What did not fit is decoded each time: an epoch asks once for each record in a random order, so
  nothing is gained by giving up one for another. For use by many threads.
  """

  def __init__(self, records: Records, decode: Callable[[Any], Images], room: MemoryBudget):
    """`decode` gives a record's images; several collections may share a `room`."""
    self._records, self._decode, self._room = records, decode, room
    self._images: dict[int, Images] = {}
    self._locks = [threading.Lock() for _ in range(_LOCKS)]

  def __getitem__(self, index: int) -> Images:
    found = self._images.get(index)
    if found is not None:
      return found
    if self._room.full:
      return self._decode(self._records[index])
    with self._locks[index % _LOCKS]:
      found = self._images.get(index)
      if found is None:
        found = self._decode(self._records[index])
        if self._room.take(sum(image.nbytes for image in found)):
          self._images[index] = found
    return found
