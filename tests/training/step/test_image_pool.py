"""The pool of earlier fakes against the algorithm in plain Python, its chances, its devices."""

import collections

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from cyclegan_jax.training.step import image_pool


def numbered(first, count):
  """Images 1x1x1 whose value is their number."""
  return jnp.arange(first, first + count, dtype=jnp.float32).reshape(-1, 1, 1, 1)


def reference(size, images, swaps, places):
  """Zhu et al.'s ImagePool.query, one image at a time."""
  kept, shown = [], []
  for image, swap, place in zip(images, swaps, places):
    if len(kept) < size:
      kept.append(image)
      shown.append(image)
    elif swap:
      shown.append(kept[place])
      kept[place] = image
    else:
      shown.append(image)
  return kept, shown


@pytest.mark.parametrize('batch', [1, 3, 8])
def test_exchange_is_the_published_algorithm(batch):
  size, steps = 5, 7
  pool = image_pool.empty(size, (1, 1, 1))
  rng = np.random.default_rng(batch)
  swaps, places = rng.random((steps, batch)) < 0.5, rng.integers(0, size, (steps, batch))
  shown = []
  for step in range(steps):
    draws = image_pool.Draws(jnp.asarray(swaps[step]), jnp.asarray(places[step]))
    pool, images = jax.jit(image_pool.exchange)(pool, numbered(step * batch, batch), draws)
    shown += np.asarray(images).ravel().tolist()
  kept, expected = reference(size, range(steps * batch), swaps.ravel(), places.ravel())
  assert shown == expected
  assert np.asarray(pool['images']).ravel()[: len(kept)].tolist() == kept
  assert pool['count'] == min(size, steps * batch)


def test_half_of_the_images_are_earlier_ones_and_all_places_alike():
  draws = image_pool.draw(jax.random.key(0), 20_000, 50)
  assert abs(np.mean(draws.swap) - 0.5) < 0.02
  counts = collections.Counter(np.asarray(draws.place).tolist())
  # Chi-square with 49 degrees of freedom: 85.4 is exceeded once in a thousand times.
  assert sum((n - 400) ** 2 / 400 for n in counts.values()) < 85.4 and len(counts) == 50
  assert abs(np.corrcoef(draws.swap, draws.place)[0, 1]) < 0.03


def test_an_image_stays_for_a_while():
  """In a pool of 50 an image waits 100 images on average: each swaps with a chance of 1/100."""
  pool, ages = image_pool.empty(50, (1, 1, 1)), []
  for step in range(300):
    draws = image_pool.draw(jax.random.key(step), 10, 50)
    pool, images = jax.jit(image_pool.exchange)(pool, numbered(10 * step, 10), draws)
    age = np.arange(10 * step, 10 * step + 10) - np.asarray(images).ravel()
    ages += age[age > 0].tolist() if step > 100 else []
  assert 85 < np.mean(ages) < 115


def test_devices_share_one_pool():
  pool, key = image_pool.empty(6, (1, 1, 1)), jax.random.key(3)

  def run(devices):
    over = jax.pmap(
      image_pool.exchange_over_devices,
      axis_name='devices',
      in_axes=(None, 0, None),
      devices=jax.devices()[:devices],
    )
    state, shown = pool, []
    for step in range(5):
      rows = numbered(8 * step, 8).reshape(devices, 8 // devices, 1, 1, 1)
      replicas, images = over(state, rows, jax.random.fold_in(key, step))
      for leaf in jax.tree.leaves(replicas):
        np.testing.assert_array_equal(leaf, np.broadcast_to(leaf[:1], leaf.shape))
      state = jax.tree.map(lambda x: x[0], replicas)
      shown.append(np.asarray(images).ravel())
    return np.concatenate(shown), state

  (one, pool_one), (four, pool_four) = run(1), run(4)
  np.testing.assert_array_equal(one, four)
  np.testing.assert_array_equal(pool_one['images'], pool_four['images'])
