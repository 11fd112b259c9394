"""The parts of a run's page that come from measurements, as data for templates/run_page.html."""

from collections.abc import Collection, Sequence
from typing import Any

import numpy as np

from cyclegan_jax.downstream import results as downstream_results, tables
from cyclegan_jax.evaluation import results as results_lib
from cyclegan_jax.image_files import images
from cyclegan_jax.metrics.catalog import Metric, METRICS
from cyclegan_jax.reports import downstream_files, gallery, page, temperature_strip
from cyclegan_jax.reports.gallery_section import Example
from cyclegan_jax.runs import run_folder
from cyclegan_jax.runs.reader import Run

# Columns that are not folded away.
_MAIN = ('PSNR', 'SSIM', 'MAE', 'unpaired error', 'histogram distance', 'spectral distance')
# More rows make the page slow; per_image.csv has all.
_MOST_ROWS = 2000
# Metrics of single images in the table if several runs stand side by side.
_OF_SEVERAL = ('psnr', 'ssim', 'uqi')
# Where the catalog has no definition, because the column says it all to those who know.
_MEANINGS = {
  'mse': 'Mean squared difference of pixels.',
  'rmse': 'Square root of the MSE, in gray levels.',
  'mae': 'Mean absolute difference of pixels, in gray levels.',
  'psnr_pooled': 'PSNR of the mean MSE of all images: bad images count more.',
}
# What puts single images in order: the first of these that was measured; and the word for it.
_DECIDING = ('psnr', 'unpaired_error', 'histogram_distance')
_ORDERS = {1: 'ascending', -1: 'descending'}
_BETTER = {1: 'Higher is better.', -1: 'Lower is better.', 0: 'Nearer 1 is better.'}


def results(measured: Sequence[Run]) -> list[dict[str, Any]]:
  """Returns tables of models and trivial guesses, one for all runs measured in the same way."""
  groups: dict[str, list[Run]] = {}
  for run in measured:
    content = run.measured.content
    measured_on = content['split_sha256'], content['image_size'], results_lib.direction(content)
    key = repr((*measured_on, results_lib.rows(content)[0]))
    groups.setdefault(key, []).append(run)
  return [_table(group, several=len(measured) > 1) for group in groups.values()]


def main(titles: Collection[str]) -> list[str]:
  """Returns the columns of single runs that are not folded away, at most three; perhaps none."""
  # A span follows the name of the PSNR.
  return [title for title in titles if title in _MAIN or title.startswith('PSNR of ')][:3]


def _table(runs: Sequence[Run], several: bool) -> dict[str, Any]:
  tables = [results_lib.rows(run.measured.content) for run in runs]
  rows = [
    [run.name if several else model, *cells] for run, (_, (model, *cells), *_) in zip(runs, tables)
  ]
  # Equal baselines stand there once.
  baselines = dict.fromkeys(tuple(row) for table in tables for row in table[2:])
  return {'runs': runs, 'rows': [tables[0][0], *rows, *baselines]}


def ranked_by(measured: Sequence[Run]) -> str:
  """Returns in words what ranks the gallery's examples, see `gallery.scores`."""
  complete = measured and gallery.is_complete(measured[0].measured.per_image)
  return 'PSNR / 20 dB + SSIM + correlation' if complete else 'PSNR'


def tips(measured: Sequence[Run]) -> dict[str, str]:
  """Returns what the columns of tables mean: title -> which way is better, and a definition."""
  of_metrics = {
    metric.title: f'{_BETTER[metric.better]} {_MEANINGS.get(name) or metric.definition}'.strip()
    for name, metric in METRICS.items()
  }
  several = [run.name for run in measured] if len(measured) > 1 else []
  return of_metrics | {
    f'{title}, {name}': tip for title, tip in of_metrics.items() for name in several
  }


def single_images(measured: Sequence[Run], shown: Sequence[Example]) -> dict[str, Any]:
  """Returns the table of single images, for the runs measured on those of the first run.

  The worst come first. It links to the examples shown in the gallery.
  """
  first, several = measured[0].measured, len(measured) > 1
  columns = {'Image': first.ids}
  if any(first.sequences):
    columns['Sequence'] = first.sequences
  sha256 = first.content['split_sha256']
  alike = [run for run in measured if run.measured.content['split_sha256'] == sha256]
  for run in alike:
    rows = {name: i for i, name in enumerate(run.measured.ids)}
    for metric in _OF_SEVERAL if several else METRICS:
      values = run.measured.per_image.get(metric)
      if values is not None:
        title = METRICS[metric].title + (f', {run.name}' if several else '')
        show = METRICS[metric].shown
        columns[title] = [show(values[rows[id_]]) if id_ in rows else '-' for id_ in first.ids]
  deciding = next((name for name in _DECIDING if name in first.per_image), None)
  order = _from_the_worst(first.per_image[deciding], METRICS[deciding]) if deciding else ()
  rows = list(zip(*columns.values()))
  titles = [title for title in columns if not deciding or title.startswith(METRICS[deciding].title)]
  psnrs = [title for title in columns if several and title.startswith('PSNR, ')]
  return {
    'rows': [[*columns], *([rows[i] for i in order] or rows)[:_MOST_ROWS]],
    'main': psnrs or main(columns),
    'sorted': (titles[0], _ORDERS[METRICS[deciding].better]) if deciding else ('', ''),
    'n': len(first.ids),
    'file': first.folder / 'per_image.csv',
    'links': {
      example.name: f'#example-{i}'
      for i, example in enumerate(shown)
      if any(run in alike for run, _ in example.owners)
    },
    'others': [run.name for run in measured if run not in alike],
  }


def _from_the_worst(values: np.ndarray, metric: Metric) -> list[int]:
  """The images from the worst to the best; those without a value come last."""
  undefined = np.isnan(values)
  return np.lexsort((np.where(undefined, 0, values * metric.better), undefined)).tolist()


def downstream(runs: Sequence[Run]) -> list[dict[str, Any]]:
  """Returns what experiments.downstream found: run, tables, sentences, and picture, if it is there.

  Raises:
    UserError: a file is damaged; the message names it.
  """
  found = []
  for run in runs:
    folder = run.folder / run_folder.DOWNSTREAM
    if content := downstream_results.read(folder):
      file = folder / downstream_files.EXAMPLES
      found.append(
        {
          'run': run,
          'content': content,
          'rows': tables.rows(content),
          'comparisons': tables.comparisons(content),
          'sentences': tables.sentences(content),
          'protocol': tables.protocol(content),
          'picture': page.picture(images.read_image(file)) if file.exists() else None,
        }
      )
  return found


def temperatures(measured: Sequence[Run]) -> list[dict[str, Any]]:
  """Returns what models do that are told a condition: run, table, and picture, if it is there."""
  found = []
  for run in measured:
    if rows := results_lib.obedience_rows(run.measured.content):
      file = run.measured.folder / temperature_strip.FILE
      picture = page.picture(images.read_image(file)) if file.exists() else None
      found.append({'run': run, 'rows': rows, 'picture': picture})
  return found
