"""Where curves lie, and which data they survive."""

import math
import re

import numpy as np
import pytest

from cyclegan_jax.reports import curves


def paths(text):
  """Lines as lists of pieces of points, without those of the legend."""
  drawn = re.findall(r'<path class="line s(\d)"[^>]* d="(M[^"]*)"', text)
  return [
    (
      int(kind),
      [
        [tuple(map(float, point.split())) for point in piece.split('L')]
        for piece in path.split('M')[1:]
      ],
    )
    for kind, path in drawn
    if 'H28' not in path
  ]


def test_points_lie_linearly_between_the_ends():
  x, y = [10, 20, 40], [1.0, -1.0, 0.5]
  ((_, [points]),) = paths(curves.chart({'a': (x, y)}, 'title'))
  across, down = np.array(points).T
  np.testing.assert_allclose(
    (across - across[0]) / (across[-1] - across[0]), (np.array(x) - 10) / 30, atol=1e-3
  )
  np.testing.assert_allclose(
    (down - down[1]) / (down[0] - down[1]), (np.array(y) + 1) / 2, atol=1e-3
  )
  assert down[0] < down[1]  # SVG counts downwards.


def test_ticks_are_round_and_where_their_values_are():
  text = curves.chart({'a': ([0, 100], [0, 1])}, 'title')
  ((_, [[start, end]]),) = paths(text)
  found = [
    (float(y) - 4, float(value))
    for y, value in re.findall(r'<text x="46" y="([\d.]+)" text-anchor="end">([^<]+)<', text)
  ]
  assert [value for _, value in found] == [0, 0.2, 0.4, 0.6, 0.8, 1]
  for y, value in found:
    assert y == pytest.approx(start[1] + value * (end[1] - start[1]), abs=0.11)


def test_values_that_are_no_numbers_leave_gaps():
  y = [1, 2, math.nan, 3, math.inf, 4]
  ((_, pieces),) = paths(curves.chart({'a': (range(6), y)}, 'title'))
  assert [len(piece) for piece in pieces] == [2, 1, 1]
  assert 'a: no number' in curves.chart({'a': ([0, 1], [1, math.nan])}, 'title')


def test_an_empty_series_takes_up_its_color_only():
  text = curves.chart({'a': ((), ()), 'b <i>': ([1, 2], [3, 4])}, 't', 'dB')
  assert [kind for kind, _ in paths(text)] == [1]
  assert 'b &lt;i&gt;: 4' in text and '<h3>t (dB)</h3>' in text and 'a:' not in text


@pytest.mark.parametrize('series', [{}, {'a': ([], [])}, {'a': ([1, 2], [math.nan, math.inf])}])
def test_nothing_to_draw(series):
  assert curves.chart(series, 'title') == ''


@pytest.mark.parametrize(
  'x, y', [([1], [4]), ([0, 1], [0, 0]), ([5, 5], [1e-30, 2e30]), ([0, 1], [1e9, 1e9 + 1e-3])]
)
def test_a_chart_survives(x, y):
  text = curves.chart({'a': (x, y)}, 'title')
  assert paths(text) and 'nan' not in text and 'inf' not in text


def test_long_curves_are_thinned_and_keep_their_end():
  n = 100_000
  ((_, [points]),) = paths(curves.chart({'a': (range(n), [i / n for i in range(n)])}, 'title'))
  assert 400 < len(points) <= 801
  assert points[-1] == pytest.approx((408, 10), abs=0.2)
