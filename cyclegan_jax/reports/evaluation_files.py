"""Files that an evaluation writes: JSON, CSV, Markdown and pictures; run_page shows them."""

from collections.abc import Callable, Mapping
import functools
import json
import pathlib
from typing import Any

import numpy as np

from cyclegan_jax import files
from cyclegan_jax.data import images
from cyclegan_jax.data.source import Domain, evenly_spaced
from cyclegan_jax.evaluation import results as results_lib
from cyclegan_jax.evaluation.baselines import Predictor
from cyclegan_jax.evaluation.evaluate import Evaluation
from cyclegan_jax.evaluation.measure import Measured
from cyclegan_jax.reports import gallery, image_grid, page

# Pairs in the figure that follows the paper's.
_PAPER_FIGURE = 16
_RANKS = ('best', 'upper quarter', 'median', 'lower quarter', 'worst')


def write(
  folder: pathlib.Path, content: Mapping[str, Any], evaluation: Evaluation, n_gallery: int
) -> None:
  """Writes metrics.json, per_image.csv, summary.md, two pictures and a gallery of pictures.

  examples.png shows images from the best to the worst with their errors; paper_figure.png shows
  real RGB and generated IR in turn, as figures 2 to 5 of the paper.

  Args:
    folder: where to; made if it does not exist.
    content: from `results.result`.
    evaluation: from `evaluate`.
    n_gallery: about how many examples the gallery has, see `gallery.chosen`.
  """
  folder.mkdir(parents=True, exist_ok=True)
  files.write_text(folder / 'metrics.json', json.dumps(content, indent=2) + '\n')
  measured, ir = evaluation.results[results_lib.MODEL], evaluation.model.domains['ir']
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

  # Grain's types allow for data sets with missing elements.
  examples: Any = evaluation.examples

  def strip(index: int) -> list[np.ndarray]:
    return _strip(examples[index], evaluation.predict, ir)

  images.write_png(folder / 'examples.png', _examples(measured, order, strip))
  paper = _paper_figure(examples, evaluation.predict, ir)
  images.write_png(folder / 'paper_figure.png', paper)
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
  chosen = [int(order[rank]) for rank in evenly_spaced(len(order), len(_RANKS))]
  return image_grid.grid(
    [strip(index) for index in chosen],
    titles=['RGB', 'IR, generated', 'IR', 'error'],
    row_titles=[
      f'{_RANKS[rank]}: {measured.per_image["psnr"][index]:.1f} dB'
      for rank, index in zip(evenly_spaced(len(_RANKS), len(chosen)), chosen)
    ],
  )


def _strip(example: Mapping[str, np.ndarray], predict: Predictor, ir: Domain) -> list[np.ndarray]:
  """RGB, generated IR, IR, error of an example: uint8 [height, width, 3]."""
  generated, truth = _generated(example, predict, ir), example['ir']
  compared = np.where(example.get('ir_mask', True), generated, truth)
  return [
    *map(image_grid.to_rgb8, (example['rgb'], generated, truth)),
    image_grid.error_map(truth, compared, ir.max_value),
  ]


def _paper_figure(examples: Any, predict: Predictor, ir: Domain) -> np.ndarray:
  chosen = evenly_spaced(len(examples), _PAPER_FIGURE)
  return image_grid.paper_grid(
    [
      (example['rgb'], _generated(example, predict, ir))
      for example in (examples[i] for i in chosen)
    ]
  )


def _generated(example: Mapping[str, np.ndarray], predict: Predictor, ir: Domain) -> np.ndarray:
  """The IR image that is generated from an example's RGB image, as pixels."""
  return ir.quantize(predict({'rgb': example['rgb'][np.newaxis]})[0])
