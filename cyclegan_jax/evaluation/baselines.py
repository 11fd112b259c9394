"""Trivial translations that a model has to beat: luminance, the mean image, a constant.

Each is a predictor: it takes a batch of examples (network values) and gives IR pixel values,
float32 [batch, height, width, ir_channels], not rounded.
"""

from typing import Callable, Mapping

import grain
import numpy as np

from cyclegan_jax.config import DataConfig
from cyclegan_jax.data import images, pipeline
from cyclegan_jax.data.source import Dataset
from cyclegan_jax.progress import Say, tracked

Predictor = Callable[[Mapping[str, np.ndarray]], np.ndarray]

BASELINES = ('mean_image', 'luminance', 'constant')


def baselines(dataset: Dataset, config: DataConfig, say: Say) -> dict[str, Predictor]:
  """The trivial predictors; reads the training split's IR images once.

  Args:
    dataset: the data.
    config: how images are sized.
    say: takes lines about the progress.

  Returns:
    `mean_image`: the pixelwise mean of the training IR images; `luminance`: Rec. 601 luma of the
    RGB image, scaled to the IR range; `constant`: the mean value of all training IR pixels.
  """
  rgb, ir = dataset.domains['rgb'], dataset.domains['ir']
  mean = _mean_image(pipeline.domain_images(dataset, 'train', 'ir', config), say)
  mean = ir.normalisation.inverse(mean)

  def luminance(batch):
    pixels = rgb.normalisation.inverse(batch['rgb'])
    luma = pixels if rgb.channels == 1 else images.luminance(pixels)
    luma = luma * (ir.normalisation.max_value / rgb.normalisation.max_value)
    return np.repeat(luma, ir.channels, axis=-1)

  def repeated(value):
    return lambda batch: np.broadcast_to(value, batch['ir'].shape)

  return {'mean_image': repeated(mean), 'luminance': luminance,
          'constant': repeated(np.mean(mean, (0, 1)))}


def _mean_image(data: grain.MapDataset, say: Say) -> np.ndarray:
  images_ = tracked(pipeline.stream(data), len(data), 'Averaging training images', say)
  return (sum(image.astype(np.float64) for image in images_) / len(data)).astype(np.float32)
