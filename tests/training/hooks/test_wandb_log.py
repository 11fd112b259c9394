"""What Weights & Biases is told, in a run of its own folder, without an account."""

import types

import numpy as np
import pytest

from cyclegan_jax import config as config_lib
from cyclegan_jax.errors import UserError
from cyclegan_jax.image_files import images
from cyclegan_jax.training import preflight
from cyclegan_jax.training.hooks import wandb_log

CONFIG = config_lib.make(dataset='folder', source_dir='/home/someone/photos')


class Recorder:
  """Stands for the package: notes what it is told."""

  Error = ValueError

  def __init__(self, logged_in=False):
    self.begun, self.told, self.finished = [], [], 0
    self.login = lambda prompt: logged_in
    self.Settings = lambda **settings: settings
    self.Image = lambda path: f'picture {path[-17:]}'

  def init(self, **options):
    self.begun.append(options)
    return types.SimpleNamespace(
      log=lambda values, step: self.told.append((step, values)), finish=self.finish
    )

  def finish(self):
    self.finished += 1


@pytest.fixture
def recorder(monkeypatch):
  found = Recorder()
  monkeypatch.setattr(wandb_log, '_module', lambda: found)
  monkeypatch.delenv('WANDB_MODE', raising=False)
  return found


def walk(workdir, step):
  """A row and a checkpoint with a sample grid; returns the lines for the user."""
  lines = []
  hook = wandb_log.WandbLog(workdir, CONFIG, lines.append)
  hook.on_log(step, {'generator': 1.5})
  hook.on_checkpoint(step, None, {'psnr': 20.0})
  (workdir / 'samples').mkdir(exist_ok=True)
  grid = np.zeros((8, 8, 3), np.uint8)
  images.write_png(workdir / 'samples' / f'step_{step:08d}.png', grid)
  hook.on_saved()
  hook.close()
  return lines


def test_scalars_and_pictures_have_the_names_of_tensorboard(recorder, tmp_path):
  lines = walk(tmp_path, 3)
  assert recorder.told == [
    (3, {'train/generator': 1.5}),
    (3, {'validation/psnr': 20.0}),
    (3, {'samples': 'picture step_00000003.png'}),
  ]
  (begun,) = recorder.begun
  assert begun['mode'] == 'offline' and begun['dir'] == str(tmp_path) and recorder.finished == 1
  assert 'source_dir' not in begun['config'] and begun['config']['dataset'] == 'folder'
  assert 'wandb sync' in lines[0]


def test_a_resumed_run_continues_and_an_account_is_used(recorder, tmp_path):
  walk(tmp_path, 3)
  recorder.login = lambda prompt: True
  assert walk(tmp_path, 6) == []
  first, second = recorder.begun
  assert first['id'] == second['id'] and second['resume'] == 'allow' and second['mode'] == 'online'


def test_a_refusal_says_how_to_go_on(recorder, tmp_path):
  def refuse(**options):
    raise ValueError('no such entity')

  recorder.init = refuse
  with pytest.raises(UserError, match='no such entity.*WANDB_MODE=offline'):
    walk(tmp_path, 3)


def test_a_key_that_is_refused_is_an_error_before_the_data_are_prepared(recorder, tmp_path):
  def refuse(prompt):
    raise ValueError('WANDB_API_KEY invalid')

  recorder.login = refuse
  with pytest.raises(UserError, match='WANDB_API_KEY invalid.*WANDB_MODE=offline'):
    preflight.check(config_lib.make(dataset='folder', wandb=True), tmp_path / 'run')
  assert not (tmp_path / 'run').exists()


@pytest.mark.parametrize(
  'name, value, message',
  [
    ('WANDB_MODE', 'onlin', "WANDB_MODE: Input should be 'online', 'offline'"),
    ('WANDB_PROJECT', 'a/b', "Invalid project name 'a/b'"),
    ('WANDB_API_KEY', 'short', 'WANDB_API_KEY invalid'),
  ],
)
def test_wrong_settings_are_named(name, value, message, monkeypatch):
  pytest.importorskip('wandb', reason='needs the extra wandb')
  monkeypatch.delenv('WANDB_MODE', raising=False)
  monkeypatch.setenv(name, value)
  with pytest.raises(UserError, match=message):
    wandb_log.check()


def test_the_package_takes_it(tmp_path, monkeypatch):
  pytest.importorskip('wandb', reason='needs the extra wandb')
  monkeypatch.setenv('WANDB_MODE', 'offline')
  walk(tmp_path, 3)
  assert list(tmp_path.glob('wandb/offline-run-*/run-*.wandb'))
  assert list(tmp_path.glob('wandb/offline-run-*/files/media/images/samples_3_*.png'))
