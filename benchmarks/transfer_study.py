"""Trains on rendered days, rendered nights, both, and RoadScene, and measures each on all others.

  python -m benchmarks.transfer_study --roadscene=ROADSCENE --msrs=MSRS --runs=runs/transfer

For docs/explanation/transfer.md. Writes folders of pairs below --runs (links to the originals of
RoadScene and MSRS), trains every model in both directions with each seed, and calls
experiments.transfer, whose tables go to --output. Complete runs are not trained again, so the same
command resumes after an interruption.
"""

from collections.abc import Iterator, Mapping, Sequence
import itertools
import pathlib
import shutil
import subprocess
import sys

from absl import app, flags
import numpy as np
from PIL import Image

from benchmarks.comparisons import STEPS_600
from datasets import preparing
from datasets.synthetic import synthetic_dataset_builder as synthetic

_ROADSCENE = flags.DEFINE_string(
  'roadscene', None, 'Folder with the RoadScene pairs, rgb/ and ir/.', required=True
)
_MSRS = flags.DEFINE_string('msrs', None, 'Folder with MSRS pairs, vi/ and ir/.', required=True)
_RUNS = flags.DEFINE_string('runs', 'runs/transfer', 'Where data and runs are kept.')
_OUTPUT = flags.DEFINE_string('output', 'results/transfer', 'Folder for the tables.')
_SEEDS = flags.DEFINE_integer('seeds', 3, 'Runs of each model.', lower_bound=1)

_REPOSITORY = pathlib.Path(__file__).resolve().parent.parent
# As in benchmarks/comparisons.py, with as many pairs of each rendered set.
_SETTINGS = f'--preset=regression --image_size=64 --base_width=32 --batch_size=8 {STEPS_600}'
_EXTRA_SCENES = 200
_DAYS_AND_NIGHTS = 'rendered'
_RENDERED = ('rendered_days', 'rendered_nights', _DAYS_AND_NIGHTS)
_RENDERED_PAIRS = 360
_SPLITS = {'train': 'train', 'validation': 'val', 'test': 'test'}


def write_rendered(folder: pathlib.Path, builder: synthetic.Builder) -> None:
  """Writes the pairs of prepared data as three folders: days, nights, and both."""
  for split, listed in _SPLITS.items():
    ids: dict[str, list[str]] = {name: [] for name in _RENDERED}
    for example in builder.as_data_source(split):
      id_ = f'{example["sequence"].decode()}/{example["id"].decode()}'
      for name in (_RENDERED[int(example['is_night'])], _DAYS_AND_NIGHTS):
        ids[name].append(id_)
        for domain in ('rgb', 'ir'):
          file = folder / name / domain / f'{id_}.png'
          file.parent.mkdir(parents=True, exist_ok=True)
          Image.fromarray(np.squeeze(example[domain])).save(file)
    _write_lists(folder, listed, ids)


def write_msrs(folder: pathlib.Path, source: pathlib.Path) -> None:
  """Links the pairs of MSRS in two folders, days and nights: half for training, half for the test.

  No model is trained on them. The trivial guesses are.
  """
  for name, letter in (('msrs_days', 'D'), ('msrs_nights', 'N')):
    photos = sorted((source / 'vi').glob(f'*{letter}.*'))
    for domain, images in (('rgb', photos), ('ir', [_of(source / 'ir', p.stem) for p in photos])):
      (folder / name / domain).mkdir(parents=True)
      for image in images:
        (folder / name / domain / image.name).symlink_to(image)
    for i, listed in enumerate(('train', 'test')):
      _write_lists(folder, listed, {name: [photo.stem for photo in photos[i::2]]})


def _of(folder: pathlib.Path, stem: str) -> pathlib.Path:
  return next(folder.glob(f'{stem}.*'))


def _write_lists(folder: pathlib.Path, listed: str, ids: Mapping[str, Sequence[str]]) -> None:
  for name, found in ids.items():
    (folder / name / f'{listed}.txt').write_text(''.join(f'{id_}\n' for id_ in sorted(found)))


def write_data(folder: pathlib.Path, roadscene: pathlib.Path, msrs: pathlib.Path) -> None:
  """Writes all folders of pairs, unless they are there."""
  if folder.exists():
    return
  partial = folder.with_name(f'{folder.name}.partial')
  shutil.rmtree(partial, ignore_errors=True)
  config = synthetic.synthetic_config(_EXTRA_SCENES, 0.0)
  prepared = folder.with_name('prepared')
  make = lambda: synthetic.Builder(config=config, data_dir=prepared)
  write_rendered(partial, preparing.prepared(make))
  write_msrs(partial, msrs)
  _call('benchmarks.roadscene', f'--source_dir={roadscene}', f'--output={partial / "roadscene"}')
  partial.rename(folder)


def train(runs: pathlib.Path, data: pathlib.Path) -> Iterator[pathlib.Path]:
  """Trains what is missing; yields the folder of each run."""
  names = (*_RENDERED, 'roadscene')
  ways = ('rgb_to_ir', 'ir_to_rgb')
  for way, seed, name in itertools.product(ways, range(_SEEDS.value), names):
    workdir = runs / way / name / f'seed{seed}'
    pairs = [f'--train_pairs={_RENDERED_PAIRS}'] if name in _RENDERED else []
    source = ['--dataset=folder', f'--source_dir={data / name}', f'--data_dir={runs / "prepared"}']
    settings = [*_SETTINGS.split(), *pairs, f'--direction={way}', f'--seed={seed}']
    _call('experiments.train', *source, *settings, f'--workdir={workdir}')
    yield workdir


def _call(module: str, *arguments: str) -> None:
  command = [sys.executable, '-m', module, *arguments]
  if status := subprocess.run(command, cwd=_REPOSITORY).returncode:
    sys.exit(status)


def main(argv: list[str]) -> None:
  if len(argv) > 1:
    raise app.UsageError(f'{argv[1]} is not a flag.')
  runs, output = pathlib.Path(_RUNS.value).resolve(), pathlib.Path(_OUTPUT.value)
  data = runs / 'data'
  write_data(data, *(pathlib.Path(flag.value).resolve() for flag in (_ROADSCENE, _MSRS)))
  workdirs = ','.join(map(str, train(runs, data)))
  others = [f'--on={data / name}' for name in ('msrs_days', 'msrs_nights')]
  _call('experiments.transfer', f'--workdir={workdirs}', *others, f'--output={runs / "tables"}')
  output.mkdir(parents=True, exist_ok=True)
  for name in ('transfer.md', 'transfer.csv'):
    shutil.copyfile(runs / 'tables' / name, output / name)


if __name__ == '__main__':
  app.run(main)
