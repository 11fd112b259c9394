"""experiments.publish as a user types it, and commands with a model from the Hub."""

import json
import os
import re
import subprocess
import sys

import pytest

from cyclegan_jax.image_files import images
from tests import compiler
from tests.conftest import REPOSITORY
from tests.runs import hub_server

pytest.importorskip('huggingface_hub', reason='needs the extra hub')


@pytest.fixture(scope='module')
def server():
  with hub_server.running() as running:
    yield running


@pytest.fixture
def run(server, tmp_path):
  """Runs a command in a folder of the test, with the server as the Hub."""

  def run(name, *flags):
    environment = {
      **os.environ,
      'XLA_FLAGS': compiler.xla_flags(),
      'HF_ENDPOINT': server.endpoint,
      'HF_TOKEN': hub_server.TOKEN,
      'XDG_CACHE_HOME': str(tmp_path / 'cache'),
      'PYTHONPATH': os.pathsep.join([str(REPOSITORY), os.environ.get('PYTHONPATH', '')]),
    }
    command = [sys.executable, '-m', f'experiments.{name}', *map(str, flags)]
    options = dict(cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=300)
    return subprocess.run(command, **options)

  return run


@pytest.mark.slow
def test_from_a_run_to_images_of_somebody_else(untrained, pairs, data_dir, server, run, tmp_path):
  pytest.importorskip('onnxruntime', reason='needs the extra onnx')
  said = run(
    'publish',
    *(f'--workdir={untrained}', f'--output={tmp_path / "out"}', '--repo=lab/night'),
    *('--license=other', '--author=A', f'--check_images={pairs / "rgb"}'),
  )
  assert said.returncode == 0, said.stderr
  commit = server.repositories['lab/night'].resolve('main')
  assert f'Published privately: hf://lab/night@{commit}' in said.stdout
  assert 'Fill in before you publish it: --data_source' in said.stdout
  content = server.repositories['lab/night'].commits[commit]
  wanted = {'README.md', 'config.json', 'data.json', 'model.json', 'model.safetensors'}
  assert content.keys() == {*wanted, 'rgb_to_ir.onnx'}
  assert {file.name for file in (tmp_path / 'out').iterdir()} == content.keys()
  assert not any(str(place).encode() in b''.join(content.values()) for place in (pairs, data_dir))
  assert '--workdir=hf://lab/night ' in content['README.md'].decode()

  said = run('translate', '--workdir=hf://lab/night', f'--input={pairs / "rgb"}', '--output=ir')
  assert said.returncode == 0, said.stderr
  assert images.read_texts(tmp_path / 'ir' / '000.png')['run'] == f'hf://lab/night@{commit}'

  assert '--source_dir' in run('evaluate', '--workdir=hf://lab/night').stderr
  said = run('evaluate', f'--workdir=hf://lab/night@{commit}', f'--source_dir={pairs}')
  assert said.returncode == 0, said.stderr
  folder = tmp_path / 'runs' / f'night_{commit[:8]}'
  measured = json.loads((folder / 'evaluation' / 'test' / 'metrics.json').read_text())
  assert measured['source'] == f'hf://lab/night@{commit}'
  assert (folder / 'report.html').exists() and f'model hf://lab/night@{commit}' in said.stdout


def test_mistakes(run):
  for name, flags, words in (
    ('publish', ['--workdir=run', '--repo=a/b'], '--repo needs --license'),
    ('publish', ['--workdir=hf://a/b', '--output=x'], 'expected a folder of this machine'),
    ('translate', ['--workdir=hf://a/b', '--input=x', '--output=y'], 'answers 404'),
  ):
    result = run(name, *flags)
    assert result.returncode == 2 and words in result.stderr, result.stderr
    assert re.fullmatch(r'error: [^\n]*\n', result.stderr), result.stderr
