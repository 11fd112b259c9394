"""Files of a downstream study, its part of the run's page, and several runs side by side."""

import csv
import json
import shutil

import numpy as np
import PIL.Image
import pytest

from cyclegan_jax import checksum
from cyclegan_jax.comparison import downstream as compared
from cyclegan_jax.comparison.compare import ComparedModel
from cyclegan_jax.downstream import results, study, tables
from cyclegan_jax.errors import UserError
from cyclegan_jax.reports import downstream_files, label_maps, run_page
from cyclegan_jax.runs import reader
from tests.command_line import run as run_command
from tests.comparison import made_up as made_up_runs
from tests.downstream import made_up
from tests.reports.test_run_page import plain, rows_of

pytestmark = pytest.mark.slow

STEPS = 30  # Of the made-up runs.


def write(folder, seed=0, perfect=True):
  """A run that was studied after its training."""
  made_up_runs.write(folder, made_up_runs.config(seed))
  data = made_up.dataset()
  model = made_up.model(data, perfect, seed)
  place = folder / 'downstream'
  found = study.run(place, model, data, model.config.data, made_up.QUICK, lambda line: None)
  content = results.result(found, model) | {'checkpoint': 'best', 'trained_steps': STEPS}
  downstream_files.write(place, content, found)


@pytest.fixture(scope='module')
def runs(tmp_path_factory):
  """Two models with two seeds each."""
  root = tmp_path_factory.mktemp('runs')
  for label, perfect in (('good', True), ('bad', False)):
    for seed in (0, 1):
      write(root / label / f'seed{seed}', seed, perfect)
  return root


def rows(file):
  with file.open(newline='') as lines:
    return list(csv.DictReader(lines))


def test_all_files_say_the_same(runs):
  folder = runs / 'good' / 'seed0' / 'downstream'
  content = json.loads((folder / 'downstream.json').read_text())
  found = content['results']
  for row in rows(folder / 'downstream.csv'):
    own, seed = found[row['condition']], int(row['seed'])
    assert float(row['mean_iou']) == pytest.approx(own['mean_iou']['by_seed'][seed], rel=1e-5)
    assert float(row['iou_person']) == pytest.approx(
      own['iou']['person']['by_seed'][seed], abs=1e-5
    )
    assert int(row['n_train']) == own['n_train'][seed] and 'iou_unicorn' not in row
  images = rows(folder / 'per_image.csv')
  assert len(images) == content['n'] == 8 and content['n_sequences'] == 4
  for name, row in found.items():
    values = [float(image[name]) for image in images]
    assert np.mean(values) == pytest.approx(row['mean_iou']['mean'], abs=1e-6)
  summary = (folder / 'summary.md').read_text()
  assert 'Not in the test images, so left out: unicorn.' in summary
  assert '| generated IR | 10 |' in summary and 'reaches 100 % of the mean IoU' in summary
  assert PIL.Image.open(folder / 'examples.png').mode == 'RGB'


def test_the_runs_page_has_a_section(runs):
  folder = runs / 'bad' / 'seed0'
  text = run_page.render(reader.read([folder], 'test'), 'test', 0)
  content = json.loads((folder / 'downstream' / 'downstream.json').read_text())
  label = 'Intersection over union after each kind of training images'
  assert rows_of(text, label) == tables.rows(content)
  for sentence in tables.sentences(content):
    assert sentence in plain(text)
  assert text.count('data:image/jpeg') == 1
  light = run_page.render(reader.read([folder], None), None, 0)
  assert label not in light
  damaged = folder / 'downstream' / 'downstream.json'
  before = damaged.read_text()
  damaged.write_text('{}')
  with pytest.raises(UserError, match=r'downstream\.json.*experiments\.downstream'):
    run_page.render(reader.read([folder], 'test'), 'test', 0)
  damaged.write_text(before)


def test_models_side_by_side(runs):
  models = {
    label: ComparedModel(
      '', label, reader.read([runs / label / f'seed{i}' for i in (0, 1)], 'test')
    )
    for label in ('good', 'bad')
  }
  content = compared.compare(models, [('good', 'bad')])
  header, good, bad = compared.models_table(content)
  assert header[2:4] == ['real IR', 'generated IR'] and good[:2] == ['good', '2']
  # What has no part of the model is the same for all.
  for title in ('real IR', 'luminance (gray)', '30 % real IR'):
    assert good[header.index(title)] == bad[header.index(title)]
  by_condition = {one['condition']: one for one in content['comparisons']}
  assert list(by_condition) == ['generated', 'few_30_generated', 'fcn_generated']
  one = by_condition['generated']
  scores = {
    label: [results.read(run.folder / 'downstream') for run in model.runs]
    for label, model in models.items()
  }
  expected = [
    a['results']['generated']['mean_iou']['mean'] - b['results']['generated']['mean_iou']['mean']
    for a, b in zip(scores['good'], scores['bad'])
  ]
  assert one['by_seed'] == expected and one['seeds'] == [0, 1]
  assert one['difference'] == pytest.approx(np.mean(expected))
  assert one['interval']['low'] <= one['difference'] <= one['interval']['high']
  assert len(compared.comparisons_table(content)) == 4


def test_a_comparison_shows_them_if_asked(runs, tmp_path):
  for label, own in (('unpaired', 'bad'), ('paired', 'good')):
    for seed in (0, 1):
      folder = tmp_path / 'runs' / label / f'seed{seed}'
      made_up_runs.write(folder, made_up_runs.config(seed, paired=label == 'paired'))
      shutil.copytree(runs / own / f'seed{seed}' / 'downstream', folder / 'downstream')
  plan = ['--dataset=synthetic', '--epochs=3', '--models=unpaired,paired', '--seeds=2']
  result = run_command('compare', f'--output={tmp_path}', *plan, '--downstream')
  assert result.returncode == 0, result.stderr
  assert '4 jobs, 4 of them done already' in result.stdout
  assert 'mean IoU, % | seeds | real IR | generated IR' in result.stdout
  content = json.loads((tmp_path / 'comparison.json').read_text())['downstream']
  assert list(content['models']) == ['unpaired', 'paired']
  assert content['comparisons'][0]['first'] == 'paired'
  text = (tmp_path / 'comparison.md').read_text()
  assert '## What detectors learn from the models' in text
  table = rows_of((tmp_path / 'report.html').read_text(), 'Mean IoU by model and training images')
  assert table == compared.models_table(content)
  run_command('compare', f'--output={tmp_path}', '--report_only')
  assert 'What detectors learn' not in (tmp_path / 'comparison.md').read_text()


def test_studies_of_another_kind_or_none_are_named(runs, tmp_path):
  made_up_runs.write(tmp_path / 'run', made_up_runs.config(1))
  pair = [runs / 'good' / 'seed0', tmp_path / 'run']
  models = {'a': ComparedModel('', 'a', reader.read(pair, 'test'))}
  assert compared.is_complete(pair[0]) and not compared.is_complete(pair[1])
  with pytest.raises(UserError, match='has no downstream study'):
    compared.compare(models, [])
  content = checksum.loads((pair[0] / 'downstream' / 'downstream.json').read_text())
  (tmp_path / 'run' / 'downstream').mkdir()
  other = tmp_path / 'run' / 'downstream' / 'downstream.json'
  other.write_text(json.dumps({**content, 'seeds': 9}))
  with pytest.raises(UserError, match='seeds is 9, not 2'):
    compared.compare(models, [])
  other.write_text(json.dumps({**content, 'trained_steps': 10}))
  assert not compared.is_complete(pair[1])


def test_classes_have_colors_of_their_own():
  labels = np.array([[0, 1, 2, 255]], np.uint8)
  colors = label_maps.picture(labels)
  assert len(np.unique(colors.reshape(-1, 3), axis=0)) == 4 and (colors[0, 3] == 255).all()
  legend = label_maps.legend([f'class {i}' for i in range(8)])
  for i in range(8):
    color = label_maps.picture(np.array([[i]], np.uint8))[0, 0]
    assert (legend == color).all(-1).sum() >= 18 * 84
