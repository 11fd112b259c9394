"""Applies a trained generator to one large image, tile by tile."""

from collections.abc import Iterator

from flax import nnx
import numpy as np

from cyclegan_jax.inference.tiling import instance_norm, tiles
from cyclegan_jax.inference.tiling.tiles import Tiling
from cyclegan_jax.models.apply import Translator


def translate(
  generator: Translator, image: np.ndarray, tiling: Tiling, channels: int
) -> np.ndarray:
  """Translates a large image. With instance norm, the moments of the whole image are found first.

  Args:
    generator: The generator.
    image: float32 [height, width, c] in [-1, 1]. The sides are multiples of `tiling.step`.
    tiling: How the image is cut.
    channels: The channels of the result.

  Returns:
    float32 [height, width, channels] in [-1, 1].
  """
  arrays = generator.params, generator.batch_stats
  modules = nnx.iter_modules(generator.net.module(*arrays))
  norms = sum(isinstance(module, nnx.InstanceNorm) for _, module in modules)
  if not norms:
    return tiles.translate(generator, image, tiling, channels)
  moments = None
  for _ in range(norms):
    parts, pixels = [], []
    for part, counts in _parts(image, tiling):
      parts.append(instance_norm.measure(generator.net, *arrays, part, counts, moments))
      pixels.append(counts.sum(dtype=np.int64))
    moments = instance_norm.pooled(parts, pixels)
  return tiles.translate(
    lambda part: instance_norm.translate(generator.net, *arrays, part, moments),
    image,
    tiling,
    channels,
  )


def _parts(image: np.ndarray, tiling: Tiling) -> Iterator[tuple[np.ndarray, np.ndarray]]:
  """The tiles of an image, each pixel of which counts in one of them.

  Yields:
    A tile [1, height, width, c], and float32 [1, height, width, 1]: 1 where its pixels count,
    otherwise 0.
  """
  sides = [tiles.own_parts(side, tiling) for side in image.shape[:2]]
  for top, rows in sides[0]:
    for left, columns in sides[1]:
      part = image[None, top : top + tiling.tile, left : left + tiling.tile]
      counts = np.zeros((1, *part.shape[1:3], 1), np.float32)
      counts[:, rows, columns] = 1
      yield part, counts
