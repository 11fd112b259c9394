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
import dataclasses
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
from cyclegan_jax.metrics.catalog import METRICS

_ROADSCENE = flags.DEFINE_string(
  'roadscene', None, 'Folder with the RoadScene pairs, rgb/ and ir/; needed to train on them.'
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
# Small and narrow, so that all of it takes about two hours on two CPU cores.
_SMALL = (
  '--image_size=64 --load_size=0 --resize=area --flip --base_width=16 --discriminator_width=16 '
  '--batch_size=4 --learning_rate=5e-4 --steps=250 --checkpoint_every=50 --log_every=50 '
  '--best_metric=psnr'
)
# The paper's questions: do pairs help, and does EMSN? paired_literal has pairs and no loss that
# could tell. Four comparisons need eight seeds to reach p = 0.05 after Holm's correction.
_PAPER = (
  f'{_SMALL} --models=unpaired,unpaired_emsn,paired,paired_emsn,paired_literal --seeds=8 '
  '--comparisons=paired-unpaired,paired_emsn-paired,unpaired_emsn-unpaired,paired_literal-unpaired'
)
# The other models, beside the paired one. Six seeds describe; they cannot decide three comparisons.
_OTHERS = (
  f'{_SMALL} --models=paired,spectral_channels '
  "'--model=pix2pix: --preset=pix2pix --paired --n_downsampling=6' "
  "'--model=cyclegan: --preset=cyclegan --nopaired' --seeds=6 --reference=paired"
)
# Which models give images worth having? Narrow networks, so that two CPU cores train six seeds in
# a few hours, and as many images for each model of a table.
_IMAGES = (
  '--load_size=0 --resize=area --flip --steps=600 --checkpoint_every=60 --log_every=60 '
  '--decay_start=0 --decay_epochs=0 --seeds=6'
)
# Half as wide as published; a quarter what takes several times as long: pix2pixhd's ResNet, and
# infragan's discriminator.
_PAIRED = (
  "--base_width=32 --discriminator_width=32 --batch_size=8 '--model=paired: --paired' "
  "'--model=pix2pix: --preset=pix2pix --n_downsampling=6' "
  "'--model=infragan: --preset=infragan --n_downsampling=6 --discriminator_layers=5 "
  "--base_width=16 --discriminator_width=16' "
  "'--model=pix2pixhd: --preset=pix2pixhd --base_width=16' "
  "'--model=regression: --preset=regression' '--model=thermal: --preset=thermal' "
  '--reference=regression'
)
# A quarter as wide as published.
_UNPAIRED = (
  "--base_width=16 --discriminator_width=16 --batch_size=4 '--model=udacity: --nopaired' "
  "'--model=cyclegan: --preset=cyclegan' '--model=cut: --preset=cut' "
  "'--model=cyclegan_nce: --preset=cyclegan --nce_weight=1' --reference=udacity --primary=ssim"
)
# How many pairs, how many minutes? One seed, which describes.
_PAIRS = (
  '--load_size=0 --resize=area --steps=2400 --checkpoint_every=100 --log_every=100 --decay_start=0 '
  '--decay_epochs=0 --seeds=1 --preset=regression --image_size=64 --base_width=32'
)


def _of_pairs(*numbers: int, start: str = '') -> str:
  start = start and f' --initialize_from={start}'
  models = (f"'--model=pairs{n}: --train_pairs={n}{start}'" for n in numbers)
  return ' '.join([_PAIRS, *models, f'--reference=pairs{numbers[-1]}'])


@dataclasses.dataclass(frozen=True)
class Comparison:
  """What experiments.compare is asked, which page has the table, and whose `paired` runs serve.

  In `flags`, {runs} is the folder of the runs.
  """

  dataset: str
  flags: str
  page: str = 'results.md'
  shares: str | None = None


def _images(dataset: str, size: int, models: str) -> Comparison:
  return Comparison(dataset, f'{_IMAGES} --image_size={size} {models}', 'images.md')


COMPARISONS = {
  'roadscene_paper': Comparison('roadscene', _PAPER),
  'synthetic_paper': Comparison('synthetic', _PAPER),
  'roadscene_others': Comparison('roadscene', _OTHERS, shares='roadscene_paper'),
  'synthetic_others': Comparison('synthetic', _OTHERS, shares='synthetic_paper'),
  'roadscene_images64': _images('roadscene', 64, _PAIRED),
  'roadscene_unpaired64': _images('roadscene', 64, _UNPAIRED),
  'synthetic_images64': _images('synthetic', 64, _PAIRED),
  'roadscene_images128': _images('roadscene', 128, _PAIRED),
  'pairs_roadscene': Comparison('roadscene', _of_pairs(8, 32, 108), 'pairs-and-minutes.md'),
  'pairs_synthetic': Comparison(
    'synthetic', f'--extra_scenes=1500 {_of_pairs(100, 400, 1600, 6400)}', 'pairs-and-minutes.md'
  ),
  'pairs_warm': Comparison(
    'roadscene',
    _of_pairs(8, 32, 108, start='{runs}/pairs_synthetic/runs/pairs6400/seed0'),
    'pairs-and-minutes.md',
  ),
}
_SHARED = 'paired'


def compare(folder: pathlib.Path, arguments: list[str]) -> int:
  """Runs experiments.compare on a folder; its exit status."""
  return subprocess.run(
    [sys.executable, '-m', 'experiments.compare', f'--output={folder}', *arguments], cwd=_REPOSITORY
  ).returncode


def data_flags(name: str, runs: pathlib.Path) -> list[str]:
  """Flags that name a data set; RoadScene is divided by scenes first."""
  if name == 'synthetic':
    return ['--dataset=synthetic', f'--data_dir={runs / "data"}']
  scenes = runs / 'roadscene_scenes'
  if not scenes.exists():
    if not _ROADSCENE.value:
      raise app.UsageError('--roadscene is missing: the folder with the RoadScene pairs.')
    subprocess.run(
      [
        sys.executable,
        '-m',
        'benchmarks.roadscene',
        f'--output={scenes}',
        f'--source_dir={pathlib.Path(_ROADSCENE.value).resolve()}',
      ],
      cwd=_REPOSITORY,
      check=True,
    )
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
