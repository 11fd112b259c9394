"""Charts as SVG within a page: sharp at any size, in the page's colors, light or dark.

The functions compute where marks lie; templates/macros.html draws them, style.css gives them their
looks. That takes about a millisecond, so training can redraw its page at each checkpoint.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
import math
from typing import Any, NamedTuple

import numpy as np

Values = Sequence[float] | np.ndarray
Curve = tuple[Values, Values]
Scale = Callable[[float], float]

# style.css has so many colors with dashes, .s0 and so on.
_LOOKS = 12
_WIDTH, _HEIGHT = 420, 240
_LEFT, _RIGHT, _TOP, _BOTTOM = 52, 12, 10, 30
_TICKS = 5
# Each point is marked if there are at most this many.
_FEW_POINTS = 30
# More points than a screen has pixels only make the page large.
_MOST_POINTS = 800
# In charts with one row for each label: the label stands above its marks.
_ROW_HEIGHT, _ROW_MIDDLE = 46, 30
# Up to this many images are drawn as points over their box.
_MOST_DOTS = 400


class Mark(NamedTuple):
  """An SVG element: its text if it is `text`, else what shows when a pointer rests on it."""

  tag: str
  attributes: dict[str, Any]
  text: str = ''


class Chart(NamedTuple):
  """A chart as templates/macros.html draws it.

  The description is for those who cannot see it, marks are in the order they are drawn, and a
  legend has the CSS class of a line and the text beside it. Width and height are in units of marks.
  """

  title: str
  description: str
  marks: list[Mark]
  legend: Sequence[tuple[str, str]] = ()
  width: int = _WIDTH
  height: int = _HEIGHT


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
  across, x_ticks = _axis(xs, _LEFT, _WIDTH - _RIGHT)
  down, y_ticks = _axis(ys, _HEIGHT - _BOTTOM, _TOP)
  description = (
    f'{title} over {x_label}s {xs.min():.6g} to {xs.max():.6g}; the last values are in the list.'
  )
  marks, legend = [_text(8, _HEIGHT - 10, x_label)], []
  for value in y_ticks:
    y = down(value)
    marks.append(_mark('line', 'rule', x1=_LEFT, y1=y, x2=_WIDTH - _RIGHT, y2=y))
    marks.append(_text(_LEFT - 6, y + 4, f'{value:.6g}', 'end'))
  marks += [_text(across(value), _HEIGHT - 10, f'{value:.6g}', 'middle') for value in x_ticks]
  if marked and xs.min() <= marked[0] <= xs.max():
    x = across(marked[0])
    marks.append(_mark('line', 'zero', marked[1], x1=x, y1=_TOP, x2=x, y2=_HEIGHT - _BOTTOM))
    description += f' A line marks {x_label} {marked[0]:.6g}: {marked[1]}.'
  for i, (name, (xs, ys)) in enumerate(series.items()):
    look = i % _LOOKS
    marks += [_path(f'line thin s{look}', *curve, across, down) for curve in thin.get(name, ())]
    if not len(ys):
      continue
    marks.append(_path(f'line s{look}', xs, ys, across, down))
    for x, y in zip(xs, ys) if len(xs) <= _FEW_POINTS else ():
      if math.isfinite(y):
        text = f'{name}, {x_label} {x:.6g}: {y:.4g}'
        marks.append(_mark('circle', f'p{look}', text, r=2.5, cx=across(x), cy=down(y)))
    last = f'{ys[-1]:.4g}' if math.isfinite(ys[-1]) else 'undefined'
    legend.append((f's{look}', f'{name}: {last}'))
  return Chart(_titled(title, unit), description, marks, legend)


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
      chart.marks.append(_mark('line', look, x1=across(end), y1=middle, x2=side, y2=middle))
    dots = values
    if values.size > _MOST_DOTS:
      dots = values[(values < inside.min()) | (values > inside.max())]
    for value, y in zip(dots, middle + jitter.uniform(-6, 6, dots.size)):
      dot = f'faint p{i % _LOOKS}', f'{label}: {value:.4g}'
      chart.marks.append(_mark('circle', *dot, r=1.6, cx=across(value), cy=y))
    box = {'x': left, 'y': middle - 9, 'width': right - left, 'height': 18}
    chart.marks.append(_mark('rect', look, text, **box))
    chart.marks.append(_tick(f'{look} thick', text, across(median), middle))
    mean = values.mean()
    chart.marks.append(_tick('mean', f'{label}: mean {mean:.4g}', across(mean), middle))
  return chart


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
  chart.marks.insert(0, _mark('line', 'zero', **zero))  # Below the labels.
  for middle, (label, (mean, seeds, low, high)) in zip(middles, rows.items()):
    if low is not None and high is not None:
      text = f'{label}: {low:.3g} to {high:.3g} over images'
      bar = {'x': across(low), 'y': middle - 4, 'width': across(high) - across(low), 'height': 8}
      chart.marks.append(_mark('rect', 'bar p0', text, **bar))
    for value in seeds:
      text = f'{label}: {value:.3g} with one seed'
      chart.marks.append(_mark('circle', 'ring', text, r=3.5, cx=across(value), cy=middle))
    chart.marks.append(
      _tick('tick', f'{label}: {mean:.3g}, the mean over seeds', across(mean), middle)
    )
  return chart


def _rows(
  labels: Collection[str], values: Values, title: str, unit: str
) -> tuple[Chart, Scale, list[int]]:
  """An empty chart with a row for each label, x to its place, and the middles of the rows."""
  bottom = _TOP + _ROW_HEIGHT * len(labels)
  tops = range(_TOP, bottom, _ROW_HEIGHT)
  across, ticks = _axis(values, _RIGHT, _WIDTH - _RIGHT)
  marks = []
  for value in ticks:
    x = across(value)
    marks.append(_mark('line', 'rule', x1=x, y1=_TOP, x2=x, y2=bottom))
    marks.append(_text(x, bottom + 16, f'{value:.6g}', 'middle'))
  marks += [_text(_RIGHT, top + 12, label) for top, label in zip(tops, labels)]
  description = f'{title}: {", ".join(labels)}'
  chart = Chart(_titled(title, unit), description, marks, height=bottom + _BOTTOM)
  return chart, across, [top + _ROW_MIDDLE for top in tops]


def _titled(title: str, unit: str) -> str:
  return f'{title} ({unit.strip()})' if unit else title


def _axis(values: Values, start: float, end: float) -> tuple[Scale, list[float]]:
  """Maps the range of the values onto start..end; also returns round numbers in the range."""
  low, high = float(np.min(values)), float(np.max(values))
  if high - low <= 1e-9 * max(abs(low), abs(high)):  # A single value lies in the middle.
    margin = abs(low) / 10 or 1.0
    low, high = low - margin, high + margin
  rough = (high - low) / _TICKS
  power = 10.0 ** math.floor(math.log10(rough))
  step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= rough * 0.999)
  ticks = range(math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9) + 1)
  return lambda value: start + (value - low) / (high - low) * (end - start), [
    i * step for i in ticks
  ]


def _path(kind: str, xs: Values, ys: Values, across: Scale, down: Scale) -> Mark:
  """A line, interrupted where a value is not finite."""
  # Counted from the end, so that the last point is always there.
  every = -max(1, -(-len(xs) // _MOST_POINTS))
  commands, is_on = [], False
  for x, y in zip(xs[::every][::-1], ys[::every][::-1]):
    if math.isfinite(y):
      commands.append(f'{"L" if is_on else "M"}{across(x):.1f} {down(y):.1f}')
    is_on = math.isfinite(y)
  return Mark('path', {'class': kind, 'd': ''.join(commands)})


def _mark(tag: str, kind: str, text: str = '', **places: float) -> Mark:
  return Mark(tag, {'class': kind, **{key: f'{value:.1f}' for key, value in places.items()}}, text)


def _tick(kind: str, text: str, x: float, middle: float) -> Mark:
  return _mark('line', kind, text, x1=x, y1=middle - 9, x2=x, y2=middle + 9)


def _text(x: float, y: float, text: str, anchor: str = 'start') -> Mark:
  return Mark('text', {'x': f'{x:.1f}', 'y': f'{y:.1f}', 'text-anchor': anchor}, text)
