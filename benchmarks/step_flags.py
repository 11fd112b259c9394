"""What the benchmarks of a training step on noise have in common: flags, state, and batch."""

from typing import Any

from absl import flags
import jax
import numpy as np

from benchmarks import configuration
from cyclegan_jax.data.source import make_domains
from cyclegan_jax.devices import sharding
from cyclegan_jax.settings import Config
from cyclegan_jax.training.step import parallel, state as state_lib

_PRESET = flags.DEFINE_string('preset', 'udacity', 'What to train.')
_BATCH = flags.DEFINE_integer('batch', 16, 'Images in a batch.', lower_bound=1)
_SIZE = flags.DEFINE_integer('size', 128, 'Height and width.', lower_bound=32)
_WIDTH = flags.DEFINE_integer('width', 0, "Channels of the first layers; 0: the preset's.")
_PRECISION = flags.DEFINE_enum('precision', 'float32', ['float32', 'bfloat16'], 'As in training.')


def config() -> Config:
  """What the flags say."""
  return configuration.without_data(
    _PRESET.value, _BATCH.value, _SIZE.value, _WIDTH.value, precision=_PRECISION.value
  )


def title() -> str:
  """What runs, and on what."""
  return (
    f'{_PRESET.value}, {_SIZE.value}x{_SIZE.value}, batch {_BATCH.value}, {_PRECISION.value}, '
    f'{jax.devices()[0].device_kind}'
  )


def arguments(config: Config) -> tuple[Any, dict[str, jax.Array]]:
  """The initial state and a batch of noise on one device, as a step takes them."""
  state = parallel.replicate(state_lib.initialize(config, make_domains(config.data)))
  batch = configuration.noise(config)
  return state, {name: jax.device_put(x[np.newaxis], sharding()) for name, x in batch.items()}
