"""experiments.downstream as a person types it."""

import csv
import json
import signal
import subprocess

import numpy as np
import PIL.Image
import pytest

from tests.command_line import command, fails, run, TINY
from tests.conftest import make_pairs

QUICK = ['--steps=4', '--width=4', '--seeds=1', '--few=0.4']


@pytest.fixture(scope='module')
def trained(tmp_path_factory, data_dir):
  """A run on pairs with labels: where IR is bright."""
  root = tmp_path_factory.mktemp('labeled')
  pairs = make_pairs(root / 'pairs', n=24)
  (pairs / 'labels').mkdir()
  for file in (pairs / 'ir').iterdir():
    bright = np.asarray(PIL.Image.open(file)) > 127
    PIL.Image.fromarray(bright.astype(np.uint8)).save(pairs / 'labels' / file.name)
  result = run(
    'train',
    '--dataset=folder',
    f'--source_dir={pairs}',
    '--label_dir=labels',
    f'--data_dir={data_dir}',
    f'--workdir={root / "run"}',
    '--split_by=hash',
    '--steps=3',
    *TINY,
  )
  assert result.returncode == 0, result.stderr
  return root / 'run'


@pytest.mark.parametrize(
  'flags, words',
  [
    (['--few=0.1,x'], ['--few=0.1,x', '0.05,0.2']),
    (['--few=1'], ['--few=1']),
    (['--seeds=0'], ['seeds']),
    (['--steps=0'], ['steps']),
    ([], ['not a run folder']),
  ],
)
def test_bad_flags(tmp_path, flags, words):
  message = fails('downstream', f'--workdir={tmp_path}', *flags)
  for word in words:
    assert word in message


def test_data_without_labels(untrained):
  assert 'no labels' in fails('downstream', f'--workdir={untrained}', *QUICK)


@pytest.mark.slow
def test_interrupted_then_to_the_end(trained):
  flags = [f'--workdir={trained}', *QUICK]
  arguments, options = command('downstream', *flags, stdout=subprocess.PIPE, text=True)
  with subprocess.Popen(arguments, **options) as process:
    for line in process.stdout:
      if line.startswith('1/5'):
        process.send_signal(signal.SIGTERM)
        break
    said = process.stdout.read()
  assert process.returncode == 143 and 'Stopped by signal 15; the same command resumes.' in said
  folder = trained / 'downstream'
  assert not (folder / 'downstream.json').exists() and not list(trained.rglob('*.tmp'))
  done = len(list((folder / 'jobs').iterdir()))
  result = run('downstream', *flags)
  assert result.returncode == 0, result.stderr
  assert f'5 instruments to train, {done} of them done already.' in result.stdout
  assert '| generated IR |' in result.stdout and 'is better than luminance in' in result.stdout
  content = json.loads((folder / 'downstream.json').read_text())
  assert content['checkpoint'] == 'best' and content['trained_steps'] == 3
  with (folder / 'downstream.csv').open(newline='') as lines:
    assert {row['condition'] for row in csv.DictReader(lines)} == set(content['results'])
  assert 'What a detector learns from it' in (trained / 'report.html').read_text()


def test_help():
  result = run('downstream', '--help')
  assert '--few' in result.stdout and 'python -m experiments.downstream' in result.stdout
