"""experiments.translate as a person types it: pipes."""

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
