"""Empty frames for charts drawn with Matplotlib, and the pictures that they become."""

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
import numpy as np

# Okabe & Ito 2008, "Color Universal Design".
PALETTE = ('#0072B2', '#D55E00', '#009E73', '#CC79A7', '#E69F00', '#56B4E9')
DOTS_PER_INCH = 100
FEW_POINTS = 30  # Up to this many, each is marked.


def frame(title: str, x_label: str, y_label: str, size: tuple[int, int]) -> tuple[Figure, Axes]:
  """An empty frame to draw in, with a grid; `size` is width and height in pixels."""
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
