"""Files that an evaluation writes: JSON, CSV, Markdown and pictures; run_page shows them."""

from collections.abc import Callable, Mapping
import functools
import json
import pathlib
from typing import Any

import grain
import numpy as np

from cyclegan_jax import files, normalization
from cyclegan_jax.data import images
from cyclegan_jax.data.source import Domain
from cyclegan_jax.evaluation import results as results_lib
from cyclegan_jax.evaluation.baselines import Predictor
from cyclegan_jax.evaluation.measure import Measured
from cyclegan_jax.reports import gallery, image_grid, page

# Pairs in the figure that follows the paper's.
_PAPER_FIGURE = 16
_RANKS = ('best', 'upper quarter', 'median', 'lower quarter', 'worst')


def write(
  folder: pathlib.Path,
  content: Mapping[str, Any],
  results: Mapping[str, Measured],
  examples: grain.MapDataset,
  predict: Predictor,
  domains: Mapping[str, Domain],
  n_gallery: int,
) -> None:
  """Writes metrics.json, per_image.csv, summary.md, two pictures and a gallery of pictures.

  examples.png shows images from the best to the worst with their errors; paper_figure.png shows
  real RGB and generated IR in turn, as figures 2 to 5 of the paper.

  Args:
    folder: where to; made if it does not exist.
    content: from `results.result`.
    results: from `measure.measure`, of the model and the baselines.
    examples: the split that was measured.
    predict: the model as a predictor, to draw its images.
    domains: 'rgb' and 'ir'.
    n_gallery: about how many examples the gallery has, see `gallery.chosen`.
  """
  measured = results[results_lib.MODEL]
  folder.mkdir(parents=True, exist_ok=True)
  files.write_text(folder / 'metrics.json', json.dumps(content, indent=2) + '\n')
  columns = [
    measured.ids,
    measured.sequences,
    *([f'{value:.7g}' for value in values] for values in measured.per_image.values()),
  ]
  files.write_csv(
    folder / 'per_image.csv', [['id', 'sequence', *measured.per_image], *zip(*columns)]
  )
  files.write_text(folder / 'summary.md', markdown(content))
  order = np.argsort(-measured.per_image['psnr'], kind='stable')

  def strip(index: int) -> list[np.ndarray]:
    return _strip(examples[index], predict, domains)

  images.write_png(folder / 'examples.png', _examples(measured, order, strip))
  images.write_png(folder / 'paper_figure.png', _paper_figure(examples, predict, domains))
  gallery.write(
    folder, {index: functools.partial(strip, index) for index in gallery.chosen(order, n_gallery)}
  )


def markdown(content: Mapping[str, Any]) -> str:
  """Returns the table of model and baselines, and how it was made, as Markdown."""
  return page.text(
    'summary.md',
    rows=results_lib.rows(content),
    verdict=results_lib.verdict(content),
    left_out=results_lib.left_out(content),
    content=content,
  )


def _examples(
  measured: Measured, order: np.ndarray, strip: Callable[[int], list[np.ndarray]]
) -> np.ndarray:
  """Images from the best to the worst by PSNR, evenly spaced in rank, a row each."""
  ranks = np.linspace(0, len(order) - 1, len(_RANKS)).round().astype(int)
  chosen = [int(index) for index in order[ranks]]
  return image_grid.grid(
    [strip(index) for index in chosen],
    titles=['RGB', 'IR, generated', 'IR', 'error'],
    row_titles=[
      f'{label}: {measured.per_image["psnr"][index]:.1f} dB' for label, index in zip(_RANKS, chosen)
    ],
  )


def _strip(
  example: Mapping[str, np.ndarray], predict: Predictor, domains: Mapping[str, Domain]
) -> list[np.ndarray]:
  """RGB, generated IR, IR, error of an example: uint8 [height, width, 3]."""
  ir = domains['ir'].normalization
  rgb, generated = _translated(example, predict, domains)
  truth = normalization.to_pixels(ir, example['ir'])
  compared = np.where(example.get('ir_mask', True), generated, truth)
  return [
    *map(image_grid.to_rgb8, (rgb, generated, truth)),
    image_grid.error_map(truth, compared, ir.max_value),
  ]


def _paper_figure(
  examples: grain.MapDataset, predict: Predictor, domains: Mapping[str, Domain]
) -> np.ndarray:
  chosen = gallery.evenly_spread(len(examples), _PAPER_FIGURE)
  return image_grid.paper_grid([_translated(examples[i], predict, domains) for i in chosen])


def _translated(
  example: Mapping[str, np.ndarray], predict: Predictor, domains: Mapping[str, Domain]
) -> tuple[np.ndarray, np.ndarray]:
  """An example's RGB image and the generated IR one, as pixels."""
  generated = predict({'rgb': example['rgb'][np.newaxis]})[0]
  return (
    normalization.to_pixels(domains['rgb'].normalization, example['rgb']),
    normalization.quantize(generated, domains['ir'].normalization.max_value),
  )
