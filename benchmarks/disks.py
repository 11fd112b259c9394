"""A disk whose power can be cut, on Linux: an ext4 file system in a file.

Needs the right to mount, and mkfs.ext4 and mkfs.xfs (packages e2fsprogs and xfsprogs).
"""

from collections.abc import Iterator
import contextlib
import pathlib
import subprocess

_DISK_MIB = 256
_STORE_MIB = 4096  # Sparse; holds the disk and all its copies.


class Disk:
  """What `place` shows is the disk; a copy of its blocks can be shown there in its stead.

  A copy has what the kernel has written to the disk at one moment, and nothing of what it only
  holds in memory: what a power failure leaves. The disk's file is on a file system that copies
  files at once, so no write falls into the copying, and whoever writes is not disturbed.

  Attributes:
    place: where the file system is mounted.
  """

  def __init__(self, store: pathlib.Path, place: pathlib.Path, options: str):
    self.place = place
    self._store = store
    self._options = options
    (store / 'disk').touch()
    _run('truncate', f'--size={_DISK_MIB}M', store / 'disk')
    _run('mkfs.ext4', '-q', store / 'disk')

  @contextlib.contextmanager
  def shown(self, name: str = 'disk') -> Iterator[pathlib.Path]:
    """Mounts the disk, or a copy of it, for as long as the context lasts."""
    _run('mount', '-o', f'loop,{self._options}', self._store / name, self.place)
    try:
      yield self.place
    finally:
      _run('umount', self.place)

  def sync(self) -> None:
    """Waits until all that was written is on the disk."""
    _run('sync', '--file-system', self.place)

  def cut(self, name: str) -> None:
    """Copies what is on the disk now."""
    _run('cp', '--reflink=always', self._store / 'disk', self._store / name)

  def discard(self, name: str) -> None:
    """Removes a copy."""
    (self._store / name).unlink()


@contextlib.contextmanager
def disk(folder: pathlib.Path, options: str) -> Iterator[Disk]:
  """A disk below a folder, with mount options of ext4.

  Raises:
    OSError: if a program is missing, or this machine or user cannot mount.
  """
  store, place = folder / 'store', folder / 'place'
  store.mkdir()
  place.mkdir()
  image = folder / 'store.img'
  image.touch()
  _run('truncate', f'--size={_STORE_MIB}M', image)
  _run('mkfs.xfs', '-q', '-m', 'reflink=1', image)
  _run('mount', '-o', 'loop', image, store)
  try:
    yield Disk(store, place, options)
  finally:
    _run('umount', store)


def _run(*command: str | pathlib.Path) -> None:
  done = subprocess.run([*map(str, command)], capture_output=True, text=True)
  if done.returncode:
    raise OSError(f'{" ".join(map(str, command))}: {done.stderr.strip()}')
