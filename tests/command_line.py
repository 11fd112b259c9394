"""The commands, as a person types them, in processes of their own.

`run` forks them from a process that has imported the libraries, which is most of the time that a
short command takes. What has to start as on a terminal uses `command` with subprocess.
"""

import os
import pathlib
import subprocess
import sys
import tempfile

from benchmarks import forks
from tests import compiler
from tests.conftest import REPOSITORY

TINY = [
  '--image_size=16',
  '--base_width=4',
  '--n_residual_blocks=1',
  '--n_downsampling=2',
  '--discriminator_width=4',
  '--discriminator_layers=2',
  '--batch_size=4',
  '--checkpoint_every=3',
  '--log_every=2',
  '--n_samples=2',
  '--paired',
  '--emsn',
]
# One device, as on a laptop; conftest.py has the tests' own process use four.
_ONE_DEVICE = {'XLA_FLAGS': compiler.xla_flags()}
_TIMEOUT = 300


def command(name, *flags, **options):
  """Arguments and options of subprocess.run for experiments.NAME."""
  environment = {**os.environ, **_ONE_DEVICE}
  return [sys.executable, '-m', f'experiments.{name}', *map(str, flags)], dict(
    cwd=REPOSITORY, env=environment, **options
  )


def run(name, *flags):
  """Runs a command to its end, as subprocess.run with captured text."""
  arguments = [f'experiments.{name}', *map(str, flags)]
  with tempfile.TemporaryDirectory() as folder:
    out, err = (pathlib.Path(folder) / stream for stream in ('out', 'err'))
    process = forks.start(arguments, _ONE_DEVICE, REPOSITORY, out, err)
    process.join(_TIMEOUT)
    if process.exitcode is None:
      process.kill()
      raise subprocess.TimeoutExpired(arguments, _TIMEOUT)
    return subprocess.CompletedProcess(
      arguments, process.exitcode, out.read_text(), err.read_text()
    )


def fails(name, *flags):
  """Runs a command that has to fail as a command should; returns its message."""
  result = run(name, *flags)
  assert result.returncode not in (0, None), result.stdout
  assert 'Traceback' not in result.stderr + result.stdout
  return result.stderr
