"""Do two commands that start at the same moment leave each other's files whole?

  python -m benchmarks.at_once --rounds=50 --output=results/at_once.json

Runs pairs of commands on a tiny model, the second one a random time after the first: two trainings
in one run folder, two evaluations of one run, two comparisons in one folder, two preparations of
one data set, two trainings with one empty cache of compiled programs, and a report while a training
writes. In each round both have to work, or one works and the other is refused by one message
without a traceback; no file may be half written; and the same command has to succeed afterwards.

Commands are forked from a process that has imported the libraries, so that most of their time is
their own work. Those with an empty cache start as on a terminal: JAX reads where the cache is when
it is imported.

Writes every round to the JSON file and prints the table. Rounds that the file has already count.
"""

from collections.abc import Callable, Sequence
import dataclasses
import json
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time

from absl import app, flags
import numpy as np

from benchmarks import compact, starts, stops

_ROUNDS = flags.DEFINE_integer('rounds', 50, 'Rounds of each pair.', lower_bound=1)
_PAIRS = flags.DEFINE_list('pairs', None, 'Only these pairs. [all]')
_FOLDER = flags.DEFINE_string(
  'folder', None, 'Keep the trained run here, for further rounds. [a temporary folder]'
)
_OUTPUT = flags.DEFINE_string('output', 'results/at_once.json', 'The JSON file.')

_STEPS = 24
_PATIENCE = 300.0
# Half of the second starts come within the first of these times, the others within the second.
_OFFSETS = (0.3, 6.0)
_CACHE = '--compilation_cache'
Command = Sequence[str]  # A module of experiments with its flags.
Ended = tuple[str, int]  # What it wrote to standard error, and its status; -9: it hung.


@dataclasses.dataclass(frozen=True)
class Round:
  """What came of two commands.

  Attributes:
    offset: seconds between their starts.
    statuses: of both.
    said: the last line that each printed to standard error.
    half_written: names of files.
    afterwards: the status of the first command, run again.
    fault: what is wrong with that; '' if nothing is.
  """

  offset: float
  statuses: tuple[int, int]
  said: tuple[str, str]
  half_written: list[str]
  afterwards: int
  fault: str


def pairs(ground: stops.Ground, out: pathlib.Path) -> dict[str, tuple[Command, Command]]:
  """Returns the pairs of commands; `out` is a fresh folder, but for `out`/run, a finished run."""
  train = ['train', *ground.flags]
  run, new = f'--workdir={out / "run"}', f'--workdir={out / "new"}'
  evaluate, compare = ['evaluate', run], ['compare', *ground.flags, '--models=paired', '--seeds=1']
  compare = [*compare, f'--output={out / "compared"}']
  prepare = ['check_pairs', *ground.flags[:2], f'--data_dir={out / "data"}']
  cached = [*train, '--steps=2', f'{_CACHE}={out / "cache"}']
  longer = [*train, f'--steps={4 * _STEPS}', run]
  return {
    'train + train': ([*train, new], [*train, new]),
    'evaluate + evaluate': (evaluate, evaluate),
    'compare + compare': (compare, compare),
    'prepare + prepare': (
      [*prepare, f'--output={out / "first"}'],
      [*prepare, f'--output={out / "second"}'],
    ),
    'an empty cache': ([*cached, new], [*cached, f'--workdir={out / "other"}']),
    'train + report': (longer, ['report', run]),
  }


def start(ground: stops.Ground, command: Command, err: pathlib.Path) -> Callable[[], Ended]:
  """Starts a command, perhaps one whose errors go to a file; what it returns waits for the end."""
  if any(argument.startswith(_CACHE) for argument in command):
    process = starts.start(ground, command, own_cache=True)

    def communicate() -> Ended:
      try:
        errors = process.communicate(timeout=_PATIENCE)[1]
      except subprocess.TimeoutExpired:
        process.kill()
        errors = process.communicate()[1]
      return errors.decode(), process.returncode

    return communicate
  fork = starts.fork(ground, command, err)

  def wait() -> Ended:
    starts.wait(fork, _PATIENCE)
    assert fork.exitcode is not None
    return err.read_text(), fork.exitcode

  return wait


def play(
  ground: stops.Ground, commands: tuple[Command, Command], out: pathlib.Path, offset: float
) -> Round:
  """Runs two commands at once, then the first again."""
  log = lambda name: out.with_name(f'{out.name}, {name}.log')
  first = start(ground, commands[0], log('first'))
  time.sleep(offset)
  second = start(ground, commands[1], log('second'))
  ended = first(), second()
  left = starts.half_written(out)
  after, status_after = start(ground, commands[0], log('again'))()
  fault = ''
  for error, status in ended:
    if 'Traceback' in error or status not in (0, 2):
      fault = fault or f'status {status}: {error[-2000:]}'
  statuses = ended[0][1], ended[1][1]
  if 0 not in statuses:
    fault = fault or f'none worked: {ended}'
  if left:
    fault = fault or f'half written: {left}'
  if status_after:
    fault = fault or f'afterwards: {after[-2000:]}'
  last = [(error.strip().splitlines() or [''])[-1] for error, _ in ended]
  return Round(round(offset, 3), statuses, (last[0], last[1]), left, status_after, fault)


def table(results: dict[str, list[dict]]) -> str:
  """Returns the counts of all pairs as a table."""
  counts: dict[str, Callable[[dict], bool]] = {
    'rounds': lambda one: True,
    'both worked': lambda one: one['statuses'] == [0, 0],
    'one was refused': lambda one: 2 in one['statuses'],
    'with a fault': lambda one: bool(one['fault']),
  }
  lines = ['| | ' + ' | '.join(counts) + ' |', '|---|' + '---:|' * len(counts)]
  for name, rounds in results.items():
    lines.append(
      f'| {name} | ' + ' | '.join(str(sum(map(count, rounds))) for count in counts.values()) + ' |'
    )
  return '\n'.join(lines)


def main(argv: list[str]) -> None:
  """Plays the rounds and writes them."""
  if len(argv) > 1:
    raise app.UsageError(f'{argv[1]} is not a flag.')
  output = pathlib.Path(_OUTPUT.value)
  results = json.loads(output.read_text()) if output.exists() else {}
  with tempfile.TemporaryDirectory() as name:
    folder = pathlib.Path(_FOLDER.value or name).resolve()
    ground = stops.make_ground(folder, True, _STEPS)
    if not (folder / 'run').exists():
      stops.finish(ground, folder / 'run')
    for i in range(_ROUNDS.value):
      for pair in pairs(ground, folder):
        rounds = results.setdefault(pair, [])
        if len(rounds) > i or (_PAIRS.value and pair not in _PAIRS.value):
          continue
        out = pathlib.Path(name) / f'{len(rounds)} {pair}'
        shutil.copytree(folder / 'run', out / 'run')
        rng = np.random.default_rng([i, len(pair)])
        offset = float(rng.uniform(0, _OFFSETS[i % 2]))
        one = play(ground, pairs(ground, out)[pair], out, offset)
        print(pair, dataclasses.asdict(one), flush=True)
        text = json.dumps(dataclasses.asdict(one))
        for place in (name, str(folder)):
          text = text.replace(place, 'FOLDER')
        rounds.append(json.loads(text))
        output.write_text(compact.text(results))
  print(table(results))
  sys.exit(any(one['fault'] for rounds in results.values() for one in rounds))


if __name__ == '__main__':
  app.run(main)
