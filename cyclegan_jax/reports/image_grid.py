"""Pictures for people: grids of images and maps of errors.

All functions return uint8 [height, width, 3] on a white ground. Text uses Pillow's built-in font,
which knows little beyond ASCII.
"""

from collections.abc import Sequence
import functools

import numpy as np
from PIL import Image, ImageDraw, ImageFont

GAP = 6  # Between cells, and around the whole grid.
TITLE_SIZE = 14
MINIMUM_CELL = 96
ROW_TITLE_WIDTH = 120
PAPER_COLUMNS = 8

# Black, violet, red, orange, pale yellow: lightness rises evenly from 0 to 97 %.
ERROR_COLORS = ((0, 0, 0), (84, 15, 109), (203, 50, 66), (245, 154, 24), (252, 250, 200))
ERROR_FULL_SCALE = 0.5
UNDEFINED_COLOR = (0, 158, 115)  # Green, which the map does not contain.


def grid(
  rows: Sequence[Sequence[np.ndarray]],
  titles: Sequence[str] | None = None,
  row_titles: Sequence[str] | None = None,
  cell_size: tuple[int, int] | None = None,
) -> np.ndarray:
  """Draws images in rows and columns of equal cells.

  An image is enlarged by the largest whole factor that fits its cell, every pixel becoming a
  square; an image larger than the cell is reduced with antialiasing. It keeps its aspect and is
  centered. Rows may have different lengths.

  Cells are 6 pixels apart and 6 from the border. A row is higher than its cells if its title needs
  it.

  Args:
    rows: images [height, width, 1 or 3], uint8, or uint16 to be shown as value / 257.
    titles: one per column, written above it; broken into lines at spaces, and cut if a word is
      wider than the cell.
    row_titles: one per row, written to its left in at most 120 pixels.
    cell_size: height and width of the cells in pixels. By default those of the largest image,
      times the smallest whole factor that makes both at least 96 pixels.

  Raises:
    ValueError: no image, or one of another shape; too few or many titles; cell_size is below 1.
    TypeError: an image that is neither uint8 nor uint16.
  """
  images = [[to_rgb8(image) for image in row] for row in rows]
  n_columns = max((len(row) for row in images), default=0)
  if n_columns == 0:
    raise ValueError('grid needs at least one image')
  for name, texts, count in (('titles', titles, n_columns), ('row_titles', row_titles, len(rows))):
    if texts is not None and len(texts) != count:
      raise ValueError(f'{name} must have {count} entries, found {len(texts)}')
  height, width = cell_size or _default_cell_size(images)
  if min(height, width) < 1:
    raise ValueError(f'cell_size must be at least 1, found {cell_size}')
  line = line_height()
  title_lines = [_wrapped(text, width) for text in titles or ()]
  row_lines = [_wrapped(text, ROW_TITLE_WIDTH) for text in row_titles or [''] * len(rows)]
  widths = [_text_width(text) for lines in row_lines for text in lines]
  left = GAP + (max(widths) + GAP if widths else 0)
  n_title_lines = max(map(len, title_lines), default=0)
  top = GAP + (n_title_lines * line + GAP if n_title_lines else 0)
  heights = [max(height, line * len(lines)) for lines in row_lines]
  tops = top + np.cumsum([0] + [h + GAP for h in heights])
  lefts = left + (width + GAP) * np.arange(n_columns + 1)

  picture = Image.new('RGB', (int(lefts[-1]), int(tops[-1])), 'white')
  for x, lines in zip(lefts, title_lines):
    _draw_lines(picture, lines, x + width / 2, top - GAP - line * len(lines), 'ma')
  for y, row_height, lines, row in zip(tops, heights, row_lines, images):
    _draw_lines(picture, lines, GAP, y + (row_height - line * len(lines)) / 2, 'la')
    for x, image in zip(lefts, row):
      fitted = Image.fromarray(_fit(image, height, width))
      right, below = (width - fitted.width) // 2, (row_height - fitted.height) // 2
      picture.paste(fitted, (int(x) + right, int(y) + below))
  return np.array(picture)


def paper_grid(pairs: Sequence[tuple[np.ndarray, np.ndarray]]) -> np.ndarray:
  """Draws (real, generated) images as figures 2 to 5 of the paper: 8 columns, real ones odd.

  Fewer than four pairs give fewer columns; the last row may be incomplete.
  """
  images = [image for pair in pairs for image in pair]
  rows = [images[i : i + PAPER_COLUMNS] for i in range(0, len(images), PAPER_COLUMNS)]
  return grid(rows, titles=['Real', 'Generated'] * (len(rows[0]) // 2))


def error_map(reference: np.ndarray, image: np.ndarray, max_value: float) -> np.ndarray:
  """Draws the absolute error of each pixel, averaged over channels, as a color.

  The scale is linear: 0 is black, then violet (1/8 of max_value), red (1/4), orange (3/8), and
  pale yellow from half of max_value on, as larger errors are rare. Lightness rises with the error,
  so the map can be read in gray as well. NaN is green.

  Both images are [height, width, 1 or 3] of any real dtype, values 0..max_value, 255 for instance.

  Raises:
    ValueError: the shapes differ or are not [height, width, 1 or 3].
  """
  x, y = (np.asarray(values, np.float64) for values in (reference, image))
  if x.shape != y.shape:
    raise ValueError(f'images must have the same shape, found {x.shape} and {y.shape}')
  _check_shape(x)
  with np.errstate(invalid='ignore'):
    error = np.abs(x - y).mean(axis=2) / max_value
  anchors = np.linspace(0, ERROR_FULL_SCALE, len(ERROR_COLORS))
  channels = [np.interp(error, anchors, channel) for channel in zip(*ERROR_COLORS)]
  colors = np.stack(channels, axis=-1)
  colors[np.isnan(error)] = UNDEFINED_COLOR
  return np.round(colors).astype(np.uint8)


def _check_shape(image: np.ndarray) -> None:
  if image.ndim != 3 or image.shape[2] not in (1, 3) or image.size == 0:
    raise ValueError(f'an image must be [height, width, 1 or 3], found {image.shape}')


def to_rgb8(image: np.ndarray) -> np.ndarray:
  """Converts uint8, or uint16 as value / 257, [height, width, 1 or 3] to uint8 [..., 3]."""
  image = np.asarray(image)
  _check_shape(image)
  if image.dtype not in (np.uint8, np.uint16):
    raise TypeError(f'an image must be uint8 or uint16, found {image.dtype}')
  if image.dtype == np.uint16:
    image = np.round(image / 257).astype(np.uint8)
  return np.broadcast_to(image, (*image.shape[:2], 3))


def _default_cell_size(images: list[list[np.ndarray]]) -> tuple[int, int]:
  height, width = np.max([image.shape[:2] for row in images for image in row], axis=0)
  scale = max(1, -(-MINIMUM_CELL // min(height, width)))
  return int(height * scale), int(width * scale)


def _fit(image: np.ndarray, height: int, width: int) -> np.ndarray:
  """Enlarges by a whole factor or reduces so that the image fits into the cell."""
  ratio = min(height / image.shape[0], width / image.shape[1])
  if ratio >= 1:
    return image.repeat(int(ratio), axis=0).repeat(int(ratio), axis=1)
  size = max(1, round(image.shape[1] * ratio)), max(1, round(image.shape[0] * ratio))
  return np.asarray(Image.fromarray(image).resize(size, Image.Resampling.LANCZOS))


def line_height() -> int:
  """Returns the distance between two lines of a title in pixels."""
  return sum(_font().getmetrics())


@functools.cache
def _font() -> ImageFont.FreeTypeFont:
  font = ImageFont.load_default(size=TITLE_SIZE)
  assert isinstance(font, ImageFont.FreeTypeFont)
  return font


def _text_width(text: str) -> int:
  return int(np.ceil(_font().getlength(text)))


def _wrapped(text: str, width: int) -> list[str]:
  """Lines of at most so many pixels, broken between words; a long word ends with '…'."""
  lines = []
  for word in text.split():
    joined = f'{lines[-1]} {word}' if lines else word
    if lines and _text_width(joined) <= width:
      lines[-1] = joined
      continue
    kept = word
    while kept and _text_width(word) > width:
      kept = kept[:-1]
      word = f'{kept}…'
    lines.append(word)
  return lines


def _draw_lines(picture: Image.Image, lines: list[str], x: float, y: float, anchor: str) -> None:
  draw = ImageDraw.Draw(picture)
  for index, text in enumerate(lines):
    draw.text((x, y + index * line_height()), text, 'black', _font(), anchor)
