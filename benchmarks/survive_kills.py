"""Does a training that is killed again and again end as one that was left alone?

  python -m benchmarks.survive_kills --kills=20 --terms=6 --output=results/survival.json

For pairs and for unpaired images: trains tiny networks on random pictures once without a stop,
then again with SIGKILL at random moments, always restarted by the same command, until it ends.
Some moments are drawn from the start-up and from all the rest, most are aimed at a save (Orbax's
temporary folder is there) and at the removal of an old checkpoint (it is in the trash). What was
really hit is counted afterwards, from what the kill left behind. Then the two run folders are
compared bit for bit. SIGTERM is sent in the same way, to the same run.

Writes every stop to the JSON file and prints the table.
"""

from collections.abc import Sequence
import dataclasses
import json
import pathlib
import signal
import tempfile
from typing import Any

from absl import app, flags, logging
import numpy as np

from benchmarks import stops

_KILLS = flags.DEFINE_integer('kills', 20, 'SIGKILLs for each way of sampling.', lower_bound=1)
_TERMS = flags.DEFINE_integer('terms', 6, 'SIGTERMs for each way of sampling.', lower_bound=0)
_OUTPUT = flags.DEFINE_string('output', None, 'The JSON file.', required=True)

# More than most starts do before they are stopped: the end is to come last.
STEPS_PER_STOP = 30
# What the moments are aimed at, and how often.
_AIMS = {'start-up': 0.1, 'any': 0.25, 'save': 0.4, 'clean-up': 0.25}


def summary(starts: Sequence[stops.Stop]) -> dict[str, Any]:
  """The figures of all starts of a run, the last of which came to its end."""
  kills = [start for start in starts if start.signal == signal.SIGKILL]
  # Before the first step SIGTERM ends the process at once: there is nothing to save.
  terms = [
    start for start in starts if start.signal == signal.SIGTERM and start.phase != 'start-up'
  ]
  told = [start for start in starts[1:] if start.began is not None]
  return {
    'kills': len(kills),
    **{
      f'kills during {phase}': sum(kill.phase == phase for kill in kills)
      for phase in ('start-up', 'steps', 'save', 'clean-up')
    },
    'restarts that said where they went on': len(told),
    'of these at the newest checkpoint': sum(start.began == start.newest for start in told),
    'of these at step 0, no checkpoint was there': sum(start.newest == 0 for start in told),
    'leftover folders found after kills': sum(start.leftovers for start in starts),
    'SIGTERMs after the start-up': len(terms),
    'of these with exit status 143': sum(term.status == 143 for term in terms),
    'of these with the step in hand saved': sum(term.said == term.saved for term in terms),
    'largest seconds to exit': max((term.seconds for term in terms), default=None),
  }


def survive(
  ground: stops.Ground,
  workdir: pathlib.Path,
  signals: Sequence[tuple[int, str]],
  rng: np.random.Generator,
) -> list[stops.Stop]:
  """Stops a run by each (signal, aim) in turn, then lets it end; all its starts."""
  starts = []
  for number, aim in signals:
    starts.append(stops.stop(ground, workdir, number, aim, rng))
    print(
      '  {signal:2} in {phase:8}  began {began}  saved {saved}'.format(
        **dataclasses.asdict(starts[-1])
      ),
      flush=True,
    )
  return starts + [stops.finish(ground, workdir)]


def moments(kills: int, terms: int, rng: np.random.Generator) -> list[tuple[int, str]]:
  """Pairs of signal and aim for `survive`, in random order."""
  signals = rng.permutation([signal.SIGKILL] * kills + [signal.SIGTERM] * terms)
  aims = rng.choice(list(_AIMS), len(signals), p=list(_AIMS.values()))
  return [(int(number), str(aim)) for number, aim in zip(signals, aims)]


def measure(
  folder: pathlib.Path, paired: bool, kills: int, terms: int, rng: np.random.Generator
) -> dict[str, Any]:
  """Runs one kind of training with and without stops; its figures, and every stop."""
  ground = stops.make_ground(folder, paired, STEPS_PER_STOP * (kills + terms))
  stops.finish(ground, folder / 'reference')
  starts = survive(ground, folder / 'run', moments(kills, terms, rng), rng)
  return {
    **summary(starts),
    'steps': STEPS_PER_STOP * (kills + terms),
    'leftover folders at the end': len(stops.leftovers(folder / 'run')),
    'differences from the uninterrupted run': stops.differences(
      folder / 'run', folder / 'reference'
    ),
    'starts': [dataclasses.asdict(start) for start in starts],
  }


def table(results: dict[str, dict[str, Any]]) -> str:
  """Markdown: a row for each figure, a column for each kind of run."""
  lines = ['| | ' + ' | '.join(results) + ' |', '|---|' + '---:|' * len(results)]
  for name in next(iter(results.values())):
    if name != 'starts':
      values = [result[name] for result in results.values()]
      shown = [
        ', '.join(value) or 'none' if isinstance(value, list) else str(value) for value in values
      ]
      lines.append(f'| {name} | ' + ' | '.join(shown) + ' |')
  return '\n'.join(lines)


def main(argv: list[str]) -> None:
  if len(argv) > 1:
    raise app.UsageError(f'{argv[1]} is not a flag.')
  logging.set_verbosity(logging.ERROR)  # Orbax tells each step.
  results = {}
  for name, paired in (('pairs', True), ('unpaired', False)):
    print(name, flush=True)
    with tempfile.TemporaryDirectory() as folder:
      results[name] = measure(
        pathlib.Path(folder), paired, _KILLS.value, _TERMS.value, np.random.default_rng(int(paired))
      )
    pathlib.Path(_OUTPUT.value).write_text(json.dumps(results, indent=1) + '\n')
  print(table(results))


if __name__ == '__main__':
  app.run(main)
