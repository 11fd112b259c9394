"""Model cards: front matter that a hub reads, and nothing said that the run does not show."""

import csv
import dataclasses
import json
import os
import shutil

import pytest
import yaml

from cyclegan_jax import config as config_lib
from cyclegan_jax.inference import model_card
from cyclegan_jax.runs import reader, run_folder
from tests.comparison import made_up
from tests.inference.made_up import model

# Two of the figures that experiments.evaluate writes.
FIGURES = {'psnr': 20.5, 'ssim': 0.5, 'mse': 600.0, 'rmse': 24.4}
METRICS = {
  'model': FIGURES,
  'baselines': {'mean_image': {**FIGURES, 'psnr': 15.0, 'ssim': 0.4}},
  'n': 8,
  'split_sha256': 'abc',
  'image_size': [128, 128],
  'checkpoint_step': 7,
  'definitions': {'psnr': 'dB'},
  'commit': 'c0ffee',
}


@pytest.fixture
def workdir(tmp_path):
  """A run that has not been measured."""
  (tmp_path / run_folder.CONFIG).write_text(config_lib.to_json(model().config))
  (tmp_path / run_folder.DATA).write_text(
    json.dumps(
      {
        'fingerprint': 'f00d',
        'domains': {},
        'splits': {'train': {'rgb': 30, 'ir': 31, 'aligned': False}},
      }
    )
  )
  with (tmp_path / run_folder.METRICS).open('w') as out:
    rows = csv.writer(out)
    rows.writerows([['step', 'images_per_second'], [50, 8.0], [100, 16.0]])
  return tmp_path


def test_other_data_has_a_table_of_its_own_if_these_weights_were_measured(workdir):
  for place, step, level in (('city-1a2b', 7, 11.25), ('night-3c4d', 5, 12.5)):
    made_up.write(workdir / 'on' / place, model().config, level, checkpoint_step=step)
  _, body = card(workdir, METRICS)
  section = body.partition('### On other data: city-1a2b, split test')[2].partition('\n## ')[0]
  row = next(line for line in section.splitlines() if line.startswith('| model'))
  psnr = made_up.values(model().config.train.seed, 11.25)['psnr'].mean()
  assert f'| {psnr:.2f} |' in row and '12 images' in section
  assert 'night-3c4d' not in body


def card(workdir, metrics=None, made=None, **given):
  """Front matter and body of the card of a model in a folder with these measurements."""
  made = made or model()
  if metrics:
    made_up.write(workdir / 'measured', made.config, **metrics)
    os.replace(workdir / 'measured' / 'evaluation', workdir / 'evaluation')
  run = dataclasses.replace(*reader.read([workdir], 'test'), config=made.config)
  text = model_card.text(made, run, model_card.Given(**{'name': 'night', **given}))
  _, front, body = text.split('---\n', 2)
  return yaml.safe_load(front), body


def test_what_only_a_person_knows_is_marked(workdir):
  front, body = card(workdir)
  assert front['license'] == 'FILL-IN' and 'model-index' not in front
  # Licenses, source, hardware, contact, and figures that are not there.
  assert body.count('FILL IN') == 6
  assert model_card.Given('night', author='A').empty() == [
    'license',
    'data_source',
    'data_license',
    'hardware',
  ]
  front, body = card(
    workdir,
    METRICS,
    license='other',
    author='A: "B"\n# C',
    hardware='1 GPU',
    data_source='My photos: night',
    data_license='CC0',
  )
  assert 'FILL' not in body and front['license'] == 'other' and '\n# C' not in body
  assert 'Contact: A: "B" # C.' in body


def test_figures_are_those_of_the_evaluation(workdir):
  front, body = card(workdir, METRICS)
  found = front['model-index'][0]['results'][0]
  assert {m['type']: m['value'] for m in found['metrics']} == {
    'psnr': 20.5,
    'ssim': 0.5,
    'rmse': 24.4,
  }
  assert found['dataset']['split'] == 'test'
  assert '| mean training IR image | 15.00 | 0.400 |' in body
  assert 'beats every trivial baseline' in body and '8 images of split test' in body
  assert 'abc' in body and 'f00d' in body and 'c0ffee' in body
  # 50 steps of 16 at 8 images/s, 50 at 16: 150 s.
  assert '9 steps of 16 examples, about 2m30s' in body


@pytest.mark.parametrize('step', [5, 7])
def test_figures_of_other_weights_are_said_to_be(workdir, step):
  body = card(workdir, {**METRICS, 'checkpoint_step': step})[1]
  assert ('These figures are of step 5' in body) == (step == 5)
  assert ('These figures are of' in body) == (step == 5)


def test_limits_follow_from_the_run(workdir):
  worse = {**METRICS, 'model': {**FIGURES, 'psnr': 14.0}}
  body = card(workdir, worse)[1]
  assert 'does NOT beat mean training IR image' in body and 'No temperatures' in body
  assert 'Trained without pairs' in body and 'someone' not in body
  shutil.rmtree(workdir / 'evaluation')
  body = card(workdir, made=model(ir_range='-20:120,degC', normalization='emsn'))[1]
  assert 'No temperatures' not in body and '-20 to 120 degC' in body and 'not measurements' in body
  assert 'plain scaling' in body and 'has not been measured: nothing says' in body


def test_what_people_give_cannot_break_the_front_matter(workdir):
  front, body = card(workdir, METRICS, license='x"\n---\n# y', data_source="it's <b> & \\")
  assert front['license'] == 'x" --- # y' and '\n# y' not in body
  found = front['model-index'][0]['results'][0]
  assert found['dataset']['name'] == "it's <b> & \\" and "it's <b> &" in body


def test_a_hub_reads_it(workdir):
  hub = pytest.importorskip('huggingface_hub', reason='pip install huggingface_hub')
  given = model_card.Given('night', 'A', 'apache-2.0', 'photos', 'CC0', '1 GPU')
  made_up.write(workdir, model().config, **METRICS)
  text = model_card.text(model(), *reader.read([workdir], 'test'), given)
  data = hub.ModelCard(text).data
  assert data.license == 'apache-2.0' and data.pipeline_tag == 'image-to-image'
  assert {result.metric_type: result.metric_value for result in data.eval_results} == {
    'psnr': 20.5,
    'ssim': 0.5,
    'rmse': 24.4,
  }
  assert dataclasses.asdict(given)['name'] == data.model_name
