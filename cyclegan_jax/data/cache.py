"""Keeps decoded images in memory, so that a training run decodes each of them once.

Every process keeps its own. Give each of several processes on one machine its share (--cache_gib).
"""

from collections.abc import Callable
import functools
import threading
from typing import Any

from cyclegan_jax import memory
from cyclegan_jax.data import record_images
from cyclegan_jax.data.records import Records

# The share of the memory that is free at the start, unless --cache_gib gives an amount.
_AUTOMATIC_SHARE = 0.25
# With this many locks, threads that decode at the same time rarely wait for each other.
_LOCKS = 64
_reserved = 0

Images = tuple[record_images.Image, ...]


def budget(gib: float) -> int:
  """Returns the bytes that `DataConfig.cache_gib` allows."""
  if gib >= 0:
    return int(gib * 2**30)
  return max(0, min(int(_AUTOMATIC_SHARE * available_memory()), available_memory() - _reserved))


def reserve(size: int) -> None:
  """Leaves so many bytes to a program that runs on the host, in what `budget` chooses by itself."""
  global _reserved
  _reserved = size


@functools.cache
def available_memory() -> int:
  """Returns the bytes free at the first call; later, what is kept here is missing from them."""
  return memory.on_host()


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
