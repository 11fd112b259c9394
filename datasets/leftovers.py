"""What processes that were killed have left behind."""

from collections.abc import Iterable
import pathlib
import shutil
import time

import tensorflow_datasets as tfds

# A live process writes far more often than that, on machines with other clocks too.
_ABANDONED_AFTER = 24 * 60 * 60  # seconds


def remove_preparations(builder: tfds.core.DatasetBuilder) -> None:
  """`remove_abandoned` for what TFDS was writing, in all configurations of the data set."""
  # While a builder prepares, data_dir is <root>/<name>/<configuration>/incomplete.<...>.
  remove_abandoned(pathlib.Path(builder.data_dir).parents[1].glob('*/incomplete.*'))


def remove_abandoned(paths: Iterable[pathlib.Path]) -> None:
  """Removes the files and folders into which nothing has been written for a day.

  Younger ones may belong to another process that is at work. What cannot be looked at or
  removed stays.
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
    except OSError:  # Gone by now, or another user's: it is in nobody's way.
      continue
