"""What tests of several commands start from."""

import pytest

from cyclegan_jax import config as config_lib
from cyclegan_jax.training import run_start
import datasets
from tests.training import fresh


def write_untrained(folder, source, data_dir, **settings):
  """Writes a run folder with a checkpoint at step 0, of a folder of pairs."""
  config = config_lib.make(
    dataset='folder',
    source_dir=str(source),
    data_dir=str(data_dir),
    paired=True,
    image_size=(16, 16),
    base_width=4,
    n_residual_blocks=1,
    n_downsampling=2,
    discriminator_width=4,
    discriminator_layers=2,
    batch_size=4,
    **settings,
  )
  run_start.write(config, datasets.open_dataset(config.data), folder, fresh.state(config))


@pytest.fixture(scope='module')
def untrained(pairs, data_dir, tmp_path_factory):
  """A run folder with a checkpoint at step 0."""
  folder = tmp_path_factory.mktemp('untrained') / 'run'
  write_untrained(folder, pairs, data_dir)
  return folder
