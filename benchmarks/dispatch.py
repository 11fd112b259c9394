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

from benchmarks import step_flags
from benchmarks.rates import in_turn, rate, Work
from cyclegan_jax.data.source import make_domains
from cyclegan_jax.devices import DEVICE_AXIS
from cyclegan_jax.models import networks
from cyclegan_jax.settings import Config
from cyclegan_jax.training.step import state as state_lib, steps

flags.adopt_module_key_flags(step_flags)
flags.FLAGS.set_default('batch', 1)
_STEPS = flags.DEFINE_integer('steps', 8, 'Steps of a call.', lower_bound=1)
_ROUNDS = flags.DEFINE_integer('rounds', 5, 'Times that both are measured in turn.', lower_bound=1)
_SECONDS = flags.DEFINE_float('seconds', 1.0, 'A measurement takes about so long.')
_JSON = flags.DEFINE_string('json', '', 'A file for all samples.')


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
  state, rows = step_flags.arguments(config)

  def start():
    nonlocal state
    for _ in range(_STEPS.value // several):
      state, _ = compiled(state, rows)

  return Work(start, lambda: jax.block_until_ready(state))


def main(argv: list[str]) -> None:
  if len(argv) > 1:
    raise app.UsageError(f'{argv[1]} is not a flag.')
  what = step_flags.config()
  works = {'one': training(what, 1), 'several': training(what, _STEPS.value)}
  measures = {name: functools.partial(rate, work) for name, work in works.items()}
  calls = in_turn(measures, _ROUNDS.value, _SECONDS.value)
  images = what.train.batch_size * _STEPS.value
  rates = {name: [x * images for x in samples] for name, samples in calls.items()}
  ratios = [b / a for a, b in zip(*rates.values())]
  print(
    f'{step_flags.title()}: {statistics.median(rates["one"]):.1f} images/s with one step '
    f'a call, {statistics.median(rates["several"]):.1f} with {_STEPS.value}; ratio '
    f'{statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})'
  )
  if _JSON.value:
    pathlib.Path(_JSON.value).write_text(json.dumps({'ratios': ratios, 'samples': rates}) + '\n')


if __name__ == '__main__':
  app.run(main)
