"""Models on data that they were not trained on: a table of trained on by tested on."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from cyclegan_jax.comparison.compare import spread
from cyclegan_jax.comparison.runs import check_alike
from cyclegan_jax.comparison.tables import number
from cyclegan_jax.evaluation.results import direction, title
from cyclegan_jax.metrics import statistics
from cyclegan_jax.metrics.catalog import METRICS
from cyclegan_jax.runs.reader import Run

# What is tabled. Gray levels of two cameras rarely mean the same, so the first says least.
TABLED = ('psnr', 'psnr_image_gain', 'ssim', 'correlation')


def transfer(cells: Mapping[tuple[str, str], Sequence[Run]]) -> dict[str, Any]:
  """Returns the content of transfer.json.

  Args:
    cells: (trained on, tested on) -> runs that differ in nothing but their seeds, measured there.

  Returns:
    `trained_on` and `tested_on`, the names of rows and columns; `cells`, a list of what each run
    reached, with mean, standard deviation over seeds, and the 95 % interval over images of the mean
    over seeds; `baselines`, those of each column, and `directions`, what is translated there.

  Raises:
    UserError: the runs of a column were not measured on the same images.
  """
  rows, columns = (list(dict.fromkeys(key[i] for key in cells)) for i in range(2))
  baselines, directions = {}, {}
  for column in columns:
    runs = [run for (_, tested_on), found in cells.items() if tested_on == column for run in found]
    check_alike(runs)
    content = runs[0].measured.content
    directions[column] = direction(content)
    baselines[column] = {
      name: {metric: totals.get(metric) for metric in TABLED}
      for name, totals in content['baselines'].items()
    }
  return {
    'trained_on': rows,
    'tested_on': columns,
    'cells': [_cell(*key, runs) for key, runs in cells.items()],
    'baselines': baselines,
    'directions': directions,
    'definitions': {name: METRICS[name].definition for name in TABLED if METRICS[name].definition},
  }


def _cell(trained_on: str, tested_on: str, runs: Sequence[Run]) -> dict[str, Any]:
  return {
    'trained_on': trained_on,
    'tested_on': tested_on,
    'seeds': [run.config.train.seed for run in runs],
    'n': runs[0].measured.content['n'],
    **{name: _figure(runs, name) for name in TABLED},
  }


def _figure(runs: Sequence[Run], metric: str) -> dict[str, Any]:
  by_seed = [run.measured.content['model'].get(metric) for run in runs]
  return {**spread(by_seed), 'by_seed': by_seed, 'interval': _interval(runs, metric)}


def _interval(runs: Sequence[Run], metric: str) -> dict[str, Any]:
  if any(metric not in run.measured.per_image for run in runs):
    return statistics.no_interval('it has no value per image')
  values = np.mean([run.measured.per_image[metric] for run in runs], axis=0)
  if not np.isfinite(values).all():
    return statistics.no_interval('it is undefined in some images')
  return statistics.clustered_interval(values, runs[0].measured.clusters).bounds


def table(content: Mapping[str, Any], metric: str) -> list[list[str]]:
  """Returns rows of text, header first: models by what they were trained on, then baselines."""
  cells = {(cell['trained_on'], cell['tested_on']): cell for cell in content['cells']}
  columns = content['tested_on']
  rows = [[f'{METRICS[metric].title}, trained on', *(f'tested on {name}' for name in columns)]]
  for row in content['trained_on']:
    found = (cells.get((row, column)) for column in columns)
    rows.append([row, *(_text(cell[metric]) if cell else '-' for cell in found)])
  baselines = {column: _baselines(content, column) for column in columns}
  for name in dict.fromkeys(name for found in baselines.values() for name in found):
    values = (baselines[column].get(name, {}).get(metric) for column in columns)
    rows.append([f'baseline: {name}', *map(number, values)])
  return rows


def _baselines(content: Mapping[str, Any], column: str) -> dict[str, Mapping[str, Any]]:
  """Those of a column by their titles."""
  way = content['directions'][column]
  return {title(name, way): totals for name, totals in content['baselines'][column].items()}


def _text(figure: Mapping[str, Any]) -> str:
  """Mean over seeds, and the interval over images or the spread over seeds."""
  if figure['mean'] is not None and figure['interval']['low'] is not None:
    ends = ' to '.join(number(figure['interval'][end], 3) for end in ('low', 'high'))
    return f'{number(figure["mean"])} ({ends})'
  spread_of_seeds = '' if figure['sd'] is None else f' ± {number(figure["sd"], 2)}'
  return number(figure['mean']) + spread_of_seeds


def csv_rows(content: Mapping[str, Any]) -> Iterable[list[Any]]:
  """Yields a header, and a row for each cell and metric."""
  yield ['trained_on', 'tested_on', 'metric', 'seeds', 'images', 'mean', 'sd', 'low', 'high']
  for cell in content['cells']:
    for metric in TABLED:
      figure = cell[metric]
      interval = figure['interval']
      numbers = (figure['mean'], figure['sd'], interval['low'], interval['high'])
      yield [
        *(cell['trained_on'], cell['tested_on'], metric, len(cell['seeds']), cell['n']),
        *('' if value is None else f'{value:.6g}' for value in numbers),
      ]
  for column in content['baselines']:
    for name, totals in _baselines(content, column).items():
      for metric in TABLED:
        value = totals[metric]
        text = '' if value is None else f'{value:.6g}'
        yield [f'baseline: {name}', column, metric, '', '', text, '', '', '']
