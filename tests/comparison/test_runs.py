"""Which run folders count as complete, and what is read from them."""

import json

import numpy as np
import pytest

from cyclegan_jax import checksum
from cyclegan_jax.comparison import runs
from cyclegan_jax.errors import UserError
from cyclegan_jax.runs import reader
from tests.comparison import made_up


@pytest.fixture
def folder(tmp_path):
  made_up.write(tmp_path / 'run', made_up.config(seed=3), level=21)
  return tmp_path / 'run'


def change(file, **entries):
  file.write_text(json.dumps({**json.loads(file.read_text()), **entries}))


def test_a_finished_and_measured_run_is_complete(folder):
  assert runs.is_complete(folder, made_up.config(seed=3), 'test')
  moved = made_up.config(seed=3, data_dir='/elsewhere', log_every=7, cache_gib=0)
  assert runs.is_complete(folder, moved, 'test')


@pytest.mark.parametrize(
  'other',
  [
    dict(seed=4),
    dict(seed=3, epochs=4),
    dict(seed=3, paired=True),
    dict(seed=3, steps=40),
    dict(seed=3, best_metric='ssim'),
  ],
)
def test_a_run_of_another_configuration_is_not(folder, other):
  assert not runs.is_complete(folder, made_up.config(**other), 'test')


def test_a_run_keeps_the_span_that_auto_came_to(tmp_path):
  kept = dict(seed=3, ir_span='7200:7900')
  made_up.write(tmp_path / 'run', made_up.config(**kept), level=21)
  for text, complete in (('auto', True), ('7200:7900', True), ('0:4095', False), ('', False)):
    wanted = made_up.config(**{**kept, 'ir_span': text})
    assert runs.is_complete(tmp_path / 'run', wanted, 'test') == complete, text


def test_so_is_one_of_a_version_that_did_not_know_all_settings(folder):
  results = folder / 'evaluation' / 'test' / 'metrics.json'
  for file, place in ((folder / 'config.json', 'loss'), (results, 'settings')):
    content = checksum.loads(file.read_text())
    del content[place]['nce_weight']
    file.write_text(checksum.dumps(content))
  assert runs.is_complete(folder, made_up.config(seed=3), 'test')
  other = made_up.config(seed=3, nce_weight=1.0)
  assert not runs.is_complete(folder, other, 'test')


def test_neither_is_one_that_was_measured_on_another_split(folder):
  assert not runs.is_complete(folder, made_up.config(seed=3), 'validation')


@pytest.mark.parametrize(
  'entries', [dict(trained_steps=20), dict(checkpoint='latest'), dict(checkpoint='20')]
)
def test_nor_one_that_was_measured_before_its_end_or_elsewhere(folder, entries):
  change(folder / 'evaluation' / 'test' / 'metrics.json', **entries)
  assert not runs.is_complete(folder, made_up.config(seed=3), 'test')


def test_nor_one_that_stopped_early(folder):
  file = folder / 'metrics.csv'
  file.write_text('\n'.join(file.read_text().splitlines()[:-1]) + '\n')
  change(folder / 'evaluation' / 'test' / 'metrics.json', trained_steps=20)
  assert not runs.is_complete(folder, made_up.config(seed=3), 'test')


@pytest.mark.parametrize('name', ['config.json', 'metrics.csv', 'evaluation/test/metrics.json'])
@pytest.mark.parametrize('content', [None, '', '{', '[]', 'null'])
def test_nor_one_with_a_missing_or_damaged_file(folder, name, content):
  (folder / name).unlink() if content is None else (folder / name).write_text(content)
  assert not runs.is_complete(folder, made_up.config(seed=3), 'test')


def test_load(folder):
  run = runs.load(folder, 'test')
  # Sorted by name: image10 comes before image2.
  order = sorted(range(made_up.N), key=lambda i: f'place{i // 3}/image{i}')
  measured = run.measurements
  np.testing.assert_allclose(measured.per_image['psnr'], made_up.values(3, 21)['psnr'][order])
  assert measured.clusters == [name.split('/')[0] for name in measured.ids]
  np.testing.assert_allclose(run.validation['epoch'], [1, 2, 3])
  assert measured.folder == folder / 'evaluation' / 'test'


@pytest.mark.parametrize(
  'header, clusters',
  [
    ('id,sequence,psnr\na/1,x,1\na/2,y,2\n', ['x', 'y']),
    ('id,sequence,psnr\n1,,1\n2,,2\n', ['1', '2']),
  ],
)
def test_an_image_without_a_sequence_stands_for_itself(folder, header, clusters):
  (folder / 'evaluation' / 'test' / 'per_image.csv').write_text(header)
  assert runs.load(folder, 'test').measurements.clusters == clusters


@pytest.mark.parametrize(
  'content', [None, '', 'id,sequence,psnr\n', 'id,psnr\na,1\n', 'id,sequence,psnr\na,,x\n']
)
def test_a_damaged_table_is_named(folder, content):
  file = folder / 'evaluation' / 'test' / 'per_image.csv'
  file.unlink() if content is None else file.write_text(content)
  with pytest.raises(UserError, match='per_image.csv'):
    runs.load(folder, 'test')


@pytest.mark.parametrize(
  'entry, words',
  [
    (dict(split_sha256='other'), "split's images is other"),
    (dict(n=13), 'number of images'),
    (dict(image_size=[32, 32]), 'image size'),
    (dict(value_range=[0, 65535]), 'value range'),
  ],
)
def test_runs_on_other_images_are_refused_by_name(folder, tmp_path, entry, words):
  made_up.write(tmp_path / 'second', made_up.config(seed=4), **entry)
  with pytest.raises(UserError, match=words) as error:
    runs.check_alike([runs.load(folder, 'test'), runs.load(tmp_path / 'second', 'test')])
  assert 'second cannot be compared' in str(error.value)


def test_measurements_of_other_checkpoints_stay_beside_those_of_the_best(tmp_path):
  run = made_up.config()
  made_up.write(tmp_path, run, level=20)
  made_up.write(tmp_path, run, level=18, split='test_latest', checkpoint='latest')
  assert runs.is_complete(tmp_path, run, 'test')
  psnr = {
    which: reader.read([tmp_path], 'test', which)[0].measured.content['model']['psnr']
    for which in ('best', 'latest')
  }
  assert psnr['best'] > 19 > psnr['latest']
  assert reader.read([tmp_path], 'test', '20')[0].measurements is None


def test_a_run_that_ended_early_is_complete(tmp_path):
  run = made_up.config(epochs=30, best_metric='psnr', patience=3)
  made_up.write(tmp_path, run)
  assert not runs.is_complete(tmp_path, run, 'test')
  # PSNR rises to step 10 and then falls.
  text = 'step,epoch,psnr,ssim\n' + ''.join(f'{10 * i},{i},{20 - i},0.5\n' for i in range(1, 5))
  (tmp_path / 'validation.csv').write_text(text)
  assert runs.is_complete(tmp_path, run, 'test')
