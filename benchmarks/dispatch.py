"""One step in a call against several: does a device wait for the host at batch 1?

  python -m benchmarks.dispatch --preset=udacity --batch=1 --json=FILE

Trains on noise that lies on the device, one step a call and `lax.scan` over several, in turn. The
ratio is that of the images/s, several over one, round by round.
"""

import functools
import json
import pathlib
import statistics

from absl import app, flags
import jax
from jax import lax
import numpy as np

from benchmarks import configuration
from benchmarks.peers import Work
from benchmarks.rates import in_turn
from cyclegan_jax.data.source import make_domains
from cyclegan_jax.devices import DEVICE_AXIS, sharding
from cyclegan_jax.models import networks
from cyclegan_jax.settings import Config
from cyclegan_jax.training import parallel, state as state_lib, steps

_PRESET = flags.DEFINE_string('preset', 'udacity', 'What to train.')
_BATCH = flags.DEFINE_integer('batch', 1, 'Images in a batch.', lower_bound=1)
_SIZE = flags.DEFINE_integer('size', 128, 'Height and width.', lower_bound=32)
_WIDTH = flags.DEFINE_integer('width', 0, "Channels of the first layers; 0: the preset's.")
_PRECISION = flags.DEFINE_enum('precision', 'float32', ['float32', 'bfloat16'], 'As in training.')
_STEPS = flags.DEFINE_integer('steps', 8, 'Steps of a call.', lower_bound=1)
_ROUNDS = flags.DEFINE_integer('rounds', 5, 'Times that both are measured in turn.', lower_bound=1)
_SECONDS = flags.DEFINE_float('seconds', 1.0, 'A measurement takes about so long.')
_JSON = flags.DEFINE_string('json', '', 'A file for all samples.')


def config() -> Config:
  """What the flags say."""
  return configuration.without_data(
    _PRESET.value, _BATCH.value, _SIZE.value, _WIDTH.value, precision=_PRECISION.value
  )


def training(config: Config, several: int) -> Work:
  """Training by calls of so many steps."""
  domains, optimizer = make_domains(config.data), state_lib.make_optimizer(config.train, 1)
  one = functools.partial(
    steps.train_step, nets=networks.build(config.model, domains), config=config, optimizer=optimizer
  )

  def call(state, batch):
    if several == 1:
      return one(state, batch)
    return lax.scan(lambda state, _: one(state, batch), state, length=several)

  compiled = jax.pmap(call, axis_name=DEVICE_AXIS, donate_argnums=(0,))
  state = parallel.replicate(state_lib.initialize(config, domains))
  batch = configuration.noise(config)
  rows = {name: jax.device_put(x[np.newaxis], sharding()) for name, x in batch.items()}

  def start():
    nonlocal state
    for _ in range(_STEPS.value // several):
      state, _ = compiled(state, rows)

  return Work(start, lambda: jax.block_until_ready(state))


def main(argv: list[str]) -> None:
  if len(argv) > 1:
    raise app.UsageError(f'{argv[1]} is not a flag.')
  what = config()
  works = {'one': training(what, 1), 'several': training(what, _STEPS.value)}
  rates = in_turn(works, _BATCH.value * _STEPS.value, _ROUNDS.value, _SECONDS.value)
  ratios = [b / a for a, b in zip(*rates.values())]
  print(
    f'{_PRESET.value}, {_SIZE.value}x{_SIZE.value}, batch {_BATCH.value}, {_PRECISION.value}, '
    f'{jax.devices()[0].device_kind}: {statistics.median(rates["one"]):.1f} images/s with one step '
    f'a call, {statistics.median(rates["several"]):.1f} with {_STEPS.value}; ratio '
    f'{statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})'
  )
  if _JSON.value:
    pathlib.Path(_JSON.value).write_text(json.dumps({'ratios': ratios, 'samples': rates}) + '\n')


if __name__ == '__main__':
  app.run(main)
