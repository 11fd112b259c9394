"""experiments.import_torch: the run folder it writes, and what other commands do with it."""

import json
import shutil

import numpy as np
import PIL.Image
import pytest

torch = pytest.importorskip('torch', reason='needs the extra parity: pip install ".[parity]"')

from cyclegan_jax.inference import model as model_lib
from tests.command_line import fails, run
from tests.inference.pytorch.test_importing import save, tiny
from tests.parity import both


@pytest.fixture(scope='module')
def imported(pairs, data_dir, tmp_path_factory):
  """A run folder made by the command, its flags and the PyTorch networks."""
  folder, workdir = tmp_path_factory.mktemp('torch'), tmp_path_factory.mktemp('imported') / 'run'
  nets = save(folder, tiny('cyclegan'))
  flags = [
    '--preset=cyclegan',
    '--dataset=folder',
    f'--source_dir={pairs}',
    f'--data_dir={data_dir}',
    f'--workdir={workdir}',
    '--load_size=0',
    '--n_samples=2',
    *(
      f'--{name}={value[0] if isinstance(value, tuple) else value}'
      for name, value in both.TINY['cyclegan'].items()
    ),
  ]
  result = run('import_torch', *flags, f'--checkpoint_dir={folder}')
  assert result.returncode == 0, result.stderr
  assert 'Generator rgb_to_ir: ' in result.stdout and 'experiments.evaluate' in result.stdout
  return workdir, flags, nets, folder


def test_translates_as_pytorch_does(imported, pairs, tmp_path):
  workdir, _, nets, _ = imported
  result = run(
    'translate', f'--workdir={workdir}', f'--input={pairs / "rgb"}', f'--output={tmp_path / "out"}'
  )
  assert result.returncode == 0, result.stderr
  model = model_lib.load(workdir)
  assert model.step == 0
  for file in sorted((pairs / 'rgb').iterdir())[:4]:
    rgb = np.asarray(PIL.Image.open(file)).astype(np.float32) / 127.5 - 1
    # 24x32, mirrored to multiples of 32 and cut again, as model.translate does it.
    padded = np.pad(rgb, ((0, 8), (0, 0), (0, 0)), 'symmetric')
    with torch.no_grad():
      y = nets['rgb_to_ir'](both.to_torch(padded[np.newaxis], torch.float32))
    y = y.numpy().transpose(0, 2, 3, 1)
    np.testing.assert_allclose(model.translators['rgb_to_ir'](padded[np.newaxis]), y, atol=1e-4)
    want = np.rint((y[0, :24, :, 0] + 1) * 127.5)
    got = np.asarray(PIL.Image.open(tmp_path / 'out' / file.name)).astype(float)
    # A value half-way between two may be rounded either way.
    assert np.abs(got - want).max() <= 1 and (got != want).mean() < 0.01


def test_evaluates_and_trains_on(imported, tmp_path):
  workdir, flags, _nets, folder = imported
  result = run('evaluate', f'--workdir={workdir}')
  assert result.returncode == 0, result.stderr
  content = json.loads((workdir / 'evaluation' / 'test' / 'metrics.json').read_text())
  assert content['n'] == 1 and np.isfinite(content['model']['psnr'])
  assert 'has a checkpoint already' in fails('import_torch', *flags, f'--checkpoint_dir={folder}')

  shutil.copytree(workdir, tmp_path / 'run', ignore=shutil.ignore_patterns('evaluation'))
  flags = [flag for flag in flags if not flag.startswith('--workdir')]
  result = run('train', *flags, f'--workdir={tmp_path / "run"}', '--steps=2')
  assert result.returncode == 0, result.stderr
  assert 'step 2/2' in result.stdout
  trained = model_lib.load(tmp_path / 'run')
  assert trained.step == 2
  x = np.random.default_rng(0).uniform(-1, 1, (1, 32, 32, 3)).astype(np.float32)
  before, after = (
    np.asarray(model.translators['rgb_to_ir'](x)) for model in (model_lib.load(workdir), trained)
  )
  # Two steps of Adam from the imported weights, not from others.
  assert 0 < np.abs(before - after).max() < 0.5


def test_command_refuses_bad_input_before_it_writes(imported, tmp_path):
  _, flags, _, folder = imported
  flags = [flag for flag in flags if not flag.startswith('--workdir')]
  flags.append(f'--workdir={tmp_path / "run"}')
  assert '--checkpoint_dir is missing' in fails('import_torch', *flags)
  message = fails('import_torch', *flags, '--ir_channels=3', f'--checkpoint_dir={folder}')
  assert 'It fits with --ir_channels=1.' in message
  assert not (tmp_path / 'run').exists()


def test_help():
  said = run('import_torch', '--help').stdout
  assert '--checkpoint_dir' in said and '--base_width' in said and 'latest_net_G_A.pth' in said
