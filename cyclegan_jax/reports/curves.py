"""Curves over training steps as SVG within a page: sharp at any size, in the page's colors.

Drawn in well under a millisecond, so that training can refresh its page at each checkpoint.
"""

from collections.abc import Mapping, Sequence
import html
import math

# Colors are style.css's --s0 to --s5; each line also has its own dashes.
_DASHES = ('', '7 3', '2 3', '9 3 2 3', '12 4', '4 2')
_WIDTH, _HEIGHT = 420, 240
_LEFT, _RIGHT, _TOP, _BOTTOM = 52, 12, 10, 30
_TICKS = 5
# Up to this many points, each is marked.
_FEW_POINTS = 30
# More points than a screen has pixels only make the page large.
_MOST_POINTS = 800

STYLE = (
  """
.chart { background: var(--card); border: 1px solid var(--line); border-radius: 8px;
  padding: .7rem .8rem; }
.chart h3 { margin: 0 0 .3rem; }
.chart svg { width: 100%; height: auto; display: block; }
.chart text { fill: var(--soft); font-size: 11px; }
.chart .rule { stroke: var(--line); stroke-width: 1; }
.chart .line { fill: none; stroke-width: 2; stroke-linejoin: round; }
.legend { list-style: none; display: flex; flex-wrap: wrap; gap: .1rem 1rem; padding: 0;
  margin: .4rem 0 0; font-size: .85rem; }
.legend svg { display: inline-block; width: 28px; height: 8px; margin-right: .4em; }
"""
  + ''.join(
    f'.s{i} {{ stroke: var(--s{i}); }} .p{i} {{ fill: var(--s{i}); }}' for i in range(len(_DASHES))
  )
  + '\n'
)


def chart(
  series: Mapping[str, tuple[Sequence[float], Sequence[float]]], title: str, unit: str = ''
) -> str:
  """A frame with one line per series, its legend, and each line's last value in words.

  Args:
    series: name -> (steps, values), of equal length; values that are not finite leave gaps, and
      an empty series takes up its color only.
    title: above the frame.
    unit: of the values, after the title.

  Returns:
    HTML; '' if no value is finite.
  """
  finite = [(x, y) for xs, ys in series.values() for x, y in zip(xs, ys) if math.isfinite(y)]
  if not finite:
    return ''
  (x_low, x_high), x_ticks = _axis([x for x, _ in finite])
  (y_low, y_high), y_ticks = _axis([y for _, y in finite])

  def place(x, y):
    across = (x - x_low) / (x_high - x_low) * (_WIDTH - _LEFT - _RIGHT)
    return _LEFT + across, _HEIGHT - _BOTTOM - (y - y_low) / (y_high - y_low) * (
      _HEIGHT - _TOP - _BOTTOM
    )

  parts, entries = [f'<text x="8" y="{_HEIGHT - 10}">step</text>'], []
  for value in y_ticks:
    _, y = place(x_low, value)
    parts.append(
      f'<line class="rule" x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{y:.1f}" '
      f'y2="{y:.1f}"/><text x="{_LEFT - 6}" y="{y + 4:.1f}" '
      f'text-anchor="end">{value:.6g}</text>'
    )
  for value in x_ticks:
    x, _ = place(value, y_low)
    parts.append(f'<text x="{x:.1f}" y="{_HEIGHT - 10}" text-anchor="middle">{value:.6g}</text>')
  for i, (name, (xs, ys)) in enumerate(series.items()):
    if not ys:
      continue
    kind, dashes = i % len(_DASHES), _DASHES[i % len(_DASHES)]
    dashed = f' stroke-dasharray="{dashes}"' if dashes else ''
    parts.append(f'<path class="line s{kind}"{dashed} d="{_path(xs, ys, place)}"/>')
    if len(xs) <= _FEW_POINTS:
      parts += [
        f'<circle class="p{kind}" r="2.5" cx="{x:.1f}" cy="{y:.1f}"/>'
        for x, y in (place(*point) for point in zip(xs, ys) if math.isfinite(point[1]))
      ]
    last = f'{ys[-1]:.4g}' if math.isfinite(ys[-1]) else 'no number'
    sample = (
      f'<svg viewBox="0 0 28 8" aria-hidden="true"><path class="line s{kind}"{dashed} '
      'd="M0 4H28"/></svg>'
    )
    entries.append(f'<li>{sample}{html.escape(name)}: {last}</li>')
  heading = html.escape(title + (f' ({unit})' if unit else ''))
  described = html.escape(
    f'{title} over steps {min(x for x, _ in finite):.6g} to '
    f'{max(x for x, _ in finite):.6g}; the last values are in the list.'
  )
  return (
    f'<div class="chart"><h3>{heading}</h3><svg viewBox="0 0 {_WIDTH} {_HEIGHT}" '
    f'role="img" aria-label="{described}">{"".join(parts)}</svg>'
    f'<ul class="legend" aria-label="Last values">{"".join(entries)}</ul></div>'
  )


def _axis(values: Sequence[float]) -> tuple[tuple[float, float], list[float]]:
  """The ends of an axis that holds the values, and round numbers on it."""
  low, high = min(values), max(values)
  if high - low <= 1e-9 * max(abs(low), abs(high)):  # A single value lies in the middle.
    margin = abs(low) / 10 or 1.0
    low, high = low - margin, high + margin
  rough = (high - low) / _TICKS
  power = 10.0 ** math.floor(math.log10(rough))
  step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= rough * 0.999)
  first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
  ticks = [i * step for i in range(first, last + 1)]
  return (low, high), ticks


def _path(xs: Sequence[float], ys: Sequence[float], place) -> str:
  """The SVG path of a line, interrupted where a value is not finite."""
  every = -(-len(xs) // _MOST_POINTS)
  # Counted from the end, so that the last point is always there.
  points = list(zip(xs, ys))[::-1][::every][::-1]
  commands, is_on = [], False
  for x, y in points:
    if math.isfinite(y):
      commands.append(('L' if is_on else 'M') + '{:.1f} {:.1f}'.format(*place(x, y)))
    is_on = math.isfinite(y)
  return ''.join(commands)
