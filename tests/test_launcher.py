"""How a process finds the others, and how it says what is missing."""

import jax
from jax._src.clusters import ClusterEnv
from jax._src.distributed import State
import pytest

from cyclegan_jax import fatal, launcher
from cyclegan_jax.errors import UserError
from cyclegan_jax.launcher import Launch

SRUN = {
  'SLURM_JOB_ID': '7',
  'SLURM_STEP_NODELIST': 'node[1-2]',
  'SLURM_NTASKS': '4',
  'SLURM_PROCID': '3',
  'SLURM_LOCALID': '1',
  'SLURM_STEP_NUM_TASKS': '4',
}
MPIRUN = {
  'OMPI_COMM_WORLD_SIZE': '2',
  'OMPI_COMM_WORLD_RANK': '1',
  'OMPI_COMM_WORLD_LOCAL_RANK': '1',
  'OMPI_MCA_orte_hnp_uri': '4096.0;tcp://10.0.0.1:5000',
}
POD = {'KUBERNETES_SERVICE_HOST': '10.0.0.1', 'JOB_COMPLETION_INDEX': '2'}


def find(*flags, distributed=None, **environ):
  return launcher.find_launcher(Launch(*flags), distributed, environ)


@pytest.fixture
def join(monkeypatch):
  """`launcher.join` with an `initialize` of choice, and without its watch over this process."""
  monkeypatch.setattr(fatal, 'watch', lambda: None)

  def join(launch, initialize):
    monkeypatch.setattr(jax.distributed, 'initialize', initialize)
    launcher.join(launch, 60, 10)

  return join


@pytest.mark.parametrize(
  'environ',
  [
    {},
    {**SRUN, 'SLURM_STEP_NUM_TASKS': '1', 'SLURM_NTASKS': '1', 'SLURM_PROCID': '0'},
    # In the shell of salloc, and in a batch script: the job has tasks, the shell is none of them.
    {'SLURM_JOB_ID': '7', 'SLURM_NTASKS': '4'},
    {'SLURM_JOB_ID': '7', 'SLURM_NTASKS': '4', 'SLURM_PROCID': '0', 'SLURM_LOCALID': '0'},
    {**SRUN, 'SLURM_STEP_NUM_TASKS': '1'},
    # A pod may be a run of its own.
    POD,
    {**MPIRUN, 'OMPI_COMM_WORLD_SIZE': '1', 'OMPI_COMM_WORLD_RANK': '0'},
  ],
)
def test_a_process_that_was_started_alone_works_alone(environ):
  assert find(**environ) is None


def test_launchers_and_flags_say_how_to_join():
  assert find(**SRUN) == Launch(None, 4, 3, 1)
  assert find(**MPIRUN) == Launch(None, 2, 1, 1)
  assert find('a:1', 2, 0) == Launch('a:1', 2, 0)
  # Flags win, and fill in what is missing.
  assert find('a:1', None, None, **SRUN) == Launch('a:1', 4, 3, 1)
  assert find('a:1', 3, None, **POD) == Launch('a:1', 3, 2)
  assert find('a:1', **{**MPIRUN, 'OMPI_MCA_orte_hnp_uri': ''}) == Launch('a:1', 2, 1, 1)
  assert find(distributed=True, **POD) == Launch(process_id=2)
  assert find('[::1]:80', 1, 0) == Launch('[::1]:80', 1, 0)
  assert find(distributed=False, **SRUN) is None


@pytest.mark.parametrize(
  'visible, used',
  [({}, 1), ({'CUDA_VISIBLE_DEVICES': '0,1'}, 1), ({'CUDA_VISIBLE_DEVICES': '1'}, 0)],
)
def test_a_task_takes_the_one_gpu_it_sees(visible, used):
  assert find(**SRUN, **visible).local_device_ids == used


@pytest.mark.parametrize(
  'flags, distributed, parts',
  [
    (('a', 2, 0), None, ['--coordinator_address=a: expected HOST:PORT']),
    (('a:b', 2, 0), None, ['--coordinator_address=a:b']),
    ((':1', 2, 0), None, ['=:1: expected']),
    (('a:70000', 2, 0), None, ['a:70000']),
    (('a:1', None, None), False, ['--nodistributed contradicts --coordinator_address']),
    ((None, None, 0), False, ['--nodistributed contradicts', '--process_id']),
  ],
)
def test_flags_that_do_not_fit_are_refused(flags, distributed, parts):
  with pytest.raises(UserError) as caught:
    find(*flags, distributed=distributed)
  for part in parts:
    assert part in str(caught.value)


@pytest.mark.parametrize(
  'flags, environ, parts',
  [
    (('a:1', 2, None), {}, ['process id', 'must be defined', '--process_id']),
    ((None, 2, 0), {}, ['coordinator_address should be defined', '=HOST:PORT']),
    ((None, None, 1), {}, ['coordinator_address should be defined', '--num_processes']),
    ((), {}, ['one of several processes', 'coordinator_address should', '--nodistributed']),
    (('a:1', 0, 0), {}, ['num_processes=0']),
    (('a:1', 2, 2), {}, ['process_id < num_processes', 'process_id=2', 'num_processes=2']),
    (('a:1', 2, -1), {}, ['nonnegative', 'process_id=-1']),
    # Open MPI 5 does not tell where its first process is.
    (
      (),
      {k: v for k, v in MPIRUN.items() if 'orte' not in k},
      ['process 1 of 2', '--coordinator_address=HOST:PORT', '--nodistributed'],
    ),
  ],
)
def test_what_jax_does_not_find_is_asked_for(join, monkeypatch, flags, environ, parts):
  for name, value in environ.items():
    monkeypatch.setenv(name, value)
  with pytest.raises(UserError) as caught:
    join(find(*flags, distributed=True, **environ), State().initialize)
  for part in ('cannot join the others', *parts):
    assert part in str(caught.value)


@pytest.mark.parametrize('environ, address', [(SRUN, 'node1:'), (MPIRUN, '10.0.0.1:')])
def test_jax_finds_the_coordinator_of_a_launcher(join, monkeypatch, environ, address):
  for name, value in environ.items():
    monkeypatch.setenv(name, value)
  found = {}

  def initialize(**kwargs):
    found['given'] = kwargs
    names = ('coordinator_address', 'num_processes', 'process_id', 'local_device_ids')
    found['whole'] = ClusterEnv.auto_detect_unset_distributed_params(
      *(kwargs[name] for name in names), kwargs['cluster_detection_method'], 60
    )

  launch = find(**environ)
  join(launch, initialize)
  assert found['whole'][0].startswith(address)
  assert found['whole'][1:] == (launch.num_processes, launch.process_id, 1)
  join(find('a:1', **environ), initialize)
  assert found['given']['cluster_detection_method'] == 'deactivate'
