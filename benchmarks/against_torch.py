"""Training steps and inference against PyTorch on the same work, in one process, in turn.

  python -m benchmarks.against_torch --preset=udacity --batch=4 --size=128 --json=FILE

Both programs have the same networks, losses, order of updates, batch and precision (float32), the
same weights to begin with and, on a CPU, the same number of threads; PyTorch's are our own text in
tests/parity (extra parity). Each round measures both, one after the other; a ratio is that of a
round, ours over theirs in images/s, and the median of the rounds counts: whatever else the machine
does then meets both. Prints a Markdown table; the JSON holds `train_ratio`, `inference_ratio` and
every sample.
"""

import json
import os
import pathlib
import statistics
import time
from typing import Any, Callable, Mapping

# Threads that wait by turning in circles would take the processor from the other program.
os.environ.setdefault('OMP_WAIT_POLICY', 'PASSIVE')
os.environ.setdefault('KMP_BLOCKTIME', '0')

from absl import app  # pylint: disable=wrong-import-position
from absl import flags  # pylint: disable=wrong-import-position
import jax  # pylint: disable=wrong-import-position
import jax.numpy as jnp  # pylint: disable=wrong-import-position
import numpy as np  # pylint: disable=wrong-import-position
import torch  # pylint: disable=wrong-import-position

from cyclegan_jax import config as config_lib  # pylint: disable=wrong-import-position
from cyclegan_jax.evaluation import samples  # pylint: disable=wrong-import-position
from cyclegan_jax.models import networks  # pylint: disable=wrong-import-position
from cyclegan_jax.settings import Config  # pylint: disable=wrong-import-position
from cyclegan_jax.training import parallel, state as state_lib  # pylint: disable=wrong-import-position
from tests.parity import both, torch_steps  # pylint: disable=wrong-import-position

_PRESET = flags.DEFINE_enum('preset', 'udacity', ['udacity', 'cyclegan', 'pix2pix'], 'What to run.')
_BATCH = flags.DEFINE_integer('batch', 4, 'Images in a batch.', lower_bound=1)
_SIZE = flags.DEFINE_integer('size', 128, 'Height and width.', lower_bound=32)
_ROUNDS = flags.DEFINE_integer('rounds', 5, 'Times that both are measured in turn.', lower_bound=1)
_SECONDS = flags.DEFINE_float('seconds', 3.0, 'A measurement takes about so long.')
_JSON = flags.DEFINE_string('json', '', 'A file for all samples.')

# Side of the square matrices whose product measures what the machine can do.
_PEAK_SIDE = 2048

Run = Callable[[], Any]


def configuration(preset: str, batch: int, size: int) -> Config:
  """The preset without data, at a size that a U-Net may need fewer layers for."""
  depth = {'n_downsampling': min(8, size.bit_length() - 1)} if preset == 'pix2pix' else {}
  return config_lib.make(preset, dataset='none', batch_size=batch, image_size=(size, size),
                         load_size=(0, 0), pool_size=0, **depth)


def images(config: Config) -> dict[str, np.ndarray]:
  """A batch of noise, [batch, height, width, channels] of network values."""
  rng = np.random.default_rng(0)
  channels = {'rgb': config.data.rgb_channels, 'ir': config.data.ir_channels}
  return {name: rng.uniform(-1, 1, (config.train.batch_size, *config.data.image_size, count))
          .astype(np.float32) for name, count in channels.items()}


def ours(config: Config, batch: Mapping[str, np.ndarray]) -> tuple[Run, Run, float]:
  """A training step, an inference, and the step's floating-point operations as XLA counts them."""
  nets = networks.build(config.model, config.data.rgb_channels, config.data.ir_channels)
  start = jax.jit(state_lib.initialise, static_argnums=0)(config)
  state = parallel.replicate(start)
  rows = {name: jax.device_put(x[np.newaxis], parallel.sharding()) for name, x in batch.items()}
  step = parallel.compile_train_step(nets, config, 1).lower(state, rows).compile()
  flops = step.cost_analysis().get('flops', float('nan'))
  translate = samples.translators(nets, start.params, start.batch_stats)['rgb_to_ir']
  rgb = jax.device_put(batch['rgb'])

  def train():
    nonlocal state
    state, _ = step(state, rows)
    jax.block_until_ready(state)
  return train, lambda: jax.block_until_ready(translate(rgb)), flops


def theirs(config: Config, batch: Mapping[str, np.ndarray], device: str) -> tuple[Run, Run]:
  """The same in PyTorch, eager."""
  nets = {name: net.to(device) for name, net in both.torch_nets(config, plain=True).items()}
  tensors = {name: torch.from_numpy(x.transpose(0, 3, 1, 2).copy()).to(device)
             for name, x in batch.items()}
  if config.train.preset == 'udacity':
    optims = torch_steps.udacity_optimizers(nets)
    # The notebook's gradients into the generators, which it throws away, are left out.
    step = lambda: torch_steps.udacity_step(nets, optims, tensors, detach_fakes=True)
  else:
    optims = torch_steps.optimizers(nets)
    step = {'cyclegan': lambda: torch_steps.cyclegan_step(
        nets, optims, tensors, identity_weight=config.loss.identity_weight),
            'pix2pix': lambda: torch_steps.pix2pix_step(nets, optims, tensors)}[
                config.train.preset]
  evaluated = {name: net.to(device).eval() for name, net in
               both.torch_nets(config, plain=True).items()}

  def infer():
    with torch.inference_mode():
      evaluated['rgb_to_ir'](tensors['rgb'])
    _wait(device)

  def train():
    step()
    _wait(device)
  return train, infer


def _wait(device: str) -> None:
  if device != 'cpu':
    torch.cuda.synchronize()


def rate(run: Run, batch: int, seconds: float) -> float:
  """Images/s of a function that handles one batch, over about so many seconds."""
  begin, count = time.perf_counter(), 0
  while (taken := time.perf_counter() - begin) < seconds or not count:
    run()
    count += 1
    taken = time.perf_counter() - begin
  return count * batch / taken


def in_turn(pair: tuple[Run, Run], batch: int, rounds: int, seconds: float) -> dict[str, Any]:
  """Rates of ours and theirs by rounds, after one call of each to warm up.

  Returns:
    {'ours', 'theirs': images/s [rounds], 'ratio': median of the rounds' ratios, 'spread': the
    smallest and the largest}.
  """
  for run in pair:
    run()
  rates = [[rate(run, batch, seconds) for run in pair] for _ in range(rounds)]
  ratios = [a / b for a, b in rates]
  return {'ours': [a for a, _ in rates], 'theirs': [b for _, b in rates],
          'ratio': statistics.median(ratios), 'spread': [min(ratios), max(ratios)]}


def peak(seconds: float) -> float:
  """Floating-point operations a second of a large float32 matrix product here."""
  x = jnp.ones((_PEAK_SIDE, _PEAK_SIDE))
  product = jax.jit(jnp.matmul)
  run = lambda: product(x, x).block_until_ready()
  run()
  return rate(run, 1, seconds) * 2 * _PEAK_SIDE ** 3


def main(argv: list[str]) -> None:
  if len(argv) > 1:
    raise app.UsageError(f'{argv[1]} is not a flag.')
  config = configuration(_PRESET.value, _BATCH.value, _SIZE.value)
  batch, device = images(config), 'cuda' if jax.default_backend() == 'gpu' else 'cpu'
  if device == 'cpu':
    torch.set_num_threads(os.cpu_count())
  train, infer, flops = ours(config, batch)
  their_train, their_infer = theirs(config, batch, device)
  found = {name: in_turn(pair, _BATCH.value, _ROUNDS.value, _SECONDS.value)
           for name, pair in (('train', (train, their_train)), ('inference', (infer, their_infer)))}
  share = flops * statistics.median(found['train']['ours']) / _BATCH.value / peak(_SECONDS.value)
  print(f'{_PRESET.value}, {_SIZE.value}x{_SIZE.value}, batch {_BATCH.value}, float32, {device}, '
        f'{os.cpu_count()} cores; JAX {jax.__version__}, PyTorch {torch.__version__}, eager\n\n'
        '| | ours, images/s | PyTorch, images/s | ratio | smallest to largest |\n'
        '|---|---:|---:|---:|---:|')
  for name, result in found.items():
    print(f'| {name} | {statistics.median(result["ours"]):.2f} | '
          f'{statistics.median(result["theirs"]):.2f} | {result["ratio"]:.2f} | '
          f'{result["spread"][0]:.2f} to {result["spread"][1]:.2f} |')
  print(f'\n{flops / 1e9:.1f} GFLOP a step as XLA counts them; our step reaches {share:.0%} of the '
        'rate of a large matrix product.')
  if _JSON.value:
    pathlib.Path(_JSON.value).write_text(json.dumps({
        'preset': _PRESET.value, 'batch': _BATCH.value, 'size': _SIZE.value, 'device': device,
        'jax': jax.__version__, 'torch': torch.__version__, 'flops': flops, 'peak_share': share,
        'train_ratio': found['train']['ratio'], 'inference_ratio': found['inference']['ratio'],
        'samples': found}, indent=1) + '\n')


if __name__ == '__main__':
  app.run(main)
