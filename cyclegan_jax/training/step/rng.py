"""The random keys of a training step, the same on all devices."""

import jax
from jax import lax
import jax.numpy as jnp

from cyclegan_jax.devices import DEVICE_AXIS
from cyclegan_jax.models import networks
from cyclegan_jax.settings import Config

# Random streams beside that of the initial weights.
_DROPOUT, _POOLS, _AUGMENTATION, _PATCHES, _MIRRORED = 1, 2, 3, 4, 5
# The passes of a generator in a step, which drop out different elements.
FAKE, CYCLE, IDENTITY = 0, 1, 2
# What a discriminator is shown in a step: fakes and real images for its own update, and fakes for
# the generators'.
SHOWN_FAKES, REAL, GENERATED = 0, 1, 2


def of_stream(seed: int, stream: int, step: jax.Array) -> jax.Array:
  """The key of a stream of random numbers at a step."""
  return jax.random.fold_in(jax.random.fold_in(jax.random.key(seed), stream), step)


def pool(config: Config, domain: str, step: jax.Array) -> jax.Array:
  """The key that draws what a discriminator's pool shows at a step."""
  return _of_domain(of_stream(config.train.seed, _POOLS, step), config, domain)


def places(config: Config, rows: int, microbatch: jax.Array | int | None) -> jax.Array:
  """The places of rows in the whole batch of all devices, int32 [rows].

  Args:
    config: The run.
    rows: Their number.
    microbatch: The number of the microbatch that they are; None: they are all of the device's.
  """
  device = lax.axis_index(DEVICE_AXIS)
  before = device if microbatch is None else device * config.train.accumulate + microbatch
  return before * rows + jnp.arange(rows)


def dropout(
  config: Config, step: jax.Array, rows: jax.Array, generator_pass: int = FAKE
) -> jax.Array:
  """A key for each of these rows of the whole batch, int32 [rows], for a generator's dropout.

  Neither the number of devices nor that of microbatches changes what is drawn.
  """
  key = jax.random.fold_in(of_stream(config.train.seed, _DROPOUT, step), generator_pass)
  return _of_rows(key, rows)


def augmentation(
  config: Config, step: jax.Array, rows: jax.Array, domain: str, shown: int
) -> jax.Array:
  """A key for each of these rows of the whole batch, int32 [rows], for DiffAugment.

  Args:
    config: The run.
    step: Steps done.
    rows: As for `dropout`.
    domain: The discriminator's.
    shown: SHOWN_FAKES, REAL or GENERATED.
  """
  key = _of_domain(of_stream(config.train.seed, _AUGMENTATION, step), config, domain)
  return _of_rows(jax.random.fold_in(key, shown), rows)


def patches(
  config: Config, step: jax.Array, rows: jax.Array, domain: str, generator_pass: int
) -> jax.Array:
  """A key for each of these rows of the whole batch, int32 [rows], for the patches of PatchNCE.

  Args:
    config: The run.
    step: Steps done.
    rows: As for `dropout`.
    domain: The source's.
    generator_pass: FAKE or IDENTITY.
  """
  key = jax.random.fold_in(of_stream(config.train.seed, _PATCHES, step), generator_pass)
  return _of_rows(jax.random.fold_in(key, ('rgb', 'ir').index(domain)), rows)


def mirrored(config: Config, step: jax.Array, rows: jax.Array) -> jax.Array:
  """Which of these rows of the whole batch, int32 [rows], are seen mirrored; bool [rows]."""
  keys = _of_rows(of_stream(config.train.seed, _MIRRORED, step), rows)
  return jax.vmap(jax.random.bernoulli)(keys)


def _of_domain(key: jax.Array, config: Config, domain: str) -> jax.Array:
  return jax.random.fold_in(key, networks.discriminators(config.model).index(domain))


def _of_rows(key: jax.Array, rows: jax.Array) -> jax.Array:
  return jax.vmap(lambda row: jax.random.fold_in(key, row))(rows)
