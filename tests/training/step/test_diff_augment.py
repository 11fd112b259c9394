"""What discriminators are shown instead of the images themselves."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from cyclegan_jax.training.step import diff_augment

SHAPE = (48, 32, 4)


def images(n):
  return np.random.default_rng(0).uniform(0.1, 1, (n, *SHAPE)).astype(np.float32)


def augmented(x, kinds, seed=0):
  keys = jax.random.split(jax.random.key(seed), len(x))
  return np.asarray(jax.jit(lambda x: diff_augment.augment(x, keys, kinds))(x))


def test_translation_moves_all_channels_alike_by_up_to_an_eighth():
  x = images(200)
  moves = set()
  for before, after in zip(x, augmented(x, ['translation'])):
    found = [
      (dy, dx)
      for dy in range(-6, 7)
      for dx in range(-4, 5)
      if np.array_equal(moved(before, dy, dx), after)
    ]
    assert len(found) == 1
    moves.add(found[0])
  rows, columns = (set(part) for part in zip(*moves))
  assert rows == set(range(-6, 7)) and columns == set(range(-4, 5))


def moved(image, dy, dx):
  """The image moved down and right, with 0 coming in."""
  height, width, _ = image.shape
  out = np.zeros_like(image)
  out[max(dy, 0) : height + min(dy, 0), max(dx, 0) : width + min(dx, 0)] = image[
    max(-dy, 0) : height - max(dy, 0), max(-dx, 0) : width - max(dx, 0)
  ]
  return out


def test_cutout_hides_one_rectangle_of_half_the_sides():
  x = images(300)
  seen = np.zeros(SHAPE[:2])
  for before, after in zip(x, augmented(x, ['cutout'])):
    hidden = after[..., 0] == 0
    np.testing.assert_array_equal(after, np.where(hidden[..., None], 0, before))
    rows, columns = hidden.any(1), hidden.any(0)
    np.testing.assert_array_equal(hidden, rows[:, None] & columns)
    # At a border a part of it lies outside.
    assert rows.sum() <= 24 and columns.sum() <= 16
    assert np.ptp(np.flatnonzero(rows)) + 1 == rows.sum()
    seen += hidden
  assert seen.min() > 0


@pytest.mark.parametrize('kinds', [['translation'], ['cutout'], ['translation', 'cutout']])
def test_gradients_pass_to_what_stays_in_view(kinds):
  x = images(8)
  keys = jax.random.split(jax.random.key(0), len(x))
  gradient = jax.grad(lambda x: jnp.sum(diff_augment.augment(x, keys, kinds) ** 2) / 2)(x)
  shown = augmented(x, kinds)
  # A pixel in view has itself as gradient, wherever it went; the others have none.
  np.testing.assert_allclose(np.sum(gradient**2), np.sum(shown**2), rtol=1e-5)
  assert ((gradient == 0) | (gradient == x)).all()


def test_an_images_draws_do_not_depend_on_the_others():
  x, keys = images(6), jax.random.split(jax.random.key(3), 6)
  together = diff_augment.augment(x, keys, ['translation', 'cutout'])
  alone = diff_augment.augment(x[4:5], keys[4:5], ['translation', 'cutout'])
  np.testing.assert_array_equal(together[4:5], alone)
