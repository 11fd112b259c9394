"""How the cost grows with the batch, the image, the devices and the data set.

  python -m benchmarks.scaling --what=batch --json=FILE
  python -m benchmarks.scaling --what=examples --values=100,1000,10000,100000 --json=FILE

batch, size: training images/s, with the memory that the compiled step needs beside its arguments.
devices: the same total batch on virtual CPU devices. They share the processor's cores: this shows
what the exchange between devices costs, not what more devices gain.
examples: how long a prepared folder of tiny images takes to open and to give its first batch, and
the memory of the process after that; and how long it took to prepare.

Each point is a process of its own. Prints a Markdown table.
"""

from collections.abc import Mapping, Sequence
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time
from typing import Any

from absl import app, flags, logging
import numpy as np
from PIL import Image

_DEFAULTS = {
  'batch': [1, 2, 4, 8, 16, 32, 64],
  'size': [64, 128, 256, 512],
  'devices': [1, 2, 4, 8],
  'examples': [100, 1000, 10_000, 100_000],
}
_WHAT = flags.DEFINE_enum('what', 'batch', list(_DEFAULTS), 'What grows.')
_VALUES = flags.DEFINE_list(
  'values',
  None,
  'Its values. Default: '
  + '; '.join(f'{name} {",".join(map(str, values))}' for name, values in _DEFAULTS.items())
  + '.',
)
_PRESET = flags.DEFINE_string('preset', 'udacity', 'The networks.')
_BATCH = flags.DEFINE_integer(
  'batch',
  0,
  'Images in a batch where it does not grow; 0: 4 for size, 8 for devices, 16 for examples.',
)
_SIZE = flags.DEFINE_integer(
  'size', 0, 'Height and width where they do not grow; 0: 128, 64 for devices.'
)
_WIDTH = flags.DEFINE_integer('width', 0, "Channels of the first layers; 0: the preset's.")
_ACCUMULATE = flags.DEFINE_integer('accumulate', 1, 'Parts of a batch, as in experiments.train.')
_REMAT = flags.DEFINE_boolean('remat', False, 'Compute activations again, as in experiments.train.')
_SECONDS = flags.DEFINE_float('seconds', 5.0, 'Time to train at each point, after one step.')
_JSON = flags.DEFINE_string('json', '', 'A file for the points.')
_POINT = flags.DEFINE_string('point', '', 'For the processes of this program: one point, as JSON.')

_REPOSITORY = pathlib.Path(__file__).resolve().parent.parent
# Of the images of --what=examples: decoding them is to cost little.
_TINY = 16


def points(what: str, values: Sequence[int]) -> list[dict[str, Any]]:
  """What is measured: the settings of each point's process, without those of `examples`."""
  usual = {
    'batch': _BATCH.value or {'devices': 8, 'examples': 16}.get(what, 4),
    'size': _SIZE.value or (64 if what == 'devices' else 128),
    'devices': 1,
    'preset': _PRESET.value,
    'width': _WIDTH.value,
    'accumulate': _ACCUMULATE.value,
    'remat': _REMAT.value,
    'seconds': _SECONDS.value,
  }
  return [{**usual, what: value} for value in values]


def measured(point: Mapping[str, Any]) -> dict[str, Any]:
  """Measures a point in its own process; RuntimeError with its output if that fails."""
  environment = {**os.environ, 'JAX_ENABLE_COMPILATION_CACHE': '0'}
  if point['devices'] > 1:
    environment['JAX_PLATFORMS'] = 'cpu'
    environment['XLA_FLAGS'] = ' '.join(
      [
        os.environ.get('XLA_FLAGS', ''),
        f'--xla_force_host_platform_device_count={point["devices"]}',
      ]
    )
  result = subprocess.run(
    [sys.executable, '-m', 'benchmarks.scaling', f'--point={json.dumps(point)}'],
    cwd=_REPOSITORY,
    env=environment,
    capture_output=True,
    text=True,
  )
  if result.returncode:
    raise RuntimeError(f'{point}:\n{result.stderr[-3000:]}')
  return json.loads(result.stdout.splitlines()[-1])


def memory() -> dict[str, float]:
  """MiB of this process now and at most; {} where /proc is absent."""
  try:
    lines = pathlib.Path('/proc/self/status').read_text().splitlines()
  except OSError:
    return {}
  status = dict(line.split(':', 1) for line in lines)
  return {
    name: int(status[key].split()[0]) / 2**10
    for name, key in (('MiB', 'VmRSS'), ('most MiB', 'VmHWM'))
  }


def train(point: Mapping[str, Any]) -> dict[str, Any]:
  """Trains on noise that lies on the devices already."""
  import jax

  from cyclegan_jax import config as config_lib
  from cyclegan_jax.data.source import make_domains
  from cyclegan_jax.models import networks
  from cyclegan_jax.training.step import parallel, state as state_lib

  widths = {'base_width': point['width'], 'discriminator_width': point['width']}
  config = config_lib.make(
    point['preset'],
    dataset='synthetic',
    batch_size=point['batch'],
    image_size=(point['size'], point['size']),
    load_size=(0, 0),
    accumulate=point['accumulate'],
    remat=point['remat'],
    **(widths if point['width'] else {}),
  )
  domains = make_domains(config.data)
  nets = networks.build(config.model, domains)
  optimizer = state_lib.make_optimizer(config.train, 1)
  state = parallel.replicate(state_lib.initialize(config, domains))
  rng, devices = np.random.default_rng(0), jax.local_device_count()
  batch = {
    name: jax.device_put(
      rng.uniform(
        -1, 1, (devices, point['batch'] // devices, point['size'], point['size'], domain.channels)
      ).astype(np.float32),
      parallel.sharding(),
    )
    for name, domain in domains.items()
  }
  begin = time.perf_counter()
  step = parallel.compile_train_step(nets, config, optimizer).lower(state, batch).compile()
  compiled = time.perf_counter() - begin
  analysis = step.memory_analysis()
  state, _ = jax.block_until_ready(step(state, batch))
  begin, steps = time.perf_counter(), 0
  while not steps or time.perf_counter() - begin < point['seconds']:
    state, _ = jax.block_until_ready(step(state, batch))
    steps += 1
  taken = time.perf_counter() - begin
  return {
    'images/s': steps * point['batch'] / taken,
    'ms a step': 1e3 * taken / steps,
    'step memory, MiB a device': analysis.temp_size_in_bytes / 2**20 if analysis else None,
    'seconds to trace and compile': compiled,
    **memory(),
  }


def write_pairs(source: pathlib.Path, count: int) -> None:
  """Pairs of tiny random pictures as PNG files in two folders."""
  rng = np.random.default_rng(0)
  for name in ('rgb', 'ir'):
    (source / name).mkdir(parents=True)
  for i in range(count):
    rgb = Image.fromarray(rng.integers(0, 256, (_TINY, _TINY, 3), np.uint8))
    rgb.save(source / 'rgb' / f'{i:06}.png')
    rgb.convert('L').save(source / 'ir' / f'{i:06}.png')


def open_and_draw(point: Mapping[str, Any]) -> dict[str, Any]:
  """Opens a data set, prepared at the first call, and draws the first training batch."""
  from cyclegan_jax.data import pipeline
  from cyclegan_jax.settings import DataConfig
  from cyclegan_jax.training.step import parallel
  import datasets

  config = DataConfig(
    dataset='folder',
    source_dir=point['source'],
    data_dir=point['data'],
    paired=True,
    image_size=(_TINY, _TINY),
  )
  sharding, before = parallel.sharding(), memory().get('MiB', 0)
  begin = time.perf_counter()
  dataset = datasets.open_dataset(config)
  opened = time.perf_counter()
  batches = iter(pipeline.batches(dataset, config, point['batch'], sharding, seed=0))
  next(batches)
  drawn = time.perf_counter()
  batches.close()
  used = memory()
  return {
    'seconds to open': opened - begin,
    'seconds to the first batch': drawn - opened,
    **({'MiB more than before': used['MiB'] - before} if used else {}),
    **used,
  }


def grown(count: int, point: Mapping[str, Any]) -> dict[str, Any]:
  """Measures a point of --what=examples: writes and prepares the images, then opens them again."""
  with tempfile.TemporaryDirectory() as folder:
    write_pairs(pathlib.Path(folder, 'pairs'), count)
    point = {**point, 'source': f'{folder}/pairs', 'data': f'{folder}/data'}
    first, second = measured(point), measured(point)
  return {'ms to prepare an example': 1e3 * first['seconds to open'] / count, **second}


def table(what: str, rows: Sequence[Mapping[str, Any]]) -> str:
  """Markdown: a row for each point."""
  names = [name for name in rows[0] if name != what]
  lines = [f'| {what} | ' + ' | '.join(names) + ' |', '|---:|' + '---:|' * len(names)]
  for row in rows:
    shown = [
      '-' if row[name] is None else f'{row[name]:.3g}' if row[name] < 1000 else f'{row[name]:,.0f}'
      for name in names
    ]
    lines.append(f'| {row[what]:,} | ' + ' | '.join(shown) + ' |')
  return '\n'.join(lines)


def main(argv: list[str]) -> None:
  if len(argv) > 1:
    raise app.UsageError(f'{argv[1]} is not a flag.')
  logging.set_verbosity(logging.ERROR)  # TFDS tells each step.
  if _POINT.value:
    point = json.loads(_POINT.value)
    print(json.dumps(open_and_draw(point) if 'source' in point else train(point)))
    return
  what = _WHAT.value
  values = [int(value) for value in _VALUES.value or _DEFAULTS[what]]
  rows = []
  for value, point in zip(values, points(what, values)):
    figures = grown(value, point) if what == 'examples' else measured(point)
    rows.append({what: value, **figures})
    print(rows[-1], file=sys.stderr, flush=True)
    if _JSON.value:
      pathlib.Path(_JSON.value).write_text(
        json.dumps(
          {'cores': os.cpu_count(), 'setting': points(what, values)[0], 'points': rows}, indent=1
        )
        + '\n'
      )
  print(table(what, rows))
  print(
    '{} cores, load {:.1f} {:.1f} {:.1f} in the last 1, 5, 15 minutes'.format(
      os.cpu_count(), *os.getloadavg()
    )
  )


if __name__ == '__main__':
  app.run(main)
