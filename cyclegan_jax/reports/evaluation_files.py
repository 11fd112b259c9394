"""What an evaluation leaves behind: JSON, CSV, Markdown and pictures; run_page shows them."""

from collections.abc import Callable, Mapping
import csv
import functools
import hashlib
import io
import json
import math
import pathlib
from typing import Any

import grain
import numpy as np

from cyclegan_jax import files, provenance
from cyclegan_jax.data import images
from cyclegan_jax.data.source import Domain, evenly_spaced
from cyclegan_jax.evaluation.baselines import BASELINES, Predictor
from cyclegan_jax.evaluation.evaluate import Evaluation, MODEL
from cyclegan_jax.evaluation.measure import Measured, VALID_SHARE
from cyclegan_jax.metrics import perceptual
from cyclegan_jax.reports import gallery, image_grid
from cyclegan_jax.settings import Config, flatten

_NAMES = {
  MODEL: 'model',
  'mean_image': 'mean training IR image',
  'nearest': 'IR of the nearest training RGB image',
  'luminance': 'luminance as IR',
  'constant': 'constant (mean training IR value)',
}
# What figures are called in tables.
COLUMNS = {
  'psnr': 'PSNR',
  'psnr_pooled': 'PSNR, pooled',
  'ssim': 'SSIM',
  'ms_ssim': 'MS-SSIM',
  'uqi': 'UQI',
  'uqi_sewar': 'UQI, sewar',
  'mse': 'MSE',
  'rmse': 'RMSE',
  'mae': 'MAE',
  'correlation': 'correlation',
  'lpips': 'LPIPS',
  'fid': 'FID',
  'kid': 'KID',
}
_DEFINITIONS = {
  'pixels': 'integers as written to files, after inverse normalization, rounding and clipping',
  'psnr': 'dB, mean over images; psnr_pooled: from the mean of mse over all images',
  'ssim': 'Wang et al. 2004: 11x11 Gaussian window, sigma 1.5, valid windows',
  'ms_ssim': 'Wang et al. 2003: five scales, for sides of at least 176 pixels',
  'uqi': 'Wang & Bovik 2002, 8x8 windows',
  'uqi_sewar': "the package sewar's formula, as in the paper's Table I; not Wang & Bovik's",
  'correlation': "Pearson's, per image, mean over images",
  'nearest': 'the IR image of the training pair whose RGB image, averaged to 16x16 pixels, is '
  'nearest by Euclidean distance',
}
_REASONS = {'infinite': 'infinite (identical images)', 'undefined': 'undefined'}
# Pairs in the figure that follows the paper's.
_PAPER_FIGURE = 16
_RANKS = ('best', 'upper quarter', 'median', 'lower quarter', 'worst')


def result(
  results: Mapping[str, Measured],
  config: Config,
  ir: Domain,
  split: str,
  step: int,
  networks: perceptual.Perceptual = perceptual.Perceptual(),
) -> dict[str, Any]:
  """The content of metrics.json: totals of model and baselines, and what they mean."""
  ids = results[MODEL].ids
  totals = results[MODEL].totals
  return {
    MODEL: _plain(totals),
    'baselines': {name: _plain(results[name].totals) for name in BASELINES if name in results},
    'split': split,
    'n': len(ids),
    'split_sha256': hashlib.sha256('\n'.join(sorted(ids)).encode()).hexdigest(),
    'image_size': list(config.data.image_size),
    'value_range': [0, int(ir.max_value)],
    'checkpoint_step': step,
    'preset': config.train.preset,
    'seed': config.train.seed,
    'settings': flatten(config),
    'definitions': {**_definitions(results), **networks.definitions(totals)},
    'versions': provenance.versions(networks.packages),
    'commit': provenance.commit(),
  }


def write(
  folder: pathlib.Path, content: Mapping[str, Any], evaluation: Evaluation, n_gallery: int
) -> None:
  """Writes metrics.json, per_image.csv, summary.md, two pictures and a gallery of pictures.

  examples.png shows images from the best to the worst with their errors, paper_figure.png real
  RGB and generated IR in turn, as figures 2 to 5 of the paper.

  Args:
    folder: where to; made if need be.
    content: from `result`.
    evaluation: from `evaluate`.
    n_gallery: about how many examples the gallery has, see `gallery.chosen`.
  """
  folder.mkdir(parents=True, exist_ok=True)
  files.write_text(folder / 'metrics.json', json.dumps(content, indent=2) + '\n')
  measured, ir = evaluation.results[MODEL], evaluation.model.domains['ir']
  _write_csv(folder / 'per_image.csv', measured)
  files.write_text(folder / 'summary.md', markdown(content))
  order = np.argsort(-measured.per_image['psnr'], kind='stable')

  def strip(index: int) -> list[np.ndarray]:
    return _strip(evaluation.examples[index], evaluation.predict, ir)

  images.write_png(folder / 'examples.png', _picture(measured, order, strip))
  paper = _paper_figure(evaluation.examples, evaluation.predict, ir)
  images.write_png(folder / 'paper_figure.png', paper)
  gallery.write(
    folder, {index: functools.partial(strip, index) for index in gallery.chosen(order, n_gallery)}
  )


def title(name: str) -> str:
  """What a predictor is called in tables: `model` or a baseline."""
  return _NAMES.get(name, name)


def rows(content: Mapping[str, Any]) -> list[list[str]]:
  """The table of model and baselines as text, header first."""
  columns = [column for column in COLUMNS if column in content[MODEL]]
  table = [['', *(COLUMNS[column] for column in columns)]]
  for name, totals in _named(content):
    table.append([title(name), *(_cell(totals, column) for column in columns)])
  return table


def _named(content: Mapping[str, Any]) -> list[tuple[str, Mapping[str, Any]]]:
  """Model and baselines with their totals."""
  return [(MODEL, content[MODEL]), *content['baselines'].items()]


def _cell(totals: Mapping[str, Any], column: str) -> str:
  if totals.get(column) is None:
    return '-'
  spread = totals.get(f'{column}_sd')
  return f'{totals[column]:.4g}' + ('' if spread is None else f' ± {spread:.2g}')


def verdict(content: Mapping[str, Any]) -> str:
  """One sentence: which trivial baselines the model does not beat."""

  def score(totals, metric):
    if totals[metric] is None:
      # PSNR is infinite where every image is reproduced exactly; else nothing could be measured.
      return math.inf if totals['mse'] == 0 else -math.inf
    return totals[metric]

  lost = [
    f'{title(name)} ({COLUMNS[metric]} {score(totals, metric):.4g})'
    for name, totals in content['baselines'].items()
    for metric in ('psnr', 'ssim')
    if score(content[MODEL], metric) <= score(totals, metric)
  ]
  if content[MODEL]['mse'] is None:
    return 'Nothing could be measured: too few pixels are valid.'
  if not lost:
    return 'The model beats every trivial baseline in PSNR and in SSIM.'
  return (
    f'The model does NOT beat {", ".join(lost)}: do not use it yet. More --epochs or more '
    'data may help.'
  )


def markdown(content: Mapping[str, Any]) -> str:
  """The table, and how it was made, as Markdown."""
  header, *body = rows(content)
  height, width = content['image_size']
  lines = ['| ' + ' | '.join(header) + ' |', '|---' + '|---:' * (len(header) - 1) + '|']
  lines += ['| ' + ' | '.join(row) + ' |' for row in body]
  lines += [
    '',
    verdict(content),
    '',
    f'{content["n"]} images of split {content["split"]} at {height}x{width}, values '
    f'{content["value_range"][0]}..{content["value_range"][1]}, checkpoint at step '
    f'{content["checkpoint_step"]}, preset {content["preset"]}, seed {content["seed"]}.',
    '',
  ]
  lines += [f'- {name}: {text}.' for name, text in content['definitions'].items()]
  lines += [f'- {text}.' for text in left_out(content)]
  return '\n'.join(lines) + '\n'


def left_out(content: Mapping[str, Any]) -> list[str]:
  """Which means are of some of the images only, and why."""
  found = []
  for name, totals in _named(content):
    for key, count in totals.items():
      metric, _, why = key.rpartition('_')
      # Where all are left out, the table has a dash.
      if why in _REASONS and 0 < count < content['n']:
        found.append(
          f'{title(name)}: {COLUMNS[metric]} is {_REASONS[why]} for {count} of '
          f'{content["n"]} images, which its mean leaves out'
        )
  return found


def _definitions(results: Mapping[str, Measured]) -> dict[str, str]:
  totals = results[MODEL].totals
  present = {'pixels', *results, *totals}
  found = {key: text for key, text in _DEFINITIONS.items() if key in present}
  if VALID_SHARE not in totals:
    return found
  return {
    **found,
    VALID_SHARE: 'only pixels with thermal data are compared, '
    f'{100 * totals[VALID_SHARE]:.1f} % of all; windows lie wholly in them',
  }


def _plain(totals: Mapping[str, float]) -> dict[str, float | int | None]:
  """JSON has no NaN and no infinity: null stands for both."""
  return {
    key: None
    if not math.isfinite(value)
    else int(value)
    if isinstance(value, (int, np.integer))
    else float(value)
    for key, value in totals.items()
  }


def _write_csv(file: pathlib.Path, measured: Measured) -> None:
  out = io.StringIO()
  writer = csv.writer(out, lineterminator='\n')
  writer.writerow(['id', 'sequence', *measured.per_image])
  for i, names in enumerate(zip(measured.ids, measured.sequences)):
    writer.writerow([*names, *(f'{values[i]:.7g}' for values in measured.per_image.values())])
  files.write_text(file, out.getvalue())


def _picture(
  measured: Measured, order: np.ndarray, strip: Callable[[int], list[np.ndarray]]
) -> np.ndarray:
  """Images from the best to the worst by PSNR, evenly spaced in rank, a row each."""
  chosen = [int(order[rank]) for rank in evenly_spaced(len(order), len(_RANKS))]
  titles = [
    f'{label}: {measured.per_image["psnr"][index]:.1f} dB' for label, index in zip(_RANKS, chosen)
  ]
  return image_grid.grid(
    [strip(index) for index in chosen],
    titles=['RGB', 'IR, generated', 'IR', 'error'],
    row_titles=titles,
  )


def _strip(example: Mapping[str, np.ndarray], predict: Predictor, ir: Domain) -> list[np.ndarray]:
  """RGB, generated IR, IR, error of an example: uint8 [height, width, 3]."""
  generated, truth = _generated(example, predict, ir), example['ir']
  compared = np.where(example.get('ir_mask', True), generated, truth)
  return [
    *map(image_grid.to_rgb8, (example['rgb'], generated, truth)),
    image_grid.error_map(truth, compared, ir.max_value),
  ]


def _paper_figure(examples: grain.MapDataset, predict: Predictor, ir: Domain) -> np.ndarray:
  chosen = evenly_spaced(len(examples), min(_PAPER_FIGURE, len(examples)))
  return image_grid.paper_grid(
    [
      (example['rgb'], _generated(example, predict, ir))
      for example in (examples[i] for i in chosen)
    ]
  )


def _generated(example: Mapping[str, np.ndarray], predict: Predictor, ir: Domain) -> np.ndarray:
  """The IR image that is generated from an example's RGB image, as pixels."""
  return ir.quantize(predict({'rgb': example['rgb'][np.newaxis]})[0])
