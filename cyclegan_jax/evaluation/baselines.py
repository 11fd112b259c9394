"""Trivial translations that a model has to beat: mean image, luminance, constant, nearest image.

Each is a predictor. It takes a batch of examples as `pipeline.pixels` has them, and returns pixel
values of the target, float32 [batch, height, width, channels], not rounded.
"""

from collections.abc import Callable, Mapping

import grain
import numpy as np

from cyclegan_jax.data import pipeline
from cyclegan_jax.data.source import Dataset, ends
from cyclegan_jax.evaluation import nearest_neighbor
from cyclegan_jax.image_files import images
from cyclegan_jax.progress import Log, tracked
from cyclegan_jax.settings import DataConfig

Predictor = Callable[[Mapping[str, np.ndarray]], np.ndarray]

BASELINES = ('mean_image', 'nearest', 'luminance', 'constant')


def baselines(
  dataset: Dataset, config: DataConfig, log: Log, direction: str = 'rgb_to_ir'
) -> dict[str, Predictor]:
  """Makes the trivial predictors; this reads the training images once, sized as `config` says.

  `mean_image`: the pixelwise mean of the training images of the target; `luminance`: Rec. 601 luma
  of the source image, scaled to the target's range (so of an IR image, the image itself in gray);
  `constant`: the mean of the mean image, of each channel; `nearest`: the target of the nearest
  training pair, see `nearest_neighbor.nearest`, unless the training images are not pairs. Without
  training images there is `luminance` alone.
  """
  source, target = ends(dataset.domains, direction)

  def luminance(batch: Mapping[str, np.ndarray]) -> np.ndarray:
    luma = images.luminance(batch[source.name]) * (target.max_value / source.max_value)
    return np.repeat(luma, target.channels, axis=-1)

  if not dataset.splits.get('train'):
    log('There are no training images: luminance is the only trivial guess to compare with.')
    return {'luminance': luminance}
  data = pipeline.domain_pixels(dataset, 'train', target.name, config)
  mean = _mean_image(data, target.name, log)

  def repeated(value: np.ndarray) -> Predictor:
    return lambda batch: np.broadcast_to(value, (*batch[source.name].shape[:-1], target.channels))

  found = {'mean_image': repeated(mean)}
  if dataset.pairs('train'):
    found['nearest'] = nearest_neighbor.nearest(dataset, config, mean, log, direction)
  else:
    log('The training images are not pairs: there is no nearest training image to compare with.')
  return found | {'luminance': luminance, 'constant': repeated(np.mean(mean, (0, 1)))}


def _mean_image(data: grain.MapDataset, name: str, log: Log) -> np.ndarray:
  """Mean over the images in which a pixel is valid; where it never is, the mean of the others."""
  total, count = 0.0, 0
  for view in tracked(pipeline.stream(data), len(data), 'Averaging training images', log):
    valid = view.get(f'{name}_mask', True)
    total, count = total + np.where(valid, view[name], 0.0), count + 1 * valid
  mean = total / np.maximum(count, 1)
  seen = np.broadcast_to(np.asarray(count) > 0, mean.shape)
  return np.where(seen, mean, mean[seen].mean()).astype(np.float32)
