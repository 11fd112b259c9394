"""Gain and offset against np.linalg.lstsq."""

from hypothesis import given, settings, strategies as st
from hypothesis.extra import numpy as hnp
import numpy as np
import pytest

from cyclegan_jax.metrics import gain_offset


def fitted(x, y):
  """The best linear function of y, pixel by pixel; lstsq centers badly, so y is centered here."""
  y = y.astype(np.float64) - y.mean(dtype=np.float64)
  columns = np.stack([y, np.ones(len(y))], axis=1)
  return columns @ np.linalg.lstsq(columns, x.astype(np.float64))[0]


def check(x, y, gain, offset):
  np.testing.assert_allclose(gain * y.astype(np.float64) + offset, fitted(x, y), atol=1e-4)


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_any_integers(data):
  shape = data.draw(st.sampled_from([(2, 3, 4, 1), (3, 5, 5, 3)]))
  dtype = data.draw(st.sampled_from([np.uint8, np.uint16]))
  x, y = (data.draw(hnp.arrays(dtype, shape)) for _ in range(2))
  mask = data.draw(st.none() | hnp.arrays(bool, (*shape[:3], 1)))
  valid = np.broadcast_to(True if mask is None else mask, shape)
  sums = gain_offset.sums(x, y, mask)
  for i, row in enumerate(sums):
    gain, offset = gain_offset.fit(row)
    if valid[i].any():
      check(x[i][valid[i]], y[i][valid[i]], gain, offset)
    else:
      assert (gain, offset) == (1, 0)
  if valid.any():
    check(x[valid], y[valid], *gain_offset.fit(sums.sum(0)))


def test_a_camera_of_another_gain_is_found_out():
  rng = np.random.default_rng(0)
  y = rng.integers(0, 60000, (4, 30, 40, 1)).astype(np.uint16)
  x = (65000 - y).astype(np.uint16)
  assert gain_offset.fit(gain_offset.sums(x, y).sum(0)) == (-1, 65000)


@pytest.mark.parametrize('value', [0, 1, 65535])
def test_a_constant_image_is_moved_to_the_mean(value):
  x = np.random.default_rng(0).integers(0, 65536, (1, 64, 64, 1)).astype(np.uint16)
  gain, offset = gain_offset.fit(gain_offset.sums(x, np.full_like(x, value))[0])
  assert gain == 0 and offset == pytest.approx(x.mean())


def test_sums_of_large_data_sets_do_not_overflow():
  x = np.full((1, 512, 512, 1), 65535, np.uint16)
  y = x.copy()
  y[0, :256] = 65534
  x[0, :256] = 65000
  many = gain_offset.sums(x, y) * 100_000
  # Python's integers have no largest one.
  assert gain_offset.fit(many[0]) == (535, 65535 - 535 * 65535)
