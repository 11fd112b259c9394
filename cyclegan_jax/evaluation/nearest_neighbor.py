"""The target image of the nearest training pair: no model at all, but it looks like one.

A data set whose test images have near duplicates in training is solved by looking them up. A model
that does not beat this baseline has at best memorized the training images.
"""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from cyclegan_jax.data import pipeline
from cyclegan_jax.data.source import Dataset
from cyclegan_jax.image_files import images
from cyclegan_jax.metrics.distributions import NearestRows
from cyclegan_jax.progress import Log, tracked
from cyclegan_jax.settings import DataConfig

# Side of the thumbnails that are compared.
THUMBNAIL = 16


def nearest(
  dataset: Dataset, config: DataConfig, mean: np.ndarray, log: Log, direction: str = 'rgb_to_ir'
) -> Callable[[Mapping[str, np.ndarray]], np.ndarray]:
  """Makes a predictor that gives the target of the training pair whose source image is nearest.

  The distance is the Euclidean one between thumbnails of 16x16 pixels, each the mean of the area
  that it covers. Thumbnails are kept in memory, 3 KB for an RGB image; answers are decoded when
  they are needed. A batch with `id` never gets the training image of the same id, so that the
  training split itself can be measured too. Where an image has no data, it gets those of `mean`,
  pixel values [height, width, channels].
  """
  source, target = direction.split('_to_')
  data = pipeline.domain_pixels(dataset, 'train', source, config)
  ids, rows = [], []
  for view in tracked(pipeline.stream(data), len(data), 'Reading training images', log):
    ids.append(view['id'])
    rows.append(_thumbnail(view[source]))
  known, ids = NearestRows(np.stack(rows)), np.array(ids)
  answers: Any = pipeline.domain_pixels(dataset, 'train', target, config)

  def predict(batch: Mapping[str, np.ndarray]) -> np.ndarray:
    same = np.asarray(batch['id'])[:, np.newaxis] == ids if 'id' in batch else None
    found = known.find(np.stack([_thumbnail(image) for image in batch[source]]), same)
    views = [answers[int(i)] for i in found]
    return np.stack([np.where(v.get(f'{target}_mask', True), v[target], mean) for v in views])

  return predict


def _thumbnail(pixels: np.ndarray) -> np.ndarray:
  """[height, width, channels] -> float32 [16 * 16 * channels]."""
  return images.resize(pixels, (THUMBNAIL, THUMBNAIL)).astype(np.float32).ravel()
