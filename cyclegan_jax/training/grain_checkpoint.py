"""The position in the data as an item of a checkpoint.

Grain's own handler names its file after the process and the number of processes. Here the position
is a number of batches, the same in all processes, and a run may resume with more or fewer of them,
so the file always has the name that Grain gives it in a single process.
"""

import dataclasses
import json
import pathlib
from typing import Any

import grain
import orbax.checkpoint as ocp

_FILE = 'process_0-of-1.json'


class _Handler(ocp.CheckpointHandler):
  """Writes and reads an iterator's state."""

  def save(self, directory: Any, args: 'Save') -> None:
    pathlib.Path(directory, _FILE).write_text(json.dumps(args.iterator.get_state(), indent=4))

  def restore(self, directory: Any, args: 'Restore') -> grain.DatasetIterator[Any]:
    args.iterator.set_state(json.loads(pathlib.Path(directory, _FILE).read_text()))
    args.iterator.start_prefetch()
    return args.iterator


@ocp.args.register_with_handler(_Handler, for_save=True)
@dataclasses.dataclass
class Save(ocp.args.CheckpointArgs):
  """Saves the position of an iterator."""

  iterator: grain.DatasetIterator[Any]


@ocp.args.register_with_handler(_Handler, for_restore=True)
@dataclasses.dataclass
class Restore(ocp.args.CheckpointArgs):
  """Moves an iterator to the saved position."""

  iterator: grain.DatasetIterator[Any]
