"""Runs that are stopped, damaged, locked or out of room: what is lost and what is said."""

import contextlib
import json
import shutil
import subprocess
import sys

import jax
import numpy as np
import pytest

from benchmarks import stops
from cyclegan_jax import fatal, interruption
from cyclegan_jax.errors import UserError
from cyclegan_jax.inference import model as model_lib
from cyclegan_jax.runs import lock
from cyclegan_jax.training.hooks import collapse_warnings
from cyclegan_jax.training.step import diagnostics
from cyclegan_jax.training.step_metrics import CLOCKED
from tests.conftest import REPOSITORY
from tests.training import together
from tests.training.test_loop import rows, state, train

# Three steps an epoch: rows, checkpoints and epochs end at different steps.
SETTINGS = dict(steps=8, log_every=4, checkpoint_every=6)


def unrated(file):
  """Rows without the rate, which is never the same."""
  return [{k: v for k, v in row.items() if k not in CLOCKED} for row in rows(file)]


def assert_same_run(config, workdir, reference):
  for name in ('metrics.csv', 'validation.csv'):
    assert unrated(workdir / name) == unrated(reference / name)
  jax.tree.map(
    np.testing.assert_array_equal, state(config, workdir, 8), state(config, reference, 8)
  )


@contextlib.contextmanager
def stopping(steps):
  """Stands in for interruption.deferred: SIGTERM comes during that many steps from here."""
  asked = iter(range(1, 100))
  yield lambda: 15 * (next(asked) == steps)


@pytest.fixture(scope='module')
def uninterrupted(tiny, tmp_path_factory):
  folders = {}
  for paired in (True, False):
    folders[paired] = tmp_path_factory.mktemp('uninterrupted')
    train(tiny(paired=paired, **SETTINGS), folders[paired])
  return folders


@pytest.mark.slow
@pytest.mark.parametrize(
  'paired, stops', [(True, (2, 3, 6)), (False, (5,)), (True, (1,)), (False, (7,))]
)
def test_stopped_anywhere_the_files_are_those_of_a_run_that_was_not(
  tiny, uninterrupted, tmp_path, monkeypatch, paired, stops
):
  config, done = tiny(paired=paired, **SETTINGS), 0
  for stop in stops:
    with monkeypatch.context() as patch:
      patch.setattr(interruption, 'deferred', lambda steps=stop - done: stopping(steps))
      assert f'Stopped by signal 15 after step {stop}' in train(config, tmp_path)
    done = stop
  train(config, tmp_path)
  assert_same_run(config, tmp_path, uninterrupted[paired])


def truncate(step):
  file = max((file for file in step.rglob('*') if file.is_file()), key=lambda f: f.stat().st_size)
  file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])


def flip_a_bit(step):
  file = max((file for file in step.rglob('*') if file.is_file()), key=lambda f: f.stat().st_size)
  content = bytearray(file.read_bytes())
  content[len(content) // 2] ^= 16
  file.write_bytes(bytes(content))


def remove_a_file(step):
  next(step.rglob('manifest.ocdbt')).unlink()


def remove_the_data_position(step):
  file = step / 'run' / 'metadata'
  content = json.loads(file.read_text())
  del content['position']
  file.write_text(json.dumps(content))


DAMAGES = [
  truncate,
  *(
    pytest.param(damage, marks=pytest.mark.slow)
    for damage in (flip_a_bit, remove_a_file, remove_the_data_position)
  ),
]


@pytest.mark.parametrize('damage', DAMAGES)
def test_a_damaged_checkpoint_is_named_and_the_one_before_it_used(
  tiny, uninterrupted, tmp_path, damage
):
  config = tiny(**SETTINGS)
  shutil.copytree(uninterrupted[True], tmp_path / 'run')
  damage(tmp_path / 'run' / 'checkpoints' / '8')
  if damage is not remove_the_data_position:  # Only going on needs that.
    with pytest.raises(UserError, match=r'checkpoints/8 .*(damaged).*--checkpoint=6'):
      model_lib.load(tmp_path / 'run', 'latest')
    assert model_lib.load(tmp_path / 'run', '6').step == 6
  said = train(config, tmp_path / 'run')
  assert 'Warning: The checkpoint' in said and 'damaged_checkpoints/8' in said
  assert '6 done: resuming' in said
  assert (tmp_path / 'run' / 'damaged_checkpoints' / '8').is_dir()
  assert_same_run(config, tmp_path / 'run', uninterrupted[True])


def test_no_whole_checkpoint_is_said(tiny, uninterrupted, tmp_path):
  shutil.copytree(uninterrupted[True], tmp_path / 'run')
  for step in ('6', '8'):
    truncate(tmp_path / 'run' / 'checkpoints' / step)
  for _ in range(2):  # Nor does it start over by itself once they are moved away.
    with pytest.raises(UserError, match='No checkpoint in .* can be read. .*--overwrite'):
      train(tiny(**SETTINGS), tmp_path / 'run')


HOLDER = """
import pathlib, sys, time
from cyclegan_jax.runs import lock
with lock.held(pathlib.Path(sys.argv[1])):
  print('held', flush=True)
  time.sleep(60)
"""


def test_a_run_folder_has_one_process_at_a_time(tiny, tmp_path):
  with subprocess.Popen(
    [sys.executable, '-c', HOLDER, str(tmp_path)], cwd=REPOSITORY, text=True, stdout=subprocess.PIPE
  ) as holder:
    assert holder.stdout.readline() == 'held\n'
    with contextlib.ExitStack() as stack:
      stack.callback(holder.kill)
      stack.enter_context(
        pytest.raises(UserError, match=f'in use by process {holder.pid} on .*since')
      )
      train(tiny(steps=1), tmp_path)
  assert not (tmp_path / 'config.json').exists()
  # What a kill leaves behind locks nothing.
  assert (tmp_path / lock.FILE).exists()
  with lock.held(tmp_path):
    pass


@pytest.fixture
def small_disk(tmp_path):
  """A file system of 3 MB."""
  folder = tmp_path / 'small'
  folder.mkdir()
  mounted = subprocess.run(
    ['mount', '-t', 'tmpfs', '-o', 'size=3m', 'tmpfs', str(folder)],
    capture_output=True,
    check=False,
  )
  if mounted.returncode:
    pytest.skip('needs the right to mount a small file system')
  yield folder
  subprocess.run(['umount', str(folder)], check=True)


def filled(folder):
  """A file that takes what is left of a disk."""
  fill = folder / 'fill'
  with contextlib.suppress(OSError), fill.open('wb') as file:
    while True:
      file.write(bytes(2**12))
      file.flush()
  return fill


@pytest.mark.slow
def test_a_full_disk_is_said_and_the_last_checkpoint_stays(tiny, small_disk):
  workdir = small_disk / 'run'
  train(tiny(steps=3), workdir)
  before = state(tiny(steps=3), workdir, 3)
  fill = filled(small_disk)
  with pytest.raises(UserError, match='(?i)cannot be written.*(space|exhausted)'):
    train(tiny(steps=9), workdir)
  fill.unlink()
  jax.tree.map(np.testing.assert_array_equal, state(tiny(steps=3), workdir, 3), before)
  assert '3 done: resuming' in train(tiny(steps=6), workdir)


@pytest.mark.slow
@pytest.mark.parametrize('count', [2, 4])
def test_a_full_disk_under_the_first_process_ends_all(tmp_path, small_disk, count):
  flags = stops.make_ground(tmp_path, paired=True, steps=100_000).flags
  with together.started((count, 1), small_disk, flags) as run:
    run.wait_for(lambda: '\nstep 15/' in run.said())
    filled(small_disk)
    assert run.statuses() == [2] + [fatal.EXIT_LOST] * (count - 1), run.all_said()
    assert 'cannot be written: No space left on device' in run.said(0).splitlines()[-1]
    for i in range(1, count):
      assert 'Another process of this run has ended' in run.said(i).splitlines()[-1]
  assert stops.latest(small_disk) == 12


def test_a_folder_that_can_only_be_read_is_said(tiny, small_disk):
  train(tiny(steps=2), small_disk / 'run')
  before = state(tiny(steps=2), small_disk / 'run', 2)
  subprocess.run(['mount', '-o', 'remount,ro', str(small_disk)], check=True)
  for name in ('run', 'new'):
    with pytest.raises(UserError, match=f'--workdir={small_disk / name} cannot be written'):
      train(tiny(steps=3), small_disk / name)
  jax.tree.map(np.testing.assert_array_equal, state(tiny(steps=2), small_disk / 'run', 2), before)


def test_a_folder_that_vanishes_is_said(tiny, tmp_path):
  workdir = tmp_path / 'run'

  def vanish(line):
    if 'step 3/' in line:
      shutil.rmtree(workdir)

  with pytest.raises((UserError, OSError), match=str(workdir)):
    train(tiny(steps=9), workdir, heard=vanish)


@pytest.mark.parametrize(
  'row, words',
  [
    (
      dict(spread_generated=0.001, spread_true=0.3, correlation_luminance=0.1),
      ['nearly all alike'],
    ),
    (dict(spread_generated=0.2, spread_true=0.3, correlation_luminance=-0.97), ['inverted']),
    (dict(spread_generated=0.2, spread_true=0.3, correlation_luminance=0.5), []),
  ],
)
def test_collapse_and_inversion_are_warned_of(row, words):
  said = list(collapse_warnings.warnings(row, batch_size=8))
  assert len(said) == len(words)
  for line, word in zip(said, words):
    assert word in line
  assert not list(collapse_warnings.warnings({**row, 'correlation_luminance': 0.0}, batch_size=1))


def test_figures_of_generated_images():
  rng = np.random.default_rng(0)
  rgb, fake = rng.uniform(-1, 1, (8, 9, 7, 3)), rng.uniform(-1, 1, (8, 9, 7, 1))
  ir, mask = rng.uniform(-1, 1, (8, 9, 7, 1)), rng.random((8, 9, 7, 1)) < 0.6
  luma = rgb @ [[0.299], [0.587], [0.114]]
  for masked in (False, True):
    batch = {'rgb': rgb, 'ir': ir, **({'rgb_mask': mask} if masked else {})}
    shards = {
      k: np.asarray(v, bool if k == 'rgb_mask' else np.float32).reshape(2, 4, *v.shape[1:])
      for k, v in batch.items()
    }
    found = jax.pmap(
      lambda batch, fake: jax.lax.pmean(diagnostics.observe(batch, fake, paired=True), 'devices'),
      axis_name='devices',
      devices=jax.devices()[:2],
    )(shards, fake.astype(np.float32).reshape(2, 4, 9, 7, 1))
    inside = mask if masked else np.ones_like(mask)

    def correlation(a, b, inside=inside):
      return np.mean([np.corrcoef(a[i][inside[i]], b[i][inside[i]])[0, 1] for i in range(8)])

    expected = {
      'spread_generated': np.where(inside, fake, -1).std(0).mean(),
      'spread_true': ir.std(0).mean(),
      'correlation_luminance': correlation(luma, fake),
      'correlation_true': correlation(ir, fake),
    }
    for name, value in expected.items():
      assert float(found[name][0]) == pytest.approx(value, abs=1e-5), name


def test_constant_images_have_no_correlation():
  batch = {'rgb': np.zeros((1, 2, 4, 4, 3), np.float32), 'ir': np.ones((1, 2, 4, 4, 1), np.float32)}
  found = jax.pmap(
    lambda b: diagnostics.observe(b, b['ir'], paired=True),
    axis_name='devices',
    devices=jax.devices()[:1],
  )(batch)
  assert not np.any(np.stack(list(found.values())))
