"""Compiled programs are kept between commands, harmless when damaged, no reason to fail."""

import os
import pathlib
import platform
import subprocess
import sys
import warnings

import pytest

from benchmarks import stops
from experiments import program_cache
from tests import compiler
from tests.command_line import TINY
from tests.conftest import REPOSITORY

# Says at its end how many programs came from the cache and how many did not.
_COUNTED = """
import atexit, collections, runpy, sys
from experiments import program_cache
program_cache.enable(sys.argv[1])
import jax
events = collections.Counter()
jax.monitoring.register_event_listener(lambda name, **_: events.update([name.split('/')[-1]]))
atexit.register(lambda: print('hits', events['cache_hits'], 'misses', events['cache_misses']))
"""
_TRAIN = (
  _COUNTED
  + """
sys.argv = ['train', *sys.argv[2:]]
runpy.run_module('experiments.train', run_name='__main__', alter_sys=True)
"""
)
_PROCESSOR = """
import jax
from jax._src.lib import xla_client
print(xla_client.get_topology_for_devices(jax.devices()).fingerprint())
"""
_STEP = (
  _COUNTED
  + """
import numpy as np
step = jax.pmap(lambda a, x: (a + x @ jax.numpy.tanh(a), x.sum()), donate_argnums=0)
a, x = (jax.device_put(value[None]) for value in np.ones((2, 8, 8), np.float32))
print(np.asarray(step.lower(a, x).compile()(a, x)[0]).tobytes().hex())
"""
)


@pytest.fixture
def unset(monkeypatch):
  """No cache in the environment, and what `enable` changes is undone."""
  for name in ('JAX_COMPILATION_CACHE_DIR', *program_cache._SETTINGS):
    monkeypatch.setenv(name, '')  # Registers the old value.
    monkeypatch.delenv(name)
  monkeypatch.setattr(warnings, 'showwarning', warnings.showwarning)


def entries(folder):
  return sorted(folder.glob('*-cache'))


def fill(folder, *names):
  """Files of 10 bytes, each read later than the one before."""
  made = [folder / f'{name}-cache' for name in names]
  for i, path in enumerate(made):
    path.write_bytes(bytes(10))
    os.utime(path, (1000 + i, 1000))
  return made


def counted(program, *arguments):
  """Runs one of the programs; what it said, hits and misses."""
  result = subprocess.run(
    [sys.executable, '-c', program, *map(str, arguments)],
    cwd=REPOSITORY,
    capture_output=True,
    text=True,
    timeout=300,
    env={
      **os.environ,
      'XLA_FLAGS': compiler.xla_flags(),
      'JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS': '0',
    },
  )
  assert result.returncode == 0 and 'cache' not in result.stderr, result.stderr
  said, hits, _, misses = result.stdout.rsplit(maxsplit=3)
  return said, int(hits), int(misses)


@pytest.mark.parametrize(
  'damage',
  [
    pytest.param(lambda content: content[: len(content) // 2], marks=pytest.mark.slow),
    pytest.param(lambda content: b'', marks=pytest.mark.slow),
    lambda content: bytes(reversed(content)),
  ],
  ids=['half', 'empty', 'garbage'],
)
def test_a_damaged_program_is_compiled_again_and_replaced(unset, tmp_path, damage):
  said, hits, misses = counted(_STEP, tmp_path)
  assert hits == 0 and misses == len(entries(tmp_path)) > 0
  for path in entries(tmp_path):
    path.write_bytes(damage(path.read_bytes()))
  assert counted(_STEP, tmp_path) == (said, 0, misses)
  assert counted(_STEP, tmp_path) == (said, misses, 0)


@pytest.mark.slow
def test_a_run_with_loaded_programs_is_the_run_that_compiled_them(unset, pairs, data_dir, tmp_path):
  def train(name):
    return counted(
      _TRAIN,
      tmp_path / 'cache',
      '--dataset=folder',
      f'--source_dir={pairs}',
      f'--data_dir={data_dir}',
      f'--workdir={tmp_path / name}',
      *TINY,
      '--steps=3',
    )

  _, hits, misses = train('compiled')
  assert misses > hits and misses == len(entries(tmp_path / 'cache'))
  assert train('loaded')[1:] == (hits + misses, 0)
  assert stops.differences(tmp_path / 'loaded', tmp_path / 'compiled') == []


def test_the_folder_is_closed_to_others(unset, tmp_path):
  program_cache.enable(str(tmp_path / 'new' / 'cache'))
  folder = pathlib.Path(os.environ['JAX_COMPILATION_CACHE_DIR'])
  assert folder == tmp_path / 'new' / 'cache' and folder.is_dir()
  assert folder.stat().st_mode & 0o077 == 0
  assert float(os.environ['JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS']) < 1


@pytest.mark.skipif(platform.machine() != 'x86_64', reason='the flag is for x86')
def test_entries_are_named_after_the_kind_of_processor():
  """A home folder may be seen by several kinds: code for one may crash on another."""

  def fingerprint(flags):
    return subprocess.run(
      [sys.executable, '-c', _PROCESSOR],
      capture_output=True,
      check=True,
      env={**os.environ, 'XLA_FLAGS': flags, 'JAX_PLATFORMS': 'cpu'},
    ).stdout

  # JAX hashes this into the names. An older processor is another one; a flag alone is not.
  this = fingerprint('')
  assert this == fingerprint('--xla_cpu_prefer_vector_width=128')
  assert this != fingerprint('--xla_cpu_max_isa=SSE4_2')


def test_a_cache_of_the_users_wins_and_an_empty_flag_is_none(unset, monkeypatch, tmp_path):
  program_cache.enable('')
  assert 'JAX_COMPILATION_CACHE_DIR' not in os.environ
  monkeypatch.setenv('JAX_COMPILATION_CACHE_DIR', 'theirs')
  program_cache.enable(str(tmp_path / 'cache'))
  assert os.environ['JAX_COMPILATION_CACHE_DIR'] == 'theirs'
  assert not (tmp_path / 'cache').exists()


@pytest.mark.parametrize('folder', ['file', 'file/below', '~nobody-of-this-name/cache'])
def test_a_folder_that_cannot_be_used_is_told_in_one_line(unset, tmp_path, capsys, folder):
  (tmp_path / 'file').touch()
  program_cache.enable(folder if folder.startswith('~') else str(tmp_path / folder))
  assert 'JAX_COMPILATION_CACHE_DIR' not in os.environ
  said = capsys.readouterr().err
  assert said.count('\n') == 1 and folder in said and '--compilation_cache' in said


def test_the_default_is_the_users_cache_folder(monkeypatch, tmp_path):
  monkeypatch.setenv('XDG_CACHE_HOME', str(tmp_path))
  assert program_cache.default_folder() == str(tmp_path / 'cyclegan_jax')
  for nothing in ('', 'relative'):  # To be ignored, by the XDG specification.
    monkeypatch.setenv('XDG_CACHE_HOME', nothing)
    assert program_cache.default_folder() == '~/.cache/cyclegan_jax'


def test_what_was_not_read_for_longest_goes_first(tmp_path):
  a, b, c = fill(tmp_path, 'a', 'b', 'c')
  os.utime(a, (2000, 1000))
  other = tmp_path / 'other'
  other.write_bytes(bytes(100))
  program_cache.trim(tmp_path, 30)
  assert entries(tmp_path) == [a, b, c]
  program_cache.trim(tmp_path, 29)
  assert entries(tmp_path) == [a, c]
  program_cache.trim(tmp_path, 0)
  assert entries(tmp_path) == [] and other.exists()


def test_a_damaged_entry_is_removed_and_a_failed_write_told_once(monkeypatch, tmp_path, capsys):
  fill(tmp_path, 'jit_f-1', 'jit_f-2', 'jit_g-1')
  shown = []
  monkeypatch.setattr(warnings, 'showwarning', lambda *args: shown.append(args))
  program_cache._handle_problems(tmp_path)
  care = warnings.showwarning
  text = "Error {} persistent compilation cache entry for '{}': OSError: why"
  care(UserWarning(text.format('reading', 'jit_f')), UserWarning, 'compiler.py', 1)
  assert [path.name for path in entries(tmp_path)] == ['jit_g-1-cache']
  assert capsys.readouterr().err == ''
  for _ in range(2):
    care(UserWarning(text.format('writing', 'jit_g')), UserWarning, 'compiler.py', 1)
  assert entries(tmp_path) == []
  said = capsys.readouterr().err
  assert said.count('\n') == 1 and 'OSError: why' in said
  care(UserWarning('something else'), UserWarning, 'x.py', 1)
  assert len(shown) == 1
