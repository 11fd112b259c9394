"""PatchNCE against plain NumPy: which patches are drawn, what counts, what it says of images."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from cyclegan_jax import config as config_lib
from cyclegan_jax.training.step import patch_nce, rng
from tests.training.step.stepping import assert_close, assert_same_on_devices, run
from tests.training.step.test_steps import SIZE
from tests.training.step.test_variants import CUT

SIZES = [(10, 10), (8, 8), (4, 4), (2, 2)]


def keys_of(rows, seed=0):
  key = jax.random.key(seed)
  return jax.vmap(lambda row: jax.random.fold_in(key, row))(jnp.asarray(rows))


def unit(shape, seed):
  x = np.random.default_rng(seed).normal(size=shape)
  return x / np.linalg.norm(x, axis=-1, keepdims=True)


def info_nce(queries, keys, temperature):
  """Of one image, by hand."""
  terms = []
  for i, query in enumerate(queries):
    similar = np.exp(np.array([query @ key for key in keys]) / temperature)
    terms.append(-np.log(similar[i] / similar.sum()))
  return np.mean(terms)


def test_contrast():
  queries, keys = unit((3, 7, 5), 0), unit((3, 7, 5), 1)
  counts = np.ones((3, 7), bool)
  expected = np.mean([info_nce(q, k, 0.2) for q, k in zip(queries, keys)])
  got = patch_nce.contrast(*map(jnp.float32, (queries, keys)), jnp.asarray(counts), 0.2)
  assert float(got) == pytest.approx(expected, rel=1e-5)


def test_patches_that_do_not_count_are_neither_queries_nor_negatives():
  queries, keys = unit((3, 7, 5), 0), unit((3, 7, 5), 1)
  counts = np.array([[1, 0, 1, 1, 0, 0, 1], [0] * 7, [1] * 7], bool)
  # An image without any adds 0.
  expected = (
    sum(info_nce(q[c], k[c], 0.07) for q, k, c in zip(queries, keys, counts) if c.any()) / 3
  )
  loss = functools.partial(patch_nce.contrast, temperature=0.07)
  got, gradient = jax.value_and_grad(loss)(
    jnp.float32(queries), jnp.float32(keys), jnp.asarray(counts)
  )
  assert float(got) == pytest.approx(expected, rel=1e-5)
  assert np.isfinite(gradient).all() and not np.any(np.asarray(gradient)[~counts])


def test_positions_are_different_and_an_images_own():
  drawn = patch_nce.places(keys_of(range(4)), SIZES, 20)
  assert [place.index.shape for place in drawn] == [(4, 20), (4, 20), (4, 16), (4, 4)]
  for place, (height, width) in zip(drawn, SIZES):
    index = np.asarray(place.index)
    assert index.min() >= 0 and index.max() < height * width and place.counts.all()
    assert all(len(set(row)) == len(row) for row in index.tolist())
  first = np.asarray(drawn[0].index)
  assert len({tuple(row) for row in first.tolist()}) == 4
  # Neither its place in a microbatch nor its neighbors matter.
  alone = patch_nce.places(keys_of([2]), SIZES, 20)
  np.testing.assert_array_equal(alone[0].index[0], first[2])


def test_every_position_is_drawn_alike():
  drawn = patch_nce.places(keys_of(range(2000)), [(4, 4)], 4)[0]
  counts = np.bincount(np.asarray(drawn.index).ravel(), minlength=16)
  # 500 each, with a standard deviation of 19.
  assert np.abs(counts - 500).max() < 100


def test_patches_with_thermal_data_come_first():
  mask = np.zeros((2, 8, 8, 1), bool)
  mask[0, :4, :6] = True
  drawn = patch_nce.places(keys_of(range(2)), SIZES, 16, jnp.asarray(mask))
  # A mirrored border of one pixel: rows 0 to 4, columns 0 to 6.
  bordered = np.pad(mask[0, ..., 0], 1, 'reflect')
  for place, valid in zip(drawn, (bordered, mask[0, ..., 0])):
    assert place.counts[0].all() and valid.ravel()[np.asarray(place.index[0])].all()
  # At half the size 2 x 3 positions have nothing but such pixels, at a quarter 1 x 1.
  for place, count in zip(drawn[2:], (6, 1)):
    counts, index = np.asarray(place.counts[0]), np.asarray(place.index[0])
    assert counts.sum() == count and counts[:count].all()
    assert set(index[counts]) == ({0, 1, 2, 4, 5, 6} if count == 6 else {0})
  assert not any(place.counts[1].any() for place in drawn)


def compared(source, generated, mask=None):
  keep = lambda patches: ([p / jnp.linalg.norm(p, axis=-1, keepdims=True) for p in patches], {})
  return patch_nce.loss(
    (source,),
    (generated,),
    (keep, keep),
    keys_of(range(len(source))),
    patches=30,
    temperature=0.07,
    mask=mask,
  )


def test_an_image_resembles_itself_most_and_its_source_gets_no_gradient():
  source = jax.random.normal(jax.random.key(1), (2, 8, 8, 32))
  moved = jnp.roll(source, 1, 1)
  assert float(compared(source, source)) < 0.1 < 3 < float(compared(source, moved))
  of_source, of_generated = jax.grad(compared, (0, 1))(source, moved)
  assert not np.any(of_source) and np.any(of_generated)


TINY = dict(CUT, batch_size=4)


def batch(masked=False):
  draw = np.random.default_rng(0)
  shape = (4, SIZE, SIZE)
  found = {
    'rgb': draw.uniform(-1, 1, (*shape, 3)).astype(np.float32),
    'ir': draw.uniform(-1, 1, (*shape, 1)).astype(np.float32),
  }
  if masked:
    mask = np.ones((*shape, 1), bool)
    mask[:, :4] = mask[1, :, :8] = mask[3] = False
    found |= {'rgb_mask': mask, 'ir_mask': mask[::-1]}
  return found


@pytest.mark.slow
@pytest.mark.parametrize('preset', ['fastcut', 'cut'])
def test_devices_change_nothing(preset):
  # A seed whose gradients are not so large that rounding shows.
  config = config_lib.make(preset, **TINY, seed=2)
  one, terms_one, _ = run(config, 1, [batch(masked=True)])
  four, terms_four, replicas = run(config, 4, [batch(masked=True)])
  assert_close(terms_four, terms_one, atol=1e-3)
  for group in ('generators', 'discriminators'):
    assert_close(four.opt_state[group][0].mu, one.opt_state[group][0].mu, atol=2e-4)
  assert any(np.any(leaf) for leaf in jax.tree.leaves(one.opt_state['generators'][0].mu))
  assert_same_on_devices(replicas)


@pytest.mark.slow
def test_weights_of_the_terms():
  config = config_lib.make('cut', **TINY, nce_weight=3.0)
  _, terms, _ = run(config, 1, [batch()])
  nce = (terms['nce_rgb'] + terms['nce_identity_ir']) / 2
  assert terms['generator'] == pytest.approx(terms['adversarial_ir'] + 3 * nce, rel=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize(
  'settings',
  [
    dict(preset='pix2pix', n_downsampling=4, nce_identity=True, flip_equivariance=True),
    dict(preset='udacity', n_downsampling=2, remat=True, identity_weight=1.0, ir_channels=3),
  ],
)
def test_other_methods_have_it_too(settings):
  config = config_lib.make(**{**TINY, 'nce_weight': 1.0, **settings})
  given = batch() | {'ir': batch()['ir'].repeat(config.data.ir_channels, -1)}
  _, terms, _ = run(config, 1, [given])
  wanted = {'nce_rgb', 'nce_identity_ir' if config.loss.nce_identity else 'nce_ir'}
  assert {name for name in terms if name.startswith('nce')} == wanted
  assert all(np.isfinite(value) for value in terms.values())


def test_half_of_the_images_are_mirrored_and_not_the_same_in_each_step():
  config = config_lib.make('fastcut', **TINY)
  rows = jnp.arange(1000)
  drawn = [np.asarray(rng.mirrored(config, step, rows)) for step in range(2)]
  assert 0.45 < drawn[0].mean() < 0.55 and 0.4 < (drawn[0] ^ drawn[1]).mean() < 0.6
