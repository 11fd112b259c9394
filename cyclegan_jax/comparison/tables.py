"""Comparisons as tables and sentences."""

from collections.abc import Mapping
import math
import sys
from typing import Any

from cyclegan_jax.comparison.compare import LEVEL
from cyclegan_jax.evaluation.results import title
from cyclegan_jax.metrics.catalog import METRICS
from cyclegan_jax.metrics.statistics import CONFIDENCE
from cyclegan_jax.settings import format_value


def number(value: float | None, digits: int = 4, sign: str = '') -> str:
  """Returns so many significant digits and all those before the point; '-' for None."""
  if value is None:
    return '-'
  return f'{value:{sign}.0f}' if abs(value) >= 10**digits - 0.5 else f'{value:{sign}.{digits}g}'


def models_table(content: Mapping[str, Any]) -> list[list[str]]:
  """Returns Table I: header; mean ± sd over seeds of each model; baselines; the paper's figures."""
  names = content['metrics']
  rows = [['', 'seeds', *(METRICS[name].title for name in names)]]
  for label, model in content['models'].items():
    cells = []
    for name in names:
      spread = model['metrics'][name]
      sd = '' if spread['sd'] is None else f' ± {number(spread["sd"], 2)}'
      cells.append(number(spread['mean']) + sd)
    alias = '' if model['trained_as'] == label else f' (same as {model["trained_as"]})'
    rows.append([label + alias, str(len(model['seeds'])), *cells])
  for name, totals in content['baselines'].items():
    name = title(name, content['direction'])
    rows.append([f'baseline: {name}', '', *(number(totals[key]) for key in names)])
  for name, totals in content['paper']['rows'].items():
    cells = [number(totals[key]) if key in totals else '' for key in names]
    rows.append([f'the paper says: {name}', '', *cells])
  return rows


def comparisons_table(content: Mapping[str, Any], primary: bool) -> list[list[str]]:
  """Returns a header and the comparisons in the primary metric, or in all the others."""
  header = 'comparison', 'metric', 'seeds', 'difference', f'{100 * CONFIDENCE:g} % over images'
  rows = [[*header, 'better in', 'p', 'p, Holm']]
  for result in content['comparisons']:
    if result['primary'] != primary:
      continue
    metric, interval = METRICS[result['metric']], result['interval']
    better = sum(metric.better * value > 0 for value in result['by_seed'])
    rows.append(
      [
        f'{result["first"]} - {result["second"]}',
        metric.title,
        str(len(result['seeds'])),
        number(result['difference'], 3, '+'),
        '-' if interval['low'] is None else ends(interval),
        f'{better} of {len(result["by_seed"])}' if metric.better else '-',
        *(number(result[p], 3) for p in ('p', 'p_holm')),
      ]
    )
  return rows


def sentences(content: Mapping[str, Any]) -> list[str]:
  """Returns a sentence on each comparison in the primary metric, then those on baselines."""
  n_comparisons = content['what_seeds_can_show']['comparisons']
  primary = [result for result in content['comparisons'] if result['primary']]
  return [_sentence(result, n_comparisons) for result in primary] + _lost(content)


def _sentence(result: Mapping[str, Any], n_comparisons: int) -> str:
  metric, interval = METRICS[result['metric']], result['interval']
  first, second, value = result['first'], result['second'], result['difference']
  if value is None:
    return f'{first} and {second} cannot be compared in {metric.title}: it is undefined.'
  by_seed, words = result['by_seed'], f'equal to {second}'
  if value:
    better = 'better' if metric.better * value > 0 else 'worse'
    words = f'{better} than {second} by {number(abs(value), 3)}{metric.unit}'
  agreeing = sum(value * difference > 0 for difference in by_seed)
  text = (
    f'{first} is {words} in {metric.title}, on average over '
    f'{count(len(by_seed), "seed")}; {agreeing} of {len(by_seed)} agree. '
  )
  if interval['low'] is None:
    text += f'No interval over images: {interval["problem"]}. '
  else:
    text += (
      f'Over images: {ends(interval)}{metric.unit} '
      f'({interval["n"]} images in {count(interval["n_clusters"], "sequence")}). '
    )
  if result['p'] is None:
    return text + 'One seed says nothing about what training again would give.'
  text += (
    f'Over seeds: p = {result["p"]:.3g}, corrected for {count(n_comparisons, "comparison")} '
    f'{result["p_holm"]:.3g}: a difference is '
  )
  if result['p_holm'] <= LEVEL:
    return text + 'shown.'
  text += 'NOT shown.'
  if result['least_p'] * n_comparisons > LEVEL:
    text += (
      f' With {len(by_seed)} seeds it could not be, whatever the models do: the least possible p '
      f'is {result["least_p"]:.3g}.'
    )
  return text


def _lost(content: Mapping[str, Any]) -> list[str]:
  """Sentences on the models that do not beat every baseline in the primary metric."""
  key = content['primary_metric']
  metric, found = METRICS[key], []
  titled = {title(name, content['direction']): x for name, x in content['baselines'].items()}
  baselines = {name: _score(totals, key) for name, totals in titled.items()}
  for label, model in content['models'].items():
    scores = [_score(run, key) for run in model['runs']]
    known = [score for score in scores if score is not None]
    mean = None
    if known and len(known) == len(scores):
      mean = math.fsum(score / len(known) for score in known)
    lost = [
      name
      for name, value in baselines.items()
      if mean is not None and value is not None and metric.better * (mean - value) <= 0
    ]
    if lost:
      found.append(f'{label} does NOT beat {", ".join(lost)} in {metric.title}.')
  return found


def _score(totals: Mapping[str, float | None], metric: str) -> float | None:
  """Returns the figure that decides, None if it is undefined.

  Where every image is reproduced exactly, PSNR is infinite, which JSON leaves out. The largest
  number stands for it, so that two such models are equal.
  """
  if totals[metric] is None and metric.startswith('psnr') and totals['mse'] == 0:
    return sys.float_info.max
  return totals[metric]


def protocol(content: Mapping[str, Any]) -> str:
  """Returns one line on what was measured."""
  size, (low, high) = format_value(tuple(content['image_size'])), content['value_range']
  return (
    f'Data set {content["dataset"]}, split {content["split"]} (SHA-256 of its names '
    f'{content["split_sha256"][:16]}), {content["n"]} images at {size}, values {low}..{high}.'
  )


def made_with(content: Mapping[str, Any]) -> str:
  """Returns commits and versions, which may differ between runs."""
  versions = (', '.join(map(' '.join, found.items())) for found in content['versions'])
  return f'Commit {" or ".join(map(str, content["commits"]))}. {" or ".join(versions)}.'


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


def ends(interval: Mapping[str, Any], sign: str = '+') -> str:
  """Returns an interval as text; by default its ends, those of a difference, have signs."""
  return ' to '.join(number(interval[end], 3, sign) for end in ('low', 'high'))


def count(n: int, what: str) -> str:
  """Returns a number and what it counts, in the plural if need be."""
  return f'{n} {what}{"s" * (n != 1)}'
