"""Marks of charts as SVG elements, and the scales that say where they lie."""

from collections.abc import Callable, Sequence
import math
from typing import Any, NamedTuple

import numpy as np

Values = Sequence[float] | np.ndarray
Scale = Callable[[float], float]

WIDTH, HEIGHT = 420, 240
_TICKS = 5
# More points than a screen has pixels only make the page large.
_MOST_POINTS = 800


class Mark(NamedTuple):
  """An SVG element: its text if it is `text`, else what shows when a pointer rests on it."""

  tag: str
  attributes: dict[str, Any]
  text: str = ''


class Chart(NamedTuple):
  """A chart as templates/macros.html draws it.

  The description is for those who cannot see it, marks are in the order they are drawn, and a
  legend has the CSS class of a line and the text beside it. Width and height are in units of marks.

  Attributes:
    values: (x, y, text) of what chart.js shows beside a pointer, in the order of the arrow keys.
    by_x: whether only x decides which of them is next to the pointer.
  """

  title: str
  description: str
  marks: list[Mark]
  legend: Sequence[tuple[str, str]] = ()
  width: int = WIDTH
  height: int = HEIGHT
  values: Sequence[tuple[float, float, str]] = ()
  by_x: bool = False


def axis(values: Values, start: float, end: float) -> tuple[Scale, list[float]]:
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


def path(kind: str, xs: Values, ys: Values, across: Scale, down: Scale) -> Mark:
  """A line, interrupted where a value is not finite."""
  # Counted from the end, so that the last point is always there.
  every = -max(1, -(-len(xs) // _MOST_POINTS))
  commands, is_on = [], False
  for x, y in zip(xs[::every][::-1], ys[::every][::-1]):
    if math.isfinite(y):
      commands.append(f'{"L" if is_on else "M"}{across(x):.1f} {down(y):.1f}')
    is_on = math.isfinite(y)
  return Mark('path', {'class': kind, 'd': ''.join(commands)})


def mark(tag: str, kind: str, text: str = '', **places: float) -> Mark:
  """An element with a CSS class, what is said of it, and its places."""
  return Mark(tag, {'class': kind, **{key: f'{value:.1f}' for key, value in places.items()}}, text)


def tick(kind: str, text: str, x: float, middle: float) -> Mark:
  """A short upright line."""
  return mark('line', kind, text, x1=x, y1=middle - 9, x2=x, y2=middle + 9)


def text(x: float, y: float, words: str, anchor: str = 'start') -> Mark:
  """Words that start, end or have their middle at a place."""
  return Mark('text', {'x': f'{x:.1f}', 'y': f'{y:.1f}', 'text-anchor': anchor}, words)


def with_values(chart: Chart) -> Chart:
  """Makes the texts of marks the values of a chart, at the middles of the marks."""
  values = []
  for one in chart.marks:
    if one.text and one.tag != 'text':
      at = {name: float(value) for name, value in one.attributes.items() if name != 'class'}
      if one.tag == 'circle':
        place = at['cx'], at['cy']
      elif one.tag == 'rect':
        place = at['x'] + at['width'] / 2, at['y'] + at['height'] / 2
      else:
        place = (at['x1'] + at['x2']) / 2, (at['y1'] + at['y2']) / 2
      values.append((round(place[0], 1), round(place[1], 1), one.text))
  return chart._replace(values=values)
