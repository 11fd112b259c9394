"""Figures for papers: images in rows and columns, at a size in centimeters, as PDF or PNG.

Images are drawn pixel by pixel, without interpolation; text and frames are vectors.
"""

from collections.abc import Mapping, Sequence
import dataclasses
import io
import pathlib
from typing import Any, NamedTuple, TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
  from matplotlib.axes import Axes

_CM = 1 / 2.54
_TEXT = 8  # Points.
_GAP = 0.06  # Centimeters between images.
_FRAME = '#e8590c'
# The share of an image's width that an enlarged detail takes.
_INSET = 0.45
# Formats, and the resolution of a PNG file.
FORMATS = ('.pdf', '.png')
_DPI = 300


class Detail(NamedTuple):
  """A part of an image, in pixels from its upper left corner."""

  left: int
  top: int
  width: int
  height: int


@dataclasses.dataclass(frozen=True)
class Figure:
  """What is drawn.

  Attributes:
    columns: title -> an image for each row, uint8 or uint16 [height, width, 1 or 3], all of one
      size.
    row_titles: written to the left of the rows; may be empty texts.
    details: row -> a part that all images of the row show enlarged, in a corner.
    caption: below all; '' for none.
    colormap: Matplotlib's name, for images of one channel.
  """

  columns: Mapping[str, Sequence[np.ndarray]]
  row_titles: Sequence[str]
  details: Mapping[int, Detail] = dataclasses.field(default_factory=dict)
  caption: str = ''
  colormap: str = 'gray'


def encode(figure: Figure, width: float, suffix: str) -> bytes:
  """Draws a figure of a width in centimeters, as the content of a file of FORMATS."""
  from matplotlib import rc_context  # Late: slow to import.
  from matplotlib.figure import Figure as Canvas

  rows, columns = len(figure.row_titles), len(figure.columns)
  first = next(iter(figure.columns.values()))[0]
  left = 0.45 if any(figure.row_titles) else 0.0
  top, bottom = 0.45, 0.6 if figure.caption else 0.0
  cell = (width - left - _GAP * (columns - 1)) / columns
  cell_height = cell * first.shape[0] / first.shape[1]
  height = top + rows * cell_height + _GAP * (rows - 1) + bottom
  # Text stays text, so that journals can set it in their own fonts.
  with rc_context({'pdf.fonttype': 42, 'font.size': _TEXT}):
    canvas = Canvas(figsize=(width * _CM, height * _CM))
    for j, (title, column) in enumerate(figure.columns.items()):
      for i, image in enumerate(column):
        x = left + j * (cell + _GAP)
        y = height - top - cell_height - i * (cell_height + _GAP)
        box = (x / width, y / height, cell / width, cell_height / height)
        axes = canvas.add_axes(box)
        _show(axes, image, figure.colormap)
        if detail := figure.details.get(i):
          _enlarge(axes, image, detail, figure.colormap)
        if i == 0:
          axes.set_title(title, fontsize=_TEXT, pad=3)
        if j == 0 and figure.row_titles[i]:
          axes.text(
            -0.04,
            0.5,
            figure.row_titles[i],
            rotation=90,
            ha='right',
            va='center',
            transform=axes.transAxes,
          )
    if figure.caption:
      canvas.text(0.5, 0.1 / height, figure.caption, ha='center', va='bottom')
    buffer = io.BytesIO()
    # Without the date, so that equal figures are equal files.
    metadata: dict[str, Any] = {'CreationDate': None} if suffix == '.pdf' else {}
    canvas.savefig(buffer, format=suffix[1:], dpi=_DPI, metadata=metadata)
  return buffer.getvalue()


def _show(axes: 'Axes', image: np.ndarray, colormap: str) -> None:
  axes.set_axis_off()
  limit = np.iinfo(image.dtype).max
  if image.shape[-1] == 1:
    axes.imshow(image[..., 0], cmap=colormap, vmin=0, vmax=limit, interpolation='none')
  else:
    axes.imshow(image / limit, interpolation='none')


def _enlarge(axes: 'Axes', image: np.ndarray, detail: Detail, colormap: str) -> None:
  """Frames a part, and shows it enlarged in the corner that is farthest from it."""
  from matplotlib.patches import Rectangle

  height, width = image.shape[:2]
  corner = (detail.left - 0.5, detail.top - 0.5)
  frame = dict(fill=False, edgecolor=_FRAME, linewidth=0.8)
  axes.add_patch(Rectangle(corner, detail.width, detail.height, **frame))
  share = _INSET * detail.height / detail.width * width / height
  right = detail.left + detail.width / 2 < width / 2
  below = detail.top + detail.height / 2 < height / 2
  inset = axes.inset_axes(((1 - _INSET) * right, 0 if below else 1 - share, _INSET, share))
  rows = slice(detail.top, detail.top + detail.height)
  _show(inset, image[rows, detail.left : detail.left + detail.width], colormap)
  inset.add_patch(
    Rectangle((0, 0), 1, 1, transform=inset.transAxes, clip_on=False, **{**frame, 'linewidth': 1.2})
  )


def suffix_of(path: pathlib.Path) -> str:
  """Returns the format of a file name; '' if it is none of FORMATS."""
  suffix = path.suffix.lower()
  return suffix if suffix in FORMATS else ''
