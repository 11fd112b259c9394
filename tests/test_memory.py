"""What limits memory, and how much of it a program takes."""

import ctypes
import os
import re
import subprocess
import sys

import jax
import jax.numpy as jnp
import pytest

from cyclegan_jax import memory

_GLIBC = pytest.mark.skipif(
  not hasattr(ctypes.CDLL(None), 'malloc_trim'), reason='the C library: no glibc'
)


@pytest.mark.parametrize(
  'own, names, inactive',
  [
    ('0::/a/b\n', ('memory.max', 'memory.current'), 'inactive_file'),
    (
      '9:cpu:/\n4:memory:/a/b\n0::/\n',
      ('memory/memory.limit_in_bytes', 'memory/memory.usage_in_bytes'),
      'total_inactive_file',
    ),
  ],
)
def test_the_tightest_group_counts(monkeypatch, tmp_path, own, names, inactive):
  (tmp_path / 'own').write_text(own)
  monkeypatch.setattr(memory, '_OWN_CGROUPS', tmp_path / 'own')
  monkeypatch.setattr(memory, '_CGROUPS', tmp_path / 'groups')
  root = (tmp_path / 'groups' / names[0]).parent
  groups = {root: (9000, 8000), root / 'a': (5000, 4500), root / 'a/b': (9e18, 1)}
  for folder, (limit, used) in groups.items():
    folder.mkdir(parents=True)
    for name, value in zip(names, (limit, used)):
      (folder / name.rpartition('/')[2]).write_text(f'{int(value)}\n')
    (folder / 'memory.stat').write_text(f'anon 3\n{inactive} 100\n')
  assert memory.on_host() == 600


def test_what_a_program_takes_is_what_its_arrays_take():
  x = jax.ShapeDtypeStruct((1000, 1000), jnp.float32)
  program = jax.jit(lambda x: (x @ x) @ (x + 1)).lower(x).compile()
  assert 12e6 <= memory.of_program(program) <= 24e6


def test_sizes_for_people():
  assert [memory.text(size) for size in (512, 5 * 2**20, int(5.1 * 2**30))] == [
    *('0.5 KiB', '5.0 MiB', '5.1 GiB')
  ]


@_GLIBC
@pytest.mark.parametrize(
  'environment, kept',
  [
    ({}, True),
    ({'MALLOC_TOP_PAD_': '0'}, False),
    ({'GLIBC_TUNABLES': 'glibc.malloc.mmap_threshold=1000000'}, False),
  ],
)
def test_large_arrays_get_the_memory_of_those_before(environment, kept):
  # On another thread, as what the try-out page asks for; 64 MiB are 16,384 pages.
  code = """
import concurrent.futures, resource
from cyclegan_jax import memory

memory.keep_freed()
with concurrent.futures.ThreadPoolExecutor(1) as thread:
  for _ in range(2):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    thread.submit(lambda: len(b'1' * (64 << 20))).result()
    print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""
  inherited = {
    name: value
    for name, value in os.environ.items()
    if not name.startswith(('MALLOC_', 'GLIBC_TUNABLES'))
  }
  done = subprocess.run(
    [sys.executable, '-c', code], env=inherited | environment, stdout=subprocess.PIPE, check=True
  )
  first, second = map(int, done.stdout.split())
  assert first > 15_000
  assert second < 500 if kept else second > 15_000


@_GLIBC
def test_what_was_freed_is_given_back():
  def resident():
    with open('/proc/self/status') as file:
      return int(re.search(r'VmRSS:\s+(\d+)', file.read())[1]) * 1024

  # Too large for Python's own allocator, too small for pages of their own.
  pieces = [bytes(1000) for _ in range(100_000)]
  last = pieces.pop()  # So that the heap cannot simply become shorter.
  pieces.clear()
  kept = resident()
  memory.give_back()
  assert resident() < kept - 80e6, last[:0]
