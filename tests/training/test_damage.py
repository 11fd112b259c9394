"""Checkpoints of which Orbax's own files say something else than when they were saved."""

import json

import pytest

from cyclegan_jax import checksum
from cyclegan_jax.errors import UserError
from cyclegan_jax.training import damage

FOUND = {'psnr': 21.25, 'ssim': float('nan')}


@pytest.fixture
def step(tmp_path):
  folder = tmp_path / 'run' / 'checkpoints' / '12'
  for name in ('run', 'metrics'):
    (folder / name).mkdir(parents=True)
  noted = checksum.stamped({'digest': 'a', 'rows': [], 'position': {}, 'metrics': FOUND})
  (folder / 'run' / 'metadata').write_text(json.dumps(noted))
  (folder / 'metrics' / 'metrics').write_text(json.dumps(FOUND))
  return folder


def test_whole_metrics_pass(step):
  damage.check_metrics(step)


@pytest.mark.parametrize(
  'name, change',
  [
    ('metrics/metrics', lambda text: text.replace('21.25', '29.25')),
    ('metrics/metrics', lambda text: text.replace('{', 'z')),
    ('metrics/metrics', lambda text: ''),
    ('run/metadata', lambda text: text.replace('21.25', '29.25')),
    ('run/metadata', lambda text: text.replace('position', 'rosition')),
  ],
)
def test_other_metrics_are_named(step, name, change):
  (step / name).write_text(change((step / name).read_text()))
  with pytest.raises(UserError, match=f'checkpoint {step} is damaged: {step / name}'):
    damage.check_metrics(step)


def test_missing_metrics_are_named(step):
  (step / 'metrics' / 'metrics').unlink()
  with pytest.raises(UserError, match='metrics has changed since it was saved'):
    damage.check_metrics(step)


def test_checkpoints_of_earlier_versions_have_no_second_note(step):
  (step / 'run' / 'metadata').write_text(json.dumps({'digest': 'a', 'rows': [], 'position': {}}))
  damage.check_metrics(step)


def test_a_damaged_checkpoint_replaces_an_earlier_one_of_its_step(step):
  aside = damage.folder_of(step.parent) / '12'
  (aside / 'old').mkdir(parents=True)
  assert damage.set_aside(step) == aside == step.parents[1] / 'damaged_checkpoints' / '12'
  assert (aside / 'run' / 'metadata').exists() and not (aside / 'old').exists()
