"""The wheel: one top-level package, and a command that does what those of a checkout do."""

import importlib.util
import pathlib
import re
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import zipfile

import pytest

from tests.conftest import REPOSITORY

pytest.importorskip('setuptools', reason='builds a wheel')
_SOURCES = ('cyclegan_jax', 'datasets', 'experiments')
_FILES = ('setup.py', 'setup.cfg', 'pyproject.toml', 'README.md', 'LICENSE')
_BUILD = 'import setuptools.build_meta as b, sys; getattr(b, sys.argv[1])(sys.argv[2])'


@pytest.fixture(scope='module')
def build():
  """The module setup.py."""
  spec = importlib.util.spec_from_file_location('build', REPOSITORY / 'setup.py')
  module = importlib.util.module_from_spec(spec)
  spec.loader.exec_module(module)
  return module


def test_imports_and_texts_are_rewritten(build):
  before = (
    '"""Text.\n\nfrom experiments.evaluate, which writes; experiments.unknown stays.\n"""\n'
    'from datasets import registry\nfrom datasets.folder import (\n  lists,\n)\n'
    'def f():\n  import datasets\n  from experiments import flags as common\n'
    '  return \'Next: python -m experiments.train; pip install -e ".[onnx]"\', datasets\n'
  )
  assert build.rewritten(before, 'x.py') == (
    '"""Text.\n\nfrom cyclegan-jax evaluate, which writes; experiments.unknown stays.\n"""\n'
    'from cyclegan_jax._datasets import registry\n'
    'from cyclegan_jax._datasets.folder import (\n  lists,\n)\n'
    'def f():\n  from cyclegan_jax import _datasets as datasets\n'
    '  from cyclegan_jax._commands import flags as common\n'
    '  return \'Next: cyclegan-jax train; pip install "cyclegan-jax[onnx]"\', datasets\n'
  )
  for other in ('import datasets.loading\n', 'import os, datasets\n'):
    with pytest.raises(SyntaxError, match='line 1 imports what a wheel does not have'):
      build.rewritten(other, 'x.py')


def test_every_file_can_be_moved(build):
  for folder in ('datasets', 'experiments'):
    for file in (REPOSITORY / folder).rglob('*.py'):
      build.rewritten(file.read_text(), str(file))


def test_a_container_gets_what_a_build_needs():
  cluster = REPOSITORY / 'cluster'
  copied = re.findall(r'^COPY (.*) \S+$', (cluster / 'Dockerfile').read_text(), re.MULTILINE)
  needed = {*_SOURCES, *_FILES}
  assert {name for line in copied for name in line.split()} == needed
  ignored = (cluster / 'Dockerfile.dockerignore').read_text()
  assert set(re.findall(r'^!(.*)$', ignored, re.MULTILINE)) == needed


def _built(source: pathlib.Path, kind: str, target: pathlib.Path) -> pathlib.Path:
  """The file that a source tree is built into."""
  target.mkdir()
  command = [sys.executable, '-c', _BUILD, f'build_{kind}', target]
  result = subprocess.run(command, cwd=source, capture_output=True, text=True, timeout=300)
  assert result.returncode == 0, result.stderr
  (file,) = target.iterdir()
  return file


@pytest.mark.slow
def test_the_command_works_outside_the_checkout(pairs, tmp_path, monkeypatch):
  monkeypatch.delenv('PYTHONPATH', raising=False)  # Of a checkout, pip takes it for installed.
  source = tmp_path / 'source'
  for name in _SOURCES:
    ignored = shutil.ignore_patterns('__pycache__')
    shutil.copytree(REPOSITORY / name, source / name, ignore=ignored)
  for name in _FILES:
    shutil.copy(REPOSITORY / name, source / name)
  with tarfile.open(_built(source, 'sdist', tmp_path / 'sdist')) as archive:
    archive.extractall(tmp_path / 'unpacked', filter='data')
  (unpacked,) = (tmp_path / 'unpacked').iterdir()
  wheel = _built(unpacked, 'wheel', tmp_path / 'wheel')
  names = zipfile.ZipFile(wheel).namelist()
  assert {name.split('/')[0] for name in names} == {'cyclegan_jax', 'cyclegan_jax-0.2.0.dist-info'}
  for name in (
    '_datasets/osu/TAGS.txt',
    '_commands/train.py',
    'reports/templates/model_card.md',
    'bundled/rendered/model.safetensors',
  ):
    assert f'cyclegan_jax/{name}' in names

  environment, python = tmp_path / 'env', tmp_path / 'env' / 'bin' / 'python'
  subprocess.run([sys.executable, '-m', 'venv', '--without-pip', environment], check=True)
  install = ('install', '-q', '--no-deps', '--no-index', wheel)
  subprocess.run([sys.executable, '-m', 'pip', '--python', python, *install], check=True)
  packages = environment / 'lib' / f'python{sys.version_info[0]}.{sys.version_info[1]}'
  # The packages of these tests, but not this program: nothing of them is run at the start.
  others = sysconfig.get_paths()['purelib']
  (packages / 'site-packages' / 'others.pth').write_text(f'{others}\n')

  environ = {'PATH': '/usr/bin:/bin', 'HOME': str(tmp_path), 'JAX_PLATFORMS': 'cpu'}
  options = dict(cwd=tmp_path, env=environ, capture_output=True, text=True, timeout=300)

  def run(*arguments):
    return subprocess.run([environment / 'bin' / 'cyclegan-jax', *arguments], **options)

  said = run('--help')
  assert said.returncode == 0 and '\n  train         Trains a model.' in said.stdout, said.stderr
  assert run('--version').stdout == 'cyclegan-jax 0.2.0\n'
  assert 'cyclegan-jax train --preset=demo' in run('train', '--help').stdout
  unknown = run('trian')
  assert unknown.returncode == 2 and "'trian' is not a command" in unknown.stderr
  said = run('check_pairs', '--dataset=folder', f'--source_dir={pairs}', '--output=checked')
  assert said.returncode == 0, said.stderr
  assert '12 pairs' in said.stdout and (tmp_path / 'checked' / 'pairs.csv').exists()
  code = "import cyclegan_jax; print(provenance.versions()); cyclegan_jax.train('run', nosuch=1)"
  code = f'from cyclegan_jax import provenance; {code}'
  from_python = subprocess.run([python, '-c', code], **options)
  assert 'UserError: nosuch: there is no such setting' in from_python.stderr
  assert from_python.stdout.startswith("{'cyclegan-jax': '0.2.0', 'python'")
  said = run('translate', '--model=rendered', f'--input={pairs / "rgb"}', '--output=IR')
  assert said.returncode == 0, said.stderr
  assert len(list((tmp_path / 'IR').iterdir())) == 12
  mistake = run('check_pairs', '--dataset=folder', '--source_dir=nothing', '--output=checked')
  assert mistake.returncode == 2 and 'Traceback' not in mistake.stderr
