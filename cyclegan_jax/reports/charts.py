"""Charts as SVG within a page: sharp at any size, in the page's colors, light or dark.

The functions here compute where marks lie; templates/macros.html draws them and style.css gives
them their looks. That takes about a millisecond, so training can redraw its page at each
checkpoint.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
import dataclasses
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


@dataclasses.dataclass(frozen=True)
class Chart:
  """A chart as templates/macros.html draws it.

  Attributes:
    title: above the frame.
    description: what the chart shows, for those who cannot see it.
    marks: in the order they are drawn.
    width: of the frame, in units of the marks.
    height: likewise.
    legend: CSS class of a line and the text beside it.
  """

  title: str
  description: str
  marks: list[Mark]
  width: int = _WIDTH
  height: int = _HEIGHT
  legend: list[tuple[str, str]] = dataclasses.field(default_factory=list)


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
  description = (
    f'{title} over {x_label}s {xs.min():.6g} to {xs.max():.6g}; the last values are in the list.'
  )
  across, x_ticks = _axis(xs, _LEFT, _WIDTH - _RIGHT)
  down, y_ticks = _axis(ys, _HEIGHT - _BOTTOM, _TOP)
  marks = [_text(8, _HEIGHT - 10, x_label)]
  for value in y_ticks:
    y = down(value)
    marks += [
      _line('rule', _LEFT, y, _WIDTH - _RIGHT, y),
      _text(_LEFT - 6, y + 4, f'{value:.6g}', 'end'),
    ]
  marks += [_text(across(value), _HEIGHT - 10, f'{value:.6g}', 'middle') for value in x_ticks]
  legend = []
  for i, (name, (xs, ys)) in enumerate(series.items()):
    look = i % _LOOKS
    for seed_xs, seed_ys in thin.get(name, ()):
      marks.append(_path(f'line thin s{look}', seed_xs, seed_ys, across, down))
    if not len(ys):
      continue
    marks.append(_path(f'line s{look}', xs, ys, across, down))
    if len(xs) <= _FEW_POINTS:
      marks += [
        _dot(f'p{look}', across(x), down(y), f'{name}, {x_label} {x:.6g}: {y:.4g}')
        for x, y in zip(xs, ys)
        if math.isfinite(y)
      ]
    last = f'{ys[-1]:.4g}' if math.isfinite(ys[-1]) else 'undefined'
    legend.append((f's{look}', f'{name}: {last}'))
  return Chart(_titled(title, unit), description, marks, legend=legend)


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
  marks = chart.marks
  jitter = np.random.default_rng(0)
  for i, (middle, (label, values)) in enumerate(zip(middles, finite.items())):
    if not values.size:
      continue
    low, median, high = np.percentile(values, (25, 50, 75))
    reach = 1.5 * (high - low)
    inside = values[(values >= low - reach) & (values <= high + reach)]
    text = f'{label}: median {median:.4g}, quartiles {low:.4g} and {high:.4g}'
    color = f'line s{i % _LOOKS} solid'
    for ends in ((inside.min(), low), (high, inside.max())):
      marks.append(_line(color, across(ends[0]), middle, across(ends[1]), middle))
    few = values.size <= _MOST_DOTS
    dots = values if few else values[(values < inside.min()) | (values > inside.max())]
    offsets = jitter.uniform(-6, 6, dots.size) if few else np.zeros(dots.size)
    marks.extend(
      _dot(f'faint p{i % _LOOKS}', across(value), middle + offset, f'{label}: {value:.4g}', 1.6)
      for value, offset in zip(dots, offsets)
    )
    marks += [
      _box(color, across(low), across(high), middle, 18, text),
      _tick(f'{color} thick', across(median), middle, 9, text),
      _tick('mean', across(values.mean()), middle, 9, f'{label}: mean {values.mean():.4g}'),
    ]
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
  known = [
    value
    for mean, seeds, low, high in rows.values()
    for value in (0.0, mean, *seeds, low, high)
    if value is not None
  ]
  chart, across, middles = _rows(rows, known, title, unit)
  marks = chart.marks
  # Below the labels.
  marks.insert(0, _line('zero', across(0), _TOP, across(0), chart.height - _BOTTOM))
  for middle, (label, (mean, seeds, low, high)) in zip(middles, rows.items()):
    if low is not None and high is not None:
      text = f'{label}: {low:.3g} to {high:.3g} over images'
      marks.append(_box('bar p0', across(low), across(high), middle, 8, text))
    marks += [
      _dot('ring', across(value), middle, f'{label}: {value:.3g} with one seed', 3.5)
      for value in seeds
    ]
    text = f'{label}: {mean:.3g}, the mean over seeds'
    marks.append(_tick('tick', across(mean), middle, 10, text))
  return chart


def _rows(
  labels: Iterable[str], values: Values, title: str, unit: str
) -> tuple[Chart, Scale, list[float]]:
  """An empty chart with a row for each label, x to its place, and the middles of the rows."""
  labels = list(labels)
  bottom = _TOP + _ROW_HEIGHT * len(labels)
  across, ticks = _axis(values, _RIGHT, _WIDTH - _RIGHT)
  marks = [_line('rule', across(value), _TOP, across(value), bottom) for value in ticks]
  marks += [_text(across(value), bottom + 16, f'{value:.6g}', 'middle') for value in ticks]
  marks += [_text(_RIGHT, _TOP + _ROW_HEIGHT * i + 12, label) for i, label in enumerate(labels)]
  description = f'{title}: {", ".join(labels)}'
  frame = Chart(_titled(title, unit), description, marks, height=bottom + _BOTTOM)
  return frame, across, [_TOP + _ROW_HEIGHT * i + _ROW_MIDDLE for i in range(len(labels))]


def _titled(title: str, unit: str) -> str:
  return f'{title} ({unit.strip()})' if unit.strip() else title


def _axis(values: Values, start: float, end: float) -> tuple[Scale, list[float]]:
  """Maps the range of the values onto start..end; also returns round numbers in the range."""
  low, high = float(np.min(values)), float(np.max(values))
  if high - low <= 1e-9 * max(abs(low), abs(high)):  # A single value lies in the middle.
    margin = abs(low) / 10 or 1.0
    low, high = low - margin, high + margin
  rough = (high - low) / _TICKS
  power = 10.0 ** math.floor(math.log10(rough))
  step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= rough * 0.999)
  first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)

  def place(value: float) -> float:
    return start + (value - low) / (high - low) * (end - start)

  return place, [i * step for i in range(first, last + 1)]


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


def _line(kind: str, x1: float, y1: float, x2: float, y2: float, text: str = '') -> Mark:
  places = {name: f'{value:.1f}' for name, value in zip(('x1', 'y1', 'x2', 'y2'), (x1, y1, x2, y2))}
  return Mark('line', {'class': kind, **places}, text)


def _tick(kind: str, x: float, middle: float, half: float, text: str) -> Mark:
  return _line(kind, x, middle - half, x, middle + half, text)


def _dot(kind: str, x: float, y: float, text: str, radius: float = 2.5) -> Mark:
  return Mark('circle', {'class': kind, 'r': radius, 'cx': f'{x:.1f}', 'cy': f'{y:.1f}'}, text)


def _text(x: float, y: float, text: str, anchor: str = 'start') -> Mark:
  return Mark('text', {'x': f'{x:.1f}', 'y': f'{y:.1f}', 'text-anchor': anchor}, text)


def _box(kind: str, low: float, high: float, middle: float, height: float, text: str) -> Mark:
  place = {'x': f'{low:.1f}', 'y': f'{middle - height / 2:.1f}'}
  return Mark(
    'rect', {'class': kind, **place, 'width': f'{high - low:.1f}', 'height': height}, text
  )
