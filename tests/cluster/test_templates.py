"""What can be known of the templates in cluster/ without a cluster; try_slurm.sh runs them."""

import pathlib
import re
import subprocess
import sys

import pytest

CLUSTER = pathlib.Path(__file__).resolve().parents[2] / 'cluster'


@pytest.fixture(scope='module')
def known():
  """The flags of the commands that the templates start."""
  found = {}
  for command in ('train', 'compare'):
    result = subprocess.run(
      [sys.executable, '-m', f'experiments.{command}', '--helpfull'],
      cwd=CLUSTER.parent,
      capture_output=True,
      text=True,
    )
    found[command] = set(re.findall(r'--(?:\[no\])?(\w+)', result.stdout))
  return found


def python_flags(text, command):
  """Flags that follow a command, up to the end of the line or of the YAML list."""
  used = set()
  for part in text.split(f'experiments.{command}')[1:]:
    part = re.split(r'\n(?!\s*- --)|sbatch', part)[0]
    used |= set(re.findall(r'--(\w+)', part))
  return used


@pytest.mark.parametrize(
  'file, command, least',
  [
    ('slurm_compare.sbatch', 'compare', {'output', 'job'}),
    ('slurm.sbatch', 'train', set()),
    ('kubernetes.yaml', 'train', {'coordinator_address', 'num_processes', 'workdir'}),
  ],
)
def test_flags_exist(file, command, least, known):
  used = python_flags((CLUSTER / file).read_text(), command)
  assert least <= used <= known[command]


@pytest.mark.parametrize('file', ('slurm.sbatch', 'slurm_compare.sbatch', 'try_slurm.sh'))
def test_bash_reads_it(file):
  result = subprocess.run(['bash', '-n', CLUSTER / file], capture_output=True, text=True)
  assert result.returncode == 0, result.stderr


def submitted(file, folder, status, restarts):
  """What a template asks of scontrol after srun has ended with a status; '' for nothing."""
  for name, script in {'srun': f'exit {status}', 'scontrol': f'echo "$@" > {folder}/asked'}.items():
    (folder / name).write_text(f'#!/bin/bash\n{script}\n')
    (folder / name).chmod(0o755)
  result = subprocess.run(
    ['bash', CLUSTER / file, 'given'],
    env={
      'PATH': f'{folder}:/usr/bin:/bin',
      'SLURM_JOB_ID': '7',
      'SLURM_CPUS_PER_TASK': '1',
      'SLURM_ARRAY_JOB_ID': '7',
      'SLURM_ARRAY_TASK_ID': '2',
      'SLURM_RESTART_COUNT': str(restarts),
    },
  )
  assert result.returncode == status
  asked = folder / 'asked'
  return asked.read_text() if asked.exists() else ''


@pytest.mark.parametrize(
  'status, restarts, again',
  [(0, 0, False), (2, 0, False), (143, 0, True), (75, 3, True), (137, 0, True), (143, 50, False)],
)
def test_slurm_job_is_queued_again_if_that_helps(tmp_path, status, restarts, again):
  assert submitted('slurm.sbatch', tmp_path, status, restarts) == ('requeue 7\n' if again else '')


@pytest.mark.parametrize(
  'status, restarts, again', [(0, 0, False), (1, 0, False), (143, 0, True), (143, 50, False)]
)
def test_slurm_array_queues_one_task_again(tmp_path, status, restarts, again):
  # The last task of an array has the array's own number: 7 alone would be all of them.
  asked = submitted('slurm_compare.sbatch', tmp_path, status, restarts)
  assert asked == ('requeue 7_2\n' if again else '')


def test_kubernetes_knows_all_of_it():
  validate = pytest.importorskip(
    'kubernetes_validate', reason='needs the extra test: pip install ".[test]"'
  )
  yaml = pytest.importorskip('yaml', reason='comes with kubernetes_validate')
  documents = list(yaml.safe_load_all((CLUSTER / 'kubernetes.yaml').read_text()))
  for document in documents:
    validate.validate(document, validate.latest_version(), strict=True)
  job = documents[-1]['spec']
  container = job['template']['spec']['containers'][0]
  assert f'--num_processes={job["completions"]}' in container['args']
  assert job['completions'] == job['parallelism']
  # The pods find the first one by the name that the headless service gives it.
  names = [document['metadata']['name'] for document in documents]
  assert f'--coordinator_address={names[2]}-0.{names[0]}:29500' in container['args']
  assert documents[0]['spec']['clusterIP'] == 'None'
  assert job['template']['spec']['subdomain'] == names[0]
