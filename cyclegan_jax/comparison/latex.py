"""Comparisons as a table for a paper: LaTeX with booktabs, and the protocol below it."""

from collections.abc import Iterator, Mapping, Sequence
import re
from typing import Any

from cyclegan_jax.comparison import tables
from cyclegan_jax.evaluation.results import title
from cyclegan_jax.metrics.catalog import METRICS
from cyclegan_jax.settings import format_value, PLACES

# The columns, as far as they were measured; the metric that decides is always there.
_COLUMNS = ('psnr', 'ssim', 'rmse', 'correlation', 'log_spectral_distance')
_ARROWS = {1: r' $\uparrow$', -1: r' $\downarrow$', 0: ''}
_SPECIAL = {
  **{character: '\\' + character for character in '&%$#_{}'},
  '~': r'\textasciitilde{}',
  '^': r'\textasciicircum{}',
  '\\': r'\textbackslash{}',
  '<': r'\textless{}',
  '>': r'\textgreater{}',
  '|': r'\textbar{}',
  '±': r'$\pm$',
}


def table(content: Mapping[str, Any]) -> str:
  """Returns the table of models and baselines, the best model of each column in bold.

  Args:
    content: of comparison.json.
  """
  primary = content['primary_metric']
  names = [name for name in _COLUMNS if name in content['metrics'] and name != primary]
  names = [primary, *names]
  upper, lower = zip(*map(_header, names))
  return '\n'.join(
    [
      r'% Needs \usepackage{booktabs,graphicx}. Spans both columns where there are two.',
      r'\begin{table*}',
      r'  \centering',
      rf'  \caption{{{escaped(content["dataset"])}, {escaped(content["split"])} split.}}',
      r'  % Smaller only where it would be wider than the text.',
      r'  \resizebox{\ifdim\width>\textwidth\textwidth\else\width\fi}{!}{%',
      rf'  \begin{{tabular}}{{@{{}}lr{"r" * len(names)}@{{}}}}',
      r'    \toprule',
      *_rows(iter([['Model', 'Seeds', *upper], ['', '', *lower]])),
      r'    \midrule',
      *_rows(_models(content, names)),
      r'    \midrule',
      *_rows(_baselines(content, names)),
      r'    \bottomrule',
      r'  \end{tabular}}',
      '',
      rf'  \par\smallskip\raggedright\footnotesize {escaped(protocol(content))}',
      r'\end{table*}',
      '',
    ]
  )


def protocol(content: Mapping[str, Any]) -> str:
  """Returns how the figures came about, in sentences."""
  low, high = content['value_range']
  seeds = sorted({seed for model in content['models'].values() for seed in model['seeds']})
  # Folders of the user's machine mean nothing to readers.
  shown = [flag for flag in content['common_flags'] if flag[2:].partition('=')[0] not in PLACES]
  flags = ' '.join(shown)
  return (
    f'Mean ± standard deviation over seeds ({", ".join(map(str, seeds))}) on {content["n"]} images '
    f'at {format_value(tuple(content["image_size"]))} pixels, values {low} to {high}; the split is '
    f'fixed (SHA-256 of its names {content["split_sha256"][:12]}). Each run is measured once, at '
    f'the checkpoint that is best in validation by {" or ".join(content["best_metric"])}. '
    f'Common flags: {flags or "none"}. {METRICS[content["primary_metric"]].title} decides '
    'comparisons.'
  )


def escaped(text: str) -> str:
  """Returns a text as LaTeX prints it."""
  text = re.sub('|'.join(map(re.escape, _SPECIAL)), lambda match: _SPECIAL[match[0]], text)
  return re.sub('-(?=-)', '-{}', text)  # Two hyphens would become a dash.


def _figure(text: str) -> str:
  """Returns what a metric shows, with minus signs."""
  return re.sub(r'-(?=\d)', '$-$', escaped(text))


def _header(name: str) -> tuple[str, str]:
  """The two lines above a column: the title of a metric; its unit, and which way is better."""
  metric = METRICS[name]
  first, _, last = metric.title.rpartition(' ')
  unit = f'[{metric.unit.strip()}]' if metric.unit.strip() else ''
  lower = ' '.join(filter(None, (last if first else '', unit)))
  return escaped(first or last), (escaped(lower) + _ARROWS[metric.better]).strip()


def _models(content: Mapping[str, Any], names: Sequence[str]) -> Iterator[list[str]]:
  best = tables.best(content)
  for label, model in content['models'].items():
    cells = [escaped(label), str(len(model['seeds']))]
    for name in names:
      cell = _figure(tables.mean(name, model['metrics'][name]))
      cells.append(rf'\textbf{{{cell}}}' if label in best.get(name, ()) else cell)
    yield cells


def _baselines(content: Mapping[str, Any], names: Sequence[str]) -> Iterator[list[str]]:
  for label, totals in content['baselines'].items():
    name = title(label, content['direction'])
    yield [escaped(name), '', *(_figure(METRICS[name].shown(totals[name])) for name in names)]


def _rows(rows: Iterator[list[str]]) -> list[str]:
  return [f'    {" & ".join(cells)} \\\\' for cells in rows]
