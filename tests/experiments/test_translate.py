"""experiments.translate as a person types it: pipes, a kill, files that cannot be read."""

import shutil
import subprocess

import pytest

import datasets
from cyclegan_jax import config as config_lib
from cyclegan_jax.training import loop, state
from tests.experiments.test_commands import command, run as run_command


@pytest.fixture(scope='module')
def trained(pairs, data_dir, tmp_path_factory, quickly_compiled):
  """A run folder with a checkpoint at step 0."""
  config = config_lib.make(
      dataset='folder', source_dir=str(pairs), data_dir=str(data_dir), paired=True,
      image_size=(16, 16), base_width=4, n_residual_blocks=1, n_downsampling=2,
      discriminator_width=4, discriminator_layers=2, batch_size=4)
  folder = tmp_path_factory.mktemp('translate') / 'run'
  loop.start(config, datasets.open_dataset(config.data), folder, state.initialise(config))
  return folder


def test_streams_hold_what_files_hold(trained, pairs, tmp_path):
  photo = pairs / 'rgb/000.png'
  result = run_command('translate', f'--workdir={trained}', f'--input={photo}',
                       f'--output={tmp_path}/a.png')
  assert result.returncode == 0, result.stderr
  arguments, options = command('translate', f'--workdir={trained}', '--input=-', '--output=-')
  piped = subprocess.run(arguments, input=photo.read_bytes(), capture_output=True, timeout=300,
                         **options)
  assert piped.returncode == 0, piped.stderr
  assert piped.stdout == (tmp_path / 'a.png').read_bytes()


# The command in a process that ends at the sixth result, as if it were killed.
_KILLED = '''
import os, runpy, sys
from cyclegan_jax.inference import outputs
write, begun = outputs.write, []
def killing(*arguments):
  begun.append(None)
  if len(begun) > 5:
    os._exit(137)
  return write(*arguments)
outputs.write = killing
runpy.run_module('experiments.translate', run_name='__main__')
'''


def test_the_same_command_goes_on_after_a_kill_and_failures_are_listed(trained, pairs, tmp_path):
  photos = tmp_path / 'photos'
  shutil.copytree(pairs / 'rgb', photos / 'day')
  (photos / 'broken.png').write_bytes(b'no image')
  arguments, options = command('translate', f'--workdir={trained}', f'--input={photos}',
                               f'--output={tmp_path}/ir')
  killed = [arguments[0], '-c', _KILLED, *arguments[3:]]
  result = subprocess.run(killed, capture_output=True, text=True, timeout=300, **options)
  assert result.returncode == 137, result.stderr
  before = {file.name: file.stat().st_mtime_ns for file in (tmp_path / 'ir/day').glob('*.png')}
  assert 0 < len(before) < len(list(photos.glob('day/*')))
  result = run_command('translate', f'--workdir={trained}', f'--input={photos}',
                       f'--output={tmp_path}/ir')
  assert result.returncode == 2
  assert 'broken.png' in result.stderr and 'error: 1 of ' in result.stderr
  assert f'{len(before)} of ' in result.stdout
  whole = run_command('translate', f'--workdir={trained}', f'--input={photos}',
                      f'--output={tmp_path}/whole')
  assert whole.returncode == 2
  for file in (tmp_path / 'whole/day').iterdir():
    again = tmp_path / 'ir/day' / file.name
    assert again.read_bytes() == file.read_bytes()
    assert before.get(file.name, again.stat().st_mtime_ns) == again.stat().st_mtime_ns
  assert not (tmp_path / 'ir/broken.png').exists()
