"""What a comparison leaves behind.

DIR/comparison.json   everything: figures of each run, means, differences, what they mean
DIR/comparison.md     the paper's Table I and the comparisons, in words too
DIR/table.csv         models, runs, baselines, a row each
DIR/report.html       the same with curves and pictures; needs no other file
"""

from collections.abc import Callable, Mapping
import html
import json
import pathlib
from typing import Any

import numpy as np

from cyclegan_jax import files
from cyclegan_jax.comparison import tables
from cyclegan_jax.comparison.compare import median_run, METRICS, Model
from cyclegan_jax.data import images
from cyclegan_jax.errors import UserError
from cyclegan_jax.reports import comparison_charts, page

JSON, MARKDOWN, CSV, PAGE = 'comparison.json', 'comparison.md', 'table.csv', 'report.html'
_STYLE = """
table { font-size: .85rem; }
td:nth-child(2), th:nth-child(2) { text-align: left; }
tbody th { min-width: 6.5rem; white-space: normal; }
tr.model td { font-weight: normal; }
tr.baseline > *, tr.paper > * { color: var(--soft); }
"""


def write(folder: pathlib.Path, content: Mapping[str, Any], models: Mapping[str, Model]) -> None:
  """Writes the four files, each whole or not at all.

  Args:
    folder: exists.
    content: from `compare.compare`, with what was planned.
    models: whose runs have the pictures and curves.

  Raises:
    UserError: the folder cannot be written.
  """
  try:
    files.write_text(folder / JSON, json.dumps(content, indent=2) + '\n')
    files.write_text(folder / MARKDOWN, tables.markdown(content))
    files.write_text(folder / CSV, tables.table_csv(content))
    files.write_text(folder / PAGE, render(content, models))
  except OSError as error:
    raise UserError(f'--output={folder} cannot be written: {error.strerror}.') from error


def summary(content: Mapping[str, Any]) -> str:
  """What a terminal shows at the end: the primary metric of each model, and the findings."""
  metric = METRICS[content['primary_metric']]
  table = tables.models_table(content)
  column = table[0].index(metric.title)
  width = max(len(row[0]) for row in table)
  lines = [f'{row[0]:<{width}}  {row[column]}' for row in table if row[column]]
  return '\n'.join([tables.protocol(content), *lines, *tables.sentences(content)])


def render(content: Mapping[str, Any], models: Mapping[str, Model]) -> str:
  """The page as text; see `write`."""
  title = f'Comparison on {content["dataset"]}'
  primary = METRICS[content['primary_metric']].title
  header = [f'<h1>{html.escape(title)}</h1>', page.paragraph(tables.protocol(content))]
  kinds = [
    *(['model'] * len(content['models'])),
    *(['baseline'] * len(content['baselines'])),
    *(['paper'] * len(content['paper']['rows'])),
  ]
  parts = [
    page.section(
      'models',
      'Figures of merit',
      [page.table(tables.models_table(content), kinds, label='Models, trivial guesses, the paper')],
    ),
    page.section(
      'differences',
      f'What the differences show, in {primary}',
      [
        page.listed(tables.sentences(content)),
        _chart(
          comparison_charts.differences([r for r in content['comparisons'] if r['primary']]),
          'Differences between models',
        ),
        page.table(tables.comparisons_table(content, True), label='Differences'),
        '<h3>How to read this</h3>',
        page.listed(tables.notes(content)),
        '<details><summary>The comparisons in the other metrics</summary>',
        page.table(
          tables.comparisons_table(content, False), label='Differences in the other metrics'
        ),
        '</details>',
      ],
    ),
    page.section(
      'training',
      'Training',
      [
        _charts(models, comparison_charts.curves, 'Validation {} over epochs'),
        page.paragraph('Thick: the mean over seeds; thin: each seed.'),
      ],
    ),
    page.section(
      'images',
      'Single images',
      [
        _charts(models, comparison_charts.distributions, '{} of single images'),
        page.paragraph('Averaged over seeds. Boxes: quartiles and median; dashed: mean.'),
      ],
    ),
    page.section(
      'pictures',
      'Pictures',
      [
        part
        for label, model in models.items()
        for part in _pictures(label, model, content['primary_metric'])
      ],
    ),
    page.section(
      'made',
      'Models',
      [
        page.paragraph('All: ' + ' '.join(content['common_flags'])),
        page.listed(tables.models_lines(content)),
        '<h3>Definitions</h3>',
        page.listed([f'{name}: {text}' for name, text in content['definitions'].items()]),
        page.paragraph(tables.made_with(content)),
      ],
    ),
  ]
  return page.document(title, header, parts, style=_STYLE)


def _pictures(label: str, model: Model, metric: str) -> list[str]:
  """The run that is the median over seeds: as figures 2 to 5 of the paper, and with errors."""
  if not model.runs or model.trained_as != label:
    return []
  run = median_run(model, metric)
  value = tables.number(run.content['model'][metric])
  parts = [
    f'<h3>{html.escape(label)}</h3>',
    page.paragraph(
      f'Seed {run.seed}, the median of {len(model.runs)} in '
      f'{METRICS[metric].title}: {value}{METRICS[metric].unit}.'
    ),
  ]
  for name, caption in (
    (
      'paper_figure.png',
      'Real RGB and generated IR in turn, as in figures 2 to 5 of the paper; '
      'images evenly spaced over the split.',
    ),
    ('examples.png', 'From the best to the worst by PSNR: RGB, generated IR, true IR, error.'),
  ):
    file = run.evaluation / name
    if file.exists():
      parts.append(page.photograph(images.read_image(file), caption, caption))
    else:
      parts.append(page.paragraph(f'{file.name} is missing in {run.evaluation}.'))
  return parts


def _charts(
  models: Mapping[str, Model], draw: Callable[..., np.ndarray | None], alternative: str
) -> str:
  """A chart for each of the two metrics that have one."""
  drawn = ''.join(
    _chart(draw(models, metric), alternative.format(METRICS[metric].title))
    for metric in ('psnr', 'ssim')
  )
  return f'<div class="curves">{drawn}</div>'


def _chart(pixels: np.ndarray | None, alternative: str) -> str:
  return '' if pixels is None else page.drawing(images.encode_png(pixels), alternative)
