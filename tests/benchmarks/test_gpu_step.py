"""A training step compiled for a GPU that is not there."""

import importlib.util
import subprocess
import sys

import pytest

_PLUGIN = any(map(importlib.util.find_spec, ('jax_cuda12_plugin', 'jax_cuda13_plugin')))


def _run(*given):
  return subprocess.run(
    [sys.executable, '-m', 'benchmarks.gpu_step', *given], capture_output=True, text=True
  )


@pytest.mark.slow
@pytest.mark.skipif(not _PLUGIN, reason='needs the extra cuda12')
def test_two_cards_join_their_exchanges_and_compute_in_bfloat16():
  done = _run('--presets=udacity:32', '--batches=1', '--precisions=bfloat16', '--devices=2')
  assert done.returncode == 0, done.stderr
  cells = done.stdout.splitlines()[-1].strip('| ').split(' | ')
  mib, convolutions, in_bfloat16, exchanges, joined = map(int, cells[4:])
  # Weights, moments, and gradients of 22 million parameters.
  assert 256 < mib < 2000
  assert convolutions == in_bfloat16 > 100
  assert 0 < joined < exchanges


@pytest.mark.skipif(_PLUGIN, reason='the extra cuda12 is installed')
def test_without_the_plugin_it_says_what_to_install():
  done = _run()
  assert done.returncode == 1
  assert done.stderr.splitlines()[-1].endswith('pip install -e ".[cuda12]"')
