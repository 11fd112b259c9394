"""Trains the comparisons of docs/explanation/results.md and its neighbors, and writes their tables.

  python -m benchmarks.results --roadscene=ROADSCENE --runs=runs/results --workers=2
  python -m benchmarks.results --only=roadscene_images64 --roadscene=ROADSCENE
  python -m benchmarks.results --runs=runs/results --report_only
  python -m benchmarks.results --only=roadscene_images64 --keep

experiments.compare runs once for each of COMPARISONS, each in its own folder of --runs. Tables and
figures are then copied to results/comparisons/, and the tables of the pages are rewritten. The
pages with curves and pictures stay in --runs. Complete runs are not trained again, so the same
command resumes after an interruption. To resume on another machine, --keep writes what is measured
so far to results/unfinished/, from where a later command takes it.
"""

from collections.abc import Mapping
import json
import pathlib
import re
import shlex
import shutil
import subprocess
import sys
from typing import Any

from absl import app, flags

from benchmarks import compact, kept_runs
from benchmarks.comparisons import COMPARISONS
from cyclegan_jax.metrics.catalog import METRICS

_ROADSCENE = flags.DEFINE_string(
  'roadscene', None, 'Folder with the RoadScene pairs, rgb/ and ir/; needed to train on them.'
)
_MSRS = flags.DEFINE_string(
  'msrs', None, 'Folder with MSRS pairs, vi/ and ir/; needed to train on them.'
)
_RUNS = flags.DEFINE_string('runs', 'runs/results', 'Where the runs are kept.')
_WORKERS = flags.DEFINE_integer('workers', 2, 'Runs at a time.', lower_bound=1)
_ONLY = flags.DEFINE_list('only', None, 'Only these comparisons, such as roadscene_paper.')
_REPORT_ONLY = flags.DEFINE_boolean('report_only', False, 'Train nothing.')
_KEEP = flags.DEFINE_boolean(
  'keep', False, 'Write what is measured to results/unfinished/, and train nothing.'
)

_REPOSITORY = pathlib.Path(__file__).resolve().parent.parent
_PAGES = _REPOSITORY / 'docs' / 'explanation'
_COLUMNS = {
  'psnr': 'z.2f',
  'ssim': 'z.3f',
  'correlation': 'z.2f',
  'gradient_ratio': 'z.2f',
  'hot_recall': 'z.2f',
}
_COPIED = {'comparison.md': '.md', 'comparison.json': '.json', 'table.csv': '.csv'}
_BASELINES = {
  'mean_image': 'mean training IR image',
  'nearest': 'IR of the nearest training RGB image',
  'luminance': 'luminance as IR',
  'constant': 'constant',
}
_SHARED = 'paired'


def compare(folder: pathlib.Path, arguments: list[str]) -> int:
  """Runs experiments.compare on a folder; its exit status."""
  return subprocess.run(
    [sys.executable, '-m', 'experiments.compare', f'--output={folder}', *arguments], cwd=_REPOSITORY
  ).returncode


def data_flags(name: str, runs: pathlib.Path) -> list[str]:
  """Flags that name a data set; photographs are divided by scenes first, in a folder of links."""
  if name == 'synthetic':
    return ['--dataset=synthetic', f'--data_dir={runs / "data"}']
  scenes = runs / f'{name}_scenes'
  if not scenes.exists():
    source = {'roadscene': _ROADSCENE, 'msrs': _MSRS}[name].value
    if not source:
      raise app.UsageError(f'--{name} is missing: the folder with its pairs.')
    divide = [sys.executable, '-m', f'benchmarks.{name}', f'--output={scenes}']
    source_dir = f'--source_dir={pathlib.Path(source).resolve()}'
    subprocess.run([*divide, source_dir], cwd=_REPOSITORY, check=True)
  return ['--dataset=folder', f'--source_dir={scenes}', f'--data_dir={runs / "data"}']


def share(first: pathlib.Path, second: pathlib.Path) -> None:
  """Copies the finished runs of the model that both comparisons have."""
  source, target = first / 'runs' / _SHARED, second / 'runs' / _SHARED
  if source.exists() and not target.exists():
    shutil.copytree(source, target)


def publish(folder: pathlib.Path, runs: pathlib.Path, results: pathlib.Path) -> None:
  """Copies the tables and figures of a comparison, with paths as the docs have them."""
  for file, ending in _COPIED.items():
    text = (folder / file).read_text().replace(str(runs), kept_runs.PLACE)
    if ending == '.json':
      text = compact.text(json.loads(text))
    (results / f'{folder.name}{ending}').write_text(text)


def tables(found: Mapping[str, Any]) -> str:
  """Of comparison.json: models and baselines, and the comparisons that decide."""
  measured = [model['metrics'] for model in found['models'].values()]
  metrics = {key: form for key, form in _COLUMNS.items() if all(key in each for each in measured)}
  titles = [METRICS[key].title for key in metrics]
  lines = ['| | ' + ' | '.join(titles) + ' |', '|---|' + '---:|' * len(metrics)]
  for name, model in found['models'].items():
    values = (_over_seeds(model['metrics'][key], form) for key, form in metrics.items())
    lines.append(f'| {name} | ' + ' | '.join(values) + ' |')
  for name, totals in found['baselines'].items():
    lines.append(
      f'| {_BASELINES[name]} | '
      + ' | '.join(
        '-' if totals.get(key) is None else f'{totals[key]:{form}}' for key, form in metrics.items()
      )
      + ' |'
    )
  if not found['comparisons']:  # Of one model.
    return '\n'.join(lines)
  primary = METRICS[found['primary_metric']]
  form = _COLUMNS[found['primary_metric']]
  title = primary.title + (f',{primary.unit}' if primary.unit else '')
  lines += [
    '',
    f'| {title} | difference | over scenes, 95 % | better in | p | p, Holm |',
    '|---|' + '---:|' * 5,
  ]
  for row in (row for row in found['comparisons'] if row['primary']):
    better, interval = sum(d > 0 for d in row['by_seed']), row['interval']
    lines.append(
      f'| {row["first"]} - {row["second"]} | {row["difference"]:+{form}} | '
      f'{interval["low"]:+{form}} to {interval["high"]:+{form}} | '
      f'{better} of {len(row["by_seed"])} seeds | {_p(row["p"])} | {_p(row["p_holm"])} |'
    )
  return '\n'.join(lines)


def _over_seeds(metric: Mapping[str, float | None], form: str) -> str:
  spread = '' if metric['sd'] is None else f' ± {metric["sd"]:{form}}'  # One seed has none.
  return f'{metric["mean"]:{form}}{spread}'


def _p(value: float | None) -> str:
  return '-' if value is None else f'{value:.2g}'  # One seed gives none.


def refresh(page: pathlib.Path, name: str, text: str) -> None:
  """Puts tables between the marks of a comparison in the page of results."""
  begin, end = f'<!-- {name} -->\n', f'\n<!-- end of {name} -->'
  old = page.read_text()
  new = re.sub(
    f'{re.escape(begin)}.*?{re.escape(end)}', lambda _: begin + text + end, old, flags=re.DOTALL
  )
  if begin + text + end not in new:
    raise app.UsageError(f'{page} has no place for {name}: {begin.strip()} and {end.strip()}.')
  page.write_text(new)


def main(argv: list[str]) -> None:
  if len(argv) > 1:
    raise app.UsageError(f'{argv[1]} is not a flag.')
  runs, results = pathlib.Path(_RUNS.value).resolve(), _REPOSITORY / 'results' / 'comparisons'
  runs.mkdir(parents=True, exist_ok=True)
  for name in _ONLY.value or COMPARISONS:
    comparison, folder = COMPARISONS[name], runs / name
    kept = _REPOSITORY / 'results' / 'unfinished' / f'{name}.tar.xz'
    if _KEEP.value:
      print(f'{name}: {kept_runs.pack(folder, kept)} measured runs are in {kept}.')
      continue
    if kept.exists() and not (folder / 'runs').exists():
      kept_runs.unpack(kept, folder)
    if _REPORT_ONLY.value:
      status = compare(folder, ['--report_only'])
    else:
      given = (part.format(runs=shlex.quote(str(runs))) for part in shlex.split(comparison.flags))
      arguments = [*data_flags(comparison.dataset, runs), *given]
      if comparison.shares and not (folder / 'plan.json').exists():
        # The plan is on record before the runs that it shares are there.
        compare(folder, [*arguments, '--print_jobs'])
        share(runs / comparison.shares, folder)
      status = compare(folder, [*arguments, f'--workers={_WORKERS.value}'])
    if status:
      sys.exit(status)
    publish(folder, runs, results)
    found = json.loads((results / f'{name}.json').read_text())
    refresh(_PAGES / comparison.page, name, tables(found))
    kept.unlink(missing_ok=True)


if __name__ == '__main__':
  app.run(main)
