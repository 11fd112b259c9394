"""Seconds from typing a command to its first training step, with and without kept programs.

  python -m benchmarks.start --json=FILE

Trains on the synthetic data set, prepared before in a temporary folder. The first start of each
round finds an empty --compilation_cache, the second one what the first has left there; a start is
stopped once it has said that its first step is done. The demo runs as it is, the other presets with
one image in a batch: their first step is to take no time worth counting. Prints the median of the
rounds for each phase, and how long --help and the imports take.
"""

from collections.abc import Mapping, Sequence
import json
import os
import pathlib
import resource
import statistics
import subprocess
import sys
import tempfile
import time

from absl import app, flags, logging

from cyclegan_jax.settings import DataConfig
import datasets

_PRESETS = flags.DEFINE_list('presets', ['demo_cyclegan', 'udacity'], 'What to start.')
_ROUNDS = flags.DEFINE_integer('rounds', 3, 'Times that each is measured.', lower_bound=1)
_JSON = flags.DEFINE_string('json', '', 'A file for all samples.')

_REPOSITORY = pathlib.Path(__file__).resolve().parent.parent
_TRAIN = [sys.executable, '-m', 'experiments.train']
_IMPORTS = 'import jax, datasets; from cyclegan_jax.training import loop'
# The beginnings of lines, and what has been done when they come.
_MARKS = {
  'Configuration': 'imports, data, initial weights',
  'Compiled the training step': 'training step compiled or loaded',
  'step 1/': 'first step done',
}
_WORK = 'seconds of processor'


def environment() -> dict[str, str]:
  """This process's, without what would take the cache's place."""
  return {
    name: value
    for name, value in os.environ.items()
    if not name.startswith(('JAX_COMPILATION_CACHE', 'JAX_PERSISTENT_CACHE'))
  }


def start(preset: str, folder: pathlib.Path, cache: pathlib.Path) -> dict[str, float]:
  """Starts a training and stops it after its first step.

  Args:
    preset: what to train.
    folder: has the prepared data in 'data'; gets the run folder.
    cache: for compiled programs.

  Returns:
    Seconds from the start of the process to each of the marks; and `_WORK`, seconds of all its
    threads on the processor until then, which other jobs of the machine change less.

  Raises:
    RuntimeError: it ended before its first step; with what it said.
  """
  with tempfile.TemporaryDirectory(dir=folder) as workdir:
    begin, said, found = time.perf_counter(), [], {}
    process = subprocess.Popen(
      [
        *_TRAIN,
        f'--preset={preset}',
        '--dataset=synthetic',
        f'--data_dir={folder / "data"}',
        f'--workdir={workdir}/run',
        f'--compilation_cache={cache}',
        '--steps=1000',
        '--log_every=1',
        *([] if preset == 'demo_cyclegan' else ['--batch_size=1']),
      ],
      cwd=_REPOSITORY,
      env=environment(),
      text=True,
      stdout=subprocess.PIPE,
      stderr=subprocess.STDOUT,
    )
    try:
      for line in process.stdout:
        said.append(line)
        for mark, name in _MARKS.items():
          if line.startswith(mark):
            found.setdefault(name, time.perf_counter() - begin)
        if len(found) == len(_MARKS):
          return {**found, _WORK: _processor_seconds(process)}
    finally:
      process.kill()
      process.wait()
      process.stdout.close()
  raise RuntimeError(''.join(said))


def _processor_seconds(process: subprocess.Popen) -> float:
  """Ends a process: what it took of the processor in all."""
  process.kill()
  before = resource.getrusage(resource.RUSAGE_CHILDREN)
  process.wait()
  after = resource.getrusage(resource.RUSAGE_CHILDREN)
  return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def seconds(arguments: Sequence[str]) -> float:
  """How long a command takes; subprocess.CalledProcessError if it fails."""
  begin = time.perf_counter()
  subprocess.run(
    arguments, cwd=_REPOSITORY, env=environment(), check=True, stdout=subprocess.DEVNULL
  )
  return time.perf_counter() - begin


def measure(presets: Sequence[str], rounds: int) -> dict[str, dict[str, list[float]]]:
  """Seconds of all rounds, 'preset, first or second start' -> phase -> [rounds]."""
  results = {'': {'--help': [], 'imports': []}}
  with tempfile.TemporaryDirectory() as name:
    folder = pathlib.Path(name)
    datasets.open_dataset(DataConfig(dataset='synthetic', data_dir=str(folder / 'data')))
    for _ in range(rounds):
      results['']['--help'].append(seconds([*_TRAIN, '--help']))
      results['']['imports'].append(seconds([sys.executable, '-c', _IMPORTS]))
      for preset in presets:
        with tempfile.TemporaryDirectory(dir=folder) as cache:
          for which in ('first', 'second'):
            found = results.setdefault(f'{preset}, {which} start', {})
            for phase, value in start(preset, folder, pathlib.Path(cache)).items():
              found.setdefault(phase, []).append(value)
  return results


def table(results: Mapping[str, Mapping[str, Sequence[float]]]) -> str:
  """Markdown: medians; a row for each start, a column for each phase."""
  phases = [*_MARKS.values(), _WORK]
  lines = ['| seconds until | ' + ' | '.join(phases) + ' |', '|---|' + '---:|' * len(phases)]
  for name, found in results.items():
    if name:
      lines.append(
        f'| {name} | '
        + ' | '.join(f'{statistics.median(found[phase]):.1f}' for phase in phases)
        + ' |'
      )
  other = ', '.join(
    f'{name} {statistics.median(values):.2f} s' for name, values in results[''].items()
  )
  return '\n'.join([*lines, '', f'Alone: {other}.'])


def main(argv: list[str]) -> None:
  if len(argv) > 1:
    raise app.UsageError(f'{argv[1]} is not a flag.')
  logging.set_verbosity(logging.ERROR)  # TFDS tells each step.
  results = measure(_PRESETS.value, _ROUNDS.value)
  print(table(results))
  print(
    '{} cores, load {:.1f} {:.1f} {:.1f} in the last 1, 5, 15 minutes'.format(
      os.cpu_count(), *os.getloadavg()
    )
  )
  if _JSON.value:
    pathlib.Path(_JSON.value).write_text(
      json.dumps({'cores': os.cpu_count(), 'seconds': results}, indent=1) + '\n'
    )


if __name__ == '__main__':
  app.run(main)
