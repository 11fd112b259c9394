"""Does a training step fit into memory? If not, which settings would?"""

from collections.abc import Callable, Iterator
import dataclasses
import math
from typing import Any

import jax
import jax.numpy as jnp

from cyclegan_jax import memory
from cyclegan_jax.data.source import Dataset
from cyclegan_jax.errors import UserError
from cyclegan_jax.models import networks
from cyclegan_jax.settings import Config, format_value
from cyclegan_jax.training.step import state as state_lib
from cyclegan_jax.validation import SMALLEST_IMAGE, validate

# The compiler keeps fewer activations than the gradient names: up to this share is certain.
_CERTAIN = 0.5
# A first guess of a step's memory, in lower bounds; see `least`.
_TYPICAL = 4.0
_MOST_COMPILED = 4


def least(config: Config, dataset: Dataset) -> int:
  """Returns bytes that a step needs on each device in any case, without compiling it.

  They are the state, and activations that one generator keeps for its gradient.
  """
  state = state_lib.abstract(config, dataset.domains)
  rows = config.train.batch_size // jax.device_count() // config.train.accumulate
  if config.train.remat:
    return _bytes(state)
  name = networks.generators(config.model)[0]
  net = networks.build(config.model, dataset.domains)[name]
  channels = dataset.domains[name.split('_to_')[0]].seen_channels
  image = jax.ShapeDtypeStruct((rows, *config.data.image_size, channels), jnp.float32)

  def pullback(params: Any, stats: Any, x: jax.Array) -> Any:
    # In evaluation mode, as statistics over all devices exist only in the step itself.
    return jax.vjp(lambda params: net(params, stats, x, training=False)[0], params)[1]

  kept = jax.eval_shape(pullback, state.params[name], state.batch_stats[name], image)
  return _bytes(state) + int(_CERTAIN * max(0, _bytes(kept) - _bytes(state.params[name])))


def check_least(
  config: Config, dataset: Dataset, measure: Callable[[Config], int], begun: bool
) -> None:
  """Refuses a step that cannot fit, before it is compiled; see `check`."""
  needed, free = least(config, dataset), memory.on_device()
  if needed > free:
    _refuse(config, dataset, f'more than {memory.text(needed)}', _TYPICAL, measure, begun)


def check(
  needed: int, config: Config, dataset: Dataset, measure: Callable[[Config], int], begun: bool
) -> None:
  """Refuses a step that does not fit.

  Args:
    needed: the bytes that it takes on each device.
    config: the run.
    dataset: its data.
    measure: returns the bytes that the step of another configuration takes.
    begun: the run has steps already, so its settings are fixed.

  Raises:
    UserError: the message names settings that `measure` has found to fit.
  """
  if needed > memory.on_device():
    ratio = needed / least(config, dataset)
    _refuse(config, dataset, f'about {memory.text(needed)}', ratio, measure, begun)


def _refuse(
  config: Config,
  dataset: Dataset,
  needed: str,
  ratio: float,
  measure: Callable[[Config], int],
  begun: bool,
) -> None:
  free, compiled = memory.on_device(), 0
  cure = 'Give a much smaller --image_size or --base_width.'
  if begun:
    cure = 'Its settings are fixed: continue it where more is free, or free some.'
  for flags, smaller in [] if begun else _smaller(config):
    if compiled == _MOST_COMPILED:
      break
    if ratio * (lower := least(smaller, dataset)) > free:
      continue
    compiled += 1
    if (takes := measure(smaller)) <= free:
      cure = f'{flags} would need about {memory.text(takes)}.'
      break
    ratio = takes / lower
  train, size = config.train, format_value(config.data.image_size)
  raise UserError(
    f'--batch_size={train.batch_size} --image_size={size}: a training step needs {needed} on each '
    f'device, but {memory.text(free)} are free. {cure}'
  )


def _smaller(config: Config) -> Iterator[tuple[str, Config]]:
  """Yields flags and the configuration that they give, the least change first."""
  rows = config.train.batch_size // jax.device_count()
  found = []
  for parts in range(config.train.accumulate + 1, rows + 1):
    if rows % parts == 0:
      found.append((f'--accumulate={parts}', _with(config, accumulate=parts)))
  flag = f'--accumulate={rows} ' if rows > config.train.accumulate else ''
  last = _with(config, accumulate=rows)
  found.append((f'{flag}--remat', _with(last, remat=True)))
  stride = 2**config.model.n_downsampling
  for power in range(1, 8):
    sides = [max(stride, side // 2**power // stride * stride) for side in config.data.image_size]
    text, data = '', dataclasses.replace(config.data, image_size=(sides[0], sides[1]))
    if config.data.load_size != (0, 0):
      load = [math.ceil(side / 2**power) for side in config.data.load_size]
      load = [max(pair) for pair in zip(load, sides)]
      data = dataclasses.replace(data, load_size=(load[0], load[1]))
      text = f' --load_size={format_value(data.load_size)}'
    if min(sides) >= SMALLEST_IMAGE:
      size = f'--image_size={format_value(data.image_size)}{text}'
      found.append((f'{flag}{size}', dataclasses.replace(last, data=data)))
  for flags, smaller in found:
    try:
      validate(smaller)
    except UserError:
      continue
    yield flags, smaller


def _with(config: Config, **changes: Any) -> Config:
  return dataclasses.replace(config, train=dataclasses.replace(config.train, **changes))


def _bytes(tree: Any) -> int:
  return sum(math.prod(x.shape) * x.dtype.itemsize for x in jax.tree.leaves(tree))
