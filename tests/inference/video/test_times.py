"""Times of frames: they rise, whatever a file says."""

import fractions
import itertools

import numpy as np
import pytest

from cyclegan_jax.inference.video.times import RisingTimes

RATE = fractions.Fraction(25)


def test_times_that_rise_are_kept():
  times = RisingTimes(fractions.Fraction(1, 90000), RATE)
  assert [times.rising(t) for t in (0, 3600, 3700, 99999, 10**7)] == [0, 3600, 3700, 99999, 10**7]
  assert not times.mended


@pytest.mark.parametrize(
  ('told', 'kept', 'mended', 'first'),
  [
    ([0, 40, 80, 0, 40, 80, 0], [0, 40, 80, 120, 160, 200, 240], 4, 3),
    ([0, 0, 80, 80, 81], [0, 1, 80, 81, 82], 3, 1),
    ([0, 40, 80, 0, 160, 200], [0, 40, 80, 120, 160, 200], 1, 3),
    ([None, None, 80, None], [0, 40, 80, 120], 0, 0),
    ([100, 60, 140], [100, 101, 140], 1, 1),
  ],
)
def test_times_that_do_not_rise_are_mended(told, kept, mended, first):
  """Restarts, repeats, one wrong time, no times, a small fall; in milliseconds at 25 frames/s."""
  times = RisingTimes(fractions.Fraction(1, 1000), RATE)
  assert [times.rising(time) for time in told] == kept
  assert (times.mended, times.first) == (mended, first)


def test_no_writer_refuses_such_times():
  """Random clocks, in the order of a shuffled pack of restarts and repeats."""
  rng = np.random.default_rng(2)
  for unit in (
    fractions.Fraction(1, 25),
    fractions.Fraction(1, 1000),
    fractions.Fraction(1, 90000),
  ):
    times = RisingTimes(unit, RATE)
    told = rng.integers(-(10**4), 10**5, 300).tolist()
    seconds = [times.rising(time) * unit for time in told]
    milliseconds = [round(second * 1000) for second in seconds]
    assert all(a < b for a, b in itertools.pairwise(milliseconds))
