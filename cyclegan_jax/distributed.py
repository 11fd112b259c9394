"""Several processes that do one work: how they find each other, share, agree and end.

Each process has its own devices; together they are one JAX program (jax.distributed). In a process
that has not joined others, every function here is that of a single one and costs nothing.
"""

from collections.abc import Callable, Mapping, Sequence
import dataclasses
import os
import pickle
from typing import Any, TypeVar

import jax
from jax.experimental import multihost_utils
import numpy as np

from cyclegan_jax import fatal
from cyclegan_jax.errors import UserError
from cyclegan_jax.progress import Log

T = TypeVar('T')

# Preparing data may take days.
_BARRIER_MILLISECONDS = 14 * 24 * 3600 * 1000
# Bytes sent at a time.
_CHUNK = 2**26

# What starts processes, and the variables that tell their number, this one's number, and what else
# JAX needs to find the first of them.
_LAUNCHERS = {
  'Slurm': (
    'SLURM_STEP_NUM_TASKS',
    'SLURM_PROCID',
    ('SLURM_JOB_ID', 'SLURM_STEP_NODELIST', 'SLURM_NTASKS', 'SLURM_LOCALID'),
  ),
  'Open MPI': (
    'OMPI_COMM_WORLD_SIZE',
    'OMPI_COMM_WORLD_RANK',
    ('OMPI_MCA_orte_hnp_uri', 'OMPI_COMM_WORLD_LOCAL_RANK'),
  ),
}
_KUBERNETES, _POD_NUMBER = 'KUBERNETES_SERVICE_HOST', 'JOB_COMPLETION_INDEX'


@dataclasses.dataclass(frozen=True)
class Place:
  """Which of several processes this is.

  Attributes:
    coordinator: HOST:PORT, where the first process listens; None: JAX finds it.
    count: how many processes there are; None: JAX finds it.
    index: this one's number, from 0; None: JAX finds it.
    found: what has told, for messages.
  """

  coordinator: str | None
  count: int | None
  index: int | None
  found: str

  def __str__(self) -> str:
    number = 'one' if self.index is None else f'process {self.index}'
    return f'{number} of {self.count or "several"} processes (by {self.found})'


def place(
  coordinator: str | None = None,
  count: int | None = None,
  index: int | None = None,
  wanted: bool | None = None,
  environ: Mapping[str, str] = os.environ,
) -> Place | None:
  """This process's place among others; None if it works alone.

  Flags win over the environment. From the environment alone only srun and mpirun with several
  tasks are believed: a pod of a Kubernetes Job may as well be a run of its own, and has to say
  that it is not.

  Args:
    coordinator: --coordinator_address.
    count: --num_processes.
    index: --process_id.
    wanted: --distributed: True, False, or None if it is not given.
    environ: environment variables.

  Raises:
    UserError: flags contradict each other, or some are missing.
  """
  given = [
    f'--{name}'
    for name, value in (
      ('coordinator_address', coordinator),
      ('num_processes', count),
      ('process_id', index),
    )
    if value is not None
  ]
  if wanted is False:
    if given:
      raise UserError(f'--nodistributed and {given[0]} contradict each other: give one of them.')
    return None
  launcher = next(
    (name for name, (number, _, _) in _LAUNCHERS.items() if _number(environ, number, 1) > 1), None
  )
  pod = _KUBERNETES in environ
  if not given and not wanted and not launcher:
    return None
  found = ' and '.join(given) or launcher or ('Kubernetes' if pod else '--distributed')
  if launcher:
    count = _number(environ, _LAUNCHERS[launcher][0], None) if count is None else count
    index = _number(environ, _LAUNCHERS[launcher][1], None) if index is None else index
  elif pod and index is None:
    index = _number(environ, _POD_NUMBER, None)
  missing = [
    name
    for name, value in (
      ('--coordinator_address=HOST:PORT', coordinator),
      ('--num_processes', count),
      ('--process_id', index),
    )
    if value is None
  ]
  known = launcher and all(name in environ for name in _LAUNCHERS[launcher][2])
  if missing and not known and not pod:
    raise UserError(
      f'{" and ".join(missing)} {"is" if len(missing) == 1 else "are"} missing: {found} tells of '
      'several processes, and JAX cannot find the others by itself. Give '
      '--coordinator_address=HOST:PORT (a free port on the host of process 0), --num_processes '
      'and --process_id; or --nodistributed to work alone.'
    )
  _check(coordinator, count, index)
  return Place(coordinator, count, index, found)


def _number(environ: Mapping[str, str], name: str, otherwise: int | None) -> int | None:
  return int(environ[name]) if environ.get(name, '').isdecimal() else otherwise


def _check(coordinator: str | None, count: int | None, index: int | None) -> None:
  if coordinator is not None:
    host, _, port = coordinator.rpartition(':')
    if not host or not port.isdecimal() or not 0 < int(port) < 2**16:
      raise UserError(
        f'--coordinator_address={coordinator}: expected HOST:PORT, the host of '
        'process 0 and a port that is free there, such as node1:12345.'
      )
  if count is not None and count < 1:
    raise UserError(f'--num_processes={count} must be at least 1.')
  if index is not None and (index < 0 or (count is not None and index >= count)):
    raise UserError(
      f'--process_id={index}: processes are numbered from 0'
      + (f' to {count - 1} (--num_processes={count}).' if count else '.')
    )


def join(where: Place, join_timeout: int, heartbeat_timeout: int) -> None:
  """Waits for the other processes; from then on JAX knows the devices of all.

  To be called before anything that starts JAX's devices. If a process dies later, or does not come
  in time, this one ends with a message and `fatal.EXIT_LOST`; see fatal.py.

  Args:
    where: this process's place.
    join_timeout: seconds to wait for the others.
    heartbeat_timeout: seconds of silence after which a process counts as dead.

  Raises:
    UserError: process 0 cannot listen there, or JAX does not find out what is missing.
  """
  # Its handler would take SIGTERM until a run's own is there (training/interruption.py).
  jax.config.update('jax_enable_preemption_service', False)
  with fatal.explained(
    f'This is {where}. Not all of them came within {join_timeout} s (--join_timeout), or process '
    f'0 could not be reached{f" at {where.coordinator}" if where.coordinator else ""}. See that '
    'all were started, with the same --coordinator_address and --num_processes and a '
    '--process_id each, and that their hosts reach that port.'
  ):
    complete = None not in (where.coordinator, where.count, where.index)
    launched = any(name in os.environ for _, _, names in _LAUNCHERS.values() for name in names)
    try:
      jax.distributed.initialize(
        where.coordinator,
        where.count,
        where.index,
        initialization_timeout=join_timeout,
        heartbeat_timeout_seconds=heartbeat_timeout,
        # Launchers also tell which GPU is whose.
        cluster_detection_method='deactivate' if complete and not launched else None,
      )
    except (RuntimeError, ValueError) as error:
      raise UserError(
        f'This is {where}, and it cannot join the others: {error}. Is the port of '
        '--coordinator_address free, and is that the host of process 0? Another port may help, '
        'or --coordinator_address, --num_processes and --process_id by hand.'
      ) from error


def joined() -> bool:
  """Whether there are other processes."""
  return jax.distributed.is_initialized() and jax.process_count() > 1


def is_first() -> bool:
  """Whether this is the process that writes files and speaks; True if it is alone."""
  return not joined() or jax.process_index() == 0


def on_first_process(log: Log) -> Log:
  """`say` in the first process; in others nothing is said."""
  return log if is_first() else lambda line: None


def numbers() -> tuple[int, int]:
  """This process's number, and how many there are: (0, 1) if it is alone."""
  return (jax.process_index(), jax.process_count()) if joined() else (0, 1)


def share(items: Sequence[T]) -> Sequence[T]:
  """This process's part of a sequence: every n-th item; all of them if it is alone."""
  index, count = numbers()
  return items[index::count] if count > 1 else items


def interleave(parts: Sequence[Sequence[T]]) -> list[T]:
  """The inverse of `share`, for the parts of all processes."""
  return [parts[i % len(parts)][i // len(parts)] for i in range(sum(map(len, parts)))]


def barrier(name: str) -> None:
  """Waits until all processes are there; not on devices, so that no collective times out."""
  if joined():
    _client().wait_at_barrier(f'cyclegan_jax {name}', _BARRIER_MILLISECONDS)


def announce(topic: str, text: str) -> None:
  """Makes a text known to all processes, which read it with `announced`; each text only once."""
  _client().key_value_set(f'cyclegan_jax {topic}/{jax.process_index()} {text}', text)


def announced(topic: str) -> list[str]:
  """Returns what all processes have announced so far; asks the first one, without devices."""
  return [text for _, text in _client().key_value_dir_get(f'cyclegan_jax {topic}/')]


def _client() -> Any:
  from jax._src import distributed  # As Orbax does: JAX has no public access to it.

  return distributed.global_state.client


def first_alone(work: Callable[[], T], name: str) -> T:
  """The result of work that the first process does while the others wait, and then these too."""
  if is_first():
    result = work()
  barrier(name)
  return result if is_first() else work()


def gather(value: Any) -> list[Any]:
  """What each process has, in their order, at all of them; anything that can be pickled."""
  if not joined():
    return [value]
  data = np.frombuffer(pickle.dumps(value), np.uint8)
  sizes = multihost_utils.process_allgather(np.array(data.size, np.int32)).reshape(-1)
  padded = np.zeros(sizes.max(), np.uint8)
  padded[: data.size] = data
  rows = multihost_utils.process_allgather(padded)
  return [pickle.loads(row[:size].tobytes()) for row, size in zip(rows, sizes)]


def broadcast(value: Any) -> Any:
  """What the first process has, at all of them; bit for bit, anything that can be pickled."""
  if not joined():
    return value
  data = np.frombuffer(pickle.dumps(value), np.uint8) if is_first() else None
  size = multihost_utils.broadcast_one_to_all(np.array(data.size if is_first() else 0, np.int32))
  chunks = []
  for begin in range(0, int(size), _CHUNK):
    length = min(_CHUNK, int(size) - begin)
    mine = data[begin : begin + length] if is_first() else np.zeros(length, np.uint8)
    chunks.append(multihost_utils.broadcast_one_to_all(mine))
  return pickle.loads(np.concatenate(chunks).tobytes())


def agree(what: str, value: Mapping[str, Any]) -> None:
  """Refuses processes that differ from the first one in this; UserError in those."""
  first = broadcast(value)
  differing = [
    f'  {name}: {first.get(name)} there, {value.get(name)} here'
    for name in {**first, **value}
    if first.get(name) != value.get(name)
  ]
  if differing:
    raise UserError(
      f'Process {numbers()[0]} has other {what} than process 0:\n'
      + '\n'.join(differing)
      + '\nGive all processes of a run the same.'
    )
