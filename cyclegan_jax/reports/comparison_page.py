"""Files that a comparison writes.

DIR/comparison.json   everything: figures of each run, means, differences, what they mean
DIR/comparison.md     the paper's Table I and the comparisons, in words too
DIR/table.csv         models, runs, baselines, a row each
DIR/table.tex         models and baselines for a paper, with the protocol
DIR/report.html       the same with charts and pictures; needs no other file
"""

from collections.abc import Mapping
import json
import pathlib
from typing import Any

import numpy as np

from cyclegan_jax import files
from cyclegan_jax.comparison import answers, downstream, finished, latex, tables
from cyclegan_jax.comparison.compare import ComparedModel, LEVEL, median_run
from cyclegan_jax.data import images
from cyclegan_jax.errors import UserError
from cyclegan_jax.metrics import statistics
from cyclegan_jax.metrics.catalog import METRICS
from cyclegan_jax.reports import charts, page

MARKDOWN, CSV, PAGE = 'comparison.md', 'table.csv', 'report.html'
LATEX = 'table.tex'
# Metrics with curves and box plots.
_CHARTED = ('psnr', 'ssim')
# Pictures of an evaluation that the page shows.
_PICTURES = ('paper_figure.png', 'examples.png')


def write(
  folder: pathlib.Path, content: Mapping[str, Any], models: Mapping[str, ComparedModel]
) -> None:
  """Writes the five files into an existing folder, each whole or not at all.

  The content is that from `compare.compare`, with what was planned.

  Raises:
    UserError: the folder cannot be written, or a picture is damaged.
  """
  try:
    files.write_text(folder / finished.JSON, json.dumps(content, indent=2) + '\n')
    files.write_text(folder / MARKDOWN, markdown(content))
    files.write_csv(folder / CSV, tables.csv_rows(content))
    files.write_text(folder / LATEX, latex.table(content))
    files.write_text(folder / PAGE, render(content, models))
  except OSError as error:
    raise UserError(f'--output={folder} cannot be written: {error.strerror}.') from error


def summary(content: Mapping[str, Any]) -> str:
  """Returns what a terminal shows at the end: the primary metric of each model, the findings."""
  table = tables.models_table(content)
  column = table[0].index(METRICS[content['primary_metric']].title)
  width = max(len(row[0]) for row in table)
  lines = [f'{row[0]:<{width}}  {row[column]}' for row in table if row[column]]
  studied = content.get('downstream')
  further = [' | '.join(row) for row in downstream.models_table(studied)] if studied else []
  return '\n'.join([tables.protocol(content), *lines, *answers.sentences(content), *further])


def markdown(content: Mapping[str, Any]) -> str:
  """Returns the whole comparison as Markdown."""
  return page.text(
    'comparison.md',
    content=content,
    answers=answers.sentences(content),
    models=_bold(content),
    tables=tables,
    notes=_notes(content),
    downstream=downstream,
  )


def _bold(content: Mapping[str, Any]) -> list[list[str]]:
  """The table of models as Markdown, the best figure of each column in bold."""
  rows = tables.models_table(content)
  for row, column in tables.best_cells(content):
    rows[row][column] = f'**{rows[row][column]}**'
  return rows


def render(content: Mapping[str, Any], models: Mapping[str, ComparedModel]) -> str:
  """Returns the page as text; see `write`."""
  kinds = ['model'] * len(content['models']) + ['baseline'] * len(content['baselines'])
  # Models that are trained as another one would repeat its charts and pictures.
  trained = {
    name: model for name, model in models.items() if model.trained_as == name and model.runs
  }
  return page.document(
    'comparison_page.html',
    title=f'Comparison on {content["dataset"]}',
    content=content,
    answers=answers.sentences(content),
    tables=tables,
    downstream=downstream,
    notes=_notes(content),
    primary=METRICS[content['primary_metric']],
    kinds=kinds + ['paper'] * len(content['paper']['rows']),
    differences=_differences(content),
    curves=[chart for metric in _CHARTED if (chart := _curves(trained, metric))],
    boxes=[chart for metric in _CHARTED if (chart := _boxes(trained, metric))],
    pictures=[_pictures(name, model, content['primary_metric']) for name, model in trained.items()],
  )


def _notes(content: Mapping[str, Any]) -> list[str]:
  """Sentences on how to read the figures."""
  primary = METRICS[content['primary_metric']].title
  shared = {'count': tables.count, 'least_p': statistics.least_p, 'level': LEVEL}
  text = page.text('comparison_notes.md', content=content, primary=primary, **shared)
  return [line for line in text.splitlines() if line]


def _curves(models: Mapping[str, ComparedModel], metric: str) -> charts.Chart | None:
  """A validation metric over epochs: a thin line for each seed, a thick one for their mean."""
  thin = {
    name: [
      (run.validation['epoch'], run.validation[metric])
      for run in model.runs
      if metric in run.validation
    ]
    for name, model in models.items()
  }
  means: dict[str, charts.Curve] = {}
  for name, seeds in thin.items():
    shortest = min((len(epochs) for epochs, _ in seeds), default=0)
    cut = [(epochs[:shortest], values[:shortest]) for epochs, values in seeds]
    means[name] = tuple(np.mean(cut, axis=0)) if cut else ((), ())
  title = f'Validation {METRICS[metric].title}'
  return charts.lines(means, title, METRICS[metric].unit, 'epoch', thin)


def _boxes(models: Mapping[str, ComparedModel], metric: str) -> charts.Chart | None:
  """The distribution of a metric over images, averaged over seeds."""
  rows = {
    name: np.mean([run.measured.per_image[metric] for run in model.runs], axis=0)
    for name, model in models.items()
  }
  return charts.boxes(rows, f'{METRICS[metric].title} of single images', METRICS[metric].unit)


def _differences(content: Mapping[str, Any]) -> charts.Chart | None:
  """The comparisons in the primary metric, with their intervals and seeds."""
  metric = METRICS[content['primary_metric']]
  rows = {
    f'{found["first"]} - {found["second"]}': (
      *(found[key] for key in ('difference', 'by_seed')),
      *(found['interval'][end] for end in ('low', 'high')),
    )
    for found in content['comparisons']
    if found['primary'] and found['difference'] is not None
  }
  side = 'right' if metric.better > 0 else 'left'
  title = f'Differences in {metric.title}: the first model is better on the {side}'
  return charts.intervals(rows, title, metric.unit)


def _pictures(name: str, model: ComparedModel, metric: str) -> dict[str, Any]:
  """The pictures of the run that is the median over seeds; None for a missing file."""
  run = median_run(model, metric)
  pictures = {
    file.name: page.picture(images.read_image(file)) if file.exists() else None
    for file in map(run.measured.folder.joinpath, _PICTURES)
  }
  return {'name': name, 'run': run, 'n_seeds': len(model.runs), 'pictures': pictures}
