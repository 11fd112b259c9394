"""A data source that gives no more images; as a module, `experiments.train` with one.

  python -m tests.training.blocking FLAGS

takes the flags of train. Only the process with --process_id=1 gets no more images.
"""

import dataclasses
import runpy
import sys
import threading

import datasets


@dataclasses.dataclass
class Blocked:
  """Records that wait for an event, once so many have been read."""

  records: object
  free: int
  released: threading.Event
  seconds: float | None = None

  def __len__(self):
    return len(self.records)

  def __getitem__(self, index):
    # The start of a run reads one as well.
    if threading.current_thread() is not threading.main_thread():
      self.free -= 1
      if self.free < 0:
        self.released.wait(self.seconds)
    return self.records[index]


def blocked(dataset, free, released, seconds=None):
  """A data set of which only so many training images can be read, until the event or a time."""
  train = dataset.splits['train']
  records = Blocked(train.rgb, free, released, seconds)
  train = dataclasses.replace(train, rgb=records, ir=records)
  return dataclasses.replace(dataset, splits={**dataset.splits, 'train': train})


if __name__ == '__main__':
  open_dataset = datasets.open_dataset
  if '--process_id=1' in sys.argv:
    # Ten steps of four images, or five.
    free = 20 if '--num_processes=2' in sys.argv else 5
    datasets.open_dataset = lambda *args: blocked(open_dataset(*args), free, threading.Event())
  runpy.run_module('experiments.train', run_name='__main__', alter_sys=True)
