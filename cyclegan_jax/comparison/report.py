"""What a comparison leaves behind.

    DIR/comparison.json   everything: figures of each run, means, differences, what they mean
    DIR/comparison.md     the paper's Table I and the comparisons, in words too
    DIR/table.csv         models, runs, baselines, a row each
    DIR/report.html       the same with curves and pictures; needs no other file
"""

import base64
import html
import io
import json
import pathlib
from typing import Any, Mapping

import numpy as np
from PIL import Image

from cyclegan_jax import files
from cyclegan_jax.comparison import charts, tables
from cyclegan_jax.comparison.compare import median_run, METRICS, Model
from cyclegan_jax.data import images
from cyclegan_jax.errors import UserError
from cyclegan_jax.evaluation import page

JSON, MARKDOWN, CSV, PAGE = 'comparison.json', 'comparison.md', 'table.csv', 'report.html'
# Pictures are reduced to this width, and kept as JPEG.
_WIDTH = 1100
_STYLE = page.STYLE + '''
table { font-size: .85rem; }
td:nth-child(2), th:nth-child(2) { text-align: left; }
th, td { white-space: nowrap; padding: .3rem .5rem; }
td:first-child { white-space: normal; min-width: 6.5rem; }
tr.model { font-weight: normal; }
tr.model td:first-child { font-weight: bold; }
tr.baseline, tr.paper { color: #666; }
figcaption { margin-top: 1rem; }
summary { cursor: pointer; }
'''


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
  parts = [
      f'<h1>{html.escape(title)}</h1>', _paragraph(tables.protocol(content)),
      page.table(tables.models_table(content), [
          *(['model'] * len(content['models'])), *(['baseline'] * len(content['baselines'])),
          *(['paper'] * len(content['paper']['rows']))]),
      f'<h2>What the differences show, in {primary}</h2>', _list(tables.sentences(content)),
      _chart(charts.differences([r for r in content['comparisons'] if r['primary']]),
             'Differences between models'),
      page.table(tables.comparisons_table(content, True)),
      '<h2>How to read this</h2>', _list(tables.notes(content)),
      '<details><summary>The comparisons in the other metrics</summary>',
      page.table(tables.comparisons_table(content, False)), '</details>',
      '<h2>Training</h2>', '<div class="curves">',
      *(_chart(charts.curves(models, metric), f'Validation {METRICS[metric].title} over epochs')
        for metric in ('psnr', 'ssim')), '</div>',
      '<p>Thick: the mean over seeds; thin: each seed.</p>',
      '<h2>Single images</h2>', '<div class="curves">',
      *(_chart(charts.distributions(models, metric), f'{METRICS[metric].title} of single images')
        for metric in ('psnr', 'ssim')), '</div>',
      '<p>Averaged over seeds. Boxes: quartiles and median; dashed: mean.</p>',
      '<h2>Pictures</h2>', *(part for label, model in models.items()
                             for part in _pictures(label, model, content['primary_metric'])),
      '<h2>Models</h2>', _paragraph('All: ' + ' '.join(content['common_flags'])),
      _list(tables.models_lines(content)),
      '<h2>Definitions</h2>', _list(f'{name}: {text}' for name, text in
                                    content['definitions'].items()),
      _paragraph(tables.made_with(content)),
  ]
  return page.document(title, parts, _STYLE)


def _pictures(label: str, model: Model, metric: str) -> list[str]:
  """The run that is the median over seeds: as figures 2 to 5 of the paper, and with errors."""
  if not model.runs or model.trained_as != label:
    return []
  run = median_run(model, metric)
  value = tables.number(run.content['model'][metric])
  parts = [f'<h3>{html.escape(label)}</h3>',
           _paragraph(f'Seed {run.seed}, the median of {len(model.runs)} in '
                      f'{METRICS[metric].title}: {value}{METRICS[metric].unit}.')]
  for name, caption in (
      ('paper_figure.png', 'Real RGB and generated IR in turn, as in figures 2 to 5 of the paper; '
       'images evenly spaced over the split.'),
      ('examples.png', 'From the best to the worst by PSNR: RGB, generated IR, true IR, error.')):
    file = run.evaluation / name
    if file.exists():
      parts.append(_photograph(images.read_image(file), caption))
    else:
      parts.append(_paragraph(f'{file.name} is missing in {run.evaluation}.'))
  return parts


def _photograph(pixels: np.ndarray, caption: str) -> str:
  picture = Image.fromarray(pixels)
  if picture.width > _WIDTH:
    height = round(picture.height * _WIDTH / picture.width)
    picture = picture.resize((_WIDTH, height), Image.Resampling.LANCZOS)
  buffer = io.BytesIO()
  # Full chroma, for the coloured error maps.
  picture.save(buffer, 'JPEG', quality=85, subsampling=0)
  data = base64.b64encode(buffer.getvalue()).decode()
  return (f'<figure><figcaption>{html.escape(caption)}</figcaption><img loading="lazy" '
          f'alt="{html.escape(caption)}" src="data:image/jpeg;base64,{data}"></figure>')


def _chart(pixels: np.ndarray | None, alternative: str) -> str:
  return '' if pixels is None else page.image(pixels, alternative)


def _list(texts: Any) -> str:
  return '<ul>' + ''.join(f'<li>{html.escape(text)}</li>' for text in texts) + '</ul>'


def _paragraph(text: str) -> str:
  return f'<p>{html.escape(text)}</p>'
