"""Curves over steps, drawn with Matplotlib."""

from collections.abc import Mapping, Sequence

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
import numpy as np

# Okabe & Ito 2008, "Color Universal Design".
PALETTE = ('#0072B2', '#D55E00', '#009E73', '#CC79A7', '#E69F00', '#56B4E9')
DOTS_PER_INCH = 100
FEW_POINTS = 30  # Up to this many, each is marked.


def line_plot(
    series: Mapping[str, tuple[Sequence[float], Sequence[float]]],
    title: str,
    x_label: str,
    y_label: str,
    size: tuple[int, int] = (640, 400),
) -> np.ndarray:
  """Lines in one frame with ticks and a legend.

  Points are joined in the order given; values that are not finite interrupt the line.

  Args:
    series: name -> (x, y), two sequences of equal length.
    title: above the frame.
    x_label: below the frame.
    y_label: left of the frame.
    size: width and height of the picture in pixels.

  Returns:
    uint8 [size[1], size[0], 3].
  """
  figure, axes = frame(title, x_label, y_label, size)
  for name, (x, y) in series.items():
    axes.plot(x, y, label=name, marker='o' if len(x) <= FEW_POINTS else None, markersize=3)
  if series:
    figure.legend(loc='outside right upper')
  return pixels(figure)


def frame(title: str, x_label: str, y_label: str, size: tuple[int, int]) -> tuple[Figure, Axes]:
  """An empty frame to draw in, with a grid; arguments as in `line_plot`."""
  # No pyplot: it holds on to every figure and looks for a screen.
  figure = Figure([side / DOTS_PER_INCH for side in size], dpi=DOTS_PER_INCH, layout='constrained')
  axes = figure.add_subplot(title=title, xlabel=x_label, ylabel=y_label)
  axes.set_prop_cycle(color=PALETTE)
  axes.grid(color='0.9')
  return figure, axes


def pixels(figure: Figure) -> np.ndarray:
  """The drawn figure, uint8 [height, width, 3]."""
  drawing = FigureCanvasAgg(figure)
  drawing.draw()
  return np.asarray(drawing.buffer_rgba())[..., :3].copy()
