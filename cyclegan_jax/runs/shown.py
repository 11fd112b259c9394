"""Runs as HTML for notebooks: tables, and the latest picture."""

import base64
from collections.abc import Iterable, Mapping, Sequence
import html
import pathlib
from typing import Any, TYPE_CHECKING

from cyclegan_jax.metrics.catalog import METRICS
from cyclegan_jax.runs import run_folder
from cyclegan_jax.settings import format_value

if TYPE_CHECKING:
  from cyclegan_jax.runs.reader import Run

# The columns of the table of figures, as far as they were measured.
_METRICS = ('psnr', 'ssim', 'rmse', 'correlation', 'histogram_distance', 'spectral_distance')


def run(found: 'Run') -> str:
  """Returns what there is to see of a run: settings, figures beside baselines, latest samples."""
  of = f' of {found.total_steps:,}' if found.total_steps else ''
  train, changed = found.config.train, found.changed
  facts = [
    ['data set', found.config.data.dataset],
    ['preset', train.preset],
    ['changed', ', '.join(f'{name}={format_value(new)}' for name, (_, new) in changed.items())],
    ['steps', f'{found.step:,}{of}'],
    *(['validation', sentence] for sentence in found.about_best()),
  ]
  parts = [f'<h4>Run {html.escape(found.name)}</h4>', table([['', ''], *facts])]
  if found.measurements:
    parts.append(table(_figures(found.measurements.content)))
  parts += [
    picture(grid) for grid in sorted((found.folder / run_folder.SAMPLES).glob('*.png'))[-1:]
  ]
  return '\n'.join(parts)


def table(rows: Iterable[Sequence[str]]) -> str:
  """Returns rows of text as a table, the first one as its header."""
  header, *body = ([html.escape(cell) for cell in row] for row in rows)
  head = ''.join(f'<th>{cell}</th>' for cell in header)
  lines = [''.join(f'<td>{cell}</td>' for cell in row) for row in body]
  return '<table><tr>' + '</tr>\n<tr>'.join([head, *lines]) + '</tr></table>'


def paragraph(text: str) -> str:
  """Returns a text as a paragraph."""
  return f'<p>{html.escape(text)}</p>'


def picture(file: pathlib.Path) -> str:
  """Returns a PNG file as an image within the page."""
  data = base64.b64encode(file.read_bytes()).decode()
  return f'<img alt="{html.escape(file.name)}" src="data:image/png;base64,{data}">'


def _figures(content: Mapping[str, Any]) -> list[list[str]]:
  """The figures of the model and of the baselines, header first."""
  names = [name for name in _METRICS if name in content['model']]
  rows = {'model': content['model'], **content['baselines']}
  header = [f'split {content["split"]}', *(METRICS[name].title for name in names)]
  return [header] + [
    [row.replace('_', ' '), *(METRICS[name].shown(totals.get(name)) for name in names)]
    for row, totals in rows.items()
  ]
