"""experiments.compare as a person types it."""

import csv
import json
import shutil

import pytest

from tests.command_line import fails, run, TINY
from tests.comparison import made_up
from tests.conftest import make_pairs

SYNTHETIC = ['--dataset=synthetic', '--epochs=3']


def made_up_runs(folder, labels=('unpaired', 'paired'), seeds=(0, 1)):
  for label in labels:
    for seed in seeds:
      paired = label == 'paired'
      made_up.write(
        folder / 'runs' / label / f'seed{seed}',
        made_up.config(seed, paired=paired),
        22 if paired else 20,
      )


@pytest.mark.parametrize(
  'flags, words',
  [
    (['--models=paired'], ['--dataset is missing']),
    ([*SYNTHETIC, '--models=paired,nosuch'], ["'nosuch'", 'unpaired_emsn', '--model=']),
    ([*SYNTHETIC, '--models='], ['--models is empty']),
    ([*SYNTHETIC, '--model=paired'], ['LABEL: --flag=value']),
    ([*SYNTHETIC, '--model=x: --paired', '--model=x: --paired'], ['given twice']),
    ([*SYNTHETIC, '--model=x: --nosuch=1'], ['x', 'nosuch']),
    ([*SYNTHETIC, '--nosuch=1'], ['nosuch']),
    ([*SYNTHETIC, '--seeds=0'], ['--seeds=0']),
    ([*SYNTHETIC, '--seeds=1,b'], ['--seeds=1,b', 'how many']),
    ([*SYNTHETIC, '--seed=3'], ['--seeds']),
    ([*SYNTHETIC, '--workdir=x'], ['--output']),
    ([*SYNTHETIC, '--comparisons=paired'], ['A-B,C-D']),
    ([*SYNTHETIC, '--comparisons=paired-x'], ['x is compared']),
    ([*SYNTHETIC, '--comparisons=paired-unpaired', '--reference=paired'], ['give only one']),
    ([*SYNTHETIC, '--seeds=1', '--job=4'], ['--job=4', '0 to 3']),
    ([*SYNTHETIC, '--workers=0'], ['workers']),
    ([*SYNTHETIC, 'extra'], ["'extra'"]),
    (['--report_only'], ['no plan.json']),
  ],
)
def test_bad_flags(tmp_path, flags, words):
  message = fails('compare', f'--output={tmp_path / "out"}', *flags)
  for word in words:
    assert word in message
  assert not (tmp_path / 'out' / 'runs').exists()


def test_no_output(tmp_path):
  assert '--output is missing' in fails('compare', *SYNTHETIC)
  (tmp_path / 'file').write_text('')
  assert 'is a file' in fails('compare', f'--output={tmp_path / "file"}', *SYNTHETIC)


def test_missing_jobs_are_printed_with_their_numbers(tmp_path):
  made_up_runs(tmp_path, seeds=[0])
  result = run(
    'compare',
    f'--output={tmp_path}',
    *SYNTHETIC,
    '--models=unpaired,paired',
    '--seeds=0,4',
    '--print_jobs',
    '--max_megapixels=9',
  )
  lines = result.stdout.splitlines()
  assert [line.partition('  # ')[2] for line in lines] == [
    'job 2: unpaired, seed 4',
    'job 3: paired, seed 4',
  ]
  assert '-m experiments.train' in lines[0] and lines[0].count('--max_megapixels=9') == 2
  # Nothing else has to be said a second time.
  again = run('compare', f'--output={tmp_path}', '--print_jobs', '--max_megapixels=9')
  assert again.stdout == result.stdout
  assert json.loads((tmp_path / 'plan.json').read_text())['seeds'] == [0, 4]


def test_report_from_run_folders_alone(tmp_path):
  made_up_runs(tmp_path)
  flags = [f'--output={tmp_path}']
  run(
    'compare', *flags, *SYNTHETIC, '--models=unpaired,paired,udacity', '--seeds=3', '--print_jobs'
  )
  result = run('compare', *flags, '--report_only')
  assert result.returncode == 0, result.stderr
  assert '2 of 6 jobs are missing: unpaired, seed 2; paired, seed 2' in result.stdout
  assert 'paired against unpaired: better by 2.00 dB PSNR, in both seeds' in result.stdout
  content = json.loads((tmp_path / 'comparison.json').read_text())
  assert content['models']['udacity']['runs'] == content['models']['unpaired']['runs']
  assert content['missing'] == ['unpaired, seed 2', 'paired, seed 2']
  assert (tmp_path / 'report.html').exists() and (tmp_path / 'comparison.md').exists()
  # The same from the files alone, once more, after a run was spoilt: then from those left.
  (tmp_path / 'runs' / 'paired' / 'seed1' / 'evaluation' / 'test' / 'metrics.json').unlink()
  result = run('compare', *flags, '--report_only')
  assert '3 of 6 jobs are missing' in result.stdout and result.returncode == 0
  # Runs of a plan are not mixed with another.
  message = fails('compare', *flags, '--dataset=synthetic', '--epochs=4')
  assert 'unpaired has other settings' in message and '--epochs: 3 there, 4 now' in message


def test_a_run_on_other_images_is_named(tmp_path):
  made_up_runs(tmp_path)
  made_up.write(
    tmp_path / 'runs' / 'paired' / 'seed1', made_up.config(1, paired=True), split_sha256='another'
  )
  run(
    'compare',
    f'--output={tmp_path}',
    *SYNTHETIC,
    '--models=unpaired,paired',
    '--seeds=2',
    '--print_jobs',
  )
  message = fails('compare', f'--output={tmp_path}', '--report_only')
  assert 'paired/seed1' in message and "split's images" in message


def test_nothing_to_report(tmp_path):
  run('compare', f'--output={tmp_path}', *SYNTHETIC, '--seeds=2', '--print_jobs')
  assert 'no complete run yet' in fails('compare', f'--output={tmp_path}', '--report_only')


def test_help():
  result = run('compare', '--help')
  assert '--output' in result.stdout and 'python -m experiments.compare' in result.stdout


@pytest.mark.slow
def test_from_images_to_the_page(tmp_path, data_dir):
  """Two models, two seeds: one job alone, then all with one that fails, then the rest."""
  make_pairs(tmp_path / 'raw', n=40)
  tiny = [flag for flag in TINY if flag not in ('--paired', '--emsn')]
  flags = [
    f'--output={tmp_path / "out"}',
    '--dataset=folder',
    f'--source_dir={tmp_path / "raw"}',
    f'--data_dir={data_dir}',
    '--split_by=hash',
    '--steps=4',
    '--seeds=2',
    '--workers=2',
    *tiny,
  ]
  # One job alone, as of an array, makes no report.
  models = ['--models=unpaired,paired']
  result = run('compare', *flags, *models, '--job=3')
  assert result.returncode == 0, result.stderr + result.stdout
  seed = tmp_path / 'out' / 'runs' / 'paired' / 'seed1'
  assert (seed / 'evaluation' / 'test' / 'metrics.json').exists()
  assert not (tmp_path / 'out' / 'report.html').exists()
  # Seed 0 of a model finds a folder that is in its way.
  blocked = tmp_path / 'out' / 'runs' / 'unpaired' / 'seed0'
  (blocked / 'checkpoints').mkdir(parents=True)
  result = run('compare', *flags, *models)
  assert result.returncode == 1
  assert '4 jobs, 1 of them done already' in result.stdout
  assert 'FAILED: unpaired, seed 0' in result.stderr and 'has checkpoints but no' in result.stderr
  shutil.rmtree(blocked)
  result = run('compare', f'--output={tmp_path / "out"}')
  assert result.returncode == 0, result.stderr
  assert '4 jobs, 3 of them done already' in result.stdout
  content = json.loads((tmp_path / 'out' / 'comparison.json').read_text())
  for label in ('unpaired', 'paired'):
    assert content['models'][label]['seeds'] == [0, 1]
    for run_facts in content['models'][label]['runs']:
      file = (
        tmp_path
        / 'out'
        / 'runs'
        / label
        / f'seed{run_facts["seed"]}'
        / 'evaluation'
        / 'test'
        / 'per_image.csv'
      )
      with file.open(newline='') as lines:
        psnr = [float(row['psnr']) for row in csv.DictReader(lines)]
      assert run_facts['psnr'] == pytest.approx(sum(psnr) / len(psnr), rel=1e-5)
  (difference,) = [result for result in content['comparisons'] if result['primary']]
  means = [content['models'][label]['metrics']['psnr']['mean'] for label in ('paired', 'unpaired')]
  assert difference['difference'] == pytest.approx(means[0] - means[1])
  assert 'data:image/jpeg' in (tmp_path / 'out' / 'report.html').read_text()
