"""Where a process finds its place among others, and what it does alone."""

import pytest

from cyclegan_jax import distributed
from cyclegan_jax.errors import UserError

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
  'OMPI_MCA_orte_hnp_uri': '1.0;tcp://10.0.0.1:5000',
}
POD = {'KUBERNETES_SERVICE_HOST': '10.0.0.1', 'JOB_COMPLETION_INDEX': '2'}


def found(*flags, **environ):
  place = distributed.place(*flags, environ=environ)
  return place and (place.coordinator, place.count, place.index)


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
def test_who_was_started_alone_works_alone(environ):
  assert found(**environ) is None


def test_launchers_and_flags_tell_the_place():
  assert found(**SRUN) == (None, 4, 3)
  assert found(**MPIRUN) == (None, 2, 1)
  assert found('a:1', 2, 0) == ('a:1', 2, 0)
  # Flags win, and fill in what is missing.
  assert found('a:1', None, None, **SRUN) == ('a:1', 4, 3)
  assert found('a:1', 3, None, **POD) == ('a:1', 3, 2)
  assert found('a:1', **{**MPIRUN, 'OMPI_MCA_orte_hnp_uri': ''}) == ('a:1', 2, 1)
  assert found(None, None, None, True, **POD) == (None, None, 2)
  assert found('[::1]:80', 1, 0) == ('[::1]:80', 1, 0)
  assert found(None, None, None, False, **SRUN) is None


@pytest.mark.parametrize(
  'flags, environ, parts',
  [
    (('a:1', 2, None), {}, ['--process_id is missing', '--coordinator_address']),
    ((None, 2, 0), {}, ['--coordinator_address=HOST:PORT is missing']),
    ((None, None, 1), {}, ['--coordinator_address=HOST:PORT and --num_processes are missing']),
    ((None, None, None, True), {}, ['--distributed tells', '--nodistributed']),
    (('a', 2, 0), {}, ['--coordinator_address=a: expected HOST:PORT']),
    (('a:b', 2, 0), {}, ['--coordinator_address=a:b']),
    ((':1', 2, 0), {}, ['=:1: expected']),
    (('a:70000', 2, 0), {}, ['a:70000']),
    (('a:1', 0, 0), {}, ['--num_processes=0']),
    (('a:1', 2, 2), {}, ['--process_id=2', '0 to 1', '--num_processes=2']),
    (('a:1', 2, -1), {}, ['--process_id=-1']),
    (('a:1', None, None, False), {}, ['--nodistributed and --coordinator_address contradict']),
    # Open MPI 5 no longer tells where its first process is.
    (
      (),
      {k: v for k, v in MPIRUN.items() if 'orte' not in k},
      ['Open MPI tells', '--coordinator_address=HOST:PORT is missing', '--nodistributed'],
    ),
  ],
)
def test_what_does_not_fit_is_said(flags, environ, parts):
  with pytest.raises(UserError) as caught:
    found(*flags, **environ)
  for part in parts:
    assert part in str(caught.value)


def test_alone_nothing_is_shared():
  assert not distributed.joined() and distributed.is_first()
  assert distributed.share([1, 2, 3]) == [1, 2, 3]
  assert distributed.gather('a') == ['a'] and distributed.broadcast('a') == 'a'
  assert distributed.first_alone(lambda: 5, 'test') == 5
  distributed.barrier('test')
  distributed.agree('settings', {'a': 1})


@pytest.mark.parametrize('n', [0, 1, 5, 6, 7])
def test_shares_are_dealt_back_in_order(monkeypatch, n):
  parts = []
  for index in range(3):
    monkeypatch.setattr(distributed, 'numbers', lambda index=index: (index, 3))
    parts.append(distributed.share(list(range(n))))
  assert distributed.interleave(parts) == list(range(n))
  assert max(map(len, parts)) - min(map(len, parts)) <= 1
