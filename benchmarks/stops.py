"""Tiny trainings that are stopped at random moments, and the comparison of two of them.

For survive_kills.py and the tests.
"""

from collections.abc import Callable
import csv
import dataclasses
import os
import pathlib
import re
import signal
import subprocess
import sys
import time
from typing import Any

import jax
import numpy as np
from PIL import Image

from cyclegan_jax.runs import run_folder
from cyclegan_jax.training import checkpoint
from cyclegan_jax.training.step_metrics import CLOCKED

_REPOSITORY = pathlib.Path(__file__).resolve().parent.parent
# Rows, checkpoints and epochs (three steps) end at different steps.
_TINY = (
  '--image_size=16',
  '--load_size=18',
  '--flip',
  '--base_width=4',
  '--n_residual_blocks=1',
  '--n_downsampling=2',
  '--discriminator_width=4',
  '--discriminator_layers=2',
  '--batch_size=4',
  '--n_samples=2',
  '--log_every=5',
  '--checkpoint_every=12',
  '--keep_checkpoints=2',
)
# A moment that has not come by then (seconds) will not.
_PATIENCE = 300.0
_TRASH = '.trash'
_READY = '\nSteps: '
_DEVICES = r'--xla_force_host_platform_device_count=\d+'


@dataclasses.dataclass(frozen=True)
class Stop:
  """One start of the command, and how it was stopped.

  Attributes:
    signal: what it was sent; 0 if it ended by itself first.
    phase: 'start-up', 'steps', 'save' or 'clean-up': what the signal interrupted.
    newest: the newest checkpoint on the disk when it was started; 0 if none.
    began: the step from which it went on, by its own account; None if stopped before that line.
    saved: the newest checkpoint on the disk after it.
    said: the step that it said it had saved before it obeyed the signal; None if nothing.
    leftovers: temporary and discarded folders that it left behind.
    status: its exit status, as subprocess has it (negative: died of that signal).
    seconds: from the signal to the exit.
  """

  signal: int
  phase: str
  newest: int
  began: int | None
  saved: int
  said: int | None
  leftovers: int
  status: int
  seconds: float


@dataclasses.dataclass(frozen=True)
class Ground:
  """What the runs of one kind share.

  Attributes:
    folder: of the source images, the prepared data and the compilation cache.
    flags: of the command, but for the run folder.
  """

  folder: pathlib.Path
  flags: tuple[str, ...]


def make_ground(folder: pathlib.Path, paired: bool, steps: int) -> Ground:
  """Draws twelve pairs of random pictures into a folder; runs on them have that many steps."""
  rng = np.random.default_rng(0)
  for i in range(12):
    rgb = Image.fromarray(rng.integers(0, 256, (3, 4, 3), np.uint8)).resize((32, 24))
    for name, image in (('rgb', rgb), ('ir', rgb.convert('L'))):
      (folder / 'pairs' / name).mkdir(parents=True, exist_ok=True)
      image.save(folder / 'pairs' / name / f'{i:02}.png')
  return Ground(
    folder,
    (
      '--dataset=folder',
      f'--source_dir={folder / "pairs"}',
      f'--data_dir={folder / "data"}',
      *_TINY,
      f'--steps={steps}',
      '--paired' if paired else '--nopaired',
    ),
  )


def log(workdir: pathlib.Path) -> pathlib.Path:
  """What the run's last start said; beside its folder, which has to stay as the run left it."""
  return workdir.with_suffix('.log')


def _names(workdir: pathlib.Path, subfolder: str = '') -> list[str]:
  try:
    return os.listdir(workdir / run_folder.CHECKPOINTS / subfolder)
  except FileNotFoundError:
    return []


def _unfinished(workdir: pathlib.Path) -> list[str]:
  return [name for name in _names(workdir) if '.orbax-checkpoint-tmp' in name]


def steps(workdir: pathlib.Path) -> tuple[int, ...]:
  """The checkpoints on the disk, by their folders' names, the oldest first."""
  return tuple(sorted(int(name) for name in _names(workdir) if name.isdecimal()))


def latest(workdir: pathlib.Path) -> int:
  """The newest checkpoint on the disk; 0 if there is none."""
  return max(steps(workdir), default=0)


def leftovers(workdir: pathlib.Path) -> list[str]:
  """Unfinished and discarded checkpoints, which a run removes sooner or later."""
  return _unfinished(workdir) + _names(workdir, _TRASH)


class Start:
  """A start of the command, the same each time; what it says goes to `log(workdir)`."""

  def __init__(self, ground: Ground, workdir: pathlib.Path):
    self._workdir = workdir
    self._newest = latest(workdir)
    self._trash = set(_names(workdir, _TRASH))
    environment = {
      **os.environ,
      'JAX_PLATFORMS': 'cpu',
      # One device.
      'XLA_FLAGS': re.sub(_DEVICES, '', os.environ.get('XLA_FLAGS', '')),
      'JAX_COMPILATION_CACHE_DIR': str(ground.folder / 'cache'),
      'JAX_DISABLE_MOST_OPTIMIZATIONS': '1',
    }
    with log(workdir).open('w') as out:
      self.process = subprocess.Popen(
        [sys.executable, '-m', 'experiments.train', *ground.flags, f'--workdir={workdir}'],
        cwd=_REPOSITORY,
        env=environment,
        stdout=out,
        stderr=subprocess.STDOUT,
      )

  def ready(self) -> bool:
    """Whether training begins."""
    return _READY in log(self._workdir).read_text()

  def unfinished(self) -> list[str]:
    """The checkpoints that it is saving; those of an earlier start are gone once it is ready."""
    return _unfinished(self._workdir)

  def discarded(self) -> list[str]:
    """The checkpoints that it is removing, without those that an earlier start left."""
    return [name for name in _names(self._workdir, _TRASH) if name not in self._trash]

  def phase(self) -> str:
    """What it is about, or was when it was killed."""
    return (
      'start-up'
      if not self.ready()
      else 'save'
      if self.unfinished()
      else 'clean-up'
      if self.discarded()
      else 'steps'
    )

  def wait(self, happened: Callable[[], Any], pause: float = 0.0002) -> None:
    """Until something happens, or it ends."""
    deadline = time.monotonic() + _PATIENCE
    while not happened() and self.process.poll() is None and time.monotonic() < deadline:
      time.sleep(pause)

  def reach(self, aim: str, rng: np.random.Generator) -> None:
    """Waits for a moment of 'save' or 'clean-up', if one comes; anything else is now."""
    if aim == 'save':
      self.wait(self.unfinished)
      time.sleep(rng.uniform(0, 0.3))
    elif aim == 'clean-up':
      self.wait(self.discarded)
      time.sleep(rng.uniform(0, 0.003))

  def finish(self) -> Stop:
    """Waits for the end; RuntimeError with what it said if it fails."""
    ended = self.stopped(0)
    if ended.status:
      raise RuntimeError(log(self._workdir).read_text())
    return ended

  def stopped(self, number: int) -> Stop:
    """Sends a signal, unless that is 0 or it has ended, and waits for the end."""
    if self.process.poll() is not None:
      number = 0
    begin, phase = time.monotonic(), self.phase()
    if number:
      self.process.send_signal(number)
    self.process.wait()
    seconds = round(time.monotonic() - begin, 3)
    if number == signal.SIGKILL:
      phase = self.phase()  # Nothing has changed since.
    text = log(self._workdir).read_text()
    began = re.search(r'^Steps: \d+ \(\d+ an epoch(, (\d+) done: resuming)?\)', text, re.MULTILINE)
    said = re.search(r'^Stopped by signal \d+ after step (\d+), which is saved', text, re.MULTILINE)
    if number == signal.SIGTERM and not re.search('^step ', text, re.MULTILINE):
      phase = 'start-up'  # Ready, but not yet listening: a step that is stopped has a line.
    left = 0 if phase == 'start-up' else len(self.unfinished() + self.discarded())
    return Stop(
      number,
      phase,
      self._newest,
      int(began[2] or 0) if began else None,
      latest(self._workdir),
      int(said[1]) if said else None,
      left,
      self.process.returncode,
      seconds,
    )


def finish(ground: Ground, workdir: pathlib.Path) -> Stop:
  """Lets a run go on to its end; RuntimeError with what it said if it fails."""
  return Start(ground, workdir).finish()


def stop(
  ground: Ground, workdir: pathlib.Path, number: int, aim: str, rng: np.random.Generator
) -> Stop:
  """Starts or resumes a run and sends it a signal at a random moment.

  Args:
    ground: of the run.
    workdir: its folder.
    number: of the signal.
    aim: 'start-up', 'any' (of all that follows), or 'save' or 'clean-up', a moment of these;
      anything else may be hit instead.
    rng: draws the moment.
  """
  start = Start(ground, workdir)
  if aim == 'start-up':
    time.sleep(rng.uniform(0, 4))
  else:
    start.wait(start.ready, pause=0.02)
    time.sleep(rng.uniform(0, 1))
  start.reach(aim, rng)
  return start.stopped(number)


def differences(workdir: pathlib.Path, reference: pathlib.Path) -> list[str]:
  """Names of what differs between two complete runs; [] if they are the same bit for bit.

  Compared are the last checkpoint (every array, the position in the data), the CSV files but for
  what depends on the clock, and the sample images.
  """
  ours, theirs = _content(workdir), _content(reference)
  return sorted(name for name in ours.keys() | theirs.keys() if ours.get(name) != theirs.get(name))


def _content(workdir: pathlib.Path) -> dict[str, Any]:
  """What two equal runs have in common, by name."""
  step = latest(workdir)
  folder = workdir / run_folder.CHECKPOINTS
  with checkpoint.of_run(workdir) as (_, _, checkpoints):
    arrays = jax.tree.leaves_with_path(checkpoints.restore(step))
  return {
    **{jax.tree_util.keystr(path): np.asarray(leaf).tobytes() for path, leaf in arrays},
    'run': (folder / str(step) / 'run' / 'metadata').read_text(),
    **{file.name: _unrated(file) for file in workdir.glob('*.csv')},
    **{file.name: file.read_bytes() for file in (workdir / run_folder.SAMPLES).iterdir()},
  }


def _unrated(file: pathlib.Path) -> list[dict[str, str]]:
  with file.open(newline='') as lines:
    return [
      {name: value for name, value in row.items() if name not in CLOCKED}
      for row in csv.DictReader(lines)
    ]
