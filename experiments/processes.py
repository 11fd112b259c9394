"""Flags of the commands that several processes can run together, and what surrounds those.

srun python -m experiments.train ...         (or mpirun: nothing else is needed)
python -m experiments.train --coordinator_address=node1:12345 --num_processes=2 --process_id=0 ...
"""

from collections.abc import Iterator
import contextlib
import traceback

from absl import flags

_DISTRIBUTED = flags.DEFINE_boolean(
  'distributed',
  None,
  'Work together with other processes. The default is to do so under srun and mpirun with several '
  'tasks, and with the three flags below. In a pod of a Kubernetes Indexed Job, give this flag.',
)
_COORDINATOR = flags.DEFINE_string(
  'coordinator_address', None, 'HOST:PORT, the host of process 0 and a free port there.'
)
_COUNT = flags.DEFINE_integer('num_processes', None, 'Number of processes that work together.')
_INDEX = flags.DEFINE_integer('process_id', None, "This process's number, from 0.")
_JOIN = flags.DEFINE_integer(
  'join_timeout', 300, 'Seconds to wait for the other processes to join.', lower_bound=1
)
_HEARTBEAT = flags.DEFINE_integer(
  'heartbeat_timeout',
  30,
  'Seconds of silence after which another process counts as dead.',
  lower_bound=10,
)

# Words of JAX's errors when another process is the one in trouble.
_LOST = ('Gloo', 'gloo', 'NCCL', 'oordination', 'Barrier', 'UNAVAILABLE', 'DEADLINE_EXCEEDED')


@contextlib.contextmanager
def together() -> Iterator[None]:
  """Joins the other processes, if any; after an error, this one ends without waiting for them.

  Raises:
    UserError: flags contradict each other, or the processes do not find each other.
  """
  # Late, so that --help answers at once.
  from cyclegan_jax import distributed, fatal, interruption, launcher
  from cyclegan_jax.errors import UserError

  flags_given = launcher.Launch(_COORDINATOR.value, _COUNT.value, _INDEX.value)
  launch = launcher.find_launcher(flags_given, _DISTRIBUTED.value)
  if launch is None:
    yield
    return
  launcher.join(launch, _JOIN.value, _HEARTBEAT.value)
  try:
    yield
    # The first process may have much left to write.
    distributed.barrier('the end of the command')
  except (UserError, OSError) as error:
    fatal.end(f'process {distributed.index_and_count()[0]}: {error}', 2)
  except interruption.Interrupted as error:
    fatal.end('interrupted', error.status)
  except Exception as error:
    # JAX raises a JaxRuntimeError or a ValueError.
    if any(word in str(error) for word in _LOST):
      fatal.lost()
    fatal.end(traceback.format_exc(), 1)
