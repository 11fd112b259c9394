"""Self-contained HTML pages from templates.

A page is one file: its styles, scripts and pictures are within, and its content security policy
forbids it to ask for anything else, but for pictures beside it where there are many. Templates
escape every text that they are given, but for those of Markdown files.
"""

import base64
from collections.abc import Sequence
import functools
import hashlib
import io
import pathlib
from typing import Any, NamedTuple

import jinja2
import numpy as np
from PIL import Image

from cyclegan_jax.progress import duration

_FOLDER = pathlib.Path(__file__).parent
# Together the one style sheet of all pages.
_STYLES = ('style.css', 'charts.css', 'gallery.css', 'comparison.css', 'print.css')
# What pages with charts and tables need.
SCRIPTS = ('tip.js', 'chart.js', 'sort.js')


class Encoded(NamedTuple):
  """A picture as a file: its size in pixels, 'jpeg' or 'webp', and its bytes."""

  width: int
  height: int
  kind: str
  data: bytes


class Picture(NamedTuple):
  """A picture of a page: its size in pixels, and its address, mostly a data URL."""

  width: int
  height: int
  source: str


def asset(name: str) -> str:
  """Returns the text of a file in assets/, such as 'style.css'."""
  return (_FOLDER / 'assets' / name).read_text(encoding='utf-8')


@functools.cache
def environment() -> jinja2.Environment:
  """Returns what templates are loaded with; a value that a template lacks is an error."""
  found = jinja2.Environment(
    loader=jinja2.FileSystemLoader(_FOLDER / 'templates'),
    autoescape=jinja2.select_autoescape(disabled_extensions=['md'], default=True),
    undefined=jinja2.StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
    keep_trailing_newline=True,
  )
  found.filters |= {'digest': digest, 'duration': duration}
  return found


def text(template: str, **values: Any) -> str:
  """Renders a template of templates/ with values."""
  return environment().get_template(template).render(values)


def document(
  template: str, scripts: Sequence[str] = (), *, beside: bool = False, **values: Any
) -> str:
  """Renders a template that extends base.html to HTML that cannot request any other file.

  Args:
    template: of templates/.
    scripts: files in assets/ that run in this order once the page is read.
    beside: whether it may show pictures that lie beside it, and of its own server if it has one.
    **values: what the template shows, `title` among them.
  """
  style = '\n'.join(map(asset, _STYLES))
  codes = [*map(asset, scripts)]
  return text(template, style=style, scripts=codes, beside=beside, **values)


def encode(
  pixels: np.ndarray, *, width: int = 1100, quality: int = 88, lossless: bool = False
) -> Encoded:
  """Encodes uint8 [height, width, 1 or 3] as JPEG of a quality from 1 to 95, or as exact WebP.

  Pictures wider than `width` pixels are reduced to it.
  """
  image = Image.fromarray(np.squeeze(pixels, -1) if pixels.shape[-1] == 1 else pixels)
  if image.width > width:
    height = max(1, round(image.height * width / image.width))
    image = image.resize((width, height), Image.Resampling.LANCZOS)
  buffer = io.BytesIO()
  if lossless:
    # A fast method: a slow one saves a few percent.
    image.save(buffer, 'WEBP', lossless=True, quality=25, method=1)
  else:
    # Not PNG, which is four times as large; full chroma, for colored edges and error maps.
    image.save(buffer, 'JPEG', quality=quality, subsampling=0)
  kind = 'webp' if lossless else 'jpeg'
  return Encoded(image.width, image.height, kind, buffer.getvalue())


def embedded(encoded: Encoded) -> str:
  """Returns a picture as a data URL."""
  return f'data:image/{encoded.kind};base64,{base64.b64encode(encoded.data).decode()}'


def picture(pixels: np.ndarray, *, width: int = 1100, quality: int = 88) -> Picture:
  """Returns pixels as a picture within a page; see `encode`."""
  encoded = encode(pixels, width=width, quality=quality)
  return Picture(encoded.width, encoded.height, embedded(encoded))


def digest(content: str) -> str:
  """The hash by which a content security policy allows a style or script."""
  return 'sha256-' + base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
