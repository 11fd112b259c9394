"""How far apart do runs end that should be the same: repeated, and killed and resumed?

  python -m benchmarks.resuming --steps=50 --json=FILE

Trains once, once more, and once killed after the checkpoint in the
middle and resumed by the same command. Prints the largest difference of any parameter at the end,
and 0 means bitwise equal. --ways says whether that is done as it is, and with XLA's flag for
deterministic operations on GPUs.
"""

from collections.abc import Sequence
import json
import os
import pathlib
import subprocess
import sys
import tempfile
from typing import Any

from absl import app, flags, logging
import jax
import numpy as np

from cyclegan_jax.training import checkpoint

_STEPS = flags.DEFINE_integer('steps', 50, 'Training steps; an even number.', lower_bound=2)
_FLAGS = flags.DEFINE_list(
  'training',
  ['--dataset=synthetic', '--preset=udacity', '--image_size=128'],
  'Flags of experiments.train.',
)
_WAYS = flags.DEFINE_list('ways', ['default', 'deterministic'], 'What to try.')
_JSON = flags.DEFINE_string('json', '', 'A file for the differences.')

_REPOSITORY = pathlib.Path(__file__).resolve().parent.parent
# XLA's flags by way.
_XLA_FLAGS = {'default': '', 'deterministic': '--xla_gpu_exclude_nondeterministic_ops=true'}


def train(folder: pathlib.Path, name: str, xla_flags: str, killed: bool = False) -> pathlib.Path:
  """Trains in a run folder, which is returned, to the end or until it is killed."""
  workdir = folder / name
  middle = workdir / 'checkpoints' / str(_STEPS.value // 2)
  process = subprocess.Popen(
    [
      *(sys.executable, '-m', 'experiments.train', *_FLAGS.value),
      *(f'--data_dir={folder / "data"}', f'--workdir={workdir}', '--log_every=1'),
      *(f'--steps={_STEPS.value}', f'--checkpoint_every={_STEPS.value // 2}'),
      f'--compilation_cache={folder / "programs"}',
    ],
    cwd=_REPOSITORY,
    env={**os.environ, 'XLA_FLAGS': f'{os.environ.get("XLA_FLAGS", "")} {xla_flags}'},
    stdout=subprocess.PIPE,
    stderr=subprocess.STDOUT,
    text=True,
  )
  said = []
  for line in process.stdout:
    said.append(line)
    if killed and middle.exists():
      process.kill()
  status = process.wait()
  if status != (-9 if killed else 0):
    raise RuntimeError(f'{name} ended with status {status}:\n{"".join(said[-30:])}')
  return workdir


def parameters(workdir: pathlib.Path) -> Any:
  """All networks' parameters at the end of a run."""
  with checkpoint.of_run(workdir) as (_, _, checkpoints):
    return jax.device_get(checkpoints.restore(_STEPS.value).params)


def difference(one: Any, other: Any) -> float:
  """The largest of any parameter."""
  return max(jax.tree.leaves(jax.tree.map(lambda a, b: float(np.abs(a - b).max()), one, other)))


def measure(folder: pathlib.Path) -> dict[str, dict[str, float]]:
  """Differences to the first run, by way and by what was done."""
  found = {}
  for way in _WAYS.value:
    xla_flags = _XLA_FLAGS[way]
    first = parameters(train(folder, f'{way}_first', xla_flags))
    again = parameters(train(folder, f'{way}_again', xla_flags))
    train(folder, f'{way}_killed', xla_flags, killed=True)
    resumed = parameters(train(folder, f'{way}_killed', xla_flags))
    found[way] = {'repeated': difference(first, again), 'resumed': difference(first, resumed)}
    print(f'{way}: {found[way]}', file=sys.stderr, flush=True)
  return found


def main(argv: Sequence[str]) -> None:
  if len(argv) > 1:
    raise app.UsageError(f'{argv[1]} is not a flag.')
  logging.set_verbosity(logging.ERROR)
  with tempfile.TemporaryDirectory() as folder:
    found = measure(pathlib.Path(folder))
  print(f'| largest difference after {_STEPS.value} steps | repeated | resumed |\n|---|---:|---:|')
  for way, row in found.items():
    print(f'| {way} | {row["repeated"]:.3g} | {row["resumed"]:.3g} |')
  if _JSON.value:
    pathlib.Path(_JSON.value).write_text(json.dumps(found, indent=1) + '\n')


if __name__ == '__main__':
  app.run(main)
