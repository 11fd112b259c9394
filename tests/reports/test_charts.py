"""Where marks of charts lie, and which data they survive."""

from html import unescape
import json
import math
import re

import numpy as np
import pytest

from cyclegan_jax.reports import charts, page


def drawn(*arguments, **options):
  """A chart of lines as a page has it."""
  return html(charts.lines(*arguments, **options))


def html(chart):
  source = "{% import 'macros.html' as ui %}{{ ui.chart(chart) }}"
  return page.environment().from_string(source).render(chart=chart)


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
  ((_, [points]),) = paths(drawn({'a': (x, y)}, 'title'))
  across, down = np.array(points).T
  np.testing.assert_allclose(
    (across - across[0]) / (across[-1] - across[0]), (np.array(x) - 10) / 30, atol=1e-3
  )
  np.testing.assert_allclose(
    (down - down[1]) / (down[0] - down[1]), (np.array(y) + 1) / 2, atol=1e-3
  )
  assert down[0] < down[1]  # SVG counts downwards.


def test_ticks_are_round_and_where_their_values_are():
  text = drawn({'a': ([0, 100], [0, 1])}, 'title')
  ((_, [[start, end]]),) = paths(text)
  found = [
    (float(y) - 4, float(value))
    for y, value in re.findall(r'<text x="46.0" y="([\d.]+)" text-anchor="end">([^<]+)<', text)
  ]
  assert [value for _, value in found] == [0, 0.2, 0.4, 0.6, 0.8, 1]
  for y, value in found:
    assert y == pytest.approx(start[1] + value * (end[1] - start[1]), abs=0.11)


def test_values_that_are_no_numbers_leave_gaps():
  y = [1, 2, math.nan, 3, math.inf, 4]
  ((_, pieces),) = paths(drawn({'a': (range(6), y)}, 'title'))
  assert [len(piece) for piece in pieces] == [2, 1, 1]
  assert 'a: undefined' in drawn({'a': ([0, 1], [1, math.nan])}, 'title')


def test_an_empty_series_takes_up_its_color_only():
  text = drawn({'a': ((), ()), 'b <i>': ([1, 2], [3, 4])}, 't', 'dB')
  assert [kind for kind, _ in paths(text)] == [1]
  assert 'b &lt;i&gt;: 4' in text and '<h3>t (dB)</h3>' in text and 'a:' not in text


@pytest.mark.parametrize('series', [{}, {'a': ([], [])}, {'a': ([1, 2], [math.nan, math.inf])}])
def test_nothing_to_draw(series):
  assert charts.lines(series, 'title') is None and drawn(series, 'title').strip() == ''


@pytest.mark.parametrize(
  'x, y', [([1], [4]), ([0, 1], [0, 0]), ([5, 5], [1e-30, 2e30]), ([0, 1], [1e9, 1e9 + 1e-3])]
)
def test_a_chart_survives(x, y):
  text = drawn({'a': (x, y)}, 'title')
  assert paths(text) and 'nan' not in text and 'inf' not in text


def test_long_curves_are_thinned_and_keep_their_end():
  n = 100_000
  ((_, [points]),) = paths(drawn({'a': (range(n), [i / n for i in range(n)])}, 'title'))
  assert 400 < len(points) <= 801
  assert points[-1] == pytest.approx((408, 10), abs=0.2)


def places(text, tag, kind):
  """The attributes of the elements of a class."""
  return [
    dict(re.findall(r'([\w-]+)="([^"]*)"', attributes))
    for attributes in re.findall(f'<{tag} class="{kind}"([^>]*)>', text)
  ]


def test_seeds_are_thin_lines_in_the_color_of_their_mean():
  seeds = [([1, 2], [0.0, 2.0]), ([1, 2], [2.0, 4.0])]
  text = drawn({'a': ((), ()), 'b': ([1, 2], [1, 3])}, 't', x_label='epoch', thin={'b': seeds})
  assert text.count('class="line thin s1"') == 2 and text.count('class="line s1"') == 2
  assert 'over epochs 1 to 2' in text and '>epoch</text>' in text
  # The axis holds the seeds, not only their mean.
  ((_, [points]),) = paths(text)
  np.testing.assert_allclose([y for _, y in points], [210 - 200 / 4, 210 - 200 * 3 / 4])


def test_a_box_lies_at_its_quartiles():
  values = np.concatenate([np.arange(101.0), [500.0, np.nan]])
  text = html(charts.boxes({'a <i>': values, 'none': np.full(3, np.nan)}, 'title', ' dB'))
  assert 'nan' not in text and '<h3>title (dB)</h3>' in text and 'a &lt;i&gt;' in text
  across = lambda value: 12 + (408 - 12) * value / 500
  finite = values[:-1]
  low, median, high = np.percentile(finite, (25, 50, 75))
  (box,) = places(text, 'rect', 'line s0 solid')
  assert float(box['x']) == pytest.approx(across(low), abs=0.06)
  assert float(box['width']) == pytest.approx(across(high) - across(low), abs=0.11)
  (middle,) = places(text, 'line', 'line s0 solid thick')
  (mean,) = places(text, 'line', 'mean')
  assert float(middle['x1']) == pytest.approx(across(median), abs=0.06)
  assert float(mean['x1']) == pytest.approx(across(finite.mean()), abs=0.06)
  whiskers = places(text, 'line', 'line s0 solid')
  ends = sorted(float(line[end]) for line in whiskers for end in ('x1', 'x2'))
  assert ends == pytest.approx([across(x) for x in (0, low, high, 100)], abs=0.06)
  dots = places(text, 'circle', 'faint p0')
  assert sorted(float(dot['cx']) for dot in dots) == pytest.approx(
    sorted(across(x) for x in finite), abs=0.06
  )


def test_of_many_images_only_those_beyond_the_whiskers_are_points():
  values = np.concatenate([np.linspace(0, 1, 1000), [9.0, -9.0]])
  text = html(charts.boxes({'a': values}, 'title'))
  assert len(places(text, 'circle', 'faint p0')) == 2
  assert charts.boxes({'a': np.full(3, np.inf)}, 'title') is None
  assert charts.boxes({}, 'title') is None


def test_intervals_seeds_and_means_share_an_axis_with_zero():
  rows = {'a - b': (2.0, [1.0, 3.0], 1.5, 2.5), 'c - b': (4.0, [4.0], None, None)}
  text = html(charts.intervals(rows, 'title'))
  across = lambda value: 12 + (408 - 12) * value / 4
  (zero,) = places(text, 'line', 'zero')
  (bar,) = places(text, 'rect', 'bar p0')
  assert float(zero['x1']) == across(0) and float(bar['x']) == across(1.5)
  assert float(bar['width']) == pytest.approx(across(2.5) - across(1.5))
  assert [float(dot['cx']) for dot in places(text, 'circle', 'ring')] == [
    across(value) for value in (1, 3, 4)
  ]
  ticks = places(text, 'line', 'tick')
  assert [float(tick['x1']) for tick in ticks] == [across(2), across(4)]
  assert float(ticks[0]['y1']) < float(ticks[1]['y1'])  # The first row is on top.
  assert charts.intervals({}, 'title') is None


def test_bars_start_at_zero_and_say_their_values():
  chart = charts.bars({'model': 20.0, 'guess <i>': 10.0, 'none': math.nan}, 't', ' dB', ['model'])
  text = html(chart)
  (model,) = places(text, 'rect', 'whole p0')
  (guess,) = places(text, 'rect', 'whole other')
  assert model['x'] == guess['x'] and float(model['width']) == 2 * float(guess['width'])
  assert '>20</text>' in text and '>-</text>' in text and 'guess &lt;i&gt;' in text
  assert charts.bars({'a': math.nan}, 't') is None and charts.bars({}, 't') is None


def test_values_are_those_of_all_lines_at_a_place():
  chart = charts.lines({'a': ([1, 2, 3], [1, math.nan, 3]), 'b': ([1, 3], [5, 7])}, 't')
  assert [text for *_, text in chart.values] == ['step 1\na: 1\nb: 5', 'step 3\na: 3\nb: 7']
  assert [chart.values[0][0], chart.values[-1][0]] == [52, 408] and chart.by_x
  n = 100_000
  long = charts.lines({'a': (range(n), range(n))}, 't').values
  assert 100 < len(long) <= 200 and long[-1][2] == 'step 99999\na: 1e+05'
  (read,) = re.findall('data-values="(.*?)"', html(chart))
  assert json.loads(unescape(read)) == [list(value) for value in chart.values]


def test_values_lie_in_the_middle_of_their_marks():
  chart = charts.bars({'a': 4.0, 'b': 2.0}, 't')
  (a, b) = chart.values
  assert (a[2], b[2]) == ('a: 4', 'b: 2') and a[0] - 12 == 2 * (b[0] - 12) and not chart.by_x
  row = {'a - b': (2.0, [1.0], 1.5, 2.5)}
  assert [text for *_, text in charts.intervals(row, 't').values] == [
    'a - b: 1.5 to 2.5 over images',
    'a - b: 1 with one seed',
    'a - b: 2, the mean over seeds',
  ]


def test_long_names_are_cut_above_their_rows_only():
  name = 'a_long_name_' * 10
  text = html(charts.bars({name: 1.0}, 't'))
  assert f'>{name[:59]}…</text>' in text and f'<title>{name}: 1</title>' in text


def test_values_of_bars_have_equally_many_decimals():
  text = html(charts.bars({'a': 14.9, 'b': 14.953, 'c': 4.0}, 't'))
  assert all(f'>{value}</text>' in text for value in ('14.90', '14.95', '4.00'))
