"""One self-contained HTML page about a run: figures, pictures, curves, settings."""

import base64
import csv
import html
import itertools
import pathlib
from typing import Any, Mapping, Sequence

import numpy as np

from cyclegan_jax import run_folder
from cyclegan_jax.data import images
from cyclegan_jax.evaluation import figures

STYLE = '''
body { font: 16px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 70rem;
       padding: 0 1rem; color: #222; background: #fff; }
table { border-collapse: collapse; display: block; overflow-x: auto; }
th, td { padding: .3rem .7rem; text-align: right; border-bottom: 1px solid #ccc; }
th:first-child, td:first-child { text-align: left; }
tr.model { font-weight: bold; }
figure { margin: 0; }
.curves { display: grid; grid-template-columns: repeat(auto-fit, minmax(20rem, 1fr)); gap: 1rem; }
img { max-width: 100%; height: auto; }
pre { overflow-x: auto; background: #f4f4f4; padding: 1rem; font-size: .85rem; }
'''
# Curves drawn: title, file, columns, label of the vertical axis.
_CURVES = (
    ('Adversarial losses', run_folder.METRICS,
     ('discriminator_rgb', 'discriminator_ir', 'adversarial_rgb', 'adversarial_ir'), 'loss'),
    ('Distances', run_folder.METRICS,
     tuple(f'{kind}_{domain}' for kind in ('cycle', 'supervised', 'identity', 'ssim', 'gradient')
           for domain in ('rgb', 'ir')), 'L1, or 1 - SSIM'),
    ('Validation PSNR', run_folder.VALIDATION, ('psnr', 'psnr_pooled'), 'dB'),
    ('Validation SSIM and UQI', run_folder.VALIDATION, ('ssim', 'uqi'), 'index'),
)


def render(run: pathlib.Path, figures_table: list[list[str]], content: Mapping[str, Any],
           verdict: str, notes: Sequence[str], picture: np.ndarray, settings: str) -> str:
  """The page as text.

  Args:
    run: the run folder, for curves and the last sample grid.
    figures_table: rows of model and baselines, header first, model second.
    content: of metrics.json.
    verdict: a sentence on model and baselines.
    notes: sentences to stand after the definitions.
    picture: images from the best to the worst, uint8 [height, width, 3].
    settings: the configuration as text.
  """
  name = html.escape(run.name)
  height, width = content['image_size']
  parts = [
      f'<h1>{name}: RGB to infrared</h1>',
      f'<p>{content["n"]} images of the split <b>{html.escape(content["split"])}</b> at '
      f'{height}x{width} pixels, checkpoint at step {content["checkpoint_step"]}.</p>',
      table(figures_table, ['model']), f'<p>{html.escape(verdict)}</p>',
      '<ul>' + ''.join(f'<li>{html.escape(key)}: {html.escape(text)}</li>'
                       for key, text in content['definitions'].items())
      + ''.join(f'<li>{html.escape(text)}</li>' for text in notes) + '</ul>',
      '<h2>From the best to the worst, by PSNR</h2>',
      image(picture, 'Rows: images from the best to the worst. Columns: RGB, generated IR, '
            'true IR, error.'),
      '<h2>Training</h2>', '<div class="curves">', *_curves(run), '</div>', *_last_samples(run),
      '<h2>Settings</h2>', f'<pre>{html.escape(settings)}</pre>',
      f'<p>Commit {html.escape(str(content["commit"]))}. ' + ', '.join(
          f'{html.escape(k)} {html.escape(v)}' for k, v in content['versions'].items()) + '.</p>',
  ]
  return document(run.name, parts, STYLE)


def document(title: str, parts: Sequence[str], style: str) -> str:
  """A whole page of HTML parts, with its style sheet within; the title is escaped."""
  return ('<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
          f'<title>{html.escape(title)}</title>'
          '<meta name="viewport" content="width=device-width, initial-scale=1">'
          f'<style>{style}</style></head><body>\n' + '\n'.join(parts) + '\n</body></html>\n')


def table(rows: Sequence[Sequence[str]], kinds: Sequence[str] = ()) -> str:
  """Rows of text, header first, as a part of a page; `kinds`: classes of the first ones after it.
  """
  header, *body = rows
  lines = ['<tr>' + ''.join(f'<th>{html.escape(cell)}</th>' for cell in header) + '</tr>']
  for row, kind in itertools.zip_longest(body, kinds):
    marked = f' class="{kind}"' if kind else ''
    lines.append(f'<tr{marked}>' + ''.join(f'<td>{html.escape(cell)}</td>' for cell in row)
                 + '</tr>')
  return '<table>' + '\n'.join(lines) + '</table>'


def image(pixels: np.ndarray, alternative: str) -> str:
  """A picture, uint8 [height, width, 3], as a part of a page; `alternative` says what it shows."""
  data = base64.b64encode(images.encode_png(pixels)).decode()
  return (f'<figure><img alt="{html.escape(alternative)}" '
          f'src="data:image/png;base64,{data}"></figure>')


def _curves(run: pathlib.Path) -> list[str]:
  drawn = []
  for title, file, columns, label in _CURVES:
    if not (run / file).exists():
      continue
    with (run / file).open(newline='') as lines:
      rows = list(csv.DictReader(lines))
    series = {column: ([float(row['step']) for row in rows], [float(row[column]) for row in rows])
              for column in columns if rows and column in rows[0]}
    if series:
      plot = figures.line_plot(series, title, 'step', label)
      drawn.append(image(plot, f'{title} over training steps'))
  return drawn


def _last_samples(run: pathlib.Path) -> list[str]:
  grids = sorted((run / run_folder.SAMPLES).glob('step_*.png'))
  if not grids:
    return []
  return [f'<h2>Validation samples at the end ({grids[-1].stem})</h2>',
          image(images.read_image(grids[-1]), 'Rows: examples. Columns as titled: real, '
                'generated and, for CycleGAN, cycled images.')]
