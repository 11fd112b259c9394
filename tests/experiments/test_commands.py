"""The commands as a person types them: one walk end to end."""

import csv
import json
import shutil
import signal
import subprocess
import time

import numpy as np
import PIL.Image
import pytest

from tests.command_line import command, fails, run, TINY
from tests.datasets import test_osu


@pytest.fixture(scope='module')
def walk(pairs, data_dir, tmp_path_factory):
  """A run folder, trained by the command, killed on the way and resumed."""
  workdir = tmp_path_factory.mktemp('walk') / 'run'
  flags = [
    '--dataset=folder',
    f'--source_dir={pairs}',
    f'--data_dir={data_dir}',
    f'--workdir={workdir}',
    *TINY,
  ]
  arguments, options = command('train', *flags, '--steps=100000', stdout=subprocess.PIPE, text=True)
  with subprocess.Popen(arguments, **options) as process:
    deadline = time.monotonic() + 240
    while not (workdir / 'checkpoints' / '6').exists() and time.monotonic() < deadline:
      time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
  newest = max(int(p.name) for p in (workdir / 'checkpoints').iterdir() if p.name.isdecimal())
  resumed = run('train', *flags, f'--steps={newest + 3}')
  assert resumed.returncode == 0, resumed.stderr
  return workdir, flags, newest, resumed.stdout


def test_train_resumes_after_a_kill(walk):
  workdir, _, newest, said = walk
  assert f'{newest} done: resuming' in said and f'step {newest + 3}/{newest + 3}' in said
  with (workdir / 'validation.csv').open(newline='') as lines:
    steps = [int(row['step']) for row in csv.DictReader(lines)]
  assert steps == list(range(3, newest + 4, 3))


def test_evaluate(walk):
  workdir = walk[0]
  result = run('evaluate', f'--workdir={workdir}')
  assert result.returncode == 0, result.stderr
  folder = workdir / 'evaluation' / 'test'
  content = json.loads((folder / 'metrics.json').read_text())
  assert set(content['baselines']) == {'mean_image', 'nearest', 'luminance', 'constant'}
  for totals in [content['model'], *content['baselines'].values()]:
    assert {'psnr', 'psnr_pooled', 'ssim', 'uqi', 'uqi_sewar', 'mse', 'rmse'} <= set(totals)
    assert {'log_spectral_distance', 'hot_recall', 'psnr_image_gain', 'dataset_gain'} <= set(totals)
  assert content['value_range'] == [0, 255] and content['n'] == 1
  with (folder / 'per_image.csv').open(newline='') as lines:
    rows = list(csv.DictReader(lines))
  assert len(rows) == 1 and float(rows[0]['mse']) == pytest.approx(content['model']['mse'])
  assert '| luminance as IR |' in result.stdout
  page = (workdir / 'report.html').read_text()
  # Four pictures of the example, at the top and in the gallery, and the samples.
  assert page.count('data:image/') == 9 and '://' not in page
  assert np.asarray(PIL.Image.open(folder / 'examples.png')).ndim == 3


def test_another_checkpoint_has_a_folder_and_a_page_of_its_own(walk, tmp_path):
  workdir = tmp_path / 'run'
  shutil.copytree(walk[0], workdir)
  best = (workdir / 'evaluation' / 'test' / 'metrics.json').read_bytes()
  page = (workdir / 'report.html').read_bytes()
  result = run('evaluate', f'--workdir={workdir}', '--checkpoint=latest')
  assert result.returncode == 0, result.stderr
  folder = workdir / 'evaluation' / 'test_latest'
  content = json.loads((folder / 'metrics.json').read_text())
  assert (content['checkpoint'], content['checkpoint_step']) == ('latest', content['trained_steps'])
  assert 'test_latest' in result.stdout and (folder / 'report.html').exists()
  assert (workdir / 'evaluation' / 'test' / 'metrics.json').read_bytes() == best
  assert (workdir / 'report.html').read_bytes() == page


def test_evaluate_downloads_no_weights(tmp_path):
  message = fails('evaluate', f'--workdir={tmp_path}', f'--fid_weights={tmp_path / "nosuch.pt"}')
  assert 'nosuch.pt' in message and 'inception-2015-12-05.pt from https://' in message


def test_evaluate_finds_moved_images_and_refuses_others(walk, pairs, tmp_path):
  shutil.copytree(walk[0], tmp_path / 'run', ignore=shutil.ignore_patterns('evaluation'))
  shutil.copytree(pairs, tmp_path / 'moved')
  flags = [f'--workdir={tmp_path / "run"}', f'--source_dir={tmp_path / "moved"}']
  result = run('evaluate', *flags)
  assert result.returncode == 0, result.stderr
  for name in ('rgb', 'ir'):
    shutil.copy(pairs / name / '000.png', tmp_path / 'moved' / name / 'new.png')
  assert 'other data' in fails('evaluate', *flags)


def test_evaluate_measures_labels_that_training_did_not_have(walk, pairs, tmp_path):
  shutil.copytree(walk[0], tmp_path / 'run', ignore=shutil.ignore_patterns('evaluation'))
  shutil.copytree(pairs, tmp_path / 'moved')
  (tmp_path / 'moved' / 'labels').mkdir()
  for file in (pairs / 'rgb').iterdir():
    halves = np.repeat(np.array([[0, 2]], np.uint8), 16, 1).repeat(24, 0)
    PIL.Image.fromarray(halves).save(tmp_path / 'moved' / 'labels' / file.name)
  flags = [f'--workdir={tmp_path / "run"}', f'--source_dir={tmp_path / "moved"}']
  result = run('evaluate', *flags, '--label_dir=labels')
  assert result.returncode == 0, result.stderr
  assert '| class 2 | 128 | 1 |' in result.stdout and '| class 1 | 0 | 0 |' in result.stdout
  assert (tmp_path / 'run' / 'evaluation' / 'test' / 'per_class.csv').exists()
  assert 'Errors class by class' in (tmp_path / 'run' / 'report.html').read_text()


@pytest.mark.parametrize('direction, mode', [('rgb_to_ir', 'L'), ('ir_to_rgb', 'RGB')])
def test_translate_a_folder(walk, tmp_path, direction, mode):
  sizes = {'a.jpg': (37, 23), 'sub/b.png': (16, 64), 'sub/c.tif': (1, 1)}
  for name, size in sizes.items():
    file = tmp_path / 'in' / name
    file.parent.mkdir(parents=True, exist_ok=True)
    PIL.Image.new('RGB' if mode == 'L' else 'L', size).save(file)
  result = run(
    'translate',
    f'--workdir={walk[0]}',
    f'--input={tmp_path / "in"}',
    f'--output={tmp_path / "out"}',
    f'--direction={direction}',
  )
  assert result.returncode == 0, result.stderr
  assert 'Translated 3 of 3 images' in result.stdout
  for name, size in sizes.items():
    image = PIL.Image.open((tmp_path / 'out' / name).with_suffix('.png'))
    assert image.size == size and image.mode == mode


def test_translate_goes_on_after_a_bad_file_and_says_so(walk, tmp_path):
  (tmp_path / 'in').mkdir()
  PIL.Image.new('RGB', (8, 8)).save(tmp_path / 'in' / 'good.png')
  (tmp_path / 'in' / 'bad.png').write_bytes(b'not an image')
  message = fails(
    'translate',
    f'--workdir={walk[0]}',
    f'--input={tmp_path / "in"}',
    f'--output={tmp_path / "out"}',
  )
  assert 'bad.png' in message and (tmp_path / 'out' / 'good.png').exists()
  assert not (tmp_path / 'out' / 'bad.png').exists()


@pytest.mark.parametrize(
  'source, output, words',
  [
    ('a.png', 'a.png', 'is an input'),
    ('.', 'out', 'lies inside --input'),
    ('.', '../x.png', 'names a file'),
    ('a.png', 'a.jpg', 'ends in .png'),
    ('nosuch', 'out', 'does not exist'),
    ('empty', 'out', 'no images'),
  ],
)
def test_translate_refuses_confusing_paths(walk, tmp_path, source, output, words):
  (tmp_path / 'empty').mkdir()
  PIL.Image.new('RGB', (8, 8)).save(tmp_path / 'a.png')
  message = fails(
    'translate',
    f'--workdir={walk[0]}',
    f'--input={tmp_path / source}',
    f'--output={tmp_path / output}',
  )
  assert words in message
  assert sorted(p.name for p in tmp_path.iterdir()) == ['a.png', 'empty']


@pytest.mark.slow
@pytest.mark.parametrize('flags', [['--paired', '--emsn'], ['--split_by=sequence']])
def test_osu_trains_and_evaluates(tmp_path, flags):
  test_osu.put(tmp_path / 'osu', test_osu.tree(frames=12))
  tiny = [flag for flag in TINY if flag not in ('--paired', '--emsn')]
  result = run(
    'train',
    '--dataset=osu',
    f'--source_dir={tmp_path / "osu"}',
    '--steps=2',
    f'--data_dir={tmp_path / "data"}',
    f'--workdir={tmp_path / "run"}',
    *tiny,
    *flags,
  )
  assert result.returncode == 0, result.stderr
  assert 'step 2/2' in result.stdout
  result = run('evaluate', f'--workdir={tmp_path / "run"}')
  assert result.returncode == 0, result.stderr
  content = json.loads((tmp_path / 'run' / 'evaluation' / 'test' / 'metrics.json').read_text())
  # Sequences 3 and 6 are held out: 24 frames.
  assert content['n'] == 24 if '--split_by=sequence' in flags else content['n'] < 24


def test_osu_says_where_the_files_are_and_what_is_missing(tmp_path):
  assert 'trimodal-people-segmentation' in fails('train', '--dataset=aau', '--paired', '--emsn')
  found = test_osu.tree(frames=2)
  test_osu.put(
    tmp_path / 'osu', {path: data for path, data in found.items() if not path.startswith('4b')}
  )
  assert '4b' in fails(
    'train', '--dataset=osu', f'--source_dir={tmp_path / "osu"}', f'--data_dir={tmp_path / "data"}'
  )


def test_another_configuration_is_refused(walk):
  message = fails('train', *walk[1], '--seed=1')
  assert '--seed: 0 there, 1 now' in message


@pytest.mark.parametrize('name', ['train', 'evaluate', 'translate'])
def test_help(name):
  result = run(name, '--help')
  assert '--workdir' in result.stdout and 'python -m experiments.' in result.stdout
