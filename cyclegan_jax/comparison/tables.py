"""Comparisons as tables and sentences: Markdown and CSV."""

from collections.abc import Mapping, Sequence
import csv
import io
from typing import Any

from cyclegan_jax.comparison.compare import LEVEL, METRICS
from cyclegan_jax.metrics.statistics import CONFIDENCE, least_p
from cyclegan_jax.reports.evaluation_files import title


def number(value: float | None, digits: int = 4, sign: str = '') -> str:
  """So many significant digits, all those before the point; - for what is not defined."""
  if value is None:
    return '-'
  return f'{value:{sign}.0f}' if abs(value) >= 10**digits else f'{value:{sign}.{digits}g}'


def signed(value: float | None) -> str:
  """Three digits, with the sign."""
  return number(value, 3, '+')


def models_table(content: Mapping[str, Any]) -> list[list[str]]:
  """Table I: header; mean +- sd over seeds of each model; baselines; the paper's own figures."""
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
    rows.append([f'baseline: {title(name)}', '', *(number(totals[key]) for key in names)])
  for name, figures in content['paper']['rows'].items():
    rows.append(
      [
        f'the paper says: {name}',
        '',
        *(number(figures[key]) if key in figures else '' for key in names),
      ]
    )
  return rows


def comparisons_table(content: Mapping[str, Any], primary: bool) -> list[list[str]]:
  """Header, then the comparisons in the primary metric, or in all the others."""
  rows = [
    [
      'comparison',
      'metric',
      'seeds',
      'difference',
      f'{100 * CONFIDENCE:g} % over images',
      'better in',
      'p',
      'p, Holm',
    ]
  ]
  for result in content['comparisons']:
    if result['primary'] != primary:
      continue
    metric, interval = METRICS[result['metric']], result['interval']
    better = sum(metric.better * value > 0 for value in result['by_seed'])
    ends = (
      '-' if interval['low'] is None else f'{signed(interval["low"])} to {signed(interval["high"])}'
    )
    rows.append(
      [
        f'{result["first"]} - {result["second"]}',
        metric.title,
        str(len(result['seeds'])),
        signed(result['difference']),
        ends,
        f'{better} of {len(result["by_seed"])}',
        number(result['p'], 3),
        number(result['p_holm'], 3),
      ]
    )
  return rows


def sentence(result: Mapping[str, Any], n_comparisons: int) -> str:
  """What a comparison shows, in words."""
  metric, interval = METRICS[result['metric']], result['interval']
  first, second, value = result['first'], result['second'], result['difference']
  if value is None:
    return f'{first} and {second}: {metric.title} cannot be compared, for lack of defined figures.'
  better = metric.better * value > 0
  words = 'equal to' if value == 0 else ('better than' if better else 'worse than')
  n = len(result['by_seed'])
  agreeing = sum(value * d > 0 for d in result['by_seed'])
  amount = '' if value == 0 else f' by {number(abs(value), 3)}{metric.unit}'
  text = (
    f'{first} is {words} {second}{amount} in {metric.title}, on average over '
    f'{n} seed{"s" * (n != 1)}; {agreeing} of {n} agree. '
  )
  if interval['low'] is None:
    text += f'No interval over images: {interval["problem"]}. '
  else:
    text += (
      f'Over images: {signed(interval["low"])} to {signed(interval["high"])}{metric.unit} '
      f'({interval["n"]} images in {interval["n_clusters"]} sequences). '
    )
  if result['p'] is None:
    return text + 'One seed says nothing about what training again would give.'
  shown = result['p_holm'] <= LEVEL
  text += (
    f'Over seeds: p = {result["p"]:.3g}, corrected for {n_comparisons} '
    f'comparison{"s" * (n_comparisons != 1)} {result["p_holm"]:.3g}: a difference is '
    f'{"shown" if shown else "NOT shown"}.'
  )
  if not shown and result['least_p'] * n_comparisons > LEVEL:
    text += (
      f' With {n} seeds it could not be, whatever the models do: the least possible p is '
      f'{result["least_p"]:.3g}.'
    )
  return text


def sentences(content: Mapping[str, Any]) -> list[str]:
  """One for each comparison in the primary metric, and about baselines."""
  found = [
    sentence(result, content['what_seeds_can_show']['comparisons'])
    for result in content['comparisons']
    if result['primary']
  ]
  return found + _lost(content)


def _lost(content: Mapping[str, Any]) -> list[str]:
  """Which models do not beat which trivial baselines in the primary metric."""
  key = content['primary_metric']
  metric, found = METRICS[key], []
  for label, model in content['models'].items():
    mean = model['metrics'][key]['mean']
    lost = [
      title(name)
      for name, totals in content['baselines'].items()
      if mean is not None and totals[key] is not None and metric.better * (mean - totals[key]) <= 0
    ]
    if lost:
      found.append(f'{label} does NOT beat {", ".join(lost)} in {metric.title}.')
  return found


def notes(content: Mapping[str, Any]) -> list[str]:
  """How to read the figures, in plain words."""
  can, primary = content['what_seeds_can_show'], METRICS[content['primary_metric']].title
  n_seeds = [len(model['seeds']) for model in content['models'].values()]
  m = can['comparisons']
  spread = str(min(n_seeds)) if len(set(n_seeds)) == 1 else f'{min(n_seeds)} to {max(n_seeds)}'
  found = [
    f"Figures of a model: mean ± standard deviation over {spread} seeds, each seed's figure a "
    f'mean over all images of the split. Differences pair runs of equal seeds.',
    'The checkpoint of each run was chosen on the validation split, by '
    f'{" or ".join(content["best_metric"])}, never on {content["split"]}.'
    if content['split'] != 'validation'
    else 'These are figures on the validation split, which also chose the checkpoints: they are '
    'too good.',
    'The interval says what other images of the same kind would give with these trained models: '
    'BCa bootstrap, drawing whole sequences '
    f'({content["n_sequences"]} in {content["n"]} images). It says nothing about other seeds.',
    'p says whether training again with other seeds would give the difference: a two-sided '
    'sign-flip test over seeds. It says nothing about other data sets.',
    f"Decided by {primary} alone; Holm's correction is for the {m} comparison"
    f'{"s" * (m != 1)} in one metric, not for looking at several metrics.',
    f'The least p that n seeds can give is 2 / 2^n: {least_p(max(n_seeds)):.3g} here. To reach '
    f'{LEVEL} at all, {m} comparison{"s" * (m != 1)} need {can["seeds_needed"]} seeds.',
  ]
  later = content['history'][1:]
  if content['n_sequences'] == content['n']:
    found.append(
      'No sequences are known: each image stands for itself. If some are neighboring '
      'frames of a video, the intervals are too narrow.'
    )
  if later:
    found.append(
      'Added to the plan after the first runs: '
      + '; '.join(
        ', '.join([*entry['models'], *(f'seed {seed}' for seed in entry['seeds'])])
        + f' ({entry["date"]})'
        for entry in later
      )
      + '.'
    )
  if content['missing']:
    found.append(f'Missing runs, left out: {"; ".join(content["missing"])}.')
  if content['paper']['rows']:
    found.append(content['paper']['note'])
  return found


def protocol(content: Mapping[str, Any]) -> str:
  """What was measured, in one line."""
  height, width = content['image_size']
  low, high = content['value_range']
  return (
    f'Data set {content["dataset"]}, split {content["split"]} (SHA-256 of its names '
    f'{content["split_sha256"][:16]}), {content["n"]} images at {height}x{width}, values '
    f'{low}..{high}.'
  )


def models_lines(content: Mapping[str, Any]) -> list[str]:
  """Each model's own flags and its seeds."""
  return [
    f'{label}: {model["flags"] or "no flags of its own"}; seeds '
    f'{", ".join(map(str, model["seeds"])) or "none"}'
    for label, model in content['models'].items()
  ]


def markdown(content: Mapping[str, Any]) -> str:
  """The whole comparison as Markdown."""
  lines = [f'# Comparison on {content["dataset"]}', '', protocol(content), '']
  lines += [*_markdown_table(models_table(content), 2), '']
  lines += [f'- {text}' for text in sentences(content)] + ['']
  lines += [*_markdown_table(comparisons_table(content, True), 2), '', '## How to read this', '']
  lines += [f'- {text}' for text in notes(content)]
  lines += ['', '## The other metrics', '', *_markdown_table(comparisons_table(content, False), 2)]
  lines += ['', '## Models', '', f'All: `{" ".join(content["common_flags"])}`', '']
  lines += [f'- {text}' for text in models_lines(content)]
  lines += ['', '## Definitions', '']
  lines += [f'- {name}: {text}.' for name, text in content['definitions'].items()]
  lines += ['', made_with(content)]
  return '\n'.join(lines) + '\n'


def made_with(content: Mapping[str, Any]) -> str:
  """Commits and versions, which may differ between runs."""
  versions = ' or '.join(
    ', '.join(f'{name} {version}' for name, version in found.items())
    for found in content['versions']
  )
  return f'Commit {" or ".join(map(str, content["commits"]))}. {versions}.'


def table_csv(content: Mapping[str, Any]) -> str:
  """Models, their runs, baselines and the paper's figures, a row each."""
  names = content['metrics']
  out = io.StringIO()
  writer = csv.writer(out, lineterminator='\n')
  writer.writerow(['kind', 'name', 'seed', 'seeds', *names, *(f'{name}_sd' for name in names)])

  def row(kind, name, figures, seed='', seeds='', spread=()):
    writer.writerow(
      [
        kind,
        name,
        seed,
        seeds,
        *('' if figures.get(key) is None else f'{figures[key]:.7g}' for key in names),
        *('' if value is None else f'{value:.4g}' for value in spread),
      ]
    )

  for label, model in content['models'].items():
    means, sds = ([model['metrics'][key][part] for key in names] for part in ('mean', 'sd'))
    row('model', label, dict(zip(names, means)), seeds=len(model['seeds']), spread=sds)
    for run in model['runs']:
      row('run', label, run, seed=run['seed'])
  for name, totals in content['baselines'].items():
    row('baseline', name, totals)
  for name, figures in content['paper']['rows'].items():
    row('paper', name, figures)
  return out.getvalue()


def _markdown_table(rows: Sequence[Sequence[str]], texts: int) -> list[str]:
  """`texts`: how many columns hold text and stay on the left."""
  header, *body = rows
  rule = ['---' if i < texts else '---:' for i in range(len(header))]
  return ['| ' + ' | '.join(cells) + ' |' for cells in [header, rule, *body]]
