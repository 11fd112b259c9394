"""What a published model comes with: nothing private, and measurements of these weights only."""

import json

import pytest
import yaml

from cyclegan_jax.inference import model_card, publishing
from cyclegan_jax.runs import reader, run_folder
from tests.comparison import made_up
from tests.inference.made_up import drawn


@pytest.fixture(scope='module')
def made():
  return drawn()


def published(made, tmp_path, step, **options):
  """The files of a published model by their paths, whose run was measured at a step."""
  run, target = tmp_path / 'run', tmp_path / 'published'
  settings = {'source_dir': '/home/someone/photos', 'pair_table': '/home/someone/pairs.csv'}
  made_up.write(run, made.config, checkpoint_step=step, settings=settings)
  facts = {'fingerprint': 'f00d', 'splits': {}, 'domains': {}}
  (run / run_folder.DATA).write_text(json.dumps(facts))
  (run / run_folder.SAMPLES).mkdir()
  for name in ('step_00000003.png', 'step_00000010.png'):
    (run / run_folder.SAMPLES / name).write_bytes(name.encode())
  (found,) = reader.read([run], 'test')
  target.mkdir()
  given = model_card.Given('night', license='other')
  publishing.write(target, made, found, given, address='hf://a/night', **options)
  files = (file for file in target.rglob('*') if file.is_file())
  return {str(file.relative_to(target)): file.read_bytes() for file in files}


def test_measurements_pictures_and_card(made, tmp_path):
  found = published(made, tmp_path, 7)
  shown = {'examples.png', 'paper_figure.png', 'step_00000010.png'}
  assert {name for name in found if name.endswith('.png')} == {f'pictures/{n}' for n in shown}
  assert not any(b'/home/someone' in data for data in found.values())
  (run,) = reader.read([tmp_path / 'published'], 'test')
  assert run.measured.content['settings'] == {'pair_table': 'pairs.csv'}
  assert run.measured.content['checkpoint_step'] == 7 and len(run.measured.ids) == made_up.N
  _, front, body = found['README.md'].decode().split('---\n', 2)
  assert yaml.safe_load(front)['license'] == 'other'
  assert '--workdir=hf://a/night --input' in body
  assert '![pictures/examples.png](pictures/examples.png)' in body


def test_measurements_of_other_weights_are_left_out(made, tmp_path):
  found = published(made, tmp_path, 5, pictures=False)
  assert not any(name.startswith(('evaluation', 'pictures')) for name in found)
  assert '## Pictures' not in found['README.md'].decode()
