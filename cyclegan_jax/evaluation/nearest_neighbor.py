"""Nearest-training-image retrieval: no model at all, but it looks like one.

A data set whose test images have near duplicates in training is solved by looking them up; a
model that does not beat this has at best learned the training images by heart.
"""

from collections.abc import Callable, Mapping

import numpy as np

from cyclegan_jax import normalization
from cyclegan_jax.data import images, pipeline
from cyclegan_jax.data.source import Dataset, Domain
from cyclegan_jax.progress import Log, tracked
from cyclegan_jax.settings import DataConfig

# Side of the thumbnails that are compared.
THUMBNAIL = 16


def nearest(
  dataset: Dataset, config: DataConfig, mean: np.ndarray, log: Log
) -> Callable[[Mapping[str, np.ndarray]], np.ndarray]:
  """A predictor that gives the IR image of the training pair whose RGB image is nearest.

  The distance is the Euclidean one between RGB thumbnails, 16x16 pixels, each the mean of the
  area that it covers. Thumbnails are kept in memory, 3 KB for an RGB image; IR images are decoded
  when they are asked for. A batch with `id` never gets the training image of the same id, so that
  the training split itself can be measured too.

  Args:
    dataset: the data; its training split is aligned.
    config: how images are sized.
    mean: [height, width, channels] IR pixel values, taken where a retrieved image has no data.
    log: takes lines about the progress.
  """
  rgb, ir = dataset.domains['rgb'], dataset.domains['ir']
  data = pipeline.domain_images(dataset, 'train', 'rgb', config)
  ids, rows = [], []
  for view in tracked(pipeline.stream(data), len(data), 'Reading training images', log):
    ids.append(view['id'])
    rows.append(_thumbnail(view['rgb'], rgb))
  # Around their mean the products below are small, and lose less to rounding.
  center = np.mean(rows, 0, dtype=np.float64).astype(np.float32)
  known = np.stack(rows) - center
  ids, squares = np.array(ids), np.sum(known * known, 1)
  answers = pipeline.domain_images(dataset, 'train', 'ir', config)

  def predict(batch):
    asked = np.stack([_thumbnail(image, rgb) for image in batch['rgb']]) - center
    distances = squares - 2 * asked @ known.T  # and the square of what is asked for
    if 'id' in batch:
      distances = np.where(np.asarray(batch['id'])[:, np.newaxis] == ids, np.inf, distances)
    return np.stack([_pixels(answers[int(i)], ir, mean) for i in distances.argmin(1)])

  return predict


def _thumbnail(x: np.ndarray, rgb: Domain) -> np.ndarray:
  """float32 [16 * 16 * channels] pixel values of network values."""
  pixels = normalization.to_pixels(rgb.normalization, x)
  return images.resize(pixels, (THUMBNAIL, THUMBNAIL)).astype(np.float32).ravel()


def _pixels(view: Mapping[str, np.ndarray], ir: Domain, mean: np.ndarray) -> np.ndarray:
  return np.where(view.get('ir_mask', True), ir.normalization.inverse(view['ir']), mean)
