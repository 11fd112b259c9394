"""Is a flipped bit noticed, wherever it is?

  python -m benchmarks.flip_bits --flips=200 --output=results/flipped_bits.json

Trains and evaluates a tiny model, then flips one random bit of one file at a time, reads what the
commands read of it, and puts the file back. The places are shared out equally among kinds: prepared
data, the cache of compiled programs, checkpoints, the JSON files of the run, and its measurements.
Within a kind half of the files are drawn by size, half by name, so that small ones have their turn.

A flip is `named` if it is refused by an error or a warning that names the file or its folder, `not
named` if by another one, `harmless` if what was read is the same, and `unnoticed` otherwise. The
exit status is 1 if one was not named, or unnoticed.
"""

import collections
from collections.abc import Callable, Sequence
import contextlib
import dataclasses
import io
import json
import pathlib
import re
import shutil
import sys
import tempfile
from typing import Any
import warnings

from absl import app, flags, logging
import jax
import numpy as np

from benchmarks import starts, stops
from cyclegan_jax.errors import UserError
from cyclegan_jax.runs import reader, run_folder
from cyclegan_jax.training import checkpoint
import datasets

_FLIPS = flags.DEFINE_integer('flips', 200, 'Bits to flip.', lower_bound=1)
_SEED = flags.DEFINE_integer('seed', 0, 'Which ones.')
_OUTPUT = flags.DEFINE_string('output', 'results/flipped_bits.json', 'The JSON file.')

_STEPS = 24
_OUTCOMES = ('named', 'harmless', 'not named', 'unnoticed')


@dataclasses.dataclass(frozen=True)
class Kind:
  """Files of one kind.

  Attributes:
    files: that may be hit.
    read: reads them as the commands do; returns the content and what was warned of.
  """

  files: Sequence[pathlib.Path]
  read: Callable[[], tuple[Any, str]]


@dataclasses.dataclass(frozen=True)
class Flip:
  """A flipped bit: its place, and what came of it."""

  kind: str
  file: str
  byte: int
  bit: int
  outcome: str
  said: str


def kinds(folder: pathlib.Path, ground: stops.Ground) -> dict[str, Kind]:
  """Returns all kinds, of a run in `folder`/run and the programs in `folder`/programs."""
  run = folder / 'run'
  config = run_folder.load_config(run)
  below = lambda *parts: [p for p in sorted(folder.joinpath(*parts).rglob('*')) if p.is_file()]

  def data() -> tuple[Any, str]:
    dataset = datasets.open_dataset(config.data)
    records = {
      name: [{key: bytes(value) for key, value in split.rgb[i].items()} for i in range(len(split))]
      for name, split in dataset.splits.items()
    }
    return [records, dataset.facts(), dataset.description], ''

  def checkpoints() -> tuple[Any, str]:
    """As `train` and `evaluate`; on a copy, because training moves damaged ones aside."""
    with tempfile.TemporaryDirectory(dir=folder, prefix='copy-') as name:
      copy = pathlib.Path(name) / 'run'
      shutil.copytree(run, copy)
      with checkpoint.of_run(copy) as (_, domains, opened):
        best = opened.resolve('best')
        read = [best, opened.restore(best)]
      lines = []
      with checkpoint.Checkpoints(copy / run_folder.CHECKPOINTS, config, domains) as opened:
        read.append(opened.restore_latest(lines.append))
      return jax.tree.map(_plain, read), '\n'.join(lines).replace(str(copy), str(run))

  def run_files() -> tuple[Any, str]:
    found = run_folder.load_config(run)
    domains = run_folder.load_domains(run, found)
    return [found, domains, run_folder.read_json(run / run_folder.DATA)], ''

  def measurements() -> tuple[Any, str]:
    found = reader.measurements_in(run / run_folder.EVALUATION / 'test')
    return [found.content, found.ids, found.sequences, jax.tree.map(_plain, found.per_image)], ''

  return {
    'prepared data': Kind(below('data', 'folder'), data),
    'compiled programs': Kind(below('programs'), lambda: _compiled(folder / 'programs')),
    'checkpoints': Kind(below('run', run_folder.CHECKPOINTS), checkpoints),
    'run': Kind([run / run_folder.CONFIG, run / run_folder.DATA], run_files),
    'measurements': Kind(
      [run / run_folder.EVALUATION / 'test' / name for name in ('metrics.json', 'per_image.csv')],
      measurements,
    ),
  }


def _plain(leaf: Any) -> Any:
  return np.asarray(leaf).tobytes() if hasattr(leaf, 'dtype') else leaf


def _compiled(cache: pathlib.Path) -> tuple[Any, str]:
  """Runs a program of this process's cache; what JAX warned of names the program, not the file."""
  jax.clear_caches()
  with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter('always')
    found = _program(np.arange(12, dtype=np.float32).reshape(3, 4))
  return np.asarray(found).tobytes(), '\n'.join(f'{cache} {one.message}' for one in caught)


@jax.jit
def _program(values: jax.Array) -> jax.Array:
  return jax.numpy.tanh(values @ values.T) * 3


def flip(kind: str, files: Kind, expected: Any, rng: np.random.Generator) -> Flip:
  """Flips a bit, reads, and puts the file back."""
  sizes = np.array([file.stat().st_size for file in files.files], float)
  weights = sizes / sizes.sum() if rng.random() < 0.5 else (sizes > 0) / np.sum(sizes > 0)
  file = files.files[rng.choice(len(sizes), p=weights)]
  whole = file.read_bytes()
  byte, bit = int(rng.integers(len(whole))), int(rng.integers(8))
  damaged = bytearray(whole)
  damaged[byte] ^= 1 << bit
  file.write_bytes(bytes(damaged))
  try:
    outcome, said = _outcome(files.read, expected, file)
  finally:
    file.write_bytes(whole)
  return Flip(kind, file.name, byte, bit, outcome, said)


def _outcome(
  read: Callable[[], tuple[Any, str]], expected: Any, file: pathlib.Path
) -> tuple[str, str]:
  # The file, or its prepared copy or checkpoint.
  places = [str(file), *(str(folder) for folder in file.parents if folder.name[:1].isdigit())]
  places += [str(file.parent)] if len(places) == 1 else []
  try:
    with contextlib.redirect_stdout(io.StringIO()):
      found, said = read()
  except UserError as error:
    said = re.sub(r'copy-\w+/run/', 'run/', str(error))
    return ('named' if any(place in said for place in places) else 'not named'), said
  except Exception as error:
    return 'not named', f'{type(error).__name__}: {error}'
  if said:
    return ('named' if any(place in said for place in places) else 'not named'), said
  return ('harmless' if found == expected else 'unnoticed'), ''


def make(folder: pathlib.Path) -> stops.Ground:
  """Trains and evaluates a run in `folder`/run."""
  ground = stops.make_ground(folder, paired=True, steps=_STEPS)
  stops.finish(ground, folder / 'run')
  with starts.start(ground, ['evaluate', f'--workdir={folder / "run"}']) as process:
    errors = process.communicate()[1].decode()
  if process.returncode:
    raise RuntimeError(errors)
  return ground


def main(argv: list[str]) -> None:
  """Flips the bits and writes what came of them."""
  if len(argv) > 1:
    raise app.UsageError(f'{argv[1]} is not a flag.')
  logging.set_verbosity(logging.FATAL)
  sys.unraisablehook = lambda unraisable: None  # Orbax's event loop, after an error.
  rng, flips = np.random.default_rng(_SEED.value), []
  with tempfile.TemporaryDirectory() as name:
    folder = pathlib.Path(name).resolve()
    ground = make(folder)
    jax.config.update('jax_compilation_cache_dir', str(folder / 'programs'))
    jax.config.update('jax_persistent_cache_min_compile_time_secs', 0)
    _compiled(folder / 'programs')
    found = kinds(folder, ground)
    expected = {kind: files.read()[0] for kind, files in found.items()}
    for i in range(_FLIPS.value):
      kind = list(found)[i % len(found)]
      flips.append(flip(kind, found[kind], expected[kind], rng))
      if flips[-1].outcome in _OUTCOMES[2:]:
        print(flips[-1], flush=True)
  counts = {
    kind: collections.Counter(one.outcome for one in flips if one.kind == kind) for kind in found
  }
  table = {kind: {outcome: counts[kind][outcome] for outcome in _OUTCOMES} for kind in counts}
  content = {
    'seed': _SEED.value,
    'counts': table,
    'flips': [dataclasses.asdict(one) for one in flips],
  }
  text = json.dumps(content, indent=1).replace(str(folder), 'FOLDER')
  pathlib.Path(_OUTPUT.value).write_text(text + '\n')
  for kind, row in {'': dict(zip(_OUTCOMES, _OUTCOMES)), **table}.items():
    print('| ' + ' | '.join([kind, *map(str, row.values())]) + ' |')
  sys.exit(any(row['not named'] or row['unnoticed'] for row in table.values()))


if __name__ == '__main__':
  app.run(main)
