"""Whole runs of tiny networks: what is written, resuming, keeping, diverging."""

import csv
import os
import signal

import jax
import numpy as np
import pytest

from cyclegan_jax import config as config_lib
from cyclegan_jax.errors import UserError
from cyclegan_jax.image_files import images
from cyclegan_jax.inference import model as model_lib
from cyclegan_jax.runs import run_folder
from cyclegan_jax.training import loop
from cyclegan_jax.training.checkpoint import Checkpoints
from cyclegan_jax.training.step_metrics import CLOCKED
import datasets


def train(config, workdir, heard=lambda line: None, **kwargs):
  lines = []

  def log(line):
    lines.append(line)
    heard(line)

  loop.train(config, datasets.open_dataset(config.data), workdir, log=log, **kwargs)
  return '\n'.join(lines)


def opened(config, workdir):
  domains = run_folder.load_domains(workdir, config)
  return Checkpoints(workdir / 'checkpoints', config, domains, read_only=True)


def state(config, workdir, step):
  with opened(config, workdir) as checkpoints:
    return checkpoints.restore(step)


def rows(file):
  with file.open(newline='') as lines:
    return list(csv.DictReader(lines))


@pytest.fixture(scope='module')
def whole(tiny, tmp_path_factory):
  workdir = tmp_path_factory.mktemp('whole')
  return workdir, train(tiny(), workdir)


def test_a_run_says_what_it_does(whole):
  _, said = whole
  for part in (
    '* base_width               4',
    'Devices: 4 x cpu',
    'Parameters:',
    'MiB on each device',
    'train 10, validation 1, test 1',
    'weight 10',
    'few validation pairs (1)',
    'Decoded training images: 12.7 KiB, all kept in memory',
    'Steps: 6 (3 an epoch)',
    'step 6/6  epoch 2.0/2.0',
    'images/s',
    'left',
    'validation  psnr',
  ):
    assert part in said, part


def test_a_run_writes_its_files(whole):
  workdir, _ = whole
  assert [row['step'] for row in rows(workdir / 'metrics.csv')] == ['2', '3', '4', '6']
  assert [row['step'] for row in rows(workdir / 'validation.csv')] == ['3', '6']
  assert all(np.isfinite(float(row['supervised_ir'])) for row in rows(workdir / 'metrics.csv'))
  grids = sorted(p.name for p in (workdir / 'samples').iterdir())
  assert grids == ['step_00000003.png', 'step_00000006.png']
  assert images.read_image(workdir / 'samples' / grids[0]).shape[2] == 3
  page = (workdir / 'report.html').read_text()
  assert 'Finished: 6 steps' in page and 'after step 6' in page
  assert not list(workdir.glob('**/*orbax-checkpoint-tmp*'))


@pytest.mark.parametrize(
  'settings',
  [
    dict(),
    pytest.param(dict(paired=False), marks=pytest.mark.slow),
    pytest.param(
      dict(
        paired=False,
        update_order='generators_first',
        redraw_fakes=False,
        pool_size=6,
        ema_decay=0.9,
        decay_start=1,
        decay_epochs=2,
        discriminator='patchgan',
        norm='instance',
      ),
      marks=pytest.mark.slow,
    ),
    pytest.param(
      dict(
        method='pix2pix',
        cycle_weight=0.0,
        generator='unet',
        n_downsampling=6,
        dropout=0.5,
        image_size=(64, 64),
        load_size=(66, 66),
        redraw_fakes=False,
        flip=True,
      ),
      marks=pytest.mark.slow,
    ),
  ],
  ids=['paired', 'unpaired', 'pools', 'dropout'],
)
def test_resumed_equals_uninterrupted_bit_for_bit(tiny, whole, tmp_path, settings):
  config = tiny(**settings)
  reference = whole[0]
  if settings:
    reference = tmp_path / 'reference'
    train(config, reference)
  train(tiny(**settings, steps=3), tmp_path / 'run')
  said = train(config, tmp_path / 'run')
  assert '3 done: resuming' in said
  a, b = state(config, reference, 6), state(config, tmp_path / 'run', 6)
  assert int(a.step) == 6
  jax.tree.map(np.testing.assert_array_equal, a, b)
  drop_rate = lambda table: [{k: v for k, v in row.items() if k not in CLOCKED} for row in table]
  for name in ('metrics.csv', 'validation.csv'):
    assert drop_rate(rows(reference / name)) == drop_rate(rows(tmp_path / 'run' / name))


def test_a_complete_run_stays_as_it_is(tiny, whole):
  workdir, _ = whole
  before = (workdir / 'metrics.csv').read_text()
  assert 'This run is complete: 6 steps' in train(tiny(), workdir)
  assert (workdir / 'metrics.csv').read_text() == before


@pytest.mark.slow
def test_the_latest_and_the_best_checkpoint_are_kept(tiny, tmp_path):
  config = tiny(steps=6, checkpoint_every=1, keep_checkpoints=2, learning_rate=1e-12)
  train(config, tmp_path)
  figures = {
    int(row['step']): float(row['psnr']) / 20 + float(row['ssim']) + float(row['correlation'])
    for row in rows(tmp_path / 'validation.csv')
  }
  kept = {int(p.name) for p in (tmp_path / 'checkpoints').iterdir()}  # and nothing else
  # Without learning only the running statistics move: which step is best is not known before.
  best = max(figures, key=lambda step: (figures[step], step))
  assert kept == {best, 5, 6}
  assert model_lib.load(tmp_path).step == best
  assert model_lib.load(tmp_path, 'latest').step == 6
  with pytest.raises(UserError, match='--checkpoint=77'):
    model_lib.load(tmp_path, '77')


def test_leftovers_of_a_kill_are_removed(tiny, tmp_path):
  for name in ('2.orbax-checkpoint-tmp', '.trash/1'):
    (tmp_path / 'checkpoints' / name / 'state').mkdir(parents=True)
  (tmp_path / 'config.json').write_text(config_lib.to_json(tiny(steps=3)))
  train(tiny(steps=3), tmp_path)
  assert [p.name for p in (tmp_path / 'checkpoints').iterdir()] == ['3']


def test_a_signal_saves_and_the_rest_is_the_same(tiny, whole, tmp_path):
  config = tiny(checkpoint_every=100)
  before = signal.getsignal(signal.SIGTERM)

  def log(line):
    if line.startswith('step 4/6'):
      os.kill(os.getpid(), signal.SIGTERM)

  dataset = datasets.open_dataset(config.data)
  assert loop.train(config, dataset, tmp_path, log=log) == signal.SIGTERM
  assert signal.getsignal(signal.SIGTERM) is before
  assert [p.name for p in (tmp_path / 'checkpoints').iterdir()] == ['5']
  assert '5 done: resuming' in train(config, tmp_path)
  jax.tree.map(
    np.testing.assert_array_equal, state(config, whole[0], 6), state(config, tmp_path, 6)
  )


@pytest.mark.slow
def test_divergence_stops_with_the_step_and_keeps_the_last_checkpoint(tiny, tmp_path):
  train(tiny(steps=3), tmp_path)
  config = tiny(steps=12, learning_rate=1e30)
  (tmp_path / 'config.json').write_text(config_lib.to_json(config))
  with pytest.raises(UserError, match=r'diverged at step [45]: .*(nan|inf)'):
    train(config, tmp_path)
  restored = state(config, tmp_path, 3)
  assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(restored))
  with opened(config, tmp_path) as checkpoints:
    assert checkpoints.latest_step() == 3


def test_overwrite_with_a_bad_request_deletes_nothing(tiny, tmp_path):
  (tmp_path / 'config.json').write_text('old')
  with pytest.raises(UserError):
    train(tiny(batch_size=6), tmp_path, overwrite=True)
  assert (tmp_path / 'config.json').read_text() == 'old'


def test_batch_not_divisible_by_devices_leaves_nothing_behind(tiny, tmp_path):
  with pytest.raises(UserError, match='--batch_size=6'):
    train(tiny(batch_size=6), tmp_path / 'run')
  assert not (tmp_path / 'run').exists()


def test_damaged_checkpoint_is_named(tiny, whole, tmp_path):
  import shutil

  shutil.copytree(whole[0], tmp_path / 'run')
  for file in (tmp_path / 'run' / 'checkpoints' / '6' / 'state').rglob('*'):
    if file.is_file():
      file.write_bytes(b'')
  with pytest.raises(UserError, match='checkpoints/6 cannot be read'):
    model_lib.load(tmp_path / 'run', 'latest')


def test_tensorboard_events_are_written(tiny, tmp_path):
  pytest.importorskip('tensorboardX', reason='needs the extra tensorboard')
  train(tiny(steps=2, tensorboard=True), tmp_path)
  assert list((tmp_path / 'tensorboard').glob('events.*'))
