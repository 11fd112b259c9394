"""experiments.evaluate --on: a model measured on other data than its own."""

import json
import shutil

import numpy as np
import PIL.Image
import pytest

from cyclegan_jax.data.source import Dataset, make_domains
from cyclegan_jax.errors import UserError
from cyclegan_jax.settings import DataConfig
from experiments import other_data
from tests.command_line import fails, run
from tests.conftest import make_pairs

TRAINED = DataConfig(
  dataset='osu',
  source_dir='/there',
  image_size=(32, 40),
  keep_aspect='crop',
  data_dir='/data',
  options={'split_by': 'sequence'},
)


def test_a_folder_a_name_and_flags_say_which_data(tmp_path):
  by_path = other_data.config(str(tmp_path), TRAINED)
  assert by_path == other_data.config(f'--dataset=folder --source_dir={tmp_path}', TRAINED)
  assert (by_path.dataset, by_path.source_dir) == ('folder', str(tmp_path))
  # Images are prepared as in training; nothing else is left of the other data set.
  assert (by_path.image_size, by_path.keep_aspect) == ((32, 40), 'crop')
  assert by_path.data_dir == '/data' and by_path.options == {} and by_path.paired
  assert other_data.config('synthetic', TRAINED).source_dir == ''
  options = other_data.config('--dataset=synthetic --extra_scenes=2', TRAINED).options
  assert options == {'extra_scenes': 2}


@pytest.mark.parametrize(
  'text, words',
  [
    ('--sorce_dir=x', 'sorce_dir'),
    ('--dataset=nosuch', 'nosuch'),
    ('--dataset=synthetic --split_by=hash', 'split_by'),
    ('--dataset=folder more', "'more'"),
    ('--dataset="', 'quot'),
  ],
)
def test_what_names_no_data_is_refused_with_the_flag(text, words):
  with pytest.raises(UserError, match=words) as refused:
    other_data.config(text, TRAINED)
  assert '--on=' in str(refused.value)


def test_other_depths_are_refused():
  deep = make_domains(TRAINED, {'rgb': 255, 'ir': 65535})
  with pytest.raises(UserError, match='IR images of far have 16 bits.*on 8 bits'):
    other_data.check_domains(Dataset('far', '', '0', deep, {}), make_domains(TRAINED))


@pytest.mark.slow
def test_results_have_their_own_folder(untrained, data_dir, tmp_path):
  workdir, pairs = tmp_path / 'run', make_pairs(tmp_path / 'elsewhere', size=(20, 20))
  shutil.copytree(untrained, workdir)
  for i, file in enumerate(sorted((pairs / 'ir').iterdir())):
    PIL.Image.fromarray(np.full((20, 20), 10 * i, np.uint8)).save(file)
  place = f'--data_dir={data_dir}'
  done = run('evaluate', f'--workdir={workdir}', place, f'--on={pairs}', '--split=train')
  assert done.returncode == 0, done.stderr
  (folder,) = (workdir / 'on').iterdir()
  assert folder.name.startswith('elsewhere-')
  content = json.loads((folder / 'evaluation' / 'train' / 'metrics.json').read_text())
  assert content['on']['dataset'] == 'folder' and content['n'] > 0
  # The baselines are those of the other data: the mean of its images, all of one gray level each.
  assert content['baselines']['constant']['mse'] == pytest.approx(
    content['baselines']['mean_image']['mse']
  )
  assert not (workdir / 'evaluation').exists() and not (workdir / 'report.html').exists()
  assert '--source_dir' in fails(
    'evaluate', f'--workdir={workdir}', place, f'--on={pairs}', f'--source_dir={pairs}'
  )
