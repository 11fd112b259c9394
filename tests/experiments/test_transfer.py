"""experiments.transfer: runs measured on each other's data."""

import json
import shutil

import pytest

from tests.command_line import fails, run
from tests.conftest import make_pairs
from tests.experiments.conftest import write_untrained


@pytest.fixture(scope='module')
def two_runs(untrained, data_dir, tmp_path_factory):
  """Run folders at step 0, of two data sets."""
  root = tmp_path_factory.mktemp('transfer')
  first, second = root / 'first', root / 'second'
  shutil.copytree(untrained, first)
  elsewhere = make_pairs(root / 'elsewhere', n=15, size=(20, 20))
  write_untrained(second, elsewhere, data_dir, seed=3)
  return first, second


@pytest.mark.slow
def test_each_is_measured_on_both(two_runs, tmp_path):
  first, second = two_runs
  flags = [f'--workdir={first},{second}', '--split=train', f'--output={tmp_path / "table"}']
  done = run('transfer', *flags)
  assert done.returncode == 0, done.stderr
  content = json.loads((tmp_path / 'table' / 'transfer.json').read_text())
  assert len(content['cells']) == 4 and content['split'] == 'train'
  (on_other,) = (second / 'on').iterdir()
  kept = on_other / 'evaluation' / 'train' / 'metrics.json'
  cell = next(
    one
    for one in content['cells']
    if 'elsewhere' in one['trained_on']
    and one['seeds'] == [3]
    and 'elsewhere' not in one['tested_on']
  )
  assert cell['psnr']['mean'] == json.loads(kept.read_text())['model']['psnr']
  written = kept.stat().st_mtime_ns
  again = run('transfer', *flags)
  assert again.returncode == 0 and 'Measuring' not in again.stdout
  assert kept.stat().st_mtime_ns == written
  assert '| PSNR, trained on |' in again.stdout


def test_what_is_missing_is_named(untrained, tmp_path):
  assert '--output' in fails('transfer', f'--workdir={untrained}')
  assert '--workdir' in fails('transfer', f'--output={tmp_path}')
