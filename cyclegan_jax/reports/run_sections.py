"""The parts of a run's page that come from measurements, as data for templates/run_page.html."""

from collections.abc import Sequence
import math
from typing import Any

from cyclegan_jax.data import images
from cyclegan_jax.data.source import evenly_spaced
from cyclegan_jax.downstream import results as downstream_results, tables
from cyclegan_jax.evaluation import results as results_lib
from cyclegan_jax.metrics.catalog import METRICS
from cyclegan_jax.reports import downstream_files, gallery, page, temperature_strip
from cyclegan_jax.runs import run_folder
from cyclegan_jax.runs.reader import Run

# An example with pictures: its id, and the runs that have them, each with its row of the example.
Example = tuple[str, list[tuple[Run, int]]]

# More rows make the page slow; per_image.csv has all.
_MOST_ROWS = 2000
# Metrics of single images: in the table if several runs stand side by side, and in the gallery.
_OF_SEVERAL = ('psnr', 'ssim', 'uqi')
_IN_GALLERY = ('psnr', 'ssim')
# Larger pictures are reduced; high quality, as the page enlarges small ones.
_WIDTH, _QUALITY = 512, 92


def results(measured: Sequence[Run]) -> list[dict[str, Any]]:
  """Returns tables of models and trivial guesses, one for all runs measured in the same way."""
  groups: dict[str, list[Run]] = {}
  for run in measured:
    content = run.measured.content
    measured_on = content['split_sha256'], content['image_size'], results_lib.direction(content)
    key = repr((*measured_on, results_lib.rows(content)[0]))
    groups.setdefault(key, []).append(run)
  return [_table(group, several=len(measured) > 1) for group in groups.values()]


def _table(runs: Sequence[Run], several: bool) -> dict[str, Any]:
  tables = [results_lib.rows(run.measured.content) for run in runs]
  rows = [
    [run.name if several else model, *cells] for run, (_, (model, *cells), *_) in zip(runs, tables)
  ]
  # Equal baselines stand there once.
  baselines = dict.fromkeys(tuple(row) for table in tables for row in table[2:])
  return {'runs': runs, 'rows': [tables[0][0], *rows, *baselines]}


def examples(measured: Sequence[Run], n: int) -> list[Example]:
  """Chooses at most n of the examples that have pictures, evenly spread.

  They go from the best to the worst PSNR of the first run that has them.
  """
  found: dict[tuple[str, str], list[tuple[Run, int]]] = {}
  for run in measured:
    own = run.measured
    for index in gallery.indices(own.folder):
      if index < len(own.ids):
        key = own.content['split_sha256'], own.ids[index]
        found.setdefault(key, []).append((run, index))
  ordered = sorted(found.items(), key=lambda entry: -_psnr(*entry[1][0]))
  return [(ordered[i][0][1], ordered[i][1]) for i in evenly_spaced(len(ordered), n)]


def gallery_items(shown: Sequence[Example], several: bool) -> list[dict[str, Any]]:
  """Returns the gallery's examples: name, figures in words, pictures by the name of their layer."""
  items = []
  for name, owners in shown:
    layers, texts = {}, []
    for run, index in owners:
      source, generated, truth, error = gallery.read(run.measured.folder, index)
      here, there = run.config.model.source.upper(), run.config.model.target.upper()
      of = f', {run.name}' if several else ''
      layers = {here: source, f'true {there}': truth, **layers}
      layers |= {f'generated {there}{of}': generated, f'error{of}': error}
      values = run.measured.per_image
      figures = ', '.join(
        f'{METRICS[metric].title} {_number(values[metric][index])}'
        for metric in _IN_GALLERY
        if metric in values
      )
      texts.append(f'{run.name}: {figures}' if several else figures)
    pictures = {
      layer: page.picture(pixels, width=_WIDTH, quality=_QUALITY)
      for layer, pixels in layers.items()
    }
    items.append({'name': name, 'figures': '; '.join(texts), 'layers': pictures})
  return items


def single_images(measured: Sequence[Run], shown: Sequence[Example]) -> dict[str, Any]:
  """Returns the table of single images, for the runs measured on those of the first run.

  It links to the examples shown in the gallery.
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
        columns[title] = [_number(values[rows[id_]]) if id_ in rows else '-' for id_ in first.ids]
  return {
    'rows': [[*columns], *list(zip(*columns.values()))[:_MOST_ROWS]],
    'n': len(first.ids),
    'file': first.folder / 'per_image.csv',
    'links': {
      name: f'#example-{i}'
      for i, (name, owners) in enumerate(shown)
      if any(run in alike for run, _ in owners)
    },
    'others': [run.name for run in measured if run not in alike],
  }


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


def _psnr(run: Run, index: int) -> float:
  values = run.measured.per_image.get('psnr')
  return -math.inf if values is None or math.isnan(values[index]) else values[index]


def _number(value: float) -> str:
  if not math.isfinite(value):
    return {math.inf: '∞', -math.inf: '-∞'}.get(value, '-')
  return f'{value:.4g}' if abs(value) < 1e4 else f'{value:.0f}'
