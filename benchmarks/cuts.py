"""Trainings on a disk whose power is cut, and what comes of restarts; see power_cuts.py."""

from collections.abc import Mapping, Sequence
import dataclasses
import pathlib
import shutil
import time
from typing import Any

import numpy as np

from benchmarks import disks, stops
from cyclegan_jax.runs import run_folder

# A checkpoint comes every twelve steps (benchmarks/stops.py), and most cuts wait for one. Short
# runs, as each cut is followed by the rest of one.
STEPS, CUTS_A_RUN = 120, 10
# What the moments are aimed at, and how often.
_AIMS = {'any': 0.3, 'save': 0.45, 'clean-up': 0.25}
_DURING_START = 0.1


@dataclasses.dataclass(frozen=True)
class Cut:
  """One cut, and what came of it.

  Attributes:
    phase: 'start-up', 'steps', 'save', or 'clean-up': what it fell into.
    seen: steps of the checkpoints that the run had just before.
    left: steps of the checkpoints that the disk had.
    began: the step from which the same command went on; None if it did not.
    damaged: how many checkpoints it recognized as damaged.
    status: the exit status of that command.
    differences: names of what differs from the undisturbed run at the end.
    fault: what is wrong with that; '' if nothing is.
  """

  phase: str
  seen: tuple[int, ...]
  left: tuple[int, ...]
  began: int | None
  damaged: int
  status: int
  differences: list[str]
  fault: str


def fault(seen: Sequence[int], began: int | None, status: int, differences: Sequence[str]) -> str:
  """What is wrong with a restart after a cut; '' if nothing is.

  A checkpoint that is seen may not be on the disk yet. One before it may only be removed then, so
  of two that were seen one is there.
  """
  if status or began is None:
    return f'the restart ended with status {status}'
  if differences:
    return 'the result differs'
  if len(seen) > 1 and began < min(seen):
    return f'began at step {began}, although checkpoints {list(seen)} were seen'
  return ''


def run_and_cut(
  ground: stops.Ground,
  workdir: pathlib.Path,
  disk: disks.Disk,
  number: int,
  rng: np.random.Generator,
) -> list[tuple[str, str, tuple[int, ...]]]:
  """Trains to the end and cuts on the way: [(name of the copy, phase, checkpoints seen)]."""
  start = stops.Start(ground, workdir)
  taken = []

  def cut() -> None:
    phase, seen = start.phase(), stops.steps(workdir)
    disk.cut(f'cut{len(taken)}')
    taken.append((f'cut{len(taken)}', phase, seen))

  for _ in range(max(1, round(number * _DURING_START))):
    time.sleep(rng.uniform(0, 4))
    cut()
  start.wait(start.ready, pause=0.02)
  while len(taken) < number and start.process.poll() is None:
    aim = rng.choice(list(_AIMS), p=list(_AIMS.values()))
    time.sleep(rng.uniform(0, 0.3))
    start.reach(str(aim), rng)
    cut()
  start.finish()
  return taken


def restart(
  ground: stops.Ground,
  workdir: pathlib.Path,
  reference: pathlib.Path,
  phase: str,
  seen: tuple[int, ...],
) -> Cut:
  """Goes on from what a cut has left, to the end."""
  left = stops.steps(workdir)
  again = stops.Start(ground, workdir).stopped(0)
  differences = [] if again.status else stops.differences(workdir, reference)
  damaged = workdir / run_folder.DAMAGED
  return Cut(
    phase,
    seen,
    left,
    again.began,
    len(list(damaged.iterdir())) if damaged.is_dir() else 0,
    again.status,
    differences,
    fault(seen, again.began, again.status, differences),
  )


def measure(
  folder: pathlib.Path, paired: bool, options: str, number: int, rng: np.random.Generator
) -> list[Cut]:
  """Trains on a disk, and goes on from each cut; again and again, until there are enough cuts."""
  (folder / 'undisturbed').mkdir()
  undisturbed = stops.make_ground(folder / 'undisturbed', paired, STEPS)
  reference = folder / 'undisturbed' / 'run'
  stops.finish(undisturbed, reference)
  found = []
  while len(found) < number:
    turn = folder / f'{len(found)}'
    turn.mkdir()
    with disks.disk(turn, options) as disk:
      with disk.shown() as place:
        ground = stops.make_ground(place, paired, STEPS)
        workdir = place / 'run'
        # The source images were there long before.
        disk.sync()
        taken = run_and_cut(ground, workdir, disk, min(number - len(found), CUTS_A_RUN), rng)
      for name, phase, seen in taken:
        with disk.shown(name):
          found.append(restart(ground, workdir, reference, phase, seen))
          if found[-1].fault:
            print(stops.log(workdir).read_text())
        disk.discard(name)
        print(f'  {len(found)}/{number}  {found[-1]}', flush=True)
    shutil.rmtree(turn)
  return found


def summary(cuts: Sequence[Cut]) -> dict[str, Any]:
  """The figures of the cuts of one run."""
  newest = [max(cut.seen, default=0) for cut in cuts]
  began = [-1 if cut.began is None else cut.began for cut in cuts]
  return {
    'cuts': len(cuts),
    **{
      f'cuts during {phase}': sum(cut.phase == phase for cut in cuts)
      for phase in ('start-up', 'steps', 'save', 'clean-up')
    },
    'restarts from the newest checkpoint seen before the cut': sum(
      step == seen > 0 for step, seen in zip(began, newest)
    ),
    'restarts from a newer one': sum(step > seen for step, seen in zip(began, newest)),
    'restarts from the one before': sum(0 < step < seen for step, seen in zip(began, newest)),
    'restarts from the beginning': began.count(0),
    'checkpoints recognized as damaged': sum(cut.damaged for cut in cuts),
    'faults': sum(bool(cut.fault) for cut in cuts),
  }


def table(results: Mapping[str, Sequence[Cut]]) -> str:
  """Markdown: a row for each figure, a column for each run."""
  figures = {name: summary(cuts) for name, cuts in results.items()}
  lines = ['| | ' + ' | '.join(figures) + ' |', '|---|' + '---:|' * len(figures)]
  for row in next(iter(figures.values())):
    lines.append(f'| {row} | ' + ' | '.join(str(found[row]) for found in figures.values()) + ' |')
  return '\n'.join(lines)
