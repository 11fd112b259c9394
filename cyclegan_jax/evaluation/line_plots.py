"""Curves over steps, drawn with Pillow."""

from collections.abc import Mapping, Sequence
import dataclasses
import math

import numpy as np
from PIL import Image, ImageDraw

from cyclegan_jax.evaluation import canvas

# Okabe & Ito 2008, "Color Universal Design"; their yellow is too pale for lines on white.
PALETTE = (
    (0, 114, 178), (213, 94, 0), (0, 158, 115), (204, 121, 167),
    (230, 159, 0), (86, 180, 233), (0, 0, 0))
GRID_COLOUR = (225, 225, 225)
AXIS_COLOUR = (90, 90, 90)
TITLE_SIZE, LABEL_SIZE, TICK_SIZE = 16, 13, 12
PAD = 8
SWATCH = 22  # Length of the line in the legend.
LARGEST = 1e100  # Far from where differences and powers overflow.
OVERSAMPLING = 4
LINE_WIDTH, POINT_RADIUS, DASH = 2, 3, 6
FEW_POINTS = 30  # Up to this many, each is marked.


@dataclasses.dataclass(frozen=True)
class _Axis:
  """One axis: data range (in log10 if log), its ticks, and its pixels from low to high."""

  low: float
  high: float
  ticks: tuple[tuple[float, str], ...]
  start: float
  end: float
  log: bool

  def pixels(self, values: np.ndarray) -> np.ndarray:
    position = np.log10(values) if self.log else np.asarray(values)
    return self.start + (position - self.low) / (self.high - self.low) * (self.end - self.start)


def line_plot(
    series: Mapping[str, tuple[Sequence[float], Sequence[float]]],
    title: str,
    x_label: str,
    y_label: str,
    size: tuple[int, int] = (640, 400),
    log_y: bool = False,
) -> np.ndarray:
  """Lines in one frame with ticks and, on the right, a legend.

  Points are joined in the order given. Values that cannot be shown (NaN, infinite, above
  1e100 in size, or y below 1e-100 on a logarithmic axis) interrupt the line. Lone points, and all
  points of series of at most 30, are marked by dots. From the eighth series on, colours
  return with dashed lines. The legend names as many series as it has room for. Text that
  does not fit is cut and ends in '…'.

  Args:
    series: name -> (x, y), two sequences of equal length; may be empty.
    title: above the frame.
    x_label: below the frame.
    y_label: left of the frame, upright.
    size: width and height of the picture in pixels, at least 240 x 160.
    log_y: whether the y axis is logarithmic.

  Returns:
    uint8 [size[1], size[0], 3].

  Raises:
    ValueError: x and y of a series differ in length or are not one-dimensional, or the
      size is too small.
  """
  if size[0] < 240 or size[1] < 160:
    raise ValueError(f"size must be at least (240, 160), found {size}")
  curves = {name: _visible(name, *xy, log_y) for name, xy in series.items()}
  x_axis, y_axis = _axes(curves, size, log_y)
  picture = Image.new("RGB", size, canvas.WHITE)
  _draw_frame(picture, x_axis, y_axis)
  for index, (x, y) in enumerate(curves.values()):
    points = np.stack([x_axis.pixels(x), y_axis.pixels(y)], axis=1)
    _draw_curve(picture, points, index)
  middle = ((x_axis.start + x_axis.end) / 2, (y_axis.start + y_axis.end) / 2)
  if not any(np.isfinite(x).any() for x, _ in curves.values()):
    canvas.draw_text(picture, middle, "no data", TITLE_SIZE, "mm", AXIS_COLOUR)
  title = canvas.shorten(title, TITLE_SIZE, size[0] - 2 * PAD)
  canvas.draw_text(picture, (size[0] / 2, PAD), title, TITLE_SIZE, "ma")
  x_label = canvas.shorten(x_label, LABEL_SIZE, round(x_axis.end - x_axis.start))
  canvas.draw_text(picture, (middle[0], size[1] - PAD), x_label, LABEL_SIZE, "md")
  y_label = canvas.shorten(y_label, LABEL_SIZE, round(y_axis.start - y_axis.end))
  left = PAD + canvas.line_height(LABEL_SIZE) / 2
  canvas.draw_rotated_text(picture, (left, middle[1]), y_label, LABEL_SIZE)
  _draw_legend(picture, list(curves), x_axis.end + 2 * PAD, y_axis)
  return np.array(picture)


def _visible(
    name: str, x: Sequence[float], y: Sequence[float], log_y: bool
) -> tuple[np.ndarray, np.ndarray]:
  """Both as float64, NaN where a point cannot be shown."""
  x, y = np.asarray(x, np.float64), np.asarray(y, np.float64)
  if x.ndim != 1 or x.shape != y.shape:
    raise ValueError(
        f"x and y of series {name!r} must be sequences of equal length, "
        f"found shapes {x.shape} and {y.shape}")
  shown = (np.abs(x) <= LARGEST) & (np.abs(y) <= LARGEST) & ((y >= 1 / LARGEST) | (not log_y))
  return np.where(shown, x, np.nan), np.where(shown, y, np.nan)


def _axes(
    curves: Mapping[str, tuple[np.ndarray, np.ndarray]], size: tuple[int, int], log_y: bool
) -> tuple[_Axis, _Axis]:
  """Lays the frame out around labels, title and legend."""
  tick_height = canvas.line_height(TICK_SIZE)
  top = 2 * PAD + canvas.line_height(TITLE_SIZE)
  bottom = size[1] - 2 * PAD - tick_height - canvas.line_height(LABEL_SIZE)
  low, high = _range([y for _, y in curves.values()], log_y, 0.05)
  y_ticks = (_log_ticks if log_y else _linear_ticks)(
      low, high, max(2, (bottom - top) // (3 * tick_height)))
  widest = max((canvas.text_width(text, TICK_SIZE) for _, text in y_ticks), default=0)
  left = 3 * PAD + canvas.line_height(LABEL_SIZE) + widest
  legend = max((canvas.text_width(name, TICK_SIZE) for name in curves), default=0)
  right = size[0] - 3 * PAD
  if curves:
    right = size[0] - min(legend + SWATCH + 4 * PAD, size[0] // 3)
  y_axis = _Axis(low, high, y_ticks, bottom, top, log_y)
  low, high = _range([x for x, _ in curves.values()], False, 0.02)
  x_ticks = next(
      ticks for ticks in (_linear_ticks(low, high, count) for count in range(8, 0, -1))
      if len(ticks) < 2 or _fits(ticks, right - left))
  return _Axis(low, high, x_ticks, left, right, False), y_axis


def _fits(ticks: Sequence[tuple[float, str]], width: float) -> bool:
  widest = max(canvas.text_width(text, TICK_SIZE) for _, text in ticks)
  return (widest + 2 * PAD) * (len(ticks) + 1) <= width


def _range(values: list[np.ndarray], log: bool, margin: float) -> tuple[float, float]:
  """Lowest and highest shown value (log10 of them if log) with a margin; (0, 1) if none."""
  shown = np.concatenate([np.empty(0), *values])
  shown = shown[~np.isnan(shown)]
  if not shown.size:
    return 0.0, 1.0
  low, high = float(shown.min()), float(shown.max())
  if log:
    low, high = math.log10(low), math.log10(high)
  largest = max(abs(low), abs(high))
  if high - low <= 1e-9 * largest or high == low:
    room = 0.3 if log else 0.1 * largest or 1.0
    return low - room, high + room
  return low - margin * (high - low), high + margin * (high - low)


def _linear_ticks(low: float, high: float, count: int) -> tuple[tuple[float, str], ...]:
  """At most count + 1 ticks at multiples of 1, 2 or 5 times a power of ten."""
  least = (high - low) / count
  power = 10.0 ** math.floor(math.log10(least))
  step = next(m * power for m in (1, 2, 5, 10) if m * power >= least * (1 - 1e-9))
  numbers = range(math.ceil(low / step - 1e-6), math.floor(high / step + 1e-6) + 1)
  values = [number * step for number in numbers]
  exponent = math.floor(math.log10(step) + 1e-9)
  largest = max(map(abs, values), default=0)
  if 1e-3 <= largest < 1e6:
    return tuple((value, f"{value:.{max(0, -exponent)}f}") for value in values)
  digits = math.floor(math.log10(largest) + 1e-9) - exponent if largest else 0
  return tuple((value, _scientific(value, digits)) for value in values)


def _scientific(value: float, digits: int) -> str:
  mantissa, exponent = f"{value:.{digits}e}".split("e")
  return f"{mantissa}e{int(exponent)}" if value else "0"


def _log_ticks(low: float, high: float, count: int) -> tuple[tuple[float, str], ...]:
  """Powers of ten, with 2 and 5 times these or finer steps where few are in range."""
  decades = range(math.ceil(low), math.floor(high) + 1)
  if len(decades) >= 3:
    stride = -(-len(decades) // count)
    return tuple((10.0**d, _plain(10.0**d)) for d in decades if d % stride == 0)
  values = [
      m * 10.0**d for d in range(math.floor(low), math.floor(high) + 1) for m in (1, 2, 5)]
  values = [value for value in values if 10**low <= value <= 10**high]
  if len(values) >= 2:
    return tuple((value, _plain(value)) for value in values)
  return _linear_ticks(10**low, 10**high, count)


def _plain(value: float) -> str:
  return f"{value:.6g}" if 1e-3 <= value < 1e6 else _scientific(value, 0)


def _draw_frame(picture: Image.Image, x_axis: _Axis, y_axis: _Axis) -> None:
  draw = ImageDraw.Draw(picture)
  left, right, top, bottom = (
      round(edge) for edge in (x_axis.start, x_axis.end, y_axis.end, y_axis.start))
  for value, text in x_axis.ticks:
    x = round(float(x_axis.pixels(value)))
    draw.line([(x, top), (x, bottom)], fill=GRID_COLOUR)
    canvas.draw_text(picture, (x, bottom + PAD - 2), text, TICK_SIZE, "ma")
  for value, text in y_axis.ticks:
    y = round(float(y_axis.pixels(value)))
    draw.line([(left, y), (right, y)], fill=GRID_COLOUR)
    canvas.draw_text(picture, (left - PAD // 2 - 1, y), text, TICK_SIZE, "rm")
  draw.rectangle([left, top, right, bottom], outline=AXIS_COLOUR)


def _draw_curve(picture: Image.Image, points: np.ndarray, index: int) -> None:
  """Joins the points [n, 2] in pixels, interrupted where NaN; antialiased by reduction."""
  stencil = Image.new("L", [OVERSAMPLING * side for side in picture.size], 0)
  draw = ImageDraw.Draw(stencil)
  shown = ~np.isnan(points[:, 0])
  # Pillow puts whole numbers at the centre of pixels, a reduction does at their corner.
  enlarged = (points + 0.5) * OVERSAMPLING - 0.5
  edges = np.flatnonzero(np.diff(np.concatenate([[False], shown, [False]]).astype(int)))
  for start, stop in edges.reshape(-1, 2):
    run = enlarged[start:stop]
    for piece in _dashes(run) if index >= len(PALETTE) else [run]:
      draw.line(
          [tuple(point) for point in piece], fill=255, joint="curve",
          width=LINE_WIDTH * OVERSAMPLING)
    for x, y in run if shown.sum() <= FEW_POINTS or len(run) == 1 else ():
      radius = POINT_RADIUS * OVERSAMPLING
      draw.ellipse([x - radius, y - radius, x + radius, y + radius], fill=255)
  picture.paste(PALETTE[index % len(PALETTE)], (0, 0), stencil.reduce(OVERSAMPLING))


def _dashes(points: np.ndarray) -> list[np.ndarray]:
  """Every second piece, of DASH pixels each, of a line through the points [n, 2]."""
  lengths = np.hypot(*np.diff(points, axis=0).T)
  distance = np.concatenate([[0], np.cumsum(lengths)])
  stations = np.arange(0, distance[-1], DASH * OVERSAMPLING)
  ends = np.minimum(stations + DASH * OVERSAMPLING, distance[-1])
  at = [
      np.stack([np.interp(where, distance, column) for column in points.T], axis=1)
      for where in (stations, ends)]
  return list(np.stack(at, axis=1)[::2])


def _draw_legend(picture: Image.Image, names: list[str], left: float, y_axis: _Axis) -> None:
  row = canvas.line_height(TICK_SIZE) + PAD // 2
  room = max(1, int((y_axis.start - y_axis.end) // row))
  width = round(picture.size[0] - left - SWATCH - 2 * PAD)
  hidden = len(names) - room + 1 if len(names) > room else 0
  for index, name in enumerate(names[:len(names) - hidden]):
    y = y_axis.end + (index + 0.5) * row
    _draw_curve(picture, np.array([[left, y], [left + SWATCH, y]]), index)
    text = canvas.shorten(name, TICK_SIZE, width)
    canvas.draw_text(picture, (left + SWATCH + PAD, y), text, TICK_SIZE, "lm")
  if hidden:
    y = y_axis.end + (room - 0.5) * row
    text = canvas.shorten(f"{hidden} more", TICK_SIZE, width + SWATCH + PAD)
    canvas.draw_text(picture, (left, y), text, TICK_SIZE, "lm")
