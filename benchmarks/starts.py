"""Starts commands on the ground of stops.py, and looks at what they leave behind."""

from collections.abc import Sequence
import json
import multiprocessing.process
import os
import pathlib
import signal
import subprocess
import sys

from PIL import Image

from benchmarks import forks, stops

# Of the flags in /proc/PID/stat: the process gives back what it has (PF_EXITING).
_EXITING = 4
_REPOSITORY = pathlib.Path(__file__).resolve().parent.parent


def environment(ground: stops.Ground) -> dict[str, str]:
  """Returns the environment of commands: one device, and programs that compile fast, once."""
  return {
    **os.environ,
    'JAX_PLATFORMS': 'cpu',
    'XLA_FLAGS': '',
    'JAX_COMPILATION_CACHE_DIR': str(ground.folder / 'cache'),
    'JAX_DISABLE_MOST_OPTIMIZATIONS': '1',
  }


def start(
  ground: stops.Ground, arguments: Sequence[str], own_cache: bool = False
) -> subprocess.Popen:
  """Starts a command as from a terminal, where SIGINT is not ignored.

  With `own_cache` the cache of compiled programs is the one of its flags.
  """
  variables = environment(ground)
  if own_cache:
    del variables['JAX_COMPILATION_CACHE_DIR']
  return subprocess.Popen(
    [sys.executable, '-m', f'experiments.{arguments[0]}', *arguments[1:]],
    cwd=_REPOSITORY,
    env=variables,
    stdout=subprocess.DEVNULL,
    stderr=subprocess.PIPE,
    preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
  )


def fork(
  ground: stops.Ground, arguments: Sequence[str], err: pathlib.Path
) -> multiprocessing.process.BaseProcess:
  """Starts a command in a fork; what it writes to standard error is in a file."""
  variables = environment(ground)
  os.environ.update(variables)  # JAX reads them when it is imported, which is before forking.
  module = f'experiments.{arguments[0]}'
  return forks.start([module, *arguments[1:]], variables, _REPOSITORY, os.devnull, err)


def wait(process: multiprocessing.process.BaseProcess, seconds: float) -> None:
  """Waits for the end of a fork; one that takes longer hangs, and is killed."""
  process.join(seconds)
  if process.exitcode is None:
    process.kill()
    process.join()


def has_ended(process: multiprocessing.process.BaseProcess) -> bool:
  """Whether a fork has ended or is just ending, when signals do nothing, even if nobody knows."""
  if process.exitcode is not None:
    return True
  try:
    text = pathlib.Path(f'/proc/{process.pid}/stat').read_text()
  except OSError:
    return True
  state, *_, flags = text.rpartition(')')[2].split()[:7]
  return state in 'ZX' or bool(int(flags) & _EXITING)


def half_written(folder: pathlib.Path) -> list[str]:
  """Returns the files below a folder, outside checkpoints, that a reader could trip over."""
  found = []
  for file in sorted(folder.rglob('*')):
    if not file.is_file() or 'checkpoints' in file.parts:
      continue
    try:
      if file.suffix == '.json':
        json.loads(file.read_text())
      elif file.suffix == '.png':
        Image.open(file).load()
      elif file.suffix == '.tmp':
        raise ValueError('temporary')
    except (OSError, ValueError) as error:
      found.append(f'{file.relative_to(folder)}: {error}')
  return found
