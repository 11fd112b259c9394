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

  Attributes:
    title: above the frame.
    description: what the chart shows, for those who cannot see it.
    marks: in the order they are drawn.
    legend: CSS class of a line and the text beside it.
    width: of the frame, in units of the marks.
    height: likewise.
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
) -> Chart | None:
  """Draws one line per series; the legend has the last value of each in words.

  Args:
    series: name -> (x, y), of equal length; values that are not finite leave gaps, and an empty
      series takes up its color only.
    title: of the chart.
    unit: of y, after the title.
    x_label: what x counts, such as 'step'.
    thin: name -> curves that are drawn thinly in the color of the series, one per seed.

  Returns:
    None if no value is finite.
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
    marks.append(_line('rule', _LEFT, down(value), _WIDTH - _RIGHT, down(value)))
    marks.append(_text(_LEFT - 6, down(value) + 4, f'{value:.6g}', 'end'))
  marks += [_text(across(value), _HEIGHT - 10, f'{value:.6g}', 'middle') for value in x_ticks]
  for i, (name, (xs, ys)) in enumerate(series.items()):
    look = i % _LOOKS
    marks += [_path(f'line thin s{look}', *curve, across, down) for curve in thin.get(name, ())]
    if not len(ys):
      continue
    marks.append(_path(f'line s{look}', xs, ys, across, down))
    for x, y in zip(xs, ys) if len(xs) <= _FEW_POINTS else ():
      if math.isfinite(y):
        marks.append(_dot(f'p{look}', across(x), down(y), f'{name}, {x_label} {x:.6g}: {y:.4g}'))
    last = f'{ys[-1]:.4g}' if math.isfinite(ys[-1]) else 'undefined'
    legend.append((f's{look}', f'{name}: {last}'))
  return Chart(_titled(title, unit), description, marks, legend)


def boxes(rows: Mapping[str, np.ndarray], title: str, unit: str = '') -> Chart | None:
  """Draws a box per row: quartiles and median, a dashed mean, whiskers.

  Whiskers reach to the last values within 1.5 times the box's length; values beyond are points,
  and all are where there are few.

  Args:
    rows: label -> float [n]; values that are not finite are left out.
    title: of the chart.
    unit: of the values, after the title.

  Returns:
    None if no value is finite.
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
    text = f'{label}: median {median:.4g}, quartiles {low:.4g} and {high:.4g}'
    look = i % _LOOKS
    color = f'line s{look} solid'
    for start, end in ((inside.min(), low), (high, inside.max())):
      chart.marks.append(_line(color, across(start), middle, across(end), middle))
    dots = values
    if values.size > _MOST_DOTS:
      dots = values[(values < inside.min()) | (values > inside.max())]
    for value, offset in zip(dots, jitter.uniform(-6, 6, dots.size)):
      place = across(value), middle + offset
      chart.marks.append(_dot(f'faint p{look}', *place, f'{label}: {value:.4g}', 1.6))
    mean = values.mean()
    chart.marks.append(_box(color, across(low), across(high), middle, 18, text))
    chart.marks.append(_tick(f'{color} thick', across(median), middle, 9, text))
    chart.marks.append(_tick('mean', across(mean), middle, 9, f'{label}: mean {mean:.4g}'))
  return chart


def intervals(
  rows: Mapping[str, tuple[float, Sequence[float], float | None, float | None]],
  title: str,
  unit: str = '',
) -> Chart | None:
  """Draws differences, a row each: the interval as a bar, seeds as circles, the mean as a tick.

  Args:
    rows: label -> (mean, one value per seed, low and high end of the interval or None).
    title: of the chart.
    unit: of the values, after the title.

  Returns:
    None without rows.
  """
  if not rows:
    return None
  ends = [value for mean, seeds, *interval in rows.values() for value in (mean, *seeds, *interval)]
  known = [0.0, *(value for value in ends if value is not None)]
  chart, across, middles = _rows(rows, known, title, unit)
  # Below the labels.
  chart.marks.insert(0, _line('zero', across(0), _TOP, across(0), chart.height - _BOTTOM))
  for middle, (label, (mean, seeds, low, high)) in zip(middles, rows.items()):
    if low is not None and high is not None:
      text = f'{label}: {low:.3g} to {high:.3g} over images'
      chart.marks.append(_box('bar p0', across(low), across(high), middle, 8, text))
    for value in seeds:
      text = f'{label}: {value:.3g} with one seed'
      chart.marks.append(_dot('ring', across(value), middle, text, 3.5))
    text = f'{label}: {mean:.3g}, the mean over seeds'
    chart.marks.append(_tick('tick', across(mean), middle, 10, text))
  return chart


def _rows(
  labels: Collection[str], values: Values, title: str, unit: str
) -> tuple[Chart, Scale, list[int]]:
  """An empty chart with a row for each label, x to its place, and the middles of the rows."""
  bottom = _TOP + _ROW_HEIGHT * len(labels)
  tops = range(_TOP, bottom, _ROW_HEIGHT)
  across, ticks = _axis(values, _RIGHT, _WIDTH - _RIGHT)
  marks = [_line('rule', across(value), _TOP, across(value), bottom) for value in ticks]
  marks += [_text(across(value), bottom + 16, f'{value:.6g}', 'middle') for value in ticks]
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


def _mark(tag: str, kind: str, text: str, **places: float) -> Mark:
  return Mark(tag, {'class': kind, **{key: f'{value:.1f}' for key, value in places.items()}}, text)


def _line(kind: str, x1: float, y1: float, x2: float, y2: float, text: str = '') -> Mark:
  return _mark('line', kind, text, x1=x1, y1=y1, x2=x2, y2=y2)


def _tick(kind: str, x: float, middle: float, half: float, text: str) -> Mark:
  return _line(kind, x, middle - half, x, middle + half, text)


def _dot(kind: str, x: float, y: float, text: str, radius: float = 2.5) -> Mark:
  return _mark('circle', kind, text, r=radius, cx=x, cy=y)


def _box(kind: str, low: float, high: float, middle: float, height: float, text: str) -> Mark:
  y = middle - height / 2
  return _mark('rect', kind, text, x=low, y=y, width=high - low, height=height)


def _text(x: float, y: float, text: str, anchor: str = 'start') -> Mark:
  return Mark('text', {'x': f'{x:.1f}', 'y': f'{y:.1f}', 'text-anchor': anchor}, text)
