"""Removes what killed processes have left behind."""

from collections.abc import Iterable
import pathlib
import shutil
import time

# A live process writes far more often than that, even if the clocks of two machines differ.
_ABANDONED_AFTER = 24 * 60 * 60  # seconds


def remove_abandoned(paths: Iterable[pathlib.Path]) -> None:
  """Removes the files and folders that have not been written to for a day.

  Younger ones may belong to a process that is at work. Those that cannot be read or removed stay.
  """
  limit = time.time() - _ABANDONED_AFTER
  for path in paths:
    try:
      if max(one.stat().st_mtime for one in (path, *path.rglob('*'))) > limit:
        continue
      if path.is_dir():
        shutil.rmtree(path)
      else:
        path.unlink()
    except OSError:  # Already gone, or another user's: it does no harm.
      continue
