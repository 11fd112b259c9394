"""Parts of self-contained HTML pages: the document, tables, pictures.

A page is one file: styles, scripts and pictures are within, and its content security policy
forbids it to ask for anything else. All texts are escaped here.
"""

import base64
from collections.abc import Mapping, Sequence
import hashlib
import html
import io
import itertools
import pathlib
import types

import numpy as np
from PIL import Image

_FOLDER = pathlib.Path(__file__).parent / 'assets'
# Wider pictures are reduced: photographs to this, by default.
_WIDTH = 1100


def asset(name: str) -> str:
  """The text of a file of this package, such as 'style.css'."""
  return (_FOLDER / name).read_text(encoding='utf-8')


def document(
  title: str,
  header: Sequence[str],
  parts: Sequence[str],
  *,
  style: str = '',
  scripts: Sequence[str] = (),
) -> str:
  """A whole page.

  Args:
    title: of the window, escaped here.
    header: HTML parts above the main part: the title, links to the sections.
    parts: HTML parts of the main part.
    style: rules after those that all pages have.
    scripts: JavaScript texts, run in this order once the page is read.

  Returns:
    HTML that asks for no other file, and could not: see the policy in its head.
  """
  styles = asset('style.css') + style
  allowed = ' '.join(f"'sha256-{_digest(script)}'" for script in scripts) or "'none'"
  # Charts set their colors by classes: no style attributes are needed, and none are allowed.
  policy = (
    f"default-src 'none'; img-src data:; style-src 'sha256-{_digest(styles)}'; "
    f"script-src {allowed}; base-uri 'none'; form-action 'none'"
  )
  return '\n'.join(
    [
      '<!DOCTYPE html>',
      '<html lang="en"><head><meta charset="utf-8">',
      f'<meta http-equiv="Content-Security-Policy" content="{policy}">',
      '<meta name="viewport" content="width=device-width, initial-scale=1">',
      f'<title>{html.escape(title)}</title>',
      '<link rel="icon" href="data:,">',
      f'<style>{styles}</style></head><body>',
      '<a class="skip" href="#content">To the content</a>',
      '<header>',
      *header,
      '</header>',
      '<main id="content" tabindex="-1">',
      *parts,
      '</main>',
      *(f'<script>{script}</script>' for script in scripts),
      '</body></html>',
      '',
    ]
  )


def section(identity: str, title: str, parts: Sequence[str]) -> str:
  """A section with its heading; '' without parts."""
  if not any(parts):
    return ''
  return '\n'.join(
    [
      f'<section id="{identity}" aria-labelledby="{identity}-title">',
      f'<h2 id="{identity}-title">{html.escape(title)}</h2>',
      *parts,
      '</section>',
    ]
  )


def paragraph(text: str, kind: str = '') -> str:
  """A paragraph of a text, with a class or without."""
  return f'<p{_classed(kind)}>{html.escape(text)}</p>'


def listed(texts: Sequence[str]) -> str:
  """A list of texts; '' if there are none."""
  items = ''.join(f'<li>{html.escape(text)}</li>' for text in texts)
  return f'<ul>{items}</ul>' if items else ''


def table(
  rows: Sequence[Sequence[str]],
  kinds: Sequence[str] = (),
  *,
  label: str,
  sortable: bool = False,
  links: Mapping[str, str] = types.MappingProxyType({}),
) -> str:
  """Rows of text as a table that scrolls within the page where it is too wide.

  Args:
    rows: header first; the first cell of each row names it.
    kinds: classes of the first rows after the header.
    label: what the table shows, for those who cannot see it.
    sortable: whether sort.js should let people sort it by the buttons of its header.
    links: where the first cell of a row leads to, by its text.
  """
  header, *body = rows
  lines = [''.join(_head(cell, sortable and bool(cell)) for cell in header)]
  lines[0] = f'<thead><tr>{lines[0]}</tr></thead><tbody>'
  for row, kind in itertools.zip_longest(body, kinds):
    cells = ''.join(f'<td>{html.escape(cell)}</td>' for cell in row[1:])
    name = html.escape(row[0])
    if row[0] in links:
      name = f'<a href="{html.escape(links[row[0]])}">{name}</a>'
    lines.append(f'<tr{_classed(kind)}><th scope="row">{name}</th>{cells}</tr>')
  mark = ' class="sortable"' if sortable else ''
  # A region that scrolls has to be reachable by keyboard.
  return (
    f'<div class="scroll" role="region" tabindex="0" aria-label="{html.escape(label)}">'
    f'<table{mark}>' + '\n'.join(lines) + '</tbody></table></div>'
  )


def photograph(
  pixels: np.ndarray, alternative: str, caption: str = '', *, width: int = _WIDTH, quality: int = 88
) -> str:
  """A picture with its caption, reduced to `width` and kept as JPEG.

  Args:
    pixels: uint8 [height, width, 3], or [height, width, 1].
    alternative: what the picture shows, for those who cannot see it.
    caption: stands above it.
    width: largest width in pixels.
    quality: of the JPEG file, 1 to 95.
  """
  text = f'<figcaption>{html.escape(caption)}</figcaption>' if caption else ''
  return f'<figure>{text}{image(pixels, alternative, width=width, quality=quality)}</figure>'


def image(
  pixels: np.ndarray, alternative: str, *, width: int, quality: int, attributes: str = ''
) -> str:
  """As `photograph`, without its frame; `attributes` are HTML."""
  picture = Image.fromarray(np.squeeze(pixels, -1) if pixels.shape[-1] == 1 else pixels)
  if picture.width > width:
    height = max(1, round(picture.height * width / picture.width))
    picture = picture.resize((width, height), Image.Resampling.LANCZOS)
  buffer = io.BytesIO()
  # Not PNG, which is four times as large; full chroma, for colored edges and error maps.
  picture.save(buffer, 'JPEG', quality=quality, subsampling=0)
  data = base64.b64encode(buffer.getvalue()).decode()
  return (
    f'<img loading="lazy" width="{picture.width}" height="{picture.height}" '
    f'alt="{html.escape(alternative)}" src="data:image/jpeg;base64,{data}"{attributes}>'
  )


def drawing(png: bytes, alternative: str) -> str:
  """A chart that is a PNG file, as a figure on white ground."""
  data = base64.b64encode(png).decode()
  return (
    f'<figure><img class="drawing" alt="{html.escape(alternative)}" '
    f'src="data:image/png;base64,{data}"></figure>'
  )


def _head(cell: str, sortable: bool) -> str:
  text = html.escape(cell)
  if sortable:
    return f'<th scope="col" aria-sort="none"><button type="button">{text}</button></th>'
  # An empty cell heads nothing.
  return f'<th scope="col">{text}</th>' if text else '<td></td>'


def _classed(kind: str | None) -> str:
  return f' class="{kind}"' if kind else ''


def _digest(text: str) -> str:
  return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
