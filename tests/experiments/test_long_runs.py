"""Runs that take long: memory, threads, handles, and files grow no further once they have begun."""

import contextlib
import csv
import subprocess
import tempfile
import time

import numpy as np
from PIL import Image
import pytest

from benchmarks import taken
from tests.command_line import command, TINY

_STEPS = 3000
_CHECKPOINT_EVERY = 100
_IMAGES = 2000
# What caches may still gain, and programs that are compiled while others work. A step that kept its
# batch of four 16x16 images, as float32, would gain 34 MiB in the 2,200 steps looked at; one handle
# or thread that is kept at each of 22 checkpoints is seen, too.
_MEBIBYTES = 12
_THREADS = 2
_HANDLES = 4


def watch(progress, name, *flags):
  """Runs a command, notes what it takes until it ends: [(progress, memory, threads, handles)]."""
  arguments, options = command(name, *flags)
  # Otherwise glibc holds ever more memory that nobody uses: threads of their own heaps free arrays
  # of many sizes. With a fixed threshold it gives it back, and what is held is what is taken.
  options['env']['MALLOC_TRIM_THRESHOLD_'] = str(2**17)
  notes = []
  # A file, as a pipe that nobody reads would stop a command that has much to say.
  with tempfile.TemporaryFile('w+') as said:
    process = subprocess.Popen(arguments, stdout=said, stderr=said, **options)
    # The last look may find it gone.
    with contextlib.suppress(OSError, KeyError):
      while process.poll() is None:
        notes.append({'progress': progress(), **taken.by_process(process.pid)})
        time.sleep(0.1)
    status = process.wait()
    said.seek(0)
    assert status == 0, said.read()
  return notes


def assert_level(notes, end):
  """What is taken in the last sixth is no more than between a tenth and a third of the way.

  The least counts: writing a checkpoint takes some ten threads and some memory for a moment, and
  looking ten times a second meets that moment or not. What is kept for good raises the least.
  """
  early = [note for note in notes if end / 10 <= note['progress'] < end / 3]
  # Not at the end itself, when all is given back.
  late = [note for note in notes if end * 5 / 6 <= note['progress'] < end]
  assert len(early) > 5 and len(late) > 5, notes
  for key, margin in (('memory', _MEBIBYTES), ('threads', _THREADS), ('handles', _HANDLES)):
    before, after = (min(note[key] for note in part) for part in (early, late))
    assert after <= before + margin, f'{key}: {before} at first, {after} at last'


def last_step(workdir):
  """The last step that metrics.csv has."""
  try:
    with (workdir / 'metrics.csv').open() as file:
      return max((int(row['step']) for row in csv.DictReader(file)), default=0)
  except (OSError, ValueError, TypeError):
    return 0  # Not begun, or a line is being written.


@pytest.mark.slow
def test_training_takes_no_more_after_thousands_of_steps(pairs, data_dir, tmp_path):
  workdir = tmp_path / 'run'
  flags = [flag for flag in TINY if not flag.startswith(('--checkpoint_every', '--log_every'))]
  flags += ['--dataset=folder', f'--source_dir={pairs}', f'--data_dir={data_dir}']
  flags += [f'--steps={_STEPS}', f'--checkpoint_every={_CHECKPOINT_EVERY}', '--log_every=50']
  notes = watch(lambda: last_step(workdir), 'train', f'--workdir={workdir}', *flags)
  assert last_step(workdir) == _STEPS
  assert_level(notes, _STEPS)
  # The two newest, and the best one.
  assert len(list((workdir / 'checkpoints').iterdir())) <= 3
  assert len(list((workdir / 'samples').iterdir())) == _STEPS / _CHECKPOINT_EVERY
  assert {file.name for file in workdir.iterdir() if file.is_file()} == {
    *('config.json', 'data.json', 'report.html', 'run.lock'),
    *('metrics.csv', 'validation.csv', 'validation_images.csv'),
  }


@pytest.mark.slow
def test_translation_takes_no_more_after_thousands_of_images(untrained, tmp_path):
  rng = np.random.default_rng(0)
  source, target = tmp_path / 'photos', tmp_path / 'translated'
  source.mkdir()
  for i in range(_IMAGES):
    size = (*rng.integers(16, 160, 2), 3)
    Image.fromarray(rng.integers(0, 256, size, np.uint8)).save(source / f'{i:04d}.bmp')
  flags = (f'--workdir={untrained}', f'--input={source}', f'--output={target}')
  notes = watch(lambda: sum(1 for _ in target.glob('*')), 'translate', *flags)
  assert len(list(target.glob('*.png'))) == _IMAGES
  assert_level(notes, _IMAGES)
