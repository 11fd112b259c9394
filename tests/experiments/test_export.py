"""experiments.export and experiments.model_card as a user types them, and the examples of docs."""

import os
import subprocess
import sys

import numpy as np
import PIL.Image
import pytest
import yaml

from cyclegan_jax.inference import model as model_lib
from tests.command_line import fails, run, TINY
from tests.conftest import REPOSITORY


def needs(package):
  pytest.importorskip(package, reason=f'pip install {package}')


@pytest.fixture(scope='module')
def trained(pairs, data_dir, tmp_path_factory):
  """A run folder of three steps whose weights are moving averages."""
  workdir = tmp_path_factory.mktemp('export') / 'run'
  result = run(
    'train',
    '--dataset=folder',
    f'--source_dir={pairs}',
    f'--data_dir={data_dir}',
    f'--workdir={workdir}',
    '--steps=3',
    '--ema_decay=0.5',
    *TINY,
  )
  assert result.returncode == 0, result.stderr
  return workdir


@pytest.mark.slow
@pytest.mark.parametrize('form', ['onnx', 'stablehlo'])
def test_a_file_is_written_and_the_example_runs_it(trained, pairs, tmp_path, form):
  needs({'onnx': 'onnxruntime', 'stablehlo': 'flatbuffers'}[form])
  output = tmp_path / f'model.{form}'
  flags = [f'--workdir={trained}', f'--format={form}', f'--output={output}']
  result = run('export', *flags)
  assert result.returncode == 0, result.stderr
  assert 'Comparing the file with the model. Images: 1.' in result.stdout
  assert 'largest difference' in result.stdout and 'of 255 gray levels' in result.stdout

  photo = pairs / 'rgb' / '001.png'
  example = REPOSITORY / 'docs' / 'examples' / f'{form}_translate.py'
  # From elsewhere, without this program on the path.
  environment = {key: value for key, value in os.environ.items() if key != 'PYTHONPATH'}
  shown = subprocess.run(
    [sys.executable, example, output, photo, tmp_path / 'ir.png'],
    capture_output=True,
    text=True,
    cwd=tmp_path,
    env=environment,
    timeout=120,
  )
  assert shown.returncode == 0, shown.stderr
  assert 'rgb_to_ir' in shown.stdout
  want = model_lib.load(trained).translate(np.asarray(PIL.Image.open(photo)))
  got = np.asarray(PIL.Image.open(tmp_path / 'ir.png')).astype(int)
  assert np.abs(got - want[..., 0]).max() <= 1

  assert 'exists already' in fails('export', *flags)
  other = run(
    'export',
    *flags,
    '--overwrite',
    '--direction=ir_to_rgb',
    '--bits=16',
    f'--check_images={pairs / "ir"}',
  )
  assert other.returncode == 0, other.stderr
  assert 'Images: 4.' in other.stdout and 'of 65535 gray levels' in other.stdout


@pytest.mark.slow
def test_mistakes_are_explained(trained, tmp_path):
  needs('flatbuffers')
  flags = [f'--workdir={trained}', '--format=stablehlo', f'--output={tmp_path / "file"}']
  (tmp_path / 'empty').mkdir()
  (tmp_path / 'text').write_text('')
  for given, words in (
    ([f'--workdir={trained}'], '--format and --output are needed'),
    ([*flags, '--format=savedmodel'], 'should be one of <stablehlo|onnx>'),
    ([*flags, f'--output={tmp_path}'], 'is a folder'),
    ([*flags, f'--output={tmp_path / "text" / "file"}'], 'cannot be written'),
    ([*flags, f'--check_images={tmp_path / "nosuch"}'], 'is not a folder'),
    ([*flags, f'--check_images={tmp_path / "empty"}'], 'holds no images'),
    ([*flags, f'--source_dir={tmp_path / "empty"}'], '--check_images=FOLDER'),
  ):
    assert words in fails('export', *given)
  assert sorted(path.name for path in tmp_path.iterdir()) == ['empty', 'text']


def test_model_card(trained, tmp_path):
  card = tmp_path / 'README.md'
  result = run(
    'model_card',
    f'--workdir={trained}',
    f'--output={card}',
    '--license=cc-by-4.0',
    '--author=A. Name: "me"',
  )
  assert result.returncode == 0, result.stderr
  assert 'Fill in before you publish it: --data_source, --data_license, --hardware' in (
    result.stdout
  )
  assert 'No figures yet' in result.stdout
  front, text = card.read_text().split('---\n')[1:]
  assert yaml.safe_load(front)['license'] == 'cc-by-4.0'
  assert 'A. Name: "me"' in text and 'It has not been measured' in text
  assert 'exists already' in fails('model_card', f'--workdir={trained}', f'--output={card}')
  assert 'not a run folder' in fails(
    'model_card', f'--workdir={tmp_path}', f'--output={tmp_path / "x.md"}'
  )


@pytest.mark.parametrize('name', ['export', 'model_card'])
def test_help(name):
  said = run(name, '--help').stdout
  assert '--workdir' in said and 'python -m experiments.' in said
