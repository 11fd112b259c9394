"""The instrument on images whose classes are known, or cannot be known."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from cyclegan_jax.downstream import scoring, training
from cyclegan_jax.downstream.training import Recipe

RECIPE = Recipe(width=4, steps=60, batch_size=8)
CLASSES = 3


def blobs(n, seed=0, size=(24, 32)):
  """Classes in smooth regions, uint8 [n, height, width]."""
  rng = np.random.default_rng(seed)
  coarse = rng.standard_normal((n, CLASSES, 4, 4))
  fields = jax.image.resize(coarse, (n, CLASSES, *size), 'cubic')
  return np.asarray(fields).argmax(1).astype(np.uint8)


def score(instrument, images, labels):
  return scoring.mean_iou(scoring.confusion(labels, instrument(images), CLASSES))


@pytest.mark.slow
def test_told_the_labels_as_its_image_it_finds_them():
  labels, test = blobs(40), blobs(10, seed=1)
  recipe = Recipe(width=16, steps=500, learning_rate=1e-2)
  instrument = training.train(labels * 127, labels, 255.0, CLASSES, recipe, 0)
  assert score(instrument, test * 127, test) > 0.98


@pytest.mark.slow
def test_sixteen_bits_are_as_eight():
  labels = blobs(12)
  recipe = Recipe(width=4, steps=3, batch_size=8)
  eight = training.train(labels * 100, labels, 255.0, CLASSES, recipe, 0)
  deep = labels.astype(np.uint16) * 25700
  sixteen = training.train(deep, labels, 65535.0, CLASSES, recipe, 0)
  assert (eight(labels * 100) == sixteen(deep)).mean() > 0.99


@pytest.mark.slow
def test_shuffled_labels_give_chance():
  rng = np.random.default_rng(0)
  labels, test = blobs(40), blobs(10, seed=1)
  images, others = (rng.permutation(classes * 127) for classes in (labels, test))
  shuffled = rng.permutation(labels.ravel()).reshape(labels.shape)
  instrument = training.train(images, shuffled, 255.0, CLASSES, RECIPE, 0)
  # Knowing nothing: always one class, or any class at random.
  shares = np.bincount(test.ravel(), minlength=CLASSES) / test.size
  constant = shares.max() / CLASSES
  random = np.mean([p / CLASSES / (p + 1 / CLASSES - p / CLASSES) for p in shares])
  assert score(instrument, others, test) < max(constant, random) + 0.05


@pytest.mark.slow
def test_the_same_seed_gives_the_same_network_and_another_one_another():
  labels = blobs(12)
  images = (labels * 100).astype(np.uint8)
  recipe = Recipe(width=4, steps=5, batch_size=8)
  first, again, other = (
    training.train(images, labels, 255.0, CLASSES, recipe, seed) for seed in (0, 0, 1)
  )
  for a, b in zip(jax.tree.leaves(first.params), jax.tree.leaves(again.params)):
    np.testing.assert_array_equal(a, b)
  pairs = zip(jax.tree.leaves(first.params), jax.tree.leaves(other.params))
  assert any((np.asarray(a) != np.asarray(b)).any() for a, b in pairs)


@pytest.mark.slow
def test_a_batch_that_does_not_fill_the_devices_gives_a_network_too():
  labels = blobs(3, size=(21, 13))
  recipe = Recipe(width=4, steps=2, batch_size=3)
  instrument = training.train(labels * 100, labels, 255.0, CLASSES, recipe, 0)
  assert instrument(labels * 100).shape == labels.shape
  assert instrument(np.empty((0, 21, 13), np.uint8)).shape == (0, 21, 13)


@pytest.mark.slow
def test_pixels_without_a_label_change_nothing():
  labels = blobs(12)
  images = (labels * 100).astype(np.uint8)
  nothing = np.full_like(labels, training.UNLABELED)
  recipe = Recipe(width=4, steps=3, batch_size=8)
  trained = training.train(images, nothing, 255.0, CLASSES, recipe, 0)
  begun = training.train(images, labels, 255.0, CLASSES, recipe, 0, range(0))
  for a, b in zip(jax.tree.leaves(trained.params), jax.tree.leaves(begun.params)):
    np.testing.assert_array_equal(a, b)


def test_weights_are_those_of_inverse_root_frequency():
  labels = np.repeat(np.array([0, 1, 255], np.uint8), [90, 10, 7])
  weights = training.class_weights(labels, 3)
  np.testing.assert_allclose(weights, [0.9**-0.5, 0.1**-0.5, 0], rtol=1e-6)


def test_augmentation_moves_labels_with_their_images():
  labels = blobs(16)
  x = labels.astype(np.float32) / 2
  keys = jax.random.key(0)
  moved, classes = training._augment(jnp.asarray(x), jnp.asarray(labels), keys)
  moved, classes = np.asarray(moved), np.asarray(classes)
  assert moved.shape == x.shape and (classes != labels).any()
  for image, own in zip(moved, classes):
    known = own != training.UNLABELED
    # One gain and one offset for the whole image.
    gain, offset = np.polyfit(own[known] / 2, image[known], 1)
    assert 0.9 <= gain <= 1.1 and abs(offset) <= 0.1 + 1e-6
    np.testing.assert_allclose(image[known], gain * own[known] / 2 + offset, atol=1e-5)
    assert known.mean() > 0.8
