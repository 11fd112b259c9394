"""Text on pictures: Pillow's built-in font, wrapped and shortened to fit a width.

The font has the characters of ASCII and a few more; others show as boxes.
"""

import functools

import numpy as np
from PIL import Image, ImageDraw, ImageFont

WHITE = (255, 255, 255)
BLACK = (0, 0, 0)
_ELLIPSIS = '…'


@functools.cache
def _font(size: int) -> ImageFont.FreeTypeFont:
  return ImageFont.load_default(size=size)


def text_width(text: str, size: int) -> int:
  """Width of one line of text in pixels, for a font size in pixels."""
  return int(np.ceil(_font(size).getlength(text)))


def line_height(size: int) -> int:
  """Distance between two lines of text in pixels."""
  return sum(_font(size).getmetrics())


def shorten(text: str, size: int, width: int) -> str:
  """The text if it fits into width pixels, else its longest start that does, with '…'."""
  if text_width(text, size) <= width:
    return text
  while text and text_width(text + _ELLIPSIS, size) > width:
    text = text[:-1].rstrip()
  return text + _ELLIPSIS


def wrap(text: str, size: int, width: int) -> list[str]:
  """Breaks text between words into lines of at most width pixels, shortening long words."""
  lines = []
  for word in text.split():
    joined = f'{lines[-1]} {word}' if lines else word
    if lines and text_width(joined, size) <= width:
      lines[-1] = joined
    else:
      lines.append(shorten(word, size, width))
  return lines


def draw_text(
  picture: Image.Image,
  position: tuple[float, float],
  text: str,
  size: int,
  anchor: str,
  color: tuple[int, int, int] = BLACK,
) -> None:
  """Writes one line.

  Args:
    picture: RGB picture to draw on.
    position: x and y in pixels of the anchor.
    text: what to write.
    size: font size in pixels.
    anchor: Pillow's text anchor, as "la": left end, top of the line; "mm": middle of both.
    color: RGB, 0..255.
  """
  ImageDraw.Draw(picture).text(position, text, fill=color, font=_font(size), anchor=anchor)
