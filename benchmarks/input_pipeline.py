"""Images/s from prepared data to the devices, with decoded images kept in memory and without.

  python -m benchmarks.input_pipeline --size=128 --batch=16 --json=FILE

Reads the training batches of the rendered data set, 256x256 PNG files, and of a folder of smooth
random pictures, 320x240, JPEG (RGB) and PNG (IR), with several numbers of reading threads. Images
that are kept have been decoded before the clock starts. The settings are measured in turn, in
rounds, and the median of the rounds counts: whatever else the machine does then meets them all.
An image is a pair of RGB and IR. Prints a Markdown table; the JSON holds every sample.
"""

from collections.abc import Iterator
import dataclasses
import functools
import json
import os
import pathlib
import statistics
import tempfile
import time
from typing import Any

from absl import app, flags, logging
import jax
import numpy as np
from PIL import Image

from cyclegan_jax.data import pipeline
from cyclegan_jax.data.source import Dataset
from cyclegan_jax.settings import DataConfig
from cyclegan_jax.training.step import parallel
import datasets

_SIZE = flags.DEFINE_integer('size', 128, 'Height and width.', lower_bound=16)
_BATCH = flags.DEFINE_integer('batch', 16, 'Pairs in a batch.', lower_bound=1)
_SOURCES = flags.DEFINE_list('sources', ['rendered', 'folder'], 'The data sets.')
_FLIP = flags.DEFINE_boolean('flip', False, 'Mirror half of the pairs.')
_ROUNDS = flags.DEFINE_integer('rounds', 3, 'Times that each is measured.', lower_bound=1)
_SECONDS = flags.DEFINE_float('seconds', 2.0, 'A measurement takes about so long.')
_JSON = flags.DEFINE_string('json', '', 'A file for all samples.')

_THREADS = (1, 2, 4, 8, 16)
# Where decoded images are kept, GiB: all of them, none.
_KEPT = {'kept': 1024.0, 'decoded each time': 0.0}
_PAIRS = 240
_PICTURE = (240, 320)


def draw_pictures(folder: pathlib.Path) -> pathlib.Path:
  """Writes smooth random pairs into rgb/ and ir/ of a new folder, which is returned."""
  rng = np.random.default_rng(0)
  for name in ('rgb', 'ir'):
    (folder / name).mkdir(parents=True)
  for i in range(_PAIRS):
    rgb = Image.fromarray(rng.integers(0, 256, (15, 20, 3), np.uint8)).resize(
      _PICTURE[::-1], Image.Resampling.BICUBIC
    )
    rgb.save(folder / 'rgb' / f'{i:04}.jpg', quality=90)
    rgb.convert('L').save(folder / 'ir' / f'{i:04}.png')
  return folder


def configurations(folder: pathlib.Path) -> dict[str, DataConfig]:
  """The data sets by what they are called in the table; prepared in, and drawn into, `folder`."""
  make = functools.partial(
    DataConfig,
    data_dir=str(folder / 'prepared'),
    paired=True,
    flip=_FLIP.value,
    image_size=(_SIZE.value, _SIZE.value),
  )
  found = {}
  if 'rendered' in _SOURCES.value:
    found['rendered, PNG'] = make(dataset='synthetic')
  if 'folder' in _SOURCES.value:
    pictures = draw_pictures(folder / 'pictures')
    found['folder, JPEG and PNG'] = make(dataset='folder', source_dir=str(pictures))
  return found


def batches(dataset: Dataset, config: DataConfig, threads: int) -> Iterator[Any]:
  """The endless training batches; images that are kept are decoded already."""
  iterator = iter(
    pipeline.batches(dataset, config, _BATCH.value, parallel.sharding(), threads=threads)
  )
  epochs = 2 if config.cache_gib else 0
  # Two: a batch more than an epoch has been read ahead, and the first one is never quick.
  for _ in range(1 + epochs * len(dataset.splits['train']) // _BATCH.value):
    jax.block_until_ready(next(iterator))
  return iterator


def rate(iterator: Iterator[Any], seconds: float) -> float:
  """Images/s that arrive on the devices over about so many seconds."""
  begin, count = time.perf_counter(), 0
  while (taken := time.perf_counter() - begin) < seconds or not count:
    jax.block_until_ready(next(iterator))
    count += 1
  return count * _BATCH.value / taken


def measure(dataset: Dataset, config: DataConfig) -> dict[str, dict[int, list[float]]]:
  """Images/s of each round, by whether decoded images are kept and by reading threads."""
  rates = {kept: {threads: [] for threads in _THREADS} for kept in _KEPT}
  for _ in range(_ROUNDS.value):
    for kept, gib in _KEPT.items():
      for threads in _THREADS:
        config_now = dataclasses.replace(config, cache_gib=gib)
        iterator = batches(dataset, config_now, threads)
        rates[kept][threads].append(rate(iterator, _SECONDS.value))
        iterator.close()
  return rates


def table(found: dict[str, dict[str, dict[int, list[float]]]]) -> str:
  """Markdown: a row for each data set and way, a column for each number of threads."""
  lines = [
    '| data | decoded images | '
    + ' | '.join(f'{n} thread{"s" * (n > 1)}' for n in _THREADS)
    + ' |',
    '|---|---|' + '---:|' * len(_THREADS),
  ]
  for name, ways in found.items():
    for kept, rates in ways.items():
      lines.append(
        f'| {name} | {kept} | '
        + ' | '.join(f'{statistics.median(rates[n]):.0f}' for n in _THREADS)
        + ' |'
      )
  return '\n'.join(lines)


def main(argv: list[str]) -> None:
  if len(argv) > 1:
    raise app.UsageError(f'{argv[1]} is not a flag.')
  logging.set_verbosity(logging.ERROR)  # TFDS tells each step.
  found = {}
  with tempfile.TemporaryDirectory() as folder:
    for name, config in configurations(pathlib.Path(folder)).items():
      found[name] = measure(datasets.open_dataset(config), config)
  print(
    f'\nImages/s, {_SIZE.value}x{_SIZE.value}, batch {_BATCH.value}, '
    f'{"with" if _FLIP.value else "without"} mirroring, {jax.default_backend()}, '
    f'{os.cpu_count()} cores; median of {_ROUNDS.value} rounds\n\n{table(found)}'
  )
  if _JSON.value:
    pathlib.Path(_JSON.value).write_text(
      json.dumps(
        {
          'size': _SIZE.value,
          'batch': _BATCH.value,
          'flip': _FLIP.value,
          'jax': jax.__version__,
          'backend': jax.default_backend(),
          'cores': os.cpu_count(),
          'samples': found,
        },
        indent=1,
      )
      + '\n'
    )


if __name__ == '__main__':
  app.run(main)
