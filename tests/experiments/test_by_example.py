"""experiments.translate --style as a person types it."""

import numpy as np
import PIL.Image
import pytest

from cyclegan_jax.image_files import images
from tests.command_line import fails, run
from tests.experiments.conftest import write_untrained


@pytest.fixture(scope='module')
def by_example(pairs, data_dir, tmp_path_factory):
  """A run folder of the preset exemplar with a checkpoint at step 0."""
  folder = tmp_path_factory.mktemp('by_example') / 'run'
  write_untrained(folder, pairs, data_dir, preset='exemplar')
  return folder


@pytest.mark.slow
def test_a_reference_is_the_style_of_all_results(by_example, pairs, tmp_path):
  dark, bright = tmp_path / 'dark.png', tmp_path / 'bright.png'
  for file, level in ((dark, 20), (bright, 230)):
    PIL.Image.fromarray(np.full((24, 32), level, np.uint8)).save(file)
  common = [f'--workdir={by_example}', f'--input={pairs}/rgb', f'--output={tmp_path}/ir']
  result = run('translate', *common, f'--style={dark}')
  assert result.returncode == 0, result.stderr
  assert f'Style: that of {dark}, for all images.' in result.stdout
  made = sorted((tmp_path / 'ir').glob('*.png'))
  assert len(made) == len(list((pairs / 'rgb').iterdir()))
  assert all(images.read_texts(file)['style'].startswith('dark.png ') for file in made)
  before = images.read_image(made[0])
  # Another style is another result.
  message = fails('translate', *common, f'--style={bright}')
  assert 'style dark.png' in message and '--overwrite' in message
  result = run('translate', *common, f'--style={bright}', '--overwrite')
  assert result.returncode == 0, result.stderr
  assert not np.array_equal(images.read_image(made[0]), before)


@pytest.mark.slow
def test_both_ways_to_say_which_image_is_meant_are_refused(by_example, pairs, tmp_path):
  message = fails(
    'translate',
    *(f'--workdir={by_example}', f'--input={pairs}/rgb', f'--output={tmp_path}/ir'),
    *(f'--style={pairs}/ir/000.png', '--temperature=median=3'),
  )
  assert '--temperature and --style are for different models' in message
