"""Files that an evaluation writes: JSON, CSV, Markdown and pictures; run_page shows them."""

from collections.abc import Mapping
import functools
import pathlib
from typing import Any

import numpy as np

from cyclegan_jax import checksum, files
from cyclegan_jax.data.source import Domain, ends, evenly_spaced
from cyclegan_jax.evaluation import class_errors, results as results_lib
from cyclegan_jax.evaluation.evaluate import Evaluation
from cyclegan_jax.image_files import images
from cyclegan_jax.reports import gallery, image_grid, page, temperature_strip
from cyclegan_jax.runs import reader

# Pairs in the figure that follows the paper's.
_PAPER_FIGURE = 16
_RANKS = ('best', 'upper quarter', 'median', 'lower quarter', 'worst')


def write(
  folder: pathlib.Path, content: Mapping[str, Any], evaluation: Evaluation, n_gallery: int | None
) -> None:
  """Writes metrics.json, per_image.csv, summary.md, two pictures and a gallery of pictures.

  If there are labels, also per_class.csv; if the model is told a condition, temperatures.png.
  examples.png shows images from the best to the worst with their errors; paper_figure.png shows
  real source images and generated ones in turn, as figures 2 to 5 of the paper.

  The folder is made if it does not exist. The content is from `results.result`, the evaluation from
  `evaluate`; the gallery has about n_gallery examples, see `gallery.chosen`. Without pairs, there
  are neither examples.png nor pictures in the gallery.
  """
  folder.mkdir(parents=True, exist_ok=True)
  measured = evaluation.results[results_lib.MODEL]
  values = ([f'{value:.7g}' for value in column] for column in measured.per_image.values())
  rows = zip(measured.ids, measured.sequences, *values)
  per_image = folder / 'per_image.csv'
  files.write_csv(per_image, [['id', 'sequence', *measured.per_image], *rows], durable=True)
  stamped = {**content, reader.PER_IMAGE_SUM: checksum.of_file(per_image)}
  files.write_text(folder / 'metrics.json', checksum.dumps(stamped), durable=True)
  if classes := content.get('classes'):
    names = [*evaluation.results]
    files.write_csv(folder / 'per_class.csv', class_errors.csv_rows(classes, names))
  files.write_text(folder / 'summary.md', markdown(content))
  images.write_png(folder / 'paper_figure.png', _paper_figure(evaluation))
  strip = folder / temperature_strip.FILE
  strip.unlink(missing_ok=True)
  if 'psnr' not in measured.per_image:
    # No true image stands beside a generated one, and none of an earlier evaluation may stay.
    (folder / 'examples.png').unlink(missing_ok=True)
    gallery.write(folder, {})
    return
  order = np.argsort(-measured.per_image['psnr'], kind='stable')
  images.write_png(folder / 'examples.png', _examples(evaluation, order))
  if evaluation.obedience:
    median = int(order[len(order) // 2])
    images.write_png(strip, temperature_strip.draw(evaluation, median))
  ranked = np.argsort(-gallery.scores(measured.per_image), kind='stable')
  strips = {i: functools.partial(_strip, evaluation, i) for i in gallery.chosen(ranked, n_gallery)}
  gallery.write(folder, strips)


def markdown(content: Mapping[str, Any]) -> str:
  """Returns the table of model and baselines, and how it was made, as Markdown."""
  return page.text('summary.md', content=content, figures=results_lib)


def _examples(evaluation: Evaluation, order: np.ndarray) -> np.ndarray:
  """Images from the best to the worst by PSNR, evenly spaced in rank, a row each."""
  psnr = evaluation.results[results_lib.MODEL].per_image['psnr']
  chosen = [int(order[rank]) for rank in evenly_spaced(len(order), len(_RANKS))]
  config = evaluation.model.config.model
  source, target = config.source.upper(), config.target.upper()
  ranks = [_RANKS[i] for i in evenly_spaced(len(_RANKS), len(chosen))]
  return image_grid.grid(
    [_strip(evaluation, index) for index in chosen],
    titles=[source, f'{target}, generated', target, 'error'],
    row_titles=[f'{rank}: {psnr[index]:.1f} dB' for rank, index in zip(ranks, chosen)],
  )


def _strip(evaluation: Evaluation, index: int) -> list[np.ndarray]:
  """Source, generated image, true image, error of an example: uint8 [height, width, 3]."""
  example, generated = _translated(evaluation, index)
  source, target = _ends(evaluation)
  truth = example[target.name]
  compared = np.where(example.get(f'{target.name}_mask', True), generated, truth)
  error = image_grid.error_map(truth, compared, target.max_value)
  return [*map(image_grid.to_rgb8, (example[source.name], generated, truth)), error]


def _paper_figure(evaluation: Evaluation) -> np.ndarray:
  chosen = evenly_spaced(len(evaluation.examples), _PAPER_FIGURE)
  pairs = (_translated(evaluation, index) for index in chosen)
  source, _ = _ends(evaluation)
  return image_grid.paper_grid([(example[source.name], generated) for example, generated in pairs])


def _translated(evaluation: Evaluation, index: int) -> tuple[Mapping[str, np.ndarray], np.ndarray]:
  """An example, and the image generated from its source image, as pixels."""
  _, target = _ends(evaluation)
  # Grain's types allow for data sets with missing elements.
  example: Any = evaluation.examples[index]
  batch = {name: x[np.newaxis] for name, x in example.items() if isinstance(x, np.ndarray)}
  generated = evaluation.predict(batch)[0]
  return example, target.quantize(generated)


def _ends(evaluation: Evaluation) -> tuple[Domain, Domain]:
  """The source and the target of what was measured."""
  return ends(evaluation.model.domains, evaluation.model.config.model.direction)
