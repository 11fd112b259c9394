"""benchmarks/gpu.sh, rehearsed on a CPU: every part, with tiny networks and images."""

import json
import os
import pathlib
import subprocess
import sys

import pytest

from tests import compiler

REPOSITORY = pathlib.Path(__file__).resolve().parent.parent.parent
SCRIPT = REPOSITORY / 'benchmarks' / 'gpu.sh'
TINY = {
  'WIDTH': '4',
  'PRECISION': 'float32',
  'ROUNDS': '1',
  'EACH': '0.05',
  'IMAGES': '4',
  'STEPS': '6',
  'TRAINING': (
    '--dataset=folder,--paired,--preset=demo,--image_size=16,--load_size=0,--base_width=4,'
    '--batch_size=2,--n_downsampling=3'
  ),
  'AGAINST_FIRST': 'udacity:32:1',
  'AGAINST_THEN': '',
  'WAYS': 'deterministic',
  'SOURCES': 'folder',
  'DISPATCH': 'demo:32:1',
  'OPERATIONS': 'demo:32:1',
  'PATIENCE': '5',
  'TRANSLATED': 'udacity:64',
  # On a CPU it would call a C++ compiler for minutes.
  'TORCH_COMPILE_DISABLE': '1',
  'JAX_DISABLE_MOST_OPTIMIZATIONS': '1',
  'PYTHON': sys.executable,
}
# Each part, and what its table tells.
PARTS = {
  'versions': 'PyTorch sees',
  'against_udacity_1': '| training, torch.compile |',
  'dispatch_demo_1': 'images/s with one step a call',
  'translate_udacity': '| mixed sizes |',
  'input': '1 thread',
  'operations_demo_1': '| operation |',
  'resuming': '| deterministic |',
}


def run(folder, *parts, **environment):
  # One device, as on the machine that it is for.
  own = {**os.environ, 'XLA_FLAGS': compiler.xla_flags()}
  result = subprocess.run(
    ['bash', str(SCRIPT), str(folder), *parts],
    env={**own, **TINY, **environment},
    stdout=subprocess.PIPE,
    stderr=subprocess.STDOUT,
    text=True,
    timeout=300,
  )
  assert result.returncode == 0, result.stdout
  return result.stdout


@pytest.mark.slow
@pytest.mark.parametrize('part', PARTS)
def test_every_part_is_done_once_and_tells_its_figures(part, pairs, tmp_path):
  if part.startswith('against'):
    pytest.importorskip('torch', reason='needs the extra benchmark')
  training = f'{TINY["TRAINING"]},--source_dir={pairs}'
  said = run(tmp_path, part, TRAINING=training)
  errors = tmp_path / f'{part}.err'
  assert not errors.exists(), said + errors.read_text()[-3000:]
  assert PARTS[part] in (tmp_path / f'{part}.txt').read_text() and PARTS[part] in said
  if part != 'versions':
    assert json.loads((tmp_path / f'{part}.json').read_text())
  assert run(tmp_path, part) == ''


def test_parts_wait_for_the_next_time_when_time_is_up(tmp_path):
  said = run(tmp_path, LIMIT='5')
  assert said.splitlines() == [
    f'{part}: no time left; the same command goes on here' for part in sorted(PARTS, key=said.find)
  ]
  assert all(part in said for part in PARTS) and not list(tmp_path.iterdir())


def test_a_part_that_fails_is_named_and_tried_again(tmp_path):
  for _ in range(2):
    said = run(tmp_path, 'input', PYTHON='/bin/false')
    assert said.splitlines()[-1] == f'input: failed with status 1, see {tmp_path}/input.err'
  assert {file.name for file in tmp_path.iterdir()} == {'input.err', 'input.part'}
