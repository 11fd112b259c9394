"""Commands in unusual surroundings: no traceback, a known exit status, no false statement."""

import importlib.util
import itertools
import os
import pathlib
import resource
import shutil
import subprocess
import sys

import pytest

from tests import compiler
from tests.conftest import make_pairs, REPOSITORY
from tests.datasets.camera import writer

STATUSES = {0, 2, 75, 130, 143}
# What was said where it was not true.
FALSE = ('UTF-8', 'damaged', 'Exception ignored')
# Variables to set, or to remove (None).
SURROUNDINGS = {
  'no home': {'HOME': None},
  'home /': {'HOME': '/'},
  'home that is not there': {'HOME': '/no/such/folder'},
  'ASCII': {'LC_ALL': 'C', 'PYTHONIOENCODING': 'ascii', 'PYTHONUTF8': '0'},
  'Latin': {'LC_ALL': 'POSIX', 'PYTHONIOENCODING': 'latin-1'},
  'dumb': {'TERM': 'dumb', 'COLUMNS': '1'},
  'no terminal': {'TERM': None, 'LANG': None},
  **{
    f'{name}={value or "(empty)"}': {name: value}
    for name, value in itertools.product(
      ('JAX_PLATFORMS', 'JAX_PLATFORM_NAME'), ('nonsense', 'cuda', 'gpu', 'tpu', '', 'cpu')
    )
  },
  'JAX_PLATFORMS=cpu,cuda': {'JAX_PLATFORMS': 'cpu,cuda'},
}


def environment(changes):
  found = {**os.environ, 'XLA_FLAGS': compiler.xla_flags()}
  found['PYTHONPATH'] = str(REPOSITORY)
  found.update({name: value for name, value in changes.items() if value is not None})
  return {name: value for name, value in found.items() if changes.get(name, '') is not None}


def commands(run, pairs, data_dir, out):
  """Each command with the flags that it needs, by name."""
  data = ('--dataset=folder', f'--source_dir={pairs}', f'--data_dir={data_dir}')
  tiny = (
    *('--image_size=16', '--base_width=4', '--n_residual_blocks=1', '--n_downsampling=2'),
    *('--discriminator_width=4', '--discriminator_layers=2', '--batch_size=4'),
  )
  found = {
    'train': (*data, *tiny, '--steps=1', f'--workdir={out / "run"}'),
    'evaluate': (f'--workdir={run}', '--gallery=1'),
    'translate': (f'--workdir={run}', f'--input={pairs / "rgb"}', f'--output={out / "ir"}'),
    'export': (f'--workdir={run}', '--format=stablehlo', f'--output={out / "model"}'),
    'check_pairs': (*data, f'--output={out / "checked"}'),
    'report': (f'--workdir={run}', f'--output={out / "report.html"}'),
    'model_card': (f'--workdir={run}', f'--output={out / "card.md"}'),
    'compare': (*data, *tiny, '--models=paired', '--print_jobs', f'--output={out / "c"}'),
  }
  if importlib.util.find_spec('flyr'):  # The extra camera.
    photos = out / 'photos'
    photos.mkdir(exist_ok=True)
    (photos / '1.jpg').write_bytes(writer.thermogram(*writer.scene(), (1.0, 0, 0)))
    found['camera'] = (f'--source_dir={photos}', f'--output={out / "folders"}')
  return found


def start(name, *flags, changes=None, cwd=REPOSITORY, **options):
  arguments = [sys.executable, '-m', f'experiments.{name}', *flags]
  options = {'stdout': subprocess.PIPE, 'stderr': subprocess.PIPE} | options
  return subprocess.Popen(arguments, cwd=cwd, env=environment(changes or {}), **options)


def checked(process):
  """What a command said on standard error, after the checks that hold everywhere."""
  said, errors = (b'' if text is None else text for text in process.communicate(timeout=300))
  both = (said + errors).decode(errors='replace')
  assert process.returncode in STATUSES, both
  assert 'Traceback' not in both, both
  assert not [words for words in FALSE if words in both], both
  return errors.decode(errors='replace')


def share(surrounding):
  """A third of the commands: the next ones for the next surrounding, so that each has its turn."""
  return slice(list(SURROUNDINGS).index(surrounding) % 3, None, 3)


@pytest.mark.slow
@pytest.mark.parametrize('surrounding', SURROUNDINGS)
def test_commands_in_every_surrounding(untrained, pairs, data_dir, tmp_path, surrounding):
  changes = SURROUNDINGS[surrounding]
  run = shutil.copytree(untrained, tmp_path / 'untrained')
  usable = not set(changes.values()) & {'nonsense', 'cuda', 'gpu', 'tpu'}
  for name, flags in list(commands(run, pairs, data_dir, tmp_path).items())[share(surrounding)]:
    process = start(name, *flags, changes=changes, cwd=tmp_path)
    errors = checked(process)
    if usable:
      assert process.returncode == 0, f'{name}: {errors}'
    elif process.returncode:
      assert next(iter(changes)) in errors
  assert not list(tmp_path.rglob('~*'))


def test_platforms_that_are_not_there_are_named(untrained, pairs, tmp_path):
  flags = commands(untrained, pairs, tmp_path, tmp_path)['evaluate']
  process = start('evaluate', *flags, changes={'JAX_PLATFORMS': 'nonsense'})
  errors = checked(process)
  assert process.returncode == 2
  assert 'JAX_PLATFORMS=nonsense: JAX cannot compute on this platform' in errors
  assert 'JAX_PLATFORMS=cpu' in errors


@pytest.mark.parametrize(
  'flags, words',
  [
    (('--workdir=~/run',), '~/run: the home folder that ~ stands for is not known'),
    (('--workdir=~nobody.at.all/run',), './~nobody.at.all is a file'),
    (('--workdir=run',), '--data_dir'),
  ],
)
def test_without_a_home_nothing_is_made_in_a_folder_called_tilde(tmp_path, flags, words):
  """Root's home is known without HOME, too; expanduser is made to know nobody's."""
  code = (
    'import os, runpy, sys\n'
    'os.path.expanduser = lambda path: path\n'
    'runpy.run_module("experiments.train", run_name="__main__")\n'
  )
  result = subprocess.run(
    [sys.executable, '-c', code, '--preset=demo', *flags],
    cwd=tmp_path,
    env=environment({'HOME': None}),
    capture_output=True,
    text=True,
    timeout=300,
  )
  assert result.returncode == 2 and words in result.stderr, result.stderr
  assert 'Traceback' not in result.stderr
  assert list(tmp_path.iterdir()) == []


def test_a_reader_that_goes_does_not_stop_the_work(untrained, pairs, tmp_path):
  flags = commands(untrained, pairs, tmp_path, tmp_path)['translate']
  reader, writer = os.pipe()
  os.close(reader)  # As of `| head`, once it has enough.
  process = start('translate', *flags, stdout=writer)
  os.close(writer)
  assert checked(process) == '' and process.returncode == 0
  assert len(list((tmp_path / 'ir').iterdir())) == len(list((pairs / 'rgb').iterdir()))


@pytest.mark.parametrize('number', [0, 1, 2])
def test_a_closed_stream_is_no_file(untrained, pairs, tmp_path, number):
  """Its number would be given to the next file that is opened."""
  flags = commands(untrained, pairs, tmp_path, tmp_path)['report']
  process = start('report', *flags, preexec_fn=lambda: os.close(number))
  assert checked(process) == '' and process.returncode == 0
  assert (tmp_path / 'report.html').read_text().startswith('<!')


def test_a_full_log_does_not_stop_the_work(untrained, pairs, tmp_path):
  flags = commands(untrained, pairs, tmp_path, tmp_path)['report']
  with pathlib.Path('/dev/full').open('w') as full:
    process = start('report', *flags, stdout=full)
  assert 'Standard output cannot be written' in checked(process) and process.returncode == 0


def test_names_that_a_terminal_does_not_know(untrained, pairs, tmp_path):
  photos = tmp_path / 'Überführung'
  photos.mkdir()
  (photos / 'straße.png').write_text('no image')
  shutil.copy(pairs / 'rgb' / '000.png', photos / 'brücke.png')
  output = tmp_path / 'ir'
  process = start(
    'translate',
    *(f'--workdir={untrained}', f'--input={photos}', f'--output={output}'),
    changes={'LC_ALL': 'C', 'PYTHONIOENCODING': 'ascii'},
  )
  errors = process.communicate(timeout=300)[1].decode('ascii')
  assert process.returncode == 2 and r'stra\xdfe.png: not an image' in errors
  assert [file.name for file in output.iterdir()] == ['brücke.png']


def test_a_quota_while_data_are_prepared_is_said(tmp_path):
  source = make_pairs(tmp_path / 'pairs', 60, (96, 96))
  process = start(
    'check_pairs',
    *('--dataset=folder', f'--source_dir={source}', f'--data_dir={tmp_path / "data"}'),
    f'--output={tmp_path / "out"}',
    preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000)),
  )
  errors = checked(process)
  assert process.returncode == 2
  assert f'cannot be prepared in {tmp_path / "data"}' in errors and '--data_dir' in errors
  assert not list((tmp_path / 'data').rglob('*.array_record*'))


def test_one_function_knows_what_a_missing_home_means():
  found = {
    file.relative_to(REPOSITORY).as_posix()
    for folder in ('cyclegan_jax', 'datasets', 'experiments')
    for file in (REPOSITORY / folder).rglob('*.py')
    if 'expanduser' in file.read_text()
  }
  # The cache for programs does without.
  assert found == {'cyclegan_jax/files.py', 'experiments/program_cache.py'}
