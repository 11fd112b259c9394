"""Training steps and inference against PyTorch on the same work, in one process, in turn.

  python -m benchmarks.against_torch --preset=udacity --batch=4 --size=128 --json=FILE
  python -m benchmarks.against_torch --precision=bfloat16 --compile --batch=16

Both programs have the same networks, losses, order of updates, batch and precision, the same
weights to begin with and, on a CPU, the same number of threads; PyTorch's are our own text in
tests/parity (extra benchmark). Each round measures both, one after the other; a ratio is that of a
round, ours over theirs in images/s, and the median of the rounds counts: whatever else the machine
does then meets both. Inference is compared with ONNX Runtime too, where that is installed, and
`inference_ratio` is the one over the fastest of the others. --compile adds torch.compile with
channels_last images to PyTorch as its users run it. float32 on a GPU is TF32 in both programs
unless --notf32.

Prints a Markdown table. The JSON holds `train_ratio`, `compile_ratio`, `inference_ratio` and every
sample; `flops`,
operations of a step, ours as XLA counts them and PyTorch's as its own counter does; what share of
the machine's peak these are, the peak being the fastest of a matrix product in either program and a
convolution; and the memory that training takes, on a CPU each program in a process of its own.
"""

from collections.abc import Mapping
import functools
import json
import os
import pathlib
import statistics
import subprocess
import sys
from typing import Any

# Threads that wait by turning in circles would take the processor from the other program.
os.environ.setdefault('OMP_WAIT_POLICY', 'PASSIVE')
os.environ.setdefault('KMP_BLOCKTIME', '0')
# Both programs share a GPU.
os.environ.setdefault('XLA_PYTHON_CLIENT_PREALLOCATE', 'false')

from absl import app, flags, logging
import jax
import numpy as np
import torch

from benchmarks import configuration, peers
from benchmarks.peers import Work
from benchmarks.rates import in_turn, peak, ratios
from cyclegan_jax.data.source import make_domains
from cyclegan_jax.memory import give_back
from cyclegan_jax.models import apply, networks
from cyclegan_jax.settings import Config
from cyclegan_jax.training.step import parallel, state as state_lib

_PRESET = flags.DEFINE_enum('preset', 'udacity', ['udacity', 'cyclegan', 'pix2pix'], 'What to run.')
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
_ALONE = flags.DEFINE_enum(
  'alone',
  '',
  ['', 'ours', 'torch'],
  'For the processes of this program: measure the memory of this one.',
)

_REPOSITORY = pathlib.Path(__file__).resolve().parent.parent


def ours(config: Config, batch: Mapping[str, np.ndarray]) -> tuple[Work, Work, float]:
  """Training, inference, and the floating-point operations of a step as XLA counts them."""
  domains, optimizer = make_domains(config.data), state_lib.make_optimizer(config.train, 1)
  nets = networks.build(config.model, domains)
  first = state_lib.initialize(config, domains)
  state = parallel.replicate(first)
  rows = {name: jax.device_put(x[np.newaxis], parallel.sharding()) for name, x in batch.items()}
  step = parallel.compile_train_step(nets, config, optimizer).lower(state, rows).compile()
  give_back()  # As `parallel.compile_ahead` does.
  flops = step.cost_analysis().get('flops', float('nan'))
  name, rgb, last = 'rgb_to_ir', jax.device_put(batch['rgb']), None

  def train():
    nonlocal state
    state, _ = step(state, rows)

  def infer():
    nonlocal last
    # No Translator, which copies to the host: PyTorch's result stays on the device, too.
    last = apply.translate(nets[name], first.params[name], first.batch_stats[name], rgb)

  return (
    Work(train, lambda: jax.block_until_ready(state)),
    Work(infer, lambda: jax.block_until_ready(last)),
    flops,
  )


def memory_alone(which: str, config: Config, batch: Mapping[str, np.ndarray]) -> float:
  """MiB that training on a CPU takes in this process, beside imports; NaN where not known."""
  before = _status('VmRSS')
  if which == 'ours':
    train, _, _ = ours(config, batch)
  else:
    train = peers.Torch(config, batch, 'cpu', _PRECISION.value, compiled=False).training()
  train.start()
  train.wait()
  try:
    pathlib.Path('/proc/self/clear_refs').write_text('5')  # The peak so far: compiling.
  except OSError:
    return float('nan')
  for _ in range(2):
    train.start()
    train.wait()
  return _status('VmHWM') - before


def _status(key: str) -> float:
  """MiB that the system notes for this process under a name; NaN where it does not."""
  try:
    lines = pathlib.Path('/proc/self/status').read_text().splitlines()
  except OSError:
    return float('nan')
  return next(int(line.split()[1]) / 2**10 for line in lines if line.startswith(key))


def memory(device: str, train: Mapping[str, Work]) -> dict[str, float]:
  """MiB of both programs: on a CPU `memory_alone`, each in a new process with this one's flags."""
  found = {}
  if device == 'cuda':
    for name in ('ours', 'torch'):  # Each has an allocator of its own.
      train[name].start()
      train[name].wait()
    ours = jax.local_devices()[0].memory_stats() or {}
    found['ours'] = ours.get('peak_bytes_in_use', float('nan')) / 2**20
    return found | {'torch': torch.cuda.max_memory_allocated() / 2**20}
  for which in ('ours', 'torch'):
    result = subprocess.run(
      [sys.executable, '-m', 'benchmarks.against_torch', *sys.argv[1:], f'--alone={which}'],
      cwd=_REPOSITORY,
      check=True,
      stdout=subprocess.PIPE,
      text=True,
    )
    found[which] = float(result.stdout.splitlines()[-1])
  return found


def measure(config: Config, device: str) -> dict[str, Any]:
  """All figures, as in the JSON."""
  batch, rows = configuration.noise(config), config.train.batch_size
  train, infer, flops = ours(config, batch)
  make = functools.partial(peers.Torch, config, batch, device, _PRECISION.value)
  theirs = {'torch': make(compiled=False)}
  if _COMPILE.value:
    theirs['torch.compile'] = make(compiled=True)
  operations = {'ours': flops, 'torch': theirs['torch'].flops()}
  onnx = theirs['torch'].onnx_inference(os.cpu_count()) if _PRECISION.value == 'float32' else None
  programs = {
    'train': {'ours': train, **{name: one.training() for name, one in theirs.items()}},
    'inference': {
      'ours': infer,
      **{name: one.inference() for name, one in theirs.items()},
      **({'onnxruntime': onnx} if onnx else {}),
    },
  }
  memories = memory(device, programs['train'])
  rates = {
    what: in_turn(works, rows, _ROUNDS.value, _SECONDS.value) for what, works in programs.items()
  }
  peaks = peak(device, _PRECISION.value, _SECONDS.value)
  per_second = {
    name: operations[name] * statistics.median(rates['train'][name]) / rows for name in operations
  }
  fastest = max(
    (name for name in rates['inference'] if name != 'ours'),
    key=lambda name: statistics.median(rates['inference'][name]),
  )
  return {
    'preset': config.train.preset,
    'batch': rows,
    'size': config.data.image_size[0],
    'precision': _PRECISION.value,
    'compile': _COMPILE.value,
    'tf32': _TF32.value,
    'device': torch.cuda.get_device_name() if device == 'cuda' else device,
    'cores': os.cpu_count(),
    'load': os.getloadavg(),
    'jax': jax.__version__,
    'torch': torch.__version__,
    'train_ratio': statistics.median(ratios(rates['train'], 'torch')),
    **(
      {'compile_ratio': statistics.median(ratios(rates['train'], 'torch.compile'))}
      if _COMPILE.value
      else {}
    ),
    'inference_ratio': statistics.median(ratios(rates['inference'], fastest)),
    'inference_against': fastest,
    'flops': operations,
    'peaks': peaks,
    'peak_share': {name: value / max(peaks.values()) for name, value in per_second.items()},
    'memory_mib': memories,
    'samples': rates,
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
  logging.set_verbosity(logging.ERROR)  # The writer of ONNX files tells each step.
  config = configuration.without_data(
    _PRESET.value, _BATCH.value, _SIZE.value, _WIDTH.value, pool_size=0, precision=_PRECISION.value
  )
  device = 'cuda' if jax.default_backend() == 'gpu' and torch.cuda.is_available() else 'cpu'
  torch.set_num_threads(os.cpu_count())
  torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = _TF32.value
  if not _TF32.value:
    jax.config.update('jax_default_matmul_precision', 'highest')
  if _ALONE.value:
    print(memory_alone(_ALONE.value, config, configuration.noise(config)))
    return
  found = measure(config, device)
  print(
    '{preset}, {size}x{size}, batch {batch}, {precision}, {device}, {cores} cores; JAX {jax}, '
    'PyTorch {torch}'.format(**found)
  )
  print(f'\n{table(found)}')
  if _JSON.value:
    pathlib.Path(_JSON.value).write_text(json.dumps(found, indent=1) + '\n')


if __name__ == '__main__':
  app.run(main)
