"""What several devices can gain: a model of a step's time, and the tables of docs/scaling.md.

  python -m benchmarks.scaling_model

A step of a global batch on n devices takes compute + exchange:

  compute   global batch / n / images a second of one device
  exchange  2 (n - 1) / n * bytes / bandwidth + 2 (n - 1) * latency, a ring all-reduce

The bytes are those of all gradients in float32, counted from the networks. Input and evaluation
are shared out like compute. Overlap of exchange and compute is left out: it can only help.
"""

import dataclasses
import json
import pathlib
from typing import Sequence

from absl import app
import jax
import numpy as np

from benchmarks import configuration
from cyclegan_jax.models import networks

# Bytes a second in one direction, and seconds of latency a hop. docs/scaling.md has the sources.
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
_PRESETS = ('udacity', 'cyclegan', 'pix2pix')
_DEVICES = (2, 8, 64)
_MEASURED = pathlib.Path(__file__).resolve().parent.parent / 'docs/performance/scale_devices.json'


@dataclasses.dataclass(frozen=True)
class Sizes:
  """Of a preset: parameters of generators and discriminators, and bytes of their gradients."""
  generators: int
  discriminators: int

  @property
  def gradient_bytes(self) -> int:
    return 4 * (self.generators + self.discriminators)


def sizes(preset: str) -> Sizes:
  """Counts the parameters of a preset."""
  config = configuration.without_data(preset, 1, 128)
  params, _ = jax.eval_shape(lambda: networks.initialise(config.model, 3, 1, jax.random.key(0)))
  counts = {name: sum(int(np.prod(leaf.shape)) for leaf in jax.tree.leaves(tree))
            for name, tree in params.items()}
  made = networks.generators(config.model)
  return Sizes(sum(counts[name] for name in made),
               sum(n for name, n in counts.items() if name not in made))


def exchange(n: int, size: float, bandwidth: float, latency: float) -> float:
  """Seconds of a ring all-reduce of `size` bytes over n devices."""
  return 2 * (n - 1) / n * size / bandwidth + 2 * (n - 1) * latency


def efficiency(n: int, rows: int, rate: float, size: float, bandwidth: float,
               latency: float) -> float:
  """Share of n devices' images/s that is left, each with `rows` images at `rate` images/s."""
  compute = rows / rate
  return compute / (compute + exchange(n, size, bandwidth, latency))


def least_rows(n: int, rate: float, size: float, bandwidth: float, latency: float,
               wanted: float = 0.9) -> int:
  """The fewest images a device for an efficiency of `wanted`."""
  seconds = exchange(n, size, bandwidth, latency) * wanted / (1 - wanted)
  return max(1, int(np.ceil(seconds * rate)))


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


def tables(rates: Sequence[float]) -> str:
  """All tables of the page, Markdown; `rates` are images/s that one device is assumed to train."""
  found = {preset: sizes(preset) for preset in _PRESETS}
  lines = ['| preset | generators | discriminators | gradients, MiB |', '|---|---:|---:|---:|']
  lines += [f'| {preset} | {s.generators:,} | {s.discriminators:,} | '
            f'{s.gradient_bytes / 2 ** 20:.0f} |' for preset, s in found.items()]
  lines += ['', '| exchange of a step, ms | ' + ' | '.join(
      f'{preset}, {n} devices' for preset in _PRESETS for n in _DEVICES) + ' |',
            '|---|' + '---:|' * (len(_PRESETS) * len(_DEVICES))]
  lines += [f'| {name} | ' + ' | '.join(
      f'{1e3 * exchange(n, found[preset].gradient_bytes, *link):.1f}'
      for preset in _PRESETS for n in _DEVICES) + ' |' for name, link in LINKS.items()]
  lines += ['', '| images a device for 90 % on 8 devices, udacity | ' + ' | '.join(
      f'at {rate:,.0f} images/s' for rate in rates) + ' |', '|---|' + '---:|' * len(rates)]
  lines += [f'| {name} | ' + ' | '.join(
      str(least_rows(8, rate, found['udacity'].gradient_bytes, *link)) for rate in rates) + ' |'
            for name, link in LINKS.items()]
  points = json.loads(_MEASURED.read_text())['points']
  n, ms = ([point[key] for point in points] for key in ('devices', 'ms a step'))
  a, b, off = fit(n, ms)
  lines += ['', f'Virtual devices: {a:,.0f} ms + {b:,.0f} ms (n - 1); the fit is off by '
            f'{100 * off:.0f} % at most.']
  return '\n'.join(lines)


def main(argv: list[str]) -> None:
  if len(argv) > 1:
    raise app.UsageError(f'{argv[1]} is not a flag.')
  print(tables((50.0, 200.0, 1000.0)))


if __name__ == '__main__':
  app.run(main)
