"""The comparisons of docs/results.md: trains what is missing, and writes their tables and pictures.

  python -m benchmarks.results --roadscene=ROADSCENE --runs=runs/results --workers=2
  python -m benchmarks.results --runs=runs/results --report_only

Two questions, two data sets: experiments.compare is run four times, each in its folder of --runs,
with the flags below. What each found is then copied to docs/results/, tables and figures, and of
the synthetic scenes the page with curves and pictures too (RoadScene's pictures are not ours to
pass on; its page stays in --runs); and the tables of docs/results.md are written anew. What is
trained already is not trained again, so the same command goes on after a stop.
"""

from collections.abc import Mapping
import json
import pathlib
import re
import shutil
import subprocess
import sys
from typing import Any

from absl import app, flags

_ROADSCENE = flags.DEFINE_string(
  'roadscene', None, 'Folder with the RoadScene pairs, rgb/ and ir/; needed to train on them.'
)
_RUNS = flags.DEFINE_string('runs', 'runs/results', 'Where the runs are kept.')
_WORKERS = flags.DEFINE_integer('workers', 2, 'Runs at a time.', lower_bound=1)
_ONLY = flags.DEFINE_list('only', None, 'Only these comparisons, such as roadscene_paper.')
_REPORT_ONLY = flags.DEFINE_boolean('report_only', False, 'Train nothing.')

_REPOSITORY = pathlib.Path(__file__).resolve().parent.parent
_COPIED = {'comparison.md': '.md', 'comparison.json': '.json', 'table.csv': '.csv'}
_PAGE = {'report.html': '.html'}
_BASELINES = {
  'mean_image': 'mean training IR image',
  'nearest': 'IR of the nearest training RGB image',
  'luminance': 'luminance as IR',
  'constant': 'constant',
}
# Small and narrow, so that all of it takes about two hours on two CPU cores.
COMMON = (
  '--image_size=64',
  '--load_size=0',
  '--resize=area',
  '--flip',
  '--base_width=16',
  '--discriminator_width=16',
  '--batch_size=4',
  '--learning_rate=5e-4',
  '--steps=250',
  '--checkpoint_every=50',
  '--log_every=50',
)
# The paper's questions: do pairs help, and does EMSN? paired_literal has pairs and no loss that
# could tell. Four comparisons need eight seeds to reach p = 0.05 after Holm's correction.
PAPER = (
  '--models=unpaired,unpaired_emsn,paired,paired_emsn,paired_literal',
  '--seeds=8',
  '--comparisons=paired-unpaired,paired_emsn-paired,unpaired_emsn-unpaired,paired_literal-unpaired',
)
# What else there is, beside the paired model. Six seeds describe; they cannot decide three
# comparisons.
OTHERS = (
  '--models=paired,spectral_channels',
  '--model=pix2pix: --preset=pix2pix --paired --n_downsampling=6',
  '--model=cyclegan: --preset=cyclegan --nopaired',
  '--seeds=6',
  '--reference=paired',
)
QUESTIONS = {'paper': PAPER, 'others': OTHERS}
# The runs of `paired` serve both comparisons of a data set.
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


def publish(folder: pathlib.Path, runs: pathlib.Path, docs: pathlib.Path) -> None:
  """Copies what a comparison found into the docs, with paths as README has them."""
  pages = _PAGE if folder.name.startswith('synthetic') else {}
  for file, ending in {**_COPIED, **pages}.items():
    text = (folder / file).read_text().replace(str(runs), 'runs/results')
    (docs / f'{folder.name}{ending}').write_text(text)


def tables(found: Mapping[str, Any]) -> str:
  """Of comparison.json: models and baselines in three metrics, and the comparisons that decide."""
  metrics = {
    'psnr': ('PSNR', '.2f'),
    'ssim': ('SSIM', '.3f'),
    'correlation': ('correlation', '.2f'),
  }
  lines = [
    '| | ' + ' | '.join(title for title, _ in metrics.values()) + ' |',
    '|---|' + '---:|' * len(metrics),
  ]
  for name, model in found['models'].items():
    lines.append(
      f'| {name} | '
      + ' | '.join(
        f'{model["metrics"][key]["mean"]:{form}} ± {model["metrics"][key]["sd"]:{form}}'
        for key, (_, form) in metrics.items()
      )
      + ' |'
    )
  for name, totals in found['baselines'].items():
    lines.append(
      f'| {_BASELINES[name]} | '
      + ' | '.join(
        '-' if totals[key] is None else f'{totals[key]:{form}}'
        for key, (_, form) in metrics.items()
      )
      + ' |'
    )
  lines += [
    '',
    '| PSNR, dB | difference | over scenes, 95 % | better in | p | p, Holm |',
    '|---|' + '---:|' * 5,
  ]
  for row in (row for row in found['comparisons'] if row['primary']):
    better, interval = sum(d > 0 for d in row['by_seed']), row['interval']
    lines.append(
      f'| {row["first"]} - {row["second"]} | {row["difference"]:+.2f} | {interval["low"]:+.2f} to '
      f'{interval["high"]:+.2f} | {better} of {len(row["by_seed"])} seeds | {row["p"]:.2g} | '
      f'{row["p_holm"]:.2g} |'
    )
  return '\n'.join(lines)


def refresh(page: pathlib.Path, name: str, text: str) -> None:
  """Puts tables between the marks of a comparison in docs/results.md."""
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
  runs, docs = pathlib.Path(_RUNS.value).resolve(), _REPOSITORY / 'docs' / 'results'
  runs.mkdir(parents=True, exist_ok=True)
  docs.mkdir(exist_ok=True)
  names = [f'{data}_{question}' for question in QUESTIONS for data in ('roadscene', 'synthetic')]
  for name in _ONLY.value or names:
    data, question = name.split('_')
    folder = runs / name
    if _REPORT_ONLY.value:
      status = compare(folder, ['--report_only'])
    else:
      if question == 'others' and not (folder / 'plan.json').exists():
        # The plan is on record before the runs that it shares are there.
        compare(folder, [*data_flags(data, runs), *COMMON, *OTHERS, '--print_jobs'])
        share(runs / f'{data}_paper', folder)
      status = compare(
        folder,
        [*data_flags(data, runs), *COMMON, *QUESTIONS[question], f'--workers={_WORKERS.value}'],
      )
    if status:
      sys.exit(status)
    publish(folder, runs, docs)
    refresh(docs.with_suffix('.md'), name, tables(json.loads((docs / f'{name}.json').read_text())))


if __name__ == '__main__':
  app.run(main)
