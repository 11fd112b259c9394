"""Comparisons as tables and sentences."""

from collections.abc import Mapping
from typing import Any

from cyclegan_jax.evaluation.results import title
from cyclegan_jax.metrics.catalog import METRICS
from cyclegan_jax.metrics.statistics import CONFIDENCE
from cyclegan_jax.settings import format_value


def number(value: float | None, digits: int = 4) -> str:
  """Returns so many significant digits and all those before the point; '-' for None."""
  if value is None:
    return '-'
  return f'{value:.0f}' if abs(value) >= 10**digits - 0.5 else f'{value:.{digits}g}'


def models_table(content: Mapping[str, Any]) -> list[list[str]]:
  """Returns header; mean ± sd over seeds of each model; baselines; the paper's figures.

  The metric that decides is the first.
  """
  names = content['metrics']
  rows = [['', 'seeds', *(METRICS[name].title for name in names)]]
  for label, model in content['models'].items():
    alias = '' if model['trained_as'] == label else f' (same as {model["trained_as"]})'
    cells = [mean(name, model['metrics'][name]) for name in names]
    rows.append([label + alias, str(len(model['seeds'])), *cells])
  for name, totals in content['baselines'].items():
    name = title(name, content['direction'])
    rows.append([f'baseline: {name}', '', *(METRICS[key].shown(totals[key]) for key in names)])
  for name, totals in content['paper']['rows'].items():
    cells = [METRICS[key].shown(totals[key]) if key in totals else '' for key in names]
    rows.append([f'the paper says: {name}', '', *cells])
  return rows


def best(content: Mapping[str, Any]) -> dict[str, list[str]]:
  """Returns metric -> the models with the best mean; nothing if there is only one model.

  A metric without a better direction has no best model.
  """
  found: dict[str, list[str]] = {}
  for name in content['metrics']:
    means = {label: model['metrics'][name]['mean'] for label, model in content['models'].items()}
    known = {label: mean for label, mean in means.items() if mean is not None}
    if len(means) > 1 and known and (better := METRICS[name].better):
      top = max(better * mean for mean in known.values())
      found[name] = [label for label, mean in known.items() if better * mean == top]
  return found


def best_cells(content: Mapping[str, Any]) -> set[tuple[int, int]]:
  """Returns the places of the best figures in `models_table`, as (row, column) from 0."""
  labels, names = list(content['models']), content['metrics']
  return {
    (1 + labels.index(label), 2 + names.index(name))
    for name, winners in best(content).items()
    for label in winners
  }


def mean(name: str, spread: Mapping[str, float | None]) -> str:
  """Returns mean ± standard deviation over seeds, where there is one."""
  sd = '' if spread['sd'] is None else f' ± {METRICS[name].shown(spread["sd"])}'
  return METRICS[name].shown(spread['mean']) + sd


def comparisons_table(content: Mapping[str, Any], primary: bool) -> list[list[str]]:
  """Returns a header and the comparisons in the primary metric, or in all the others."""
  header = 'comparison', 'metric', 'seeds', 'difference', f'{100 * CONFIDENCE:g} % over images'
  rows = [[*header, 'better in', 'p', 'p, Holm']]
  for result in content['comparisons']:
    if result['primary'] != primary:
      continue
    metric, interval = METRICS[result['metric']], result['interval']
    better = sum(metric.better * value > 0 for value in result['by_seed'])
    ends = (metric.shown(interval[end], '+') for end in ('low', 'high'))
    rows.append(
      [
        f'{result["first"]} - {result["second"]}',
        metric.title,
        str(len(result['seeds'])),
        metric.shown(result['difference'], '+'),
        '-' if interval['low'] is None else ' to '.join(ends),
        f'{better} of {len(result["by_seed"])}' if metric.better else '-',
        *(number(result[p], 3) for p in ('p', 'p_holm')),
      ]
    )
  return rows


def protocol(content: Mapping[str, Any]) -> str:
  """Returns one line on what was measured."""
  size, (low, high) = format_value(tuple(content['image_size'])), content['value_range']
  return (
    f'Data set {content["dataset"]}, split {content["split"]} (SHA-256 of its names '
    f'{content["split_sha256"][:16]}), {content["n"]} images at {size}, values {low}..{high}.'
  )


def made_with(content: Mapping[str, Any]) -> str:
  """Returns commits and versions, which may differ between runs; wheels know of no commit."""
  commits = [commit or 'unknown' for commit in content['commits']]
  versions = (', '.join(map(' '.join, found.items())) for found in content['versions'])
  return f'Commit {" or ".join(commits)}. {" or ".join(versions)}.'


def csv_rows(content: Mapping[str, Any]) -> list[list[Any]]:
  """Returns header, models, their runs, baselines and the paper's figures, a row each."""
  names = content['metrics']
  rows = [['kind', 'name', 'seed', 'seeds', *names, *(f'{name}_sd' for name in names)]]

  def figures(values: Mapping[str, float | None], digits: int = 7) -> list[str]:
    found = [values.get(name) for name in names]
    return ['' if value is None else f'{value:.{digits}g}' for value in found]

  for label, model in content['models'].items():
    means, sds = (
      {name: spread[part] for name, spread in model['metrics'].items()} for part in ('mean', 'sd')
    )
    rows.append(['model', label, '', len(model['seeds']), *figures(means), *figures(sds, 4)])
    rows += [['run', label, run['seed'], '', *figures(run)] for run in model['runs']]
  for kind, found in (('baseline', content['baselines']), ('paper', content['paper']['rows'])):
    rows += [[kind, name, '', '', *figures(values)] for name, values in found.items()]
  return rows


def count(n: int, what: str) -> str:
  """Returns a number and what it counts, in the plural if need be."""
  return f'{n} {what}{"s" * (n != 1)}'
