"""Finds and joins the other processes of a run: by flags, Slurm, Open MPI or Kubernetes.

`jax.distributed` finds the coordinator. What it does not do: a process that was started alone
inside a larger job works alone; under Open MPI 5, whose coordinator JAX cannot find without mpi4py,
--coordinator_address is enough; and a task that sees one GPU takes that one, not the one with the
number of the task.
"""

from collections.abc import Mapping
import dataclasses
import os
import threading

import jax

from cyclegan_jax import fatal
from cyclegan_jax.errors import UserError

# For each launcher, the variables with the number of processes, the index of this one, and its
# index on its host.
_LAUNCHERS = (
  ('SLURM_STEP_NUM_TASKS', 'SLURM_PROCID', 'SLURM_LOCALID'),
  ('OMPI_COMM_WORLD_SIZE', 'OMPI_COMM_WORLD_RANK', 'OMPI_COMM_WORLD_LOCAL_RANK'),
)


@dataclasses.dataclass(frozen=True)
class Launch:
  """Arguments of `jax.distributed.initialize`, which finds those that are None."""

  coordinator_address: str | None = None
  num_processes: int | None = None
  process_id: int | None = None
  local_device_ids: int | None = None

  def __str__(self) -> str:
    name = 'one' if self.process_id is None else f'process {self.process_id}'
    return f'{name} of {self.num_processes or "several"} processes'


def find_launcher(
  flags: Launch, distributed: bool | None = None, environ: Mapping[str, str] = os.environ
) -> Launch | None:
  """Returns how to join the other processes, or None if this one works alone.

  Flags win over the environment. Without flags, only srun and mpirun with several tasks count: a
  pod of a Kubernetes Job may be a run of its own, so there --distributed is needed.

  Raises:
    UserError: flags contradict each other, or an address is not one.
  """
  if distributed is False:
    if flags != Launch():
      raise UserError(
        '--nodistributed contradicts --coordinator_address, --num_processes and --process_id: '
        'give the first or the others.'
      )
    return None
  # The step counts, not the job: a script of sbatch and `srun -n1` in a larger job are alone.
  launcher = next((names for names in _LAUNCHERS if (_int(environ, names[0]) or 0) > 1), None)
  if not (launcher or distributed or flags != Launch()):
    return None
  if launcher:
    count, index, local = (_int(environ, name) for name in launcher)
    # `srun --gpus-per-task=1` shows each task one GPU, which has number 0 in every task.
    sees_one = ',' not in environ.get('CUDA_VISIBLE_DEVICES', ',')
    found = Launch(None, count, index, 0 if sees_one else local)
  else:
    found = Launch(process_id=_int(environ, 'JOB_COMPLETION_INDEX'))  # Of a Kubernetes Indexed Job.
  address = flags.coordinator_address
  host, _, port = (address or '').rpartition(':')
  if address is not None and not (host and port.isdecimal() and 0 < int(port) < 2**16):
    raise UserError(
      f'--coordinator_address={address}: expected HOST:PORT, the host of process 0 and a free '
      'port there, such as node1:12345.'
    )
  given = {name: value for name, value in vars(flags).items() if value is not None}
  return dataclasses.replace(found, **given)


def _int(environ: Mapping[str, str], name: str) -> int | None:
  return int(environ[name]) if environ.get(name, '').isdecimal() else None


def join(launch: Launch, join_timeout: int, heartbeat_timeout: int) -> None:
  """Waits for the other processes; from then on JAX knows the devices of all.

  Call it before anything that starts JAX's devices. If another process does not come within
  `join_timeout` seconds, or is silent for `heartbeat_timeout` seconds, this one ends with a message
  and `fatal.EXIT_LOST`.

  Raises:
    UserError: process 0 cannot listen, or JAX cannot find the others.
  """
  # Its handler would take SIGTERM until a run's own is there (interruption.py).
  jax.config.update('jax_enable_preemption_service', False)
  fatal.watch()
  at = f' at {launch.coordinator_address}' if launch.coordinator_address else ''
  message = (
    f'This is {launch}. Some of the others did not join within {join_timeout} s (--join_timeout), '
    f'or process 0 cannot be reached{at}. Check that all were started with the same '
    '--coordinator_address and --num_processes and a --process_id each, and that their hosts can '
    'reach that port.'
  )
  # JAX would abort when its own time is up; it gets a little more.
  timer = threading.Timer(join_timeout, fatal.end, (message, fatal.EXIT_LOST))
  timer.start()
  is_complete = None not in (launch.coordinator_address, launch.num_processes, launch.process_id)
  try:
    jax.distributed.initialize(
      **vars(launch),
      # With nothing to find, JAX need not ask Kubernetes.
      cluster_detection_method='deactivate' if is_complete else None,
      initialization_timeout=join_timeout + 30,
      heartbeat_timeout_seconds=heartbeat_timeout,
    )
  except (RuntimeError, ValueError) as error:
    raise UserError(
      f'This is {launch}, and it cannot join the others: {str(error).rstrip(".")}. Give '
      '--coordinator_address=HOST:PORT (the host of process 0 and a free port there), '
      '--num_processes and --process_id; or --nodistributed to work alone.'
    ) from error
  finally:
    timer.cancel()
