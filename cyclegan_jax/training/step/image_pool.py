"""Earlier fakes, kept to be shown to discriminators again (Shrivastava et al. 2017).

A pool is two arrays in the training state, {'images': float32 [size, height, width, channels],
'count': int32, how many are filled}. All devices keep the same pool: each takes part in the
exchange of the whole batch and is then shown its own rows, so the number of devices changes
nothing.
"""

from typing import NamedTuple

import jax
from jax import lax
import jax.numpy as jnp

from cyclegan_jax.devices import DEVICE_AXIS
from cyclegan_jax.settings import Config
from cyclegan_jax.training.step import rng

Pool = dict[str, jax.Array]


class Draws(NamedTuple):
  """The draws for each image of a batch, which count once the pool is full.

  Attributes:
    swap: bool [batch], whether an earlier image is shown and this one kept in its place.
    place: int32 [batch], which one.
  """

  swap: jax.Array
  place: jax.Array


def empty(size: int, shape: tuple[int, int, int]) -> Pool:
  """A pool for `size` images of shape (height, width, channels)."""
  return {'images': jnp.zeros((size, *shape)), 'count': jnp.zeros((), jnp.int32)}


def draw(key: jax.Array, batch: int, size: int) -> Draws:
  """With probability one half a swap with a place drawn evenly."""
  swap, place = jax.random.split(key)
  return Draws(
    jax.random.bernoulli(swap, 0.5, (batch,)), jax.random.randint(place, (batch,), 0, size)
  )


def exchange(pool: Pool, images: jax.Array, draws: Draws) -> tuple[Pool, jax.Array]:
  """Shows images, or earlier ones in their place, one after the other.

  While the pool fills, images are shown and kept; draws then count for nothing.

  Args:
    pool: the pool.
    images: float32 [batch, height, width, channels].
    draws: one for each image.

  Returns:
    The new pool, and the images to show, of the same shape.
  """
  size = pool['images'].shape[0]

  def one(pool, given):
    image, swap, place = given
    filling = pool['count'] < size
    place = jnp.where(filling, pool['count'], place)
    shown = jnp.where(swap & ~filling, pool['images'][place], image)
    kept = jnp.where(swap | filling, image, pool['images'][place])
    return {
      'images': pool['images'].at[place].set(kept),
      'count': jnp.minimum(pool['count'] + 1, size),
    }, shown

  return lax.scan(one, pool, (images, draws.swap, draws.place))


def exchange_over_devices(pool: Pool, rows: jax.Array, key: jax.Array) -> tuple[Pool, jax.Array]:
  """As `exchange`, for one device's rows of the batch; `key` is the same on all devices."""
  batch = lax.all_gather(rows, DEVICE_AXIS, tiled=True)
  pool, shown = exchange(pool, batch, draw(key, batch.shape[0], pool['images'].shape[0]))
  first = lax.axis_index(DEVICE_AXIS) * rows.shape[0]
  return pool, lax.dynamic_slice_in_dim(shown, first, rows.shape[0])


def exchange_all(
  pools: dict[str, Pool], inputs: dict[str, jax.Array], config: Config, step: jax.Array
) -> tuple[dict[str, jax.Array], dict[str, Pool]]:
  """Passes each discriminator's inputs, float32 [rows, ...] by domain, through its pool, if any."""
  pools, inputs = dict(pools), dict(inputs)
  for domain in pools:
    key = rng.pool(config, domain, step)
    pools[domain], inputs[domain] = exchange_over_devices(pools[domain], inputs[domain], key)
  return inputs, pools
