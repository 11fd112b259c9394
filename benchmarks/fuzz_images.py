"""Reads damaged image files by the thousand and says what came of them.

  python -m benchmarks.fuzz_images --cases=20000 --seed=0 --output=results/hostile_files.json

Damages the files of tests/image_files/corpus.py and reads them in processes of limited memory and
time. Each is to be read ([height, width, 1 or 3] uint8 or uint16, as its header says) or refused by
an ImageError that names it; anything else is a crash, and is saved beside --output. The exit status
is then 1. A case depends on the seed and its number alone.
"""

import collections
from concurrent import futures
import hashlib
import json
import multiprocessing
from multiprocessing import connection
import os
import pathlib
import resource
import sys
import tempfile
import time
from typing import NamedTuple
import warnings

from absl import app, flags
import numpy as np

from cyclegan_jax.image_files import images
from tests.image_files import corpus, damage

_CASES = flags.DEFINE_integer('cases', 20_000, 'Damaged files to read.', lower_bound=1)
_SEED = flags.DEFINE_integer('seed', 0, 'Which ones.')
_OUTPUT = flags.DEFINE_string('output', 'results/hostile_files.json', 'File for the counts.')
_WORKERS = flags.DEFINE_integer('workers', 2, 'Processes.', lower_bound=1)

_MEMORY = 2 * 2**30  # Above what a process needs before the first file.
_SECONDS = 20.0
_NAME = 'damaged é.png'
_OUTCOMES = ('read', 'refused', 'crashed')


class Result(NamedTuple):
  """What came of a case.

  Attributes:
    number: of the case.
    outcome: 'read', 'refused' or 'crashed'.
    detail: of a crash: what happened.
    peak: MiB that the process had used above the start, at most, until then.
    seconds: to read it.
  """

  number: int
  outcome: str
  detail: str
  peak: float
  seconds: float


def attempt(path: pathlib.Path, data: bytes) -> tuple[str, str]:
  """Outcome and detail of reading a file in all ways there are."""
  path.write_bytes(data)
  try:
    header, _ = images.image_header(path), images.is_plain(path)
    pixels = images.read_image(path)
  except images.ImageError as error:
    if not str(error).startswith(str(path)):
      return 'crashed', f'not named: {error}'
    greedy = isinstance(error.__cause__, MemoryError)
    return ('crashed', str(error)) if greedy else ('refused', '')
  except BaseException as error:
    return 'crashed', f'{type(error).__name__}: {error}'
  right = (
    pixels.dtype in (np.uint8, np.uint16)
    and pixels.ndim == 3
    and pixels.shape[2] in (1, 3)
    and pixels.size
    and (*pixels.shape, pixels.dtype) == tuple(header)
  )
  return ('read', '') if right else ('crashed', f'{pixels.dtype} {pixels.shape}, not {header}')


def work(pipe: connection.Connection, seed: int, numbers: range) -> None:
  """Sends a Result for every case; in a process of its own."""
  warnings.simplefilter('ignore')
  os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # The decoders' libraries comment on the damage.
  samples = corpus.samples()
  for sample in samples:  # Whatever is imported late is no part of what a case needs.
    damage.quietly_read(sample.data)
  pages = int(pathlib.Path('/proc/self/statm').read_text().split()[0])
  limit = pages * resource.getpagesize() + _MEMORY
  resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
  start = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
  with tempfile.TemporaryDirectory() as folder:
    path = pathlib.Path(folder, _NAME)
    for number in numbers:
      data = damage.case(samples, seed, number)[2]
      begin = time.monotonic()
      outcome, detail = attempt(path, data)
      seconds = time.monotonic() - begin
      peak = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - start) / 1024
      pipe.send(Result(number, outcome, detail, peak, seconds))


def run(seed: int, numbers: range) -> list[Result]:
  """The results of cases; a process that dies or hangs is replaced after the one at fault."""
  context, results = multiprocessing.get_context('spawn'), []
  while len(results) < len(numbers):
    ours, theirs = context.Pipe()
    process = context.Process(target=work, args=(theirs, seed, numbers[len(results) :]))
    process.start()
    theirs.close()
    try:
      while len(results) < len(numbers):
        # The first one waits for the imports as well.
        if not ours.poll(_SECONDS * (1 if process.is_alive() and results else 5)):
          results.append(_lost(numbers[len(results)], f'over {_SECONDS:g} s'))
          break
        results.append(ours.recv())
    except EOFError:
      process.join()
      results.append(_lost(numbers[len(results)], f'exit status {process.exitcode}'))
    process.kill()
    process.join()
  return results


def _lost(number: int, detail: str) -> Result:
  return Result(number, 'crashed', detail, 0.0, _SECONDS)


def summary(samples: list[corpus.Sample], seed: int, results: list[Result]) -> dict:
  """Counts by format, by kind and by damage; slowest, largest, and the crashes."""
  counts = {by: collections.defaultdict(collections.Counter) for by in ('format', 'kind', 'damage')}
  crashes = []
  for result in results:
    sample, damages, data = damage.case(samples, seed, result.number)
    counts['format'][sample.format][result.outcome] += 1
    counts['kind'][f'{sample.format}: {sample.kind}'][result.outcome] += 1
    for name in set(damages):
      counts['damage'][name][result.outcome] += 1
    if result.outcome == 'crashed':
      crashes.append(
        {
          'case': result.number,
          'file': f'{sample.format}: {sample.kind}',
          'damage': damages,
          'sha256': hashlib.sha256(data).hexdigest(),
          'bytes': len(data),
          'what': result.detail,
        }
      )
  slowest = max(results, key=lambda result: result.seconds)
  largest = max(results, key=lambda result: result.peak)
  return {
    'seed': seed,
    'cases': len(results),
    'files': len(samples),
    'slowest': {'case': slowest.number, 'seconds': round(slowest.seconds, 2)},
    'largest': {'case': largest.number, 'mib': round(largest.peak)},
    'memory_limit_mib': _MEMORY // 2**20,
    'seconds_limit': _SECONDS,
    **{
      f'by_{by}': {
        name: {outcome: found[outcome] for outcome in _OUTCOMES}
        for name, found in sorted(table.items())
      }
      for by, table in counts.items()
    },
    'crashes': crashes,
  }


def markdown(content: dict) -> str:
  """The counts by format and by damage, with a row of sums."""
  total = {
    outcome: sum(row[outcome] for row in content['by_format'].values()) for outcome in _OUTCOMES
  }
  lines = []
  for title in ('format', 'damage'):
    rows = {**content[f'by_{title}'], **({'all': total} if title == 'format' else {})}
    lines += [f'| {title} | read | refused | crashed |', '|---|---:|---:|---:|']
    lines += [
      '| ' + ' | '.join([name, *(f'{row[outcome]:,}' for outcome in _OUTCOMES)]) + ' |'
      for name, row in rows.items()
    ] + ['']
  return '\n'.join(lines) + (
    f'{content["cases"]:,} cases from {content["files"]} files, seed {content["seed"]}: the '
    f'slowest took {content["slowest"]["seconds"]:g} s, and no process used more than '
    f'{content["largest"]["mib"]} MiB above its start.'
  )


def main(argv: list[str]) -> None:
  if len(argv) > 1:
    raise app.UsageError(f'{argv[1]} is not a flag.')
  samples, output = corpus.samples(), pathlib.Path(_OUTPUT.value)
  parts = [range(i, _CASES.value, _WORKERS.value) for i in range(_WORKERS.value)]
  with futures.ThreadPoolExecutor(_WORKERS.value) as pool:
    found = list(pool.map(lambda part: run(_SEED.value, part), parts))
  results = sorted(result for part in found for result in part)
  content = summary(samples, _SEED.value, results)
  output.parent.mkdir(parents=True, exist_ok=True)
  output.write_text(json.dumps(content, indent=1, ensure_ascii=False) + '\n')
  for crash in content['crashes']:
    path = output.with_name(f'crash-{crash["sha256"][:16]}.bin')
    path.write_bytes(damage.case(samples, _SEED.value, crash['case'])[2])
    print(f'crashed: {path}: {crash["file"]}, {crash["damage"]}: {crash["what"]}')
  print(markdown(content))
  sys.exit(1 if content['crashes'] else 0)


if __name__ == '__main__':
  app.run(main)
