"""Files that a comparison writes.

DIR/comparison.json   everything: figures of each run, means, differences, what they mean
DIR/comparison.md     what they show in sentences, and tables
DIR/table.csv         models, runs, baselines, a row each
DIR/table.tex         models and baselines for a paper, with the protocol
DIR/references.bib    what to cite, as BibTeX
DIR/report.html       the same with charts and pictures; needs no other file
"""

from collections.abc import Mapping, Sequence
import json
import math
import os
import pathlib
from typing import Any
import urllib.parse

import numpy as np

from cyclegan_jax import files
from cyclegan_jax.comparison import answers, downstream, finished, latex, tables
from cyclegan_jax.comparison.compare import ComparedModel, LEVEL
from cyclegan_jax.errors import UserError
from cyclegan_jax.evaluation.results import title
from cyclegan_jax.metrics import statistics
from cyclegan_jax.metrics.catalog import METRICS
from cyclegan_jax.reports import charts, comparison_gallery, page, run_sections, svg
from cyclegan_jax.runs import run_folder

MARKDOWN, CSV, PAGE = 'comparison.md', 'table.csv', 'report.html'
LATEX, BIBTEX = 'table.tex', 'references.bib'
# Metrics with curves and box plots.
_CHARTED = ('psnr', 'ssim')
# So many models are named in the title.
_NAMED = 4


def write(
  folder: pathlib.Path, content: Mapping[str, Any], models: Mapping[str, ComparedModel]
) -> None:
  """Writes the six files into an existing folder, each whole or not at all.

  The content is that from `compare.compare`, with what was planned.

  Raises:
    UserError: the folder cannot be written, or a picture is damaged.
  """
  try:
    files.write_text(folder / finished.JSON, json.dumps(content, indent=2) + '\n')
    files.write_text(folder / MARKDOWN, markdown(content))
    files.write_csv(folder / CSV, tables.csv_rows(content))
    files.write_text(folder / LATEX, latex.table(content))
    files.write_text(folder / BIBTEX, page.asset(BIBTEX))
    files.write_text(folder / PAGE, render(content, models, folder))
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
    notes=notes(content),
    downstream=downstream,
  )


def _bold(content: Mapping[str, Any]) -> list[list[str]]:
  """The table of models as Markdown, the best figure of each column in bold."""
  rows = tables.models_table(content)
  for row, column in tables.best_cells(content):
    rows[row][column] = f'**{rows[row][column]}**'
  return rows


def render(
  content: Mapping[str, Any], models: Mapping[str, ComparedModel], folder: pathlib.Path
) -> str:
  """Returns the page as text, to be written into the folder; see `write`."""
  kinds = ['model'] * len(content['models']) + ['baseline'] * len(content['baselines'])
  # Models that are trained as another one would repeat its charts and pictures.
  trained = {
    name: model for name, model in models.items() if model.trained_as == name and model.runs
  }
  primary = METRICS[content['primary_metric']]
  found = answers.answers(content)
  lead = found[0] if found and not found[0].subject else None
  pages = {name: _pages(model, folder) for name, model in models.items()}
  shown = comparison_gallery.shown_runs(trained, content['primary_metric'])
  rows = tables.models_table(content)
  return page.document(
    'comparison_page.html',
    (*page.SCRIPTS, 'wipe.js', 'loupe.js', 'gallery.js', 'copy.js'),
    title=_title(folder, trained),
    content=content,
    about=_about(trained),
    lead=lead or answers.Answer('', '', f'{primary.title} has no better direction'),
    answers=found[1:] if lead else found,
    standing=_standing(content, trained),
    tables=tables,
    downstream=downstream,
    notes=notes(content),
    primary=primary,
    rows=rows,
    main=['seeds', primary.title, *run_sections.main(rows[0])],
    tips=run_sections.tips([]),
    best=tables.best_cells(content),
    kinds=kinds + ['paper'] * len(content['paper']['rows']),
    differences=_differences(content),
    curves=[chart for metric in _CHARTED if (chart := _curves(trained, metric))],
    boxes=[chart for metric in _CHARTED if (chart := _boxes(trained, metric))],
    gallery=comparison_gallery.items(trained, content['primary_metric']),
    seeds={
      name: (comparison_gallery.which_seed(trained[name], run), pages[name][run.config.train.seed])
      for name, run in shown.items()
    },
    has_seeds=any(len(model.runs) > 1 for model in trained.values()),
    pages=pages,
    copies=[
      ('latex', 'LaTeX (booktabs)', LATEX, latex.table(content)),
      ('csv', 'CSV', CSV, files.csv_text(tables.csv_rows(content))),
      ('bibtex', 'BibTeX', BIBTEX, page.asset(BIBTEX)),
    ],
  )


def _title(folder: pathlib.Path, models: Mapping[str, ComparedModel]) -> str:
  names = _listed([*models]) if len(models) <= _NAMED else f'{len(models)} models'
  return f'{folder.resolve().name}: {names}'


def _about(models: Mapping[str, ComparedModel]) -> str:
  """The models that the title does not name, and the folder that the data are in, or their set."""
  data = next(iter(models.values())).runs[0].config.data
  where = pathlib.Path(data.source_dir).name or data.dataset
  return where if len(models) <= _NAMED else f'{_listed([*models])} on {where}'


def _listed(names: Sequence[str]) -> str:
  return f'{", ".join(names[:-1])} and {names[-1]}' if len(names) > 1 else names[0]


def _pages(model: ComparedModel, folder: pathlib.Path) -> dict[int, str]:
  """Seed -> the address of its run's page as seen from the folder, '' without a page."""
  found = {}
  for run in model.runs:
    file = run.folder / run_folder.PAGE
    relative = pathlib.Path(os.path.relpath(file.resolve(), folder.resolve())).as_posix()
    found[run.config.train.seed] = urllib.parse.quote(relative) if file.exists() else ''
  return found


def _standing(content: Mapping[str, Any], models: Mapping[str, ComparedModel]) -> svg.Chart | None:
  """Models beside trivial guesses in the metric that decides, with their seeds."""
  name = content['primary_metric']
  figures = {label: content['models'][label] for label in models}
  rows = {label: model['metrics'][name]['mean'] for label, model in figures.items()}
  rows |= {
    title(guess, content['direction']): totals[name]
    for guess, totals in content['baselines'].items()
  }
  known = {label: math.nan if value is None else value for label, value in rows.items()}
  seeds = {
    label: [run[name] for run in model['runs'] if run[name] is not None]
    for label, model in figures.items()
    if len(model['runs']) > 1
  }
  return charts.standing(known, METRICS[name], [*models], seeds)


def notes(content: Mapping[str, Any]) -> list[str]:
  """Sentences on how to read the figures."""
  primary = METRICS[content['primary_metric']].title
  shared = {'count': tables.count, 'least_p': statistics.least_p, 'level': LEVEL}
  text = page.text('comparison_notes.md', content=content, primary=primary, **shared)
  return [line for line in text.splitlines() if line]


def _curves(models: Mapping[str, ComparedModel], metric: str) -> svg.Chart | None:
  """A validation metric over epochs: a thin line for each seed, a thick one for their mean."""
  thin = {
    name: [
      (run.validation['epoch'], run.validation[metric])
      for run in model.runs
      if metric in run.validation and len(run.validation['epoch']) > 1
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


def _boxes(models: Mapping[str, ComparedModel], metric: str) -> svg.Chart | None:
  """The distribution of a metric over images, averaged over seeds; nothing for a single image."""
  rows = {
    name: np.mean([run.measured.per_image[metric] for run in model.runs], axis=0)
    for name, model in models.items()
  }
  several = {name: values for name, values in rows.items() if np.isfinite(values).sum() > 1}
  return charts.boxes(several, f'{METRICS[metric].title} of single images', METRICS[metric].unit)


def _differences(content: Mapping[str, Any]) -> svg.Chart | None:
  """The comparisons in the primary metric, with their intervals and seeds; no single points."""
  metric = METRICS[content['primary_metric']]
  rows = {
    f'{found["first"]} - {found["second"]}': (
      *(found[key] for key in ('difference', 'by_seed')),
      *(found['interval'][end] for end in ('low', 'high')),
    )
    for found in content['comparisons']
    if found['primary'] and (len(found['by_seed']) > 1 or found['interval']['low'] is not None)
  }
  side = {1: ': better on the right', -1: ': better on the left', 0: ''}[metric.better]
  return charts.intervals(rows, f'Differences in {metric.title}{side}', metric.unit)
