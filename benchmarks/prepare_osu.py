"""How many pairs of OSU Color-Thermal are prepared in a second.

  python -m benchmarks.prepare_osu --pairs=1000

Makes a set like the published one (six sequences, 320x240 pixels, BMP; smooth scenes with the
noise of a camera, which decides how long PNG takes), once in zips and once in folders, in a
temporary folder, and prepares each `--runs` times: everything from looking for the files to the
finished copy. Prints the fastest run of each and the load of the machine, which other jobs share.
"""

from collections.abc import Iterator
import os
import pathlib
import tempfile
import time
import zipfile

from absl import app, flags, logging
import numpy as np
from PIL import Image

from datasets.osu import osu_dataset_builder as osu

_PAIRS = flags.DEFINE_integer('pairs', 1000, 'Pairs to make and prepare.', lower_bound=60)
_RUNS = flags.DEFINE_integer('runs', 3, 'Times that each is prepared.', lower_bound=1)

_WIDTH, _HEIGHT = 320, 240
_SEQUENCES = 6
# Gray levels (standard deviation).
_NOISE = 2.0


def make_source(source: pathlib.Path, pairs: int) -> None:
  """Writes 1a.zip to 6b.zip, and the same files into unpacked folders beside them.

  Args:
    source: gets two folders, 'zips' and 'folders'.
    pairs: shared out among the sequences.
  """
  rng = np.random.default_rng(0)
  (source / 'zips').mkdir()
  for i in range(_SEQUENCES):
    count = len(range(i, pairs, _SEQUENCES))
    for letter, channels in (('a', 1), ('b', 3)):
      part = f'{i + 1}{letter}'
      (source / 'folders' / part).mkdir(parents=True)
      with zipfile.ZipFile(source / 'zips' / f'{part}.zip', 'w', zipfile.ZIP_DEFLATED) as archive:
        for number, image in enumerate(_video(rng, count, channels), 1):
          path = source / 'folders' / part / f'img_{number:05d}.bmp'
          image.save(path)
          archive.write(path, path.name)


def _video(rng: np.random.Generator, count: int, channels: int) -> Iterator[Image.Image]:
  """Yields frames of one smooth scene, each with noise of its own."""
  planes = [
    Image.fromarray(rng.integers(40, 220, (12, 16), np.uint8)).resize(
      (_WIDTH, _HEIGHT), Image.Resampling.BICUBIC
    )
    for _ in range(channels)
  ]
  scene = np.stack(planes, -1).astype(np.float32)
  for _ in range(count):
    noisy = scene + _NOISE * rng.standard_normal(scene.shape, np.float32)
    pixels = np.clip(np.rint(noisy), 0, 255).astype(np.uint8)
    yield Image.fromarray(pixels[..., 0] if channels == 1 else pixels)


def seconds_to_prepare(source: pathlib.Path) -> float:
  """Prepares a source folder once, in a folder that is then removed."""
  with tempfile.TemporaryDirectory() as data_dir:
    begin = time.perf_counter()
    builder = osu.Builder(config=osu.osu_config(source), data_dir=data_dir)
    builder.download_and_prepare()
    return time.perf_counter() - begin


def main(argv: list[str]) -> None:
  if len(argv) > 1:
    raise app.UsageError(f'{argv[1]} is not a flag.')
  logging.set_verbosity(logging.ERROR)  # TFDS tells each step.
  with tempfile.TemporaryDirectory() as folder:
    make_source(pathlib.Path(folder), _PAIRS.value)
    found = {
      kind: min(seconds_to_prepare(pathlib.Path(folder, kind)) for _ in range(_RUNS.value))
      for kind in ('zips', 'folders')
    }
  for kind, seconds in found.items():
    print(
      f'{kind}: {_PAIRS.value / seconds:.0f} pairs/s, {_PAIRS.value} pairs in {seconds:.1f} s, '
      f'fastest of {_RUNS.value} run(s)'
    )
  print(
    '{} cores, load {:.1f} {:.1f} {:.1f} in the last 1, 5, 15 minutes'.format(
      os.cpu_count(), *os.getloadavg()
    )
  )


if __name__ == '__main__':
  app.run(main)
