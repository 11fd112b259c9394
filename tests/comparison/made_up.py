"""Run folders as experiments.train and evaluate leave them, with figures of our own choosing.

python -m tests.comparison.made_up FOLDER SEED LEVEL
"""

import csv
import dataclasses
import json
import pathlib
import sys

import numpy as np
import PIL.Image

from cyclegan_jax import config as config_lib
from cyclegan_jax.comparison import compare, runs
from cyclegan_jax.settings import Config

METRICS = ('mse', 'rmse', 'psnr', 'uqi_sewar', 'ssim', 'uqi', 'correlation', 'mae')
N = 12
_EPOCHS = 3
PAPER = {
  'rows': {'CycleGAN': {'mse': 923.878, 'rmse': 23.118, 'psnr': 35.5594, 'uqi_sewar': 0.909}},
  'note': 'Copied.',
}
_PLANNED = {
  'dataset': 'synthetic',
  'common_flags': ['--dataset=synthetic'],
  'planned_seeds': [0],
  'history': [{'date': 'then', 'models': ['a'], 'seeds': [0]}],
  'missing': [],
}


def config(seed: int = 0, **overrides) -> Config:
  """Of a run of three epochs."""
  made = config_lib.make(**{**dict(dataset='synthetic', epochs=_EPOCHS), **overrides})
  return dataclasses.replace(made, train=dataclasses.replace(made.train, seed=seed))


def values(seed: int, level: float) -> dict[str, np.ndarray]:
  """Metric -> a value per image; PSNR is about `level`."""
  rng = np.random.default_rng(seed)
  found = {name: rng.uniform(0.1, 0.9, N) for name in METRICS}
  found['psnr'] = level + np.linspace(-1, 1, N) + 0.1 * rng.standard_normal(N)
  return found


def write(
  folder: pathlib.Path,
  run: Config,
  level: float = 20.0,
  split: str = 'test',
  pictures: bool = True,
  per_image=None,
  **content,
) -> None:
  """A complete run; `content` replaces entries of its metrics.json."""
  folder.mkdir(parents=True, exist_ok=True)
  (folder / 'config.json').write_text(config_lib.to_json(run))
  steps = [10 * (i + 1) for i in range(_EPOCHS)]
  _csv(
    folder / 'metrics.csv', [{'step': step, 'epoch': step / 10, 'cycle_ir': 1.0} for step in steps]
  )
  _csv(
    folder / 'validation.csv',
    [
      {'step': step, 'epoch': step / 10, 'psnr': level - 1 / step, 'ssim': step / 100}
      for step in steps
    ],
  )
  per_image = per_image or values(run.train.seed, level)
  totals = {name: float(column.mean()) for name, column in per_image.items()}
  evaluation = folder / 'evaluation' / split
  evaluation.mkdir(parents=True, exist_ok=True)
  ids = [f'place{i // 3}/image{i}' for i in range(N)]
  (evaluation / 'metrics.json').write_text(
    json.dumps(
      {
        'model': {**totals, 'psnr_pooled': level - 1, 'n': N},
        'baselines': {
          'mean_image': dict.fromkeys(METRICS, 0.5) | {'psnr': 15.0, 'psnr_pooled': 14.0},
          'some_guess': dict.fromkeys(METRICS, 0.4) | {'psnr': 16.0, 'correlation': None},
        },
        'split': split,
        'n': N,
        'split_sha256': 'c0ffee' * 10,
        'image_size': [16, 24],
        'value_range': [0, 255],
        'checkpoint_step': 20,
        'checkpoint': 'best',
        'trained_steps': steps[-1],
        'preset': run.train.preset,
        'seed': run.train.seed,
        'settings': config_lib.flatten(run),
        'definitions': {'psnr': 'dB <of images>'},
        'versions': {'jax': '1.2.3'},
        'commit': 'abc',
        **content,
      }
    )
  )
  _csv(
    evaluation / 'per_image.csv',
    [
      {
        'id': name,
        'sequence': name.split('/')[0],
        **{key: column[i] for key, column in per_image.items()},
      }
      for i, name in enumerate(ids)
    ],
  )
  if pictures:
    for name in ('paper_figure.png', 'examples.png'):
      noise = np.random.default_rng(run.train.seed).integers(0, 256, (60, 80, 3), np.uint8)
      PIL.Image.fromarray(noise).save(evaluation / name)


def model(
  folder: pathlib.Path, label: str, level: float, seeds, trained_as=None, **options
) -> compare.ComparedModel:
  """A model with a run for each seed, in folder/label/seed; a seed's PSNR is 0.1 above the last."""
  found = []
  for seed in seeds:
    write(folder / label / str(seed), config(seed), level + 0.1 * seed, **options)
    found.append(runs.load(folder / label / str(seed), 'test'))
  return compare.ComparedModel('--flags', trained_as or label, found)


def two(folder: pathlib.Path, n_seeds: int = 6) -> dict[str, compare.ComparedModel]:
  """Two models whose PSNR differs by 2 dB in every image and seed."""
  return {
    'good': model(folder, 'good', 22, range(n_seeds)),
    'bad': model(folder, 'bad', 20, range(n_seeds)),
  }


def compared(models, comparisons, primary: str = 'psnr', **planned):
  """The content of comparison.json."""
  return {
    **compare.compare(models, comparisons, primary),
    **_PLANNED,
    'paper': {'rows': {}, 'note': ''},
    **planned,
  }


def primary(content):
  """The comparisons in the metric that decides."""
  return [result for result in content['comparisons'] if result['primary']]


def _csv(file: pathlib.Path, rows) -> None:
  with file.open('w', newline='') as out:
    writer = csv.DictWriter(out, list(rows[0]))
    writer.writeheader()
    writer.writerows(rows)


if __name__ == '__main__':
  write(pathlib.Path(sys.argv[1]), config(int(sys.argv[2])), float(sys.argv[3]))
