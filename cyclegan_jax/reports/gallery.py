"""Pictures of measured examples: kept as files by an evaluation, shown on a page.

A file is a strip of four pictures, each as large as the measured images: RGB, generated IR, true
IR, error. Its name is the number of the example's row in per_image.csv, from 0.
"""

from collections.abc import Callable, Mapping, Sequence
import html
import pathlib
import shutil

import numpy as np

from cyclegan_jax.data import images
from cyclegan_jax.errors import UserError
from cyclegan_jax.reports import page

FOLDER = 'gallery'
RGB, GENERATED, TRUTH, ERROR = range(4)
_N_PICTURES = 4
# Larger pictures are reduced on the page.
_WIDTH = 512
# High, as small pictures are enlarged there.
_QUALITY = 92

STYLE = """
.choose { display: flex; flex-wrap: wrap; gap: .6rem 1.6rem; border: 1px solid var(--line);
  border-radius: 8px; background: var(--card); padding: .7rem 1rem; margin: 1rem 0; }
.choose label { display: flex; flex-wrap: wrap; align-items: center; gap: .2rem .6rem; }
.choose select { font: inherit; padding: .25rem .4rem; max-width: 100%; }
.gallery { display: grid; gap: 1.2rem; padding: 0; margin: 1rem 0; list-style: none;
  max-width: none; grid-template-columns: repeat(auto-fill, minmax(min(100%, 20rem), 1fr)); }
.gallery > li { background: var(--card); border: 1px solid var(--line); border-radius: 8px;
  padding: .8rem; min-width: 0; scroll-margin-top: 1rem; }
.gallery > li:target { outline: 3px solid var(--accent); }
.gallery h3 { margin: 0 0 .5rem; overflow-wrap: anywhere; }
.layers { display: grid; grid-template-columns: repeat(auto-fill, minmax(4.5rem, 1fr));
  gap: .4rem; margin-top: .6rem; }
.layers figcaption { font-size: .75rem; margin: 0; line-height: 1.3; order: 2; }
.layers figure { display: flex; flex-direction: column; }
.layers img { width: 100%; image-rendering: pixelated; }
"""


def chosen(order: np.ndarray, n: int) -> list[int]:
  """Which of len(order) examples are kept: evenly spread over the split, the best and the worst.

  The even ones are the same in all runs that are measured on a split, for these are compared.

  Args:
    order: indices from the best to the worst.
    n: about how many; all if there are no more. 0: none.
  """
  if len(order) <= n:
    return list(range(len(order)))
  even = np.linspace(0, len(order) - 1, n).round().astype(int)
  return sorted({*even.tolist(), *(int(order[i]) for i in (0, -1)[:n])})


def write(folder: pathlib.Path, strips: Mapping[int, Callable[[], Sequence[np.ndarray]]]) -> None:
  """Writes DIR/gallery anew.

  Args:
    folder: the evaluation's.
    strips: row of per_image.csv -> makes its four pictures, uint8 [height, width, 3].
  """
  target = folder / FOLDER
  shutil.rmtree(target, ignore_errors=True)
  target.mkdir()
  for index, make in strips.items():
    images.write_png(target / f'{index:06}.png', np.concatenate(make(), axis=1))


def indices(folder: pathlib.Path) -> list[int]:
  """The examples of an evaluation that have pictures."""
  return sorted(int(file.stem) for file in (folder / FOLDER).glob('*.png') if file.stem.isdecimal())


def read(folder: pathlib.Path, index: int) -> list[np.ndarray]:
  """The four pictures of an example, uint8 [height, width, 3]; UserError if they are damaged."""
  file = folder / FOLDER / f'{index:06}.png'
  strip = images.read_image(file)
  if strip.shape[1] % _N_PICTURES or strip.shape[2] != 3 or strip.dtype != np.uint8:
    raise UserError(
      f'{file} is not a strip of {_N_PICTURES} pictures of equal width. Measure the run again.'
    )
  return np.split(strip, _N_PICTURES, axis=1)


def item(identity: str, title: str, figures_text: str, layers: Mapping[str, np.ndarray]) -> str:
  """An example on the page: its pictures, between which gallery.js lets people slide.

  Args:
    identity: of the HTML element, to be linked to.
    title: what the example is called.
    figures_text: its figures of merit in words.
    layers: name -> uint8 [height, width, 3]; the same names in all items of a page.
  """
  parts = []
  for name, pixels in layers.items():
    picture = page.image(
      pixels,
      f'{name} of {title}',
      width=_WIDTH,
      quality=_QUALITY,
      attributes=f' data-layer="{html.escape(name)}"',
    )
    parts.append(
      f'<figure>{picture}<figcaption aria-hidden="true">{html.escape(name)}</figcaption></figure>'
    )
  return (
    f'<li id="{identity}"><h3>{html.escape(title)}</h3><div class="layers">'
    f'{"".join(parts)}</div>{page.paragraph(figures_text, "soft")}</li>'
  )
