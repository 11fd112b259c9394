"""Hot pixels against sorting, and against the definition of chance written out."""

from hypothesis import given, settings, strategies as st
from hypothesis.extra import numpy as hnp
import numpy as np
import pytest

from cyclegan_jax.metrics import hot_objects


def expected(x, y, mask):
  """Recall and error of one image [height, width, channels]."""
  x, y = (pixels[mask[:, :, 0]].astype(np.float64) for pixels in (x, y))
  heat_x, heat_y = x.sum(1), y.sum(1)
  # How many are hot, if a level of heat is the coolest one that is.
  levels = np.unique(heat_x)[::-1]
  counts = np.array([(heat_x >= level).sum() for level in levels])
  if len(levels) < 2:
    return np.nan, np.nan
  wanted = np.ceil(len(x) * 0.02 - 1e-9)
  distance = np.abs(counts - wanted)
  nearest = np.flatnonzero(distance == distance.min())[-1]
  hot = heat_x >= levels[nearest]
  # The chance of each generated pixel to be drawn among as many hottest ones.
  hotter = (heat_y[None] > heat_y[:, None]).sum(1)
  equal = (heat_y[None] == heat_y[:, None]).sum(1)
  chance = np.clip((counts[nearest] - hotter) / equal, 0, 1)
  return chance[hot].mean(), np.abs(x - y)[hot].mean()


def check(x, y, mask=None):
  found = hot_objects.hot_objects(x, y, mask)
  masks = np.ones((*x.shape[:3], 1), bool) if mask is None else mask
  for i, target in enumerate(expected(*each) for each in zip(x, y, masks)):
    np.testing.assert_allclose([found[key][i] for key in ('hot_recall', 'hot_mae')], target)
  return found


@pytest.mark.parametrize('shape', [(4, 10, 15, 1), (2, 13, 11, 1), (1, 50, 60, 1)])
def test_without_ties_it_is_the_overlap_of_two_sorted_lists(shape):
  rng = np.random.default_rng(0)
  n = shape[1] * shape[2]
  x = np.stack([rng.permutation(n) for _ in range(shape[0])]).reshape(shape).astype(np.uint16)
  y = (x + rng.normal(0, n / 50, shape)).astype(np.float64)
  found = hot_objects.hot_objects(x, y)
  k = int(np.ceil(n / 50))
  for i in range(shape[0]):
    hottest, generated = (np.argsort(image[i].ravel())[-k:] for image in (x, y))
    assert found['hot_recall'][i] == len({*hottest} & {*generated}) / k
    error = np.abs(x[i].astype(float) - y[i]).ravel()[hottest].mean()
    assert found['hot_mae'][i] == pytest.approx(error)
  check(x, y)


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_any_integers(data):
  shape = data.draw(st.sampled_from([(1, 6, 9, 1), (2, 10, 11, 3), (1, 1, 1, 1)]))
  dtype = data.draw(st.sampled_from([np.uint8, np.uint16]))
  # Few values: many ties.
  values = st.integers(0, data.draw(st.sampled_from([0, 1, 3, 255])))
  x, y = (data.draw(hnp.arrays(dtype, shape, elements=values)) for _ in range(2))
  check(x, y, data.draw(st.none() | hnp.arrays(bool, (*shape[:3], 1))))


def test_ties_at_the_limit():
  image = np.zeros((1, 10, 10, 1), np.uint8)
  image[0, 0, :5] = 255  # 5 % saturated: all are hot.
  other = image.copy()
  other[0, 0, :2] = 0
  assert hot_objects.hot_objects(image, image)['hot_recall'] == 1
  # Three are found; for the other two places 97 equal pixels compete, two of them hot ones.
  found = hot_objects.hot_objects(image, other)
  assert found['hot_recall'][0] == pytest.approx((3 + 2 * 2 / 97) / 5)
  assert found['hot_mae'] == 2 * 255 / 5
  # One hot pixel on an even ground: it alone is hot, not all.
  image[0, 0, 1:5] = 0
  assert hot_objects.hot_objects(image, image * 0)['hot_recall'][0] == pytest.approx(1 / 100)


def test_constant_images():
  rng = np.random.default_rng(0)
  image = rng.permutation(200).reshape(1, 10, 20, 1).astype(np.uint8)
  constant = np.full_like(image, 7)
  assert hot_objects.hot_objects(image, constant)['hot_recall'][0] == pytest.approx(0.02)
  for values in hot_objects.hot_objects(constant, image).values():
    assert np.isnan(values).all()


def test_masked_pixels_are_not_hot():
  rng = np.random.default_rng(0)
  x, y = rng.uniform(0, 200, (2, 3, 20, 20, 1)).astype(np.float32)
  mask = np.ones((3, 20, 20, 1), bool)
  mask[:, :5] = False
  mask[2] = False
  cropped = hot_objects.hot_objects(x[:2, 5:], y[:2, 5:])
  for garbage in (1e9, np.nan):
    dirty = [np.where(mask, image, garbage).astype(np.float32) for image in (x, y)]
    for name, values in hot_objects.hot_objects(*dirty, mask).items():
      np.testing.assert_array_equal(values[:2], cropped[name])
      assert np.isnan(values[2])
