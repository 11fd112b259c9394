"""Training steps and inference against PyTorch on the same work, in turn.

  python -m benchmarks.against_torch --preset=udacity --batch=4 --size=128 --json=FILE
  python -m benchmarks.against_torch --precision=bfloat16 --compile --batch=16

Each program runs in a process of its own, as its users run it. All have the same networks, losses,
order of updates, batch and precision, the same weights to begin with and, on a CPU, the same number
of threads; PyTorch's are our own text in tests/parity (extra benchmark). Each round measures all,
one after the other; a ratio is that of a round, ours over theirs in images/s, and the median of the
rounds counts: whatever else the machine does then meets all. Inference is compared with ONNX
Runtime too, where that is installed, and `inference_ratio` is the one over the fastest of the
others. --compile adds torch.compile with channels_last images to PyTorch as its users run it.
float32 on a GPU is TF32 in both programs unless --notf32.

Prints a Markdown table. The JSON holds `train_ratio`, `compile_ratio`, `inference_ratio` and every
sample; `flops`, operations of a step, ours as XLA counts them and PyTorch's as its own counter
does; what share of the machine's peak these are, the peak being the fastest of a matrix product in
either program and a convolution; and the memory that training takes.
"""

from collections.abc import Mapping
import contextlib
import functools
import importlib.metadata
import importlib.util
import json
import os
import pathlib
import statistics
from typing import Any

# Threads that wait by turning in circles would take the processor from the other programs.
os.environ.setdefault('OMP_WAIT_POLICY', 'PASSIVE')
os.environ.setdefault('KMP_BLOCKTIME', '0')
# They share a GPU.
os.environ.setdefault('XLA_PYTHON_CLIENT_PREALLOCATE', 'false')

from absl import app, flags

from benchmarks import configuration
from benchmarks.alone import Alone
from benchmarks.rates import in_turn, ratios

_PRESETS = ('udacity', 'cyclegan', 'pix2pix', 'pix2pixhd', 'infragan', 'cut')
_PRESET = flags.DEFINE_enum('preset', 'udacity', _PRESETS, 'What to run.')
_BATCH = flags.DEFINE_integer('batch', 4, 'Images in a batch.', lower_bound=1)
_SIZE = flags.DEFINE_integer('size', 128, 'Height and width.', lower_bound=32)
_WIDTH = flags.DEFINE_integer('width', 0, "Channels of the first layers; 0: the preset's.")
_PRECISION = flags.DEFINE_enum(
  'precision', 'float32', ['float32', 'bfloat16'], 'Of convolutions; PyTorch: autocast.'
)
_COMPILE = flags.DEFINE_boolean('compile', False, 'Also torch.compile and channels_last.')
_TF32 = flags.DEFINE_boolean('tf32', True, 'float32 convolutions on a GPU may be TF32.')
_ROUNDS = flags.DEFINE_integer('rounds', 5, 'Times that both are measured in turn.', lower_bound=1)
_SECONDS = flags.DEFINE_float('seconds', 3.0, 'A measurement takes about so long.')
_JSON = flags.DEFINE_string('json', '', 'A file for all samples.')


def names() -> list[str]:
  """The programs to compare."""
  compiled = ['torch.compile'] if _COMPILE.value else []
  # torch.onnx needs onnxscript, and does not say so.
  has_onnx = all(map(importlib.util.find_spec, ('onnxruntime', 'onnxscript')))
  onnx = ['onnxruntime'] if has_onnx and _PRECISION.value == 'float32' else []
  return ['ours', 'torch', *compiled, *onnx]


def measured(programs: Mapping[str, Alone]) -> dict[str, Any]:
  """What is measured, as in the JSON."""
  ours, torch = both = [programs[name] for name in ('ours', 'torch')]
  if len({program.device() for program in both}) > 1:
    raise SystemExit(f'JAX runs on {ours.device()}, PyTorch on {torch.device()}.')
  memories = {name: programs[name].memory() for name in ('ours', 'torch')}
  operations = {name: programs[name].flops() for name in memories}
  rates = {}
  for work in ('training', 'inference'):
    measures = {
      name: functools.partial(program.rate, work)
      for name, program in programs.items()
      if work == 'inference' or name != 'onnxruntime'
    }
    found = in_turn(measures, _ROUNDS.value, _SECONDS.value)
    rates[work] = {name: [x * _BATCH.value for x in batches] for name, batches in found.items()}
  peaks = ours.peaks(_SECONDS.value) | torch.peaks(_SECONDS.value)
  per_second = {
    name: operations[name] * statistics.median(rates['training'][name]) / _BATCH.value
    for name in operations
  }
  return {
    'device': ours.card(),
    'flops': operations,
    'peaks': peaks,
    'peak_share': {name: value / max(peaks.values()) for name, value in per_second.items()},
    'memory_mib': memories,
    'samples': rates,
  }


def summary(samples: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
  """The ratios that count."""
  training, inference = samples['training'], samples['inference']
  others = [name for name in inference if name != 'ours']
  fastest = max(others, key=lambda name: statistics.median(inference[name]))
  compiled = {'compile_ratio': 'torch.compile'} if _COMPILE.value else {}
  return {
    'train_ratio': statistics.median(ratios(training, 'torch')),
    **{key: statistics.median(ratios(training, name)) for key, name in compiled.items()},
    'inference_ratio': statistics.median(ratios(inference, fastest)),
    'inference_against': fastest,
  }


def table(found: Mapping[str, Any]) -> str:
  """Markdown: a row for each kind of work and other program."""
  lines = [
    '| | ours, images/s | other, images/s | ratio | smallest to largest |',
    '|---|---:|---:|---:|---:|',
  ]
  for what, rates in found['samples'].items():
    for other in rates:
      if other != 'ours':
        of = ratios(rates, other)
        lines.append(
          f'| {what}, {other} | {statistics.median(rates["ours"]):.2f} | '
          f'{statistics.median(rates[other]):.2f} | {statistics.median(of):.2f} | '
          f'{min(of):.2f} to {max(of):.2f} |'
        )
  flops, share, mib = found['flops'], found['peak_share'], found['memory_mib']
  lines += [
    '',
    '| training | GFLOP a step | share of the peak | memory, MiB |',
    '|---|---:|---:|---:|',
  ]
  lines += [
    f'| {name} | {flops[name] / 1e9:.1f} | {share[name]:.0%} | {mib[name]:.0f} |' for name in flops
  ]
  lines += [
    '',
    'Peaks, GFLOP/s: '
    + ', '.join(f'{name} {value / 1e9:.0f}' for name, value in found['peaks'].items())
    + '.',
  ]
  return '\n'.join(lines)


def main(argv: list[str]) -> None:
  if len(argv) > 1:
    raise app.UsageError(f'{argv[1]} is not a flag.')
  if _PRECISION.value != 'float32' and _PRESET.value in _PRESETS[3:]:
    raise app.UsageError(f"PyTorch's text of {_PRESET.value} knows float32 only.")
  config = configuration.without_data(
    _PRESET.value, _BATCH.value, _SIZE.value, _WIDTH.value, pool_size=0, precision=_PRECISION.value
  )
  with contextlib.ExitStack() as stack:
    programs = {name: stack.enter_context(Alone(name, config, _TF32.value)) for name in names()}
    measurements = measured(programs)
  found = {
    'preset': _PRESET.value,
    'batch': _BATCH.value,
    'size': _SIZE.value,
    'precision': _PRECISION.value,
    'compile': _COMPILE.value,
    'tf32': _TF32.value,
    'cores': os.cpu_count(),
    'load': os.getloadavg(),
    'jax': importlib.metadata.version('jax'),
    'torch': importlib.metadata.version('torch'),
    **summary(measurements['samples']),
    **measurements,
  }
  print(
    '{preset}, {size}x{size}, batch {batch}, {precision}, {device}, {cores} cores; JAX {jax}, '
    'PyTorch {torch}'.format(**found)
  )
  print(f'\n{table(found)}')
  if _JSON.value:
    pathlib.Path(_JSON.value).write_text(json.dumps(found, indent=1) + '\n')


if __name__ == '__main__':
  app.run(main)
