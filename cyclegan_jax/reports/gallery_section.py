"""The gallery of a run's page: which examples it shows, and their pictures.

Pictures are within the page, or, for many, files in a folder beside it.
"""

from collections.abc import Callable, Sequence
import math
import pathlib
import re
from typing import Any, NamedTuple
import urllib.parse

import numpy as np

from cyclegan_jax import files, radiometry
from cyclegan_jax.data.source import evenly_spaced
from cyclegan_jax.metrics.catalog import METRICS
from cyclegan_jax.reports import gallery, page
from cyclegan_jax.runs.reader import Run

# Metrics of single images below their pictures.
_METRICS = ('psnr', 'ssim')
# Larger pictures are reduced; high quality, as the page enlarges small ones.
_WIDTH, _QUALITY = 512, 92
_FILE = re.compile(r'\d{6}-\d+\.(jpeg|webp)')

# Where a picture goes: its name without a suffix, and itself -> the address in the page.
Place = Callable[[str, page.Encoded], str]


class Example(NamedTuple):
  """An example with pictures: its id, and the runs that have them, each with its row of it.

  The badge is 'Worst', 'Median', 'Best', or ''.
  """

  name: str
  owners: list[tuple[Run, int]]
  badge: str = ''


def examples(measured: Sequence[Run], n: int | None) -> list[Example]:
  """Chooses at most n of the examples that have pictures, evenly spread; all for None.

  The first run that has them decides, by `gallery.scores`: its worst one, the one next to the
  median of all its images, and its best one; then the others from the worst to the best.
  """
  found: dict[tuple[str, str], list[tuple[Run, int]]] = {}
  for run in measured:
    own = run.measured
    for index in gallery.indices(own.folder):
      if index < len(own.ids):
        key = own.content['split_sha256'], own.ids[index]
        found.setdefault(key, []).append((run, index))
  scores = {id(run): gallery.scores(run.measured.per_image) for run in measured}
  score = lambda owners: float(scores[id(owners[0][0])][owners[0][1]])
  ordered = sorted(found.items(), key=lambda entry: score(entry[1]))
  chosen = range(len(ordered)) if n is None else evenly_spaced(len(ordered), n)
  shown = [Example(ordered[i][0][1], ordered[i][1]) for i in chosen]
  middle = float(np.median(scores[id(measured[0])])) if shown else 0.0
  places = badged([score(example.owners) for example in shown], middle)
  return [shown[i]._replace(badge=badge) for i, badge in places]


def badged(scores: Sequence[float], middle: float) -> list[tuple[int, str]]:
  """Returns places and badges of examples in the order that a gallery shows them.

  The scores go from the worst to the best; first are the worst, the one next to the middle, and the
  best, then the others.
  """
  if len(scores) < 2:
    return [(i, '') for i in range(len(scores))]
  others, best = [*range(1, len(scores) - 1)], len(scores) - 1
  near = lambda i: (math.isinf(scores[i]), abs(scores[i] - middle))
  median = [min(others, key=near)] if others else []
  rest = [(i, '') for i in others if i not in median]
  return [(0, 'Worst'), *((i, 'Median') for i in median), (best, 'Best'), *rest]


def items(shown: Sequence[Example], several: bool, place: Place) -> list[dict[str, Any]]:
  """Returns the examples as the template shows them: name, badge, figures in words, layers."""
  return [_item(example, several, place) for example in shown]


def _item(example: Example, several: bool, place: Place) -> dict[str, Any]:
  layers, texts, brief = [], [], ''
  for number, (run, index) in enumerate(example.owners):
    source, generated, truth, error = gallery.read(run.measured.folder, index)
    here, there = run.config.model.source.upper(), run.config.model.target.upper()
    of = f', {run.name}' if several else ''
    # Source and true image are the same for all runs that were measured on them.
    if not number:
      layers += [('source', here, source, run), ('true', f'true {there}', truth, run)]
    layers += [('generated', f'generated {there}{of}', generated, run)]
    layers += [('error', f'error{of}', error, run)]
    values = run.measured.per_image
    figures = {
      name: f'{METRICS[name].title} {METRICS[name].shown(values[name][index])}{METRICS[name].unit}'
      for name in _METRICS
      if name in values
    }
    texts.append((f'{run.name}: ' if several else '') + ', '.join(figures.values()))
    psnr = values['psnr'][index]
    brief = brief or (f'{psnr:.1f} dB' if math.isfinite(psnr) else METRICS['psnr'].shown(psnr))
  # As they are read: source, generated, true, error; of several runs in turn after the true one.
  if len(example.owners) == 1:
    layers[1], layers[2] = layers[2], layers[1]
  stem = f'{example.owners[0][1]:06}'
  return {
    'name': example.name,
    'badge': example.badge,
    'figures': '; '.join(texts),
    'brief': brief,
    'layers': [
      {
        'kind': kind,
        'name': name,
        'picture': picture_of(pixels, kind, f'{stem}-{i}', place),
        'scale': scale_of(run),
      }
      for i, (kind, name, pixels, run) in enumerate(layers)
    ],
  }


def picture_of(pixels: np.ndarray, kind: str, name: str, place: Place) -> page.Picture:
  """Returns pixels of a kind, 'source', 'generated', 'true', or 'error', placed by a name."""
  # Gray levels are read from the picture, so they are kept exactly.
  exact = kind in ('generated', 'true') and bool((pixels == pixels[..., :1]).all())
  pixels = pixels[..., :1] if exact else pixels
  encoded = page.encode(pixels, width=_WIDTH, quality=_QUALITY, lossless=exact)
  return page.Picture(encoded.width, encoded.height, place(name, encoded))


def scale_of(run: Run) -> dict[str, Any]:
  """What a gray level of the run's target means: its ends in units, or as gray levels."""
  most = int(run.measured.content['value_range'][1])
  data = run.config.data
  known = radiometry.known(data.ir_range, data.ir_span) if run.config.model.target == 'ir' else None
  found: dict[str, Any] = {'most': most}
  if known:
    unit = '°C' if known.is_celsius else known.unit
    found |= {'low': known.low, 'high': known.high, 'unit': unit, 'step': known.difference_unit}
  return found


def beside(output: pathlib.Path) -> Place:
  """Returns what writes pictures into a folder beside a page, such as report_files/."""
  folder = _folder(output)
  folder.mkdir(exist_ok=True)

  def write(name: str, encoded: page.Encoded) -> str:
    file = folder / f'{name}.{encoded.kind}'
    files.write_bytes(file, encoded.data)
    return urllib.parse.quote(f'{folder.name}/{file.name}')

  return write


def clear(output: pathlib.Path) -> None:
  """Removes the pictures that an earlier page has beside it, and no other file."""
  folder = _folder(output)
  if not folder.is_dir():
    return
  for file in folder.iterdir():
    if _FILE.fullmatch(file.name):
      file.unlink()
  if not any(folder.iterdir()):
    folder.rmdir()


def _folder(output: pathlib.Path) -> pathlib.Path:
  return output.with_name(f'{output.stem}_files')
