"""--ir_span as a person uses it: a camera's counts, from the note to translations in counts."""

import json

import numpy as np
import PIL.Image
import pytest

from cyclegan_jax.image_files import images
from tests.command_line import fails, run, TINY
from tests.conftest import make_pairs

pytestmark = pytest.mark.slow


@pytest.fixture(scope='module')
def camera(tmp_path_factory):
  """Pairs whose IR images are counts that use 1 % of 16 bits."""
  root = make_pairs(tmp_path_factory.mktemp('span') / 'pairs')
  for file in (root / 'ir').iterdir():
    counts = 7250 + 2 * np.asarray(PIL.Image.open(file)).astype(np.uint16)
    PIL.Image.fromarray(counts).save(file)
  return root


@pytest.fixture(scope='module')
def flags(camera):
  return ['--dataset=folder', f'--source_dir={camera}', f'--data_dir={camera.parent / "data"}']


@pytest.fixture(scope='module')
def workdir(camera, flags):
  """A run that was trained with --ir_span=auto."""
  folder = camera.parent / 'run'
  done = run('train', *flags, *TINY, '--ir_span=auto', '--steps=3', f'--workdir={folder}')
  assert done.returncode == 0, done.stderr
  assert 'are stored over --ir_span=7200:7800' in done.stdout
  return folder


def test_the_span_is_kept_and_another_one_is_refused(workdir, flags):
  kept = json.loads((workdir / 'config.json').read_text())
  assert kept['data']['ir_span'] == '7200:7800'
  for span, steps in (('auto', 6), ('7200:7800', 9)):
    again = [*flags, *TINY, f'--ir_span={span}', f'--steps={steps}', f'--workdir={workdir}']
    done = run('train', *again)
    assert done.returncode == 0 and f'{steps - 3} done: resuming' in done.stdout, done.stderr
  other = [*flags, *TINY, '--ir_span=0:4095', '--steps=9', f'--workdir={workdir}']
  assert '--ir_span: 7200:7800 there, 0:4095 now' in fails('train', *other)


def test_evaluation_tells_the_range(workdir):
  done = run('evaluate', f'--workdir={workdir}')
  assert done.returncode == 0, done.stderr
  assert 'PSNR of 7200:7800' in done.stdout
  content = json.loads((workdir / 'evaluation' / 'test' / 'metrics.json').read_text())
  assert content['baselines']['constant']['psnr'] < 20  # Not 50, as over all 16 bits.


def test_other_data_are_read_over_the_same_span(workdir, camera, flags):
  done = run('evaluate', f'--workdir={workdir}', flags[-1], f'--on={camera}', '--split=train')
  assert done.returncode == 0 and 'PSNR of 7200:7800' in done.stdout, done.stderr


def test_translations_are_counts_and_counts_are_translated(workdir, camera):
  out = camera.parent / 'ir'
  named = [f'--workdir={workdir}', f'--input={camera / "rgb"}', f'--output={out}']
  assert run('translate', *named, '--values').returncode == 0
  counts = images.read_image(out / '000.png')
  assert counts.dtype == np.uint16 and counts.min() >= 7200 and counts.max() <= 7800
  assert 'did not make it' in fails('translate', *named)
  back = [f'--input={camera / "ir"}', f'--output={out}_rgb', '--direction=ir_to_rgb']
  done = run('translate', named[0], *back)
  assert done.returncode == 0, done.stderr
  assert images.read_image(camera.parent / 'ir_rgb' / '000.png').shape[-1] == 3


def test_the_pair_check_notes_the_range_or_takes_the_span(camera, flags):
  out = f'--output={camera.parent / "checked"}'
  assert '--ir_span=7200:7800 (or --ir_span=auto)' in run('check_pairs', *flags, out).stdout
  done = run('check_pairs', *flags, out, '--ir_span=auto')
  assert 'are stored over --ir_span=7200:7800' in done.stdout
