"""What the processes of one run share: work, values, and points where they wait for each other.

Each process has its own devices; together they are one JAX program. In a process that has not
joined others (launcher.py), every function here is that of a single one and costs nothing.
"""

from collections.abc import Callable, Mapping, Sequence
import pickle
from typing import Any, TypeVar

import jax
from jax.experimental import multihost_utils
import numpy as np

from cyclegan_jax.errors import UserError
from cyclegan_jax.progress import Log

T = TypeVar('T')

# Preparing data may take days.
_BARRIER_MILLISECONDS = 14 * 24 * 3600 * 1000
# Bytes sent at a time, so that a large value needs little memory on the devices.
_CHUNK = 2**26


def joined() -> bool:
  """Returns True if there are other processes."""
  return jax.distributed.is_initialized() and jax.process_count() > 1


def index_and_count() -> tuple[int, int]:
  """Returns this process's index and the number of processes: (0, 1) if it is alone."""
  return (jax.process_index(), jax.process_count()) if joined() else (0, 1)


def is_first() -> bool:
  """Returns True in the process that writes files and prints, and in one that is alone."""
  return index_and_count()[0] == 0


def on_first_process(log: Log) -> Log:
  """Returns `log` in the first process, and a function that does nothing in the others."""
  return log if is_first() else lambda line: None


def share(items: Sequence[T]) -> Sequence[T]:
  """Returns this process's part of a sequence: every n-th item, or all if it is alone."""
  index, count = index_and_count()
  return items[index::count] if count > 1 else items


def interleave(parts: Sequence[Sequence[T]]) -> list[T]:
  """Inverts `share`: the whole sequence, given the parts of all processes in order."""
  return [parts[i % len(parts)][i // len(parts)] for i in range(sum(map(len, parts)))]


def barrier(name: str) -> None:
  """Waits until all processes get here; without devices, so that no collective times out."""
  if joined():
    _client().wait_at_barrier(f'cyclegan_jax {name}', _BARRIER_MILLISECONDS)


def announce(topic: str, text: str) -> None:
  """Makes a text known to all processes, which read it with `announced`; each text only once."""
  _client().key_value_set(f'cyclegan_jax {topic}/{jax.process_index()} {text}', text)


def announced(topic: str) -> list[str]:
  """Returns what all processes have announced so far; asks the first one, without devices."""
  return [text for _, text in _client().key_value_dir_get(f'cyclegan_jax {topic}/')]


def note(topic: str, text: str) -> None:
  """Makes a text known to all processes, in place of this one's earlier one; see `noted`."""
  key = f'cyclegan_jax {topic}/{jax.process_index()}'
  _client().key_value_set(key, text, allow_overwrite=True)


def noted(topic: str) -> dict[int, str]:
  """Returns what each process has noted last, by its index; asks the first one."""
  found = _client().key_value_dir_get(f'cyclegan_jax {topic}/')
  return {int(key.rpartition('/')[2]): text for key, text in found}


def _client() -> Any:
  from jax._src import distributed  # As Orbax does: JAX has no public access to it.

  return distributed.global_state.client


def first_alone(work: Callable[[], T], name: str) -> T:
  """Returns the result of work that the first process does while the others wait, then they too."""
  if not is_first():
    barrier(name)
    return work()
  result = work()
  barrier(name)
  return result


def gather(value: Any) -> list[Any]:
  """Returns the values of all processes, in their order; any that can be pickled."""
  if not joined():
    return [value]
  data = np.frombuffer(pickle.dumps(value), np.uint8)
  sizes = multihost_utils.process_allgather(np.array(data.size, np.int32)).reshape(-1)
  rows = multihost_utils.process_allgather(np.pad(data, (0, sizes.max() - data.size)))
  # From the processes of this run alone, which run the same program.
  return [pickle.loads(row[:size].tobytes()) for row, size in zip(rows, sizes)]  # noqa: S301


def broadcast(value: T) -> T:
  """Returns the value of the first process, bit for bit; any that can be pickled."""
  if not joined():
    return value
  data = np.frombuffer(pickle.dumps(value) if is_first() else b'', np.uint8)
  size = int(multihost_utils.broadcast_one_to_all(np.array(data.size, np.int32)))
  data = data if is_first() else np.zeros(size, np.uint8)
  chunks = (data[begin : begin + _CHUNK] for begin in range(0, size, _CHUNK))
  sent = [multihost_utils.broadcast_one_to_all(chunk) for chunk in chunks]
  return pickle.loads(np.concatenate(sent).tobytes())  # noqa: S301 (see gather)


def agree(what: str, value: Mapping[str, Any]) -> None:
  """Raises UserError in a process whose values, {name: value}, differ from those of the first.

  The message says `what` they are, and lists the differences.
  """
  first = broadcast(value)
  differing = [
    f'  {name}: {first.get(name)} there, {value.get(name)} here\n'
    for name in {**first, **value}
    if first.get(name) != value.get(name)
  ]
  if differing:
    raise UserError(
      f'Process {index_and_count()[0]} has other {what} than process 0:\n{"".join(differing)}'
      'Start all processes of a run with the same.'
    )
