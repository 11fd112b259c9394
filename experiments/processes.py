"""Flags of the commands that several processes can do together, and what surrounds these.

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
  'Whether this process works with others. By default it does under srun '
  'and mpirun with several tasks, and with the three flags below; in a pod of a Kubernetes '
  'Indexed Job say so.',
)
_COORDINATOR = flags.DEFINE_string(
  'coordinator_address', None, 'HOST:PORT, the host of process 0 and a port that is free there.'
)
_COUNT = flags.DEFINE_integer('num_processes', None, 'How many processes work together.')
_INDEX = flags.DEFINE_integer('process_id', None, "This process's number, from 0.")
_JOIN = flags.DEFINE_integer(
  'join_timeout', 300, 'Seconds to wait for the other processes to come.', lower_bound=1
)
_HEARTBEAT = flags.DEFINE_integer(
  'heartbeat_timeout',
  30,
  'Seconds of silence after which another process counts as dead.',
  lower_bound=10,
)

# What JAX says when it is another process that is in trouble.
_LOST = ('Gloo', 'gloo', 'NCCL', 'oordination', 'Barrier', 'UNAVAILABLE', 'DEADLINE_EXCEEDED')


@contextlib.contextmanager
def together() -> Iterator[None]:
  """Joins the other processes, if there are any; an error ends this one without waiting for them.

  Raises:
    UserError: flags contradict each other, or the processes do not find each other.
  """
  # Late, so that --help answers at once.
  import jax

  from cyclegan_jax import distributed, fatal
  from cyclegan_jax.errors import UserError

  where = distributed.place(_COORDINATOR.value, _COUNT.value, _INDEX.value, _DISTRIBUTED.value)
  if where is None:
    yield
    return
  distributed.join(where, _JOIN.value, _HEARTBEAT.value)
  try:
    yield
    # What the first one still has to write may take long.
    distributed.barrier('the end of the command')
  except (UserError, OSError) as error:
    fatal.end(f'process {distributed.numbers()[0]}: {error}', 2)
  except KeyboardInterrupt:
    fatal.end('interrupted', 130)
  except jax.errors.JaxRuntimeError as error:
    if any(word in str(error) for word in _LOST):
      fatal.lost()
    fatal.end(traceback.format_exc(), 1)
  except Exception:  # pylint: disable=broad-except
    fatal.end(traceback.format_exc(), 1)
