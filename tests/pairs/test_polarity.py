"""White-hot and black-hot images in one set."""

import numpy as np
import pytest

from cyclegan_jax.image_files import images
from cyclegan_jax.pairs import dataset_check, polarity
from datasets.synthetic import layout, render
from tests.pairs.made_up import dataset, gray_rgb, texture


@pytest.fixture(scope='module', name='scenes')
def _scenes():
  """Twenty pairs."""
  scenes = [render.render(layout.random_scene(0, s), 0, s, 0, 60, 80) for s in range(20)]
  return [(f'{i:03}', scene.rgb, scene.ir) for i, scene in enumerate(scenes)]


def _inverted(pairs):
  return polarity.inverted([polarity.relation(rgb, ir) for _, rgb, ir in pairs])


def _with_other_polarity(pairs, chosen):
  return [
    (id_, rgb, np.iinfo(ir.dtype).max - ir if i in chosen else ir)
    for i, (id_, rgb, ir) in enumerate(pairs)
  ]


def test_one_polarity(scenes):
  assert _inverted(scenes) == {}
  # All the other way round is one polarity, too.
  assert _inverted(_with_other_polarity(scenes, range(20))) == {}


@pytest.mark.parametrize('chosen', [{3}, {2, 7, 11}, {0, 4, 8, 12, 16, 19}])
def test_the_minority_is_named(scenes, chosen):
  found = _inverted(_with_other_polarity(scenes, chosen))
  assert found.keys() <= chosen and len(found) >= 0.6 * len(chosen)
  assert all(-1 <= value < -0.5 for value in found.values())


def test_bits_do_not_matter(scenes):
  deep = [(id_, rgb, ir.astype(np.uint16) * 200 + 7000) for id_, rgb, ir in scenes]
  mixed = _with_other_polarity(deep, {2, 7, 11})
  of_8_bits = _inverted(_with_other_polarity(scenes, {2, 7, 11}))
  assert _inverted(mixed).keys() == of_8_bits.keys()


def test_nothing_is_said_of_few_pairs_or_of_strangers(scenes):
  assert _inverted(_with_other_polarity(scenes, {2})[:19]) == {}
  strangers = [(str(i), gray_rgb(texture(60, 80, i)), texture(60, 80, i + 50)) for i in range(20)]
  assert _inverted(strangers) == {}
  assert polarity.relation(scenes[0][1], np.full((60, 80, 1), 9, np.uint8)) is None


def test_correlations_are_those_of_least_squares_over_the_other_pairs(scenes):
  """Against NumPy's least squares on the pixels themselves."""
  relations = [polarity.relation(rgb, ir) for _, rgb, ir in scenes[:8]]
  grams, moments = (np.stack([getattr(r, name) for r in relations]) for name in ('gram', 'moment'))
  # A factor F of the Gram matrix stands for the features: F.T @ F is the matrix.
  factors = [np.linalg.cholesky(gram + 1e-9 * np.eye(len(gram))).T for gram in grams]
  targets = [np.linalg.solve(factor.T, moment) for factor, moment in zip(factors, moments)]
  ridge = np.sqrt(polarity._RIDGE * len(grams)) * np.eye(grams.shape[1])
  rest = np.concatenate([*factors[1:], ridge])
  known = np.concatenate([*targets[1:], np.zeros(len(ridge))])
  weights = np.linalg.lstsq(rest, known, rcond=None)[0]
  variance = weights @ grams[0] @ weights - (weights @ grams[0][0]) ** 2
  expected = weights @ moments[0] / np.sqrt(variance)
  assert polarity._correlations(grams, moments)[0] == pytest.approx(expected, rel=1e-4)


def test_the_check_flags_them(scenes):
  found = dataset_check.check(dataset(_with_other_polarity(scenes, {2, 7})), print)
  flagged = {pair.id for pair in found if 'inverted' in pair.found}
  assert flagged and flagged <= {'002', '007'}
  (note,) = [note for note in dataset_check.notes(found) if 'black-hot' in note]
  assert f'{len(flagged)} of 20' in note


def test_real_pairs_have_one_polarity(roadscene):
  names = sorted(path.name for path in (roadscene / 'rgb').iterdir())
  pairs = [
    (name, *(images.read_image(roadscene / domain / name) for domain in ('rgb', 'ir')))
    for name in names
  ]
  assert _inverted(pairs) == {}
  chosen = set(range(0, len(pairs), 10))
  found = _inverted(_with_other_polarity(pairs, chosen)).keys()
  assert found <= chosen and len(found) >= 0.6 * len(chosen)
