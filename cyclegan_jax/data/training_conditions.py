"""The conditions of all training images, see condition.py."""

from collections.abc import Mapping
from typing import Any

import grain
import numpy as np

from cyclegan_jax import distributed
from cyclegan_jax.data import pipeline
from cyclegan_jax.data.condition import Condition
from cyclegan_jax.data.source import Dataset
from cyclegan_jax.progress import Log, tracked
from cyclegan_jax.settings import DataConfig

_SEED = 0


def measured(kind: Condition, dataset: Dataset, config: DataConfig, log: Log) -> np.ndarray:
  """Returns the conditions of the training IR images in stored order, float32 [n, size].

  The images are seen as they are measured: cropped from the center and not mirrored. If there are
  several processes, all call this; each reads its share of the images.

  Args:
    kind: The condition.
    dataset: Has the images, with labels if the condition needs them.
    config: Sizes them.
    log: Takes lines about the progress.
  """
  pipeline.get_split(dataset, 'train')
  ir = dataset.domains['ir']
  data = pipeline.domain_pixels(dataset, 'train', 'ir', config, kind.needs_labels)

  def of_one(image: Mapping[str, Any]) -> np.ndarray:
    one = {key: value[np.newaxis] for key, value in image.items() if key != 'id'}
    return kind.of_images(ir.normalize(one['ir']), one.get('labels'), one.get('ir_mask'))[0]

  vectors: Any = data.map(of_one)
  own: Any = distributed.share(vectors)
  read: grain.IterDataset = pipeline.stream(own)
  rows = list(tracked(read, len(own), 'Measuring conditions', log))
  # In one order, whatever the number of processes, so that sums are equal to the last bit.
  return np.stack(distributed.interleave(distributed.gather(rows)))


def drawn(condition: Condition, dataset: Dataset, config: DataConfig, log: Log) -> np.ndarray:
  """Returns for each training image the condition of another one, drawn at random; see `measured`.

  Each serves once. Told the means of training, a model makes every road as warm as the mean road.
  Drawn ones have the variety of the world.
  """
  vectors = measured(condition, dataset, config, log)
  order = np.random.default_rng(_SEED).permutation(len(vectors))
  donors = np.empty_like(order)
  donors[order] = np.roll(order, 1)
  return condition.exchanged(vectors, donors)
