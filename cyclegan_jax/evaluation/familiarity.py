"""How far an image is from those of the training: a model knows nothing of what is far away.

The distance of an image is that of its thumbnail, 16x16 pixels, to the nearest one of the training
images, in two respects: the root mean square difference in gray levels of 8 bits, and 1 minus the
correlation, which sees the pattern of images without much contrast, too. What is far is measured
on the test split: 99 % of its images are nearer.

familiarity.npz beside the results on the test split:
  thumbnails  uint8 [n, 16, 16, channels], of at most 4,096 training images, evenly chosen
  limits      float32 [2], one of the distances is above its limit for 1 % of the test images
"""

import dataclasses
import io
import pathlib
from typing import Any
import zipfile
import zlib

import numpy as np

from cyclegan_jax import files
from cyclegan_jax.data import aspect, pipeline, record_images
from cyclegan_jax.data.source import Dataset, Domain, evenly_spaced
from cyclegan_jax.errors import UserError
from cyclegan_jax.evaluation.nearest_neighbor import THUMBNAIL
from cyclegan_jax.image_files import images
from cyclegan_jax.progress import Log, tracked
from cyclegan_jax.settings import DataConfig

FILE = 'familiarity.npz'
_MOST = 4096
_SHARE = 0.99
# From so many test images one can say what is usual.
_LEAST = 20
# One gray level, and a correlation of 0.99.
_LEAST_LIMITS = (1.0, 0.01)


@dataclasses.dataclass(frozen=True, eq=False)
class Familiarity:
  """What tells how far an image is.

  Attributes:
    source: The domain of the images.
    data: How images are sized.
    thumbnails: See above.
    limits: See above.
  """

  source: Domain
  data: DataConfig
  thumbnails: np.ndarray
  limits: np.ndarray

  def __call__(self, image: np.ndarray) -> float:
    """Returns an image's distance as a multiple of its limit, the larger one of the two.

    The image is uint8 or uint16 [height, width, 1 or 3], of any size; it is sized as in training.
    UserError: It is in color, but the model translates gray images.
    """
    own = images.for_domain(image, self.source.name, self.source.channels, 'image')
    found = distances(thumbnail(_sized(own, self.data)), self.thumbnails)
    return float((found / self.limits).max())


def thumbnail(image: np.ndarray) -> np.ndarray:
  """Reduces uint8 or uint16 [height, width, channels] to uint8 [16, 16, channels]."""
  small = images.resize(image, (THUMBNAIL, THUMBNAIL))
  return np.rint(small * (255 / np.iinfo(small.dtype).max)).astype(np.uint8)


def distances(one: np.ndarray, many: np.ndarray) -> np.ndarray:
  """Returns the two distances, float64 [2], of a thumbnail to the nearest of many."""
  one, many = (x.reshape(-1, one.size).astype(np.float32) for x in (one, many))
  difference = np.sqrt(np.square(many - one).mean(1))
  one, many = (x - x.mean(1, keepdims=True) for x in (one, many))
  # Without contrast, nothing correlates.
  product = np.linalg.norm(many, axis=1) * np.linalg.norm(one)
  correlation = (many @ one[0]) / np.maximum(product, 1)
  return np.array([difference.min(), 1 - correlation.max()], np.float64)


def measure(dataset: Dataset, source: Domain, data: DataConfig, log: Log) -> Familiarity | None:
  """Measures the test split; None without training images, or with fewer than 20 test images."""
  n_test = len(getattr(dataset.splits['test'], source.name)) if 'test' in dataset.splits else 0
  if n_test < _LEAST or not dataset.splits.get('train'):
    return None
  train, test = (_thumbnails(dataset, split, source, data, log) for split in ('train', 'test'))
  found = np.stack([distances(one, train) for one in test])
  # Test images that are copies of training images tell nothing.
  limits = np.maximum(np.quantile(found, _SHARE, axis=0, method='higher'), _LEAST_LIMITS)
  limits *= np.quantile((found / limits).max(1), _SHARE, method='higher')
  return Familiarity(source, data, train, limits)


def write(folder: pathlib.Path, found: Familiarity | None) -> None:
  """Replaces the file in the folder of an evaluation."""
  file = folder / FILE
  if found is None:
    file.unlink(missing_ok=True)
    return
  buffer = io.BytesIO()
  np.savez_compressed(buffer, thumbnails=found.thumbnails, limits=found.limits.astype(np.float32))
  files.write_bytes(file, buffer.getvalue())


def read(folder: pathlib.Path, source: Domain, data: DataConfig) -> Familiarity | None:
  """Reads the file in the folder of an evaluation; None if there is none.

  Raises:
    UserError: The file is damaged, or of other images; the message names it.
  """
  file = folder / FILE
  if not file.exists():
    return None
  try:
    with np.load(file, allow_pickle=False) as arrays:
      thumbnails, limits = arrays['thumbnails'], arrays['limits'].astype(np.float64)
    if thumbnails.dtype != np.uint8 or limits.shape != (2,) or not (limits > 0).all():
      raise ValueError('other values than expected')
    if thumbnails.shape[1:] != (THUMBNAIL, THUMBNAIL, source.channels) or not len(thumbnails):
      raise ValueError(f'thumbnails of shape {thumbnails.shape}')
  except (
    *(OSError, EOFError, ValueError, KeyError, TypeError),
    *(zipfile.BadZipFile, zlib.error),
  ) as error:
    raise UserError(
      f'{file} cannot be read ({error}). Delete it, or measure the run again with '
      'experiments.evaluate.'
    ) from error
  return Familiarity(source, data, thumbnails, limits)


def _sized(image: np.ndarray, data: DataConfig) -> np.ndarray:
  """An image as the test images are, [height, width, channels]."""
  size = record_images.resized(data)
  fit = aspect.fit(image.shape[:2], size or image.shape[:2], data.keep_aspect)
  image = image[fit.box]
  image = fit.pad(images.resize(image, fit.inner, data.resize) if size else image)
  top, left = (max(0, (a - b) // 2) for a, b in zip(image.shape, data.image_size))
  return image[top : top + data.image_size[0], left : left + data.image_size[1]]


def _thumbnails(
  dataset: Dataset, split: str, source: Domain, data: DataConfig, log: Log
) -> np.ndarray:
  # Grain's types allow for data sets with missing elements.
  views: Any = pipeline.domain_pixels(dataset, split, source.name, data)
  chosen = evenly_spaced(len(views), _MOST)
  read = (views[i][source.name] for i in chosen)
  return np.stack([*map(thumbnail, tracked(read, len(chosen), f'Reducing {split} images', log))])
