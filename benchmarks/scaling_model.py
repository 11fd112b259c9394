"""A model of what more devices gain, and the tables of docs/explanation/scaling.md.

  python -m benchmarks.scaling_model

A step of a global batch on n devices takes compute + exchange:

  compute   global batch / n / images a second of one device
  exchange  2 (n - 1) / n * bytes / bandwidth + 2 (n - 1) * latency, a ring all-reduce of gradients
  norms     2 log2(n) * latency for each exchange of batch statistics, a tree all-reduce

The bytes are those of all gradients in float32, the exchanges of statistics those of the lowered
step. Input and evaluation are shared out like compute. Overlap of exchange and compute is left out:
it can only help.
"""

from collections.abc import Sequence
import dataclasses
import json
import pathlib
import re

from absl import app, logging
import jax
import numpy as np

from benchmarks import configuration
from cyclegan_jax.data.source import make_domains
from cyclegan_jax.models import networks
from cyclegan_jax.training.step import parallel, state as state_lib

# Bytes per second in one direction, and seconds of latency per hop; for the sources see
# docs/explanation/scaling.md.
LINKS = {
  'NVLink 4, H100': (450e9, 5e-6),
  'PCIe 5.0 x16': (63e9, 10e-6),
  'PCIe 4.0 x16': (31.5e9, 10e-6),
  'InfiniBand NDR 400': (50e9, 5e-6),
  'InfiniBand HDR 200': (25e9, 5e-6),
  '100 GbE': (12.5e9, 30e-6),
  '25 GbE': (3.125e9, 30e-6),
  '10 GbE': (1.25e9, 30e-6),
}
# Each at its own size.
_PRESETS = {'udacity': 128, 'cyclegan': 256, 'pix2pix': 256}
_DEVICES = (2, 8, 64)
# Images in a step on each device, and images/s that one is assumed to train.
_CASES = ((2, 50), (2, 200), (16, 200), (16, 1000), (128, 1000))
_REPOSITORY = pathlib.Path(__file__).resolve().parent.parent
_MEASURED = _REPOSITORY / 'results/performance/scale_devices.json'


@dataclasses.dataclass(frozen=True)
class Sizes:
  """Of a preset: parameters of generators and discriminators, exchanges of statistics in a step."""

  generators: int
  discriminators: int
  norms: int

  @property
  def gradient_bytes(self) -> int:
    return 4 * (self.generators + self.discriminators)


def sizes(preset: str) -> Sizes:
  """Counts what the devices exchange in a step of a preset."""
  config = configuration.without_data(preset, 1, _PRESETS[preset])
  state = state_lib.abstract(config, make_domains(config.data))
  counts = {
    name: sum(int(np.prod(leaf.shape)) for leaf in jax.tree.leaves(tree))
    for name, tree in state.params.items()
  }
  made = networks.generators(config.model)
  one = jax.tree.map(lambda x: jax.ShapeDtypeStruct((1, *x.shape), x.dtype), state)
  batch = {
    name: jax.ShapeDtypeStruct((1, 1, *config.data.image_size, channels), np.float32)
    for name, channels in (('rgb', 3), ('ir', 1))
  }
  step = parallel.compile_train_step(
    networks.build(config.model, make_domains(config.data)),
    config,
    state_lib.make_optimizer(config.train, 1),
  )
  # Means and mean squares travel together, and so do their gradients: 2 x channels.
  norms = re.findall(
    r'all_reduce.*?-> tensor<(2x\d+xf32|[^>]*)>', step.lower(one, batch).as_text(), re.DOTALL
  )
  return Sizes(
    sum(counts[name] for name in made),
    sum(n for name, n in counts.items() if name not in made),
    sum(bool(re.fullmatch(r'2x\d+xf32', shape)) for shape in norms),
  )


def exchange(n: int, size: float, bandwidth: float, latency: float, norms: int = 0) -> float:
  """Seconds of a ring all-reduce of `size` bytes over n devices, and of `norms` tiny ones."""
  tiny = 2 * np.ceil(np.log2(n)) * latency
  return 2 * (n - 1) / n * size / bandwidth + 2 * (n - 1) * latency + norms * tiny


def speed_up(
  n: int, rows: int, rate: float, size: float, bandwidth: float, latency: float, norms: int = 0
) -> float:
  """Images/s of n devices, each with `rows` images a step at `rate` images/s, over those of one."""
  compute = rows / rate
  return n * compute / (compute + exchange(n, size, bandwidth, latency, norms))


def fit(devices: Sequence[int], milliseconds: Sequence[float]) -> tuple[float, float, float]:
  """The measured steps of one global batch as a + b (n - 1), by least squares.

  Virtual devices share the cores: compute does not shrink with n, and what n - 1 exchanges cost is
  processor time.

  Returns:
    a, b in ms, and the largest deviation as a share of the measured value.
  """
  n, y = np.asarray(devices, float), np.asarray(milliseconds, float)
  matrix = np.stack([np.ones_like(n), n - 1], 1)
  (a, b), *_ = np.linalg.lstsq(matrix, y, rcond=None)
  return float(a), float(b), float(np.max(np.abs(matrix @ [a, b] - y) / y))


def tables() -> str:
  """All tables of the page, Markdown."""
  found = {preset: sizes(preset) for preset in _PRESETS}
  lines = [
    '| preset | generators | discriminators | gradients, MiB | exchanges of statistics |',
    '|---|---:|---:|---:|---:|',
  ]
  lines += [
    f'| {preset}, {_PRESETS[preset]}x{_PRESETS[preset]} | {s.generators:,} | '
    f'{s.discriminators:,} | {s.gradient_bytes / 2**20:.0f} | {s.norms} |'
    for preset, s in found.items()
  ]
  lines += [
    '',
    '| exchange of a step, ms: gradients + statistics | '
    + ' | '.join(f'{preset}, {n} devices' for preset in _PRESETS for n in _DEVICES)
    + ' |',
    '|---|' + '---:|' * (len(_PRESETS) * len(_DEVICES)),
  ]
  for name, link in LINKS.items():
    cells = []
    for s in found.values():
      for n in _DEVICES:
        gradients = exchange(n, s.gradient_bytes, *link)
        norms = exchange(n, s.gradient_bytes, *link, s.norms) - gradients
        cells.append(f'{1e3 * gradients:.1f} + {1e3 * norms:.1f}')
    lines.append(f'| {name} | ' + ' | '.join(cells) + ' |')
  size, norms = found['udacity'].gradient_bytes, found['udacity'].norms
  lines += [
    '',
    '| 8 devices, `udacity` | '
    + ' | '.join(f'{rows} images at {rate}/s' for rows, rate in _CASES)
    + ' |',
    '|---|' + '---:|' * len(_CASES),
  ]
  lines += [
    f'| {name} | '
    + ' | '.join(
      f'{speed_up(8, rows, rate, size, *link, norms):.1f} / '
      f'{speed_up(8, rows, rate, size, *link):.1f}'
      for rows, rate in _CASES
    )
    + ' |'
    for name, link in LINKS.items()
  ]
  points = json.loads(_MEASURED.read_text())['points']
  n, ms = ([point[key] for point in points] for key in ('devices', 'ms a step'))
  a, b, off = fit(n, ms)
  lines += [
    '',
    f'Virtual devices: {a:,.0f} ms + {b:,.0f} ms (n - 1); the fit is off by '
    f'{100 * off:.0f} % at most.',
  ]
  return '\n'.join(lines)


def main(argv: list[str]) -> None:
  if len(argv) > 1:
    raise app.UsageError(f'{argv[1]} is not a flag.')
  logging.set_verbosity(logging.ERROR)  # JAX tells which backends there are not.
  print(tables())


if __name__ == '__main__':
  app.run(main)
