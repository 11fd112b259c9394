"""A model that is loaded before a fork: one clear error in the child, and no hang."""

import os
import subprocess
import sys

import pytest

from tests import compiler
from tests.conftest import REPOSITORY

_SCRIPT = """
import multiprocessing, sys
import numpy as np
import cyclegan_jax

IMAGE = np.zeros((16, 16, 3), np.uint8)
MODEL = None

def again(_):
  return cyclegan_jax.load(sys.argv[1]).translate(IMAGE).tolist()

def use(_):
  return MODEL.translate(IMAGE).tolist()

if __name__ == '__main__':
  kind, what = sys.argv[2:]
  if what != 'alone':
    MODEL = cyclegan_jax.load(sys.argv[1])
    want = MODEL.translate(IMAGE).tolist()
  with multiprocessing.get_context(kind).Pool(2) as pool:
    try:
      found = pool.map({'use': use}.get(what, again), range(2))
      print('same' if what == 'alone' or found == [want] * 2 else 'different')
    except Exception as error:
      print(type(error).__name__, error)
"""


@pytest.fixture(scope='module')
def script(tmp_path_factory):
  file = tmp_path_factory.mktemp('forks') / 'script.py'
  file.write_text(_SCRIPT)
  return file


def run(script, folder, kind, what):
  environment = {**os.environ, 'PYTHONPATH': str(REPOSITORY), 'XLA_FLAGS': compiler.xla_flags()}
  command = [sys.executable, str(script), str(folder), kind, what]
  result = subprocess.run(
    command, env=environment, cwd=REPOSITORY, capture_output=True, text=True, timeout=200
  )
  assert result.returncode == 0, result.stderr
  return result


@pytest.mark.parametrize('what', ['use', 'again'])
def test_a_forked_child_is_told(script, untrained, what):
  """Whether it uses the model of its parent or loads one of its own."""
  result = run(script, untrained, 'fork', what)
  assert result.stdout.startswith('UserError This process was forked')
  assert 'spawn' in result.stdout


@pytest.mark.parametrize(
  'kind, what', [pytest.param('spawn', 'again', marks=pytest.mark.slow), ('fork', 'alone')]
)
def test_other_workers_work(script, untrained, kind, what):
  """Those that are spawned, and those forked from a process that has loaded no model."""
  result = run(script, untrained, kind, what)
  assert result.stdout == 'same\n'
  assert 'read only' not in result.stderr
