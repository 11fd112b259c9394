"""Charts as SVG within a page: sharp at any size, in the page's colors, light or dark.

The functions compute where marks lie; templates/macros.html draws them, charts.css gives them their
looks, and chart.js shows the value next to a pointer, a finger, or the focus. That takes about a
millisecond, so training can redraw its page at each checkpoint.
"""

from collections.abc import Collection, Mapping, Sequence
import math

import numpy as np

from cyclegan_jax.metrics.catalog import Metric
from cyclegan_jax.reports import svg
from cyclegan_jax.reports.svg import Chart, HEIGHT, Scale, Values, WIDTH

Curve = tuple[Values, Values]

# charts.css has so many colors with dashes, .s0 and so on.
_LOOKS = 12
_LEFT, _RIGHT, _TOP, _BOTTOM = 52, 12, 10, 30
# Each point is marked if there are at most this many.
_FEW_POINTS = 30
# So many places of a chart of lines show their values.
_MOST_VALUES = 200
# In charts with one row for each label: the label stands above its marks.
_ROW_HEIGHT, _ROW_MIDDLE = 46, 30
# Bars are lower, and right of the longest there is room for its value.
_BAR_ROW, _BAR_MIDDLE, _VALUE_ROOM = 34, 23, 44
_LONGEST = 60  # Characters of a row's label.
# Up to this many images are drawn as points over their box.
_MOST_DOTS = 400


def lines(
  series: Mapping[str, Curve],
  title: str,
  unit: str = '',
  x_label: str = 'step',
  thin: Mapping[str, Sequence[Curve]] | None = None,
  marked: tuple[float, str] | None = None,
) -> Chart | None:
  """Draws one line per series; None if no value is finite. The legend has the last values in words.

  Args:
    series: name -> (x, y), of equal length; values that are not finite leave gaps, and an empty
      series takes up its color only.
    title: of the chart.
    unit: of y, after the title.
    x_label: what x counts.
    thin: name -> curves that are drawn thinly in the color of the series, one per seed.
    marked: an x that a vertical line marks, and what it is.
  """
  thin = thin or {}
  curves = [*series.values(), *(curve for curves in thin.values() for curve in curves)]
  xs, ys = (np.concatenate(axis) for axis in zip(([], []), *curves))
  xs, ys = xs[np.isfinite(ys)], ys[np.isfinite(ys)]
  if not ys.size:
    return None
  across, x_ticks = svg.axis(xs, _LEFT, WIDTH - _RIGHT)
  down, y_ticks = svg.axis(ys, HEIGHT - _BOTTOM, _TOP)
  description = (
    f'{title} over {x_label}s {xs.min():.6g} to {xs.max():.6g}; the last values are in the list.'
  )
  marks, legend = [svg.text(8, HEIGHT - 10, x_label)], []
  for value in y_ticks:
    y = down(value)
    marks.append(svg.mark('line', 'rule', x1=_LEFT, y1=y, x2=WIDTH - _RIGHT, y2=y))
    marks.append(svg.text(_LEFT - 6, y + 4, f'{value:.6g}', 'end'))
  marks += [svg.text(across(value), HEIGHT - 10, f'{value:.6g}', 'middle') for value in x_ticks]
  if marked and xs.min() <= marked[0] <= xs.max():
    x = across(marked[0])
    marks.append(svg.mark('line', 'zero', marked[1], x1=x, y1=_TOP, x2=x, y2=HEIGHT - _BOTTOM))
    description += f' A line marks {x_label} {marked[0]:.6g}: {marked[1]}.'
  for i, (name, (xs, ys)) in enumerate(series.items()):
    look = i % _LOOKS
    marks += [svg.path(f'line thin s{look}', *curve, across, down) for curve in thin.get(name, ())]
    if not len(ys):
      continue
    marks.append(svg.path(f'line s{look}', xs, ys, across, down))
    for x, y in zip(xs, ys) if len(xs) <= _FEW_POINTS else ():
      if math.isfinite(y):
        text = f'{name}, {x_label} {x:.6g}: {y:.4g}'
        marks.append(svg.mark('circle', f'p{look}', text, r=2.5, cx=across(x), cy=down(y)))
    last = f'{ys[-1]:.4g}' if math.isfinite(ys[-1]) else 'undefined'
    legend.append((f's{look}', f'{name}: {last}'))
  values = _values(series, x_label, across, down)
  return Chart(_titled(title, unit), description, marks, legend, values=values, by_x=True)


def boxes(rows: Mapping[str, np.ndarray], title: str, unit: str = '') -> Chart | None:
  """Draws a box per row: quartiles and median, a dashed mean, whiskers; None if nothing is finite.

  Whiskers reach to the last values within 1.5 times the box's length; values beyond are points,
  and all are where there are few. Rows are label -> float [n]; values that are not finite are left
  out. The unit stands after the title.
  """
  finite = {label: values[np.isfinite(values)] for label, values in rows.items()}
  every = np.concatenate([*finite.values(), []])
  if not every.size:
    return None
  chart, across, middles = _rows(finite, every, title, unit)
  jitter = np.random.default_rng(0)
  for i, (middle, (label, values)) in enumerate(zip(middles, finite.items())):
    if not values.size:
      continue
    low, median, high = np.percentile(values, (25, 50, 75))
    reach = 1.5 * (high - low)
    inside = values[(values >= low - reach) & (values <= high + reach)]
    left, right = across(low), across(high)
    text = f'{label}: median {median:.4g}, quartiles {low:.4g} and {high:.4g}'
    look = f'line s{i % _LOOKS} solid'
    for end, side in ((inside.min(), left), (inside.max(), right)):
      chart.marks.append(svg.mark('line', look, x1=across(end), y1=middle, x2=side, y2=middle))
    dots = values
    if values.size > _MOST_DOTS:
      dots = values[(values < inside.min()) | (values > inside.max())]
    for value, y in zip(dots, middle + jitter.uniform(-6, 6, dots.size)):
      dot = f'faint p{i % _LOOKS}', f'{label}: {value:.4g}'
      chart.marks.append(svg.mark('circle', *dot, r=1.6, cx=across(value), cy=y))
    box = {'x': left, 'y': middle - 9, 'width': right - left, 'height': 18}
    chart.marks.append(svg.mark('rect', look, text, **box))
    chart.marks.append(svg.tick(f'{look} thick', text, across(median), middle))
    mean = values.mean()
    chart.marks.append(svg.tick('mean', f'{label}: mean {mean:.4g}', across(mean), middle))
  return svg.with_values(chart)


def bars(
  rows: Mapping[str, float],
  title: str,
  unit: str = '',
  chosen: Collection[str] = (),
  seeds: Mapping[str, Sequence[float]] | None = None,
) -> Chart | None:
  """Draws a bar from zero per row with its value, chosen rows in color; None without any value.

  Rows are label -> value; those that are not finite have a dash. The unit stands after the title.
  Seeds are label -> the values that a row is the mean of, drawn as circles.
  """
  seeds = seeds or {}
  every = [*rows.values(), *(value for values in seeds.values() for value in values)]
  finite = [value for value in every if math.isfinite(value)]
  if not finite:
    return None
  decimals = _decimals(finite)
  chart, across, middles = _rows(
    rows, [0.0, *finite], title, unit, _VALUE_ROOM, _BAR_ROW, _BAR_MIDDLE
  )
  for middle, (label, value) in zip(middles, rows.items()):
    if not math.isfinite(value):
      chart.marks.append(svg.text(across(0), middle + 5, '-'))
      continue
    low, high = sorted((across(0), across(value)))
    box = {'x': low, 'y': middle - 6, 'width': high - low, 'height': 12}
    kind = 'whole p0' if label in chosen else 'whole other'
    chart.marks.append(svg.mark('rect', kind, f'{label}: {value:.{decimals}f}{unit}', **box))
    points = [point for point in seeds.get(label, ()) if math.isfinite(point)]
    for point in points:
      text = f'{label}: {point:.{decimals}f}{unit} with one seed'
      chart.marks.append(svg.mark('circle', 'ring', text, r=3, cx=across(point), cy=middle))
    end = max([high, *map(across, points)])
    chart.marks.append(svg.text(end + 6, middle + 4, f'{value:.{decimals}f}'))
  return svg.with_values(chart)


def standing(
  rows: Mapping[str, float],
  metric: Metric,
  chosen: Collection[str],
  seeds: Mapping[str, Sequence[float]] | None = None,
) -> Chart | None:
  """Draws `bars` of a metric, the best row first; NaN comes last."""
  key = lambda item: math.inf if math.isnan(item[1]) else -metric.better * item[1]
  side = {1: ': longer is better', -1: ': shorter is better', 0: ''}[metric.better]
  title = f'{metric.title[0].upper()}{metric.title[1:]}{side}'
  return bars(dict(sorted(rows.items(), key=key)), title, metric.unit, chosen, seeds)


def _decimals(values: Sequence[float]) -> int:
  """Digits after the point for all, of which the largest has at most four digits in all."""
  largest = max(map(abs, values))
  most = max(0, 3 - math.floor(math.log10(largest))) if largest else 0
  shown = [f'{value:.{most}f}'.rstrip('0').partition('.')[2] for value in values]
  return max(map(len, shown))


def intervals(
  rows: Mapping[str, tuple[float, Sequence[float], float | None, float | None]],
  title: str,
  unit: str = '',
) -> Chart | None:
  """Draws differences, a row each: the interval as a bar, seeds as circles, the mean as a tick.

  Rows are label -> (mean, one value per seed, low and high end of the interval or None); without
  any, there is no chart. The unit stands after the title.
  """
  if not rows:
    return None
  ends = [value for mean, seeds, *interval in rows.values() for value in (mean, *seeds, *interval)]
  known = [0.0, *(value for value in ends if value is not None)]
  chart, across, middles = _rows(rows, known, title, unit)
  zero = {'x1': across(0), 'y1': _TOP, 'x2': across(0), 'y2': chart.height - _BOTTOM}
  chart.marks.insert(0, svg.mark('line', 'zero', **zero))  # Below the labels.
  for middle, (label, (mean, seeds, low, high)) in zip(middles, rows.items()):
    if low is not None and high is not None:
      text = f'{label}: {low:.3g} to {high:.3g} over images'
      bar = {'x': across(low), 'y': middle - 4, 'width': across(high) - across(low), 'height': 8}
      chart.marks.append(svg.mark('rect', 'bar p0', text, **bar))
    for value in seeds:
      text = f'{label}: {value:.3g} with one seed'
      chart.marks.append(svg.mark('circle', 'ring', text, r=3.5, cx=across(value), cy=middle))
    chart.marks.append(
      svg.tick('tick', f'{label}: {mean:.3g}, the mean over seeds', across(mean), middle)
    )
  return svg.with_values(chart)


def _values(
  series: Mapping[str, Curve], x_label: str, across: Scale, down: Scale
) -> list[tuple[float, float, str]]:
  """At each x the values of all series that have one, as one text of several lines."""
  curves = {
    name: (np.asarray(xs, float), np.asarray(ys, float)) for name, (xs, ys) in series.items()
  }
  places = np.unique(np.concatenate([xs[np.isfinite(ys)] for xs, ys in curves.values()]))
  # Counted from the end, so that the last values are always there.
  places = places[:: -max(1, -(-len(places) // _MOST_VALUES))][::-1]
  found: dict[float, list[tuple[str, float]]] = {}
  for name, (xs, ys) in curves.items():
    shown = np.isin(xs, places) & np.isfinite(ys)
    for x, y in zip(xs[shown].tolist(), ys[shown].tolist()):
      found.setdefault(x, []).append((name, y))
  return [
    (
      round(across(x), 1),
      round(down(named[0][1]), 1),
      '\n'.join([f'{x_label} {x:.6g}', *(f'{name}: {y:.4g}' for name, y in named)]),
    )
    for x, named in sorted(found.items())
  ]


def _rows(
  labels: Collection[str],
  values: Values,
  title: str,
  unit: str,
  room: int = 0,
  row: int = _ROW_HEIGHT,
  middle: int = _ROW_MIDDLE,
) -> tuple[Chart, Scale, list[int]]:
  """An empty chart with a row for each label, x to its place, and the middles of the rows.

  Right of the largest value there is some room.
  """
  bottom = _TOP + row * len(labels)
  tops = range(_TOP, bottom, row)
  across, ticks = svg.axis(values, _RIGHT, WIDTH - _RIGHT - room)
  marks = []
  for value in ticks:
    x = across(value)
    marks.append(svg.mark('line', 'rule', x1=x, y1=_TOP, x2=x, y2=bottom))
    marks.append(svg.text(x, bottom + 16, f'{value:.6g}', 'middle'))
  marks += [svg.text(_RIGHT, top + 12, _cut(label)) for top, label in zip(tops, labels)]
  description = f'{title}: {", ".join(labels)}'
  chart = Chart(_titled(title, unit), description, marks, height=bottom + _BOTTOM)
  return chart, across, [top + middle for top in tops]


def _cut(label: str) -> str:
  """What fits above a row; the value of a mark has the whole label."""
  return label if len(label) <= _LONGEST else f'{label[: _LONGEST - 1]}…'


def _titled(title: str, unit: str) -> str:
  return f'{title} ({unit.strip()})' if unit else title
