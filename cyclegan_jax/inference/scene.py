"""What a model is given to translate: an image, and the layers of its scene, if it sees some."""

from collections.abc import Mapping, Sequence
import types
from typing import NamedTuple

import numpy as np

from cyclegan_jax.data.source import Domain


class Scene(NamedTuple):
  """An image, uint8 or uint16 [height, width, 1 or 3], and its layers by their names.

  Layers are [height, width] each, see data/layers.py; there are none for a model of images alone.
  """

  pixels: np.ndarray
  layers: Mapping[str, np.ndarray] = types.MappingProxyType({})

  def check(self, domain: Domain, name: str) -> None:
    """Raises ValueError unless it has the layers that networks see, in the size of the image."""
    size = self.pixels.shape[:2]
    wanted = domain.inputs.layers if domain.inputs else ()
    if self.layers and not wanted:
      raise ValueError(f'{name}: this model sees images alone, and no {", ".join(self.layers)}.')
    for key in wanted:
      if key not in self.layers or self.layers[key].shape != size:
        found = self.layers[key].shape if key in self.layers else 'none'
        raise ValueError(f'{name}: expected {key} of {size[0]}x{size[1]}, found {found}.')


def stacked(scenes: Sequence[Scene]) -> tuple[np.ndarray, dict[str, np.ndarray]]:
  """Returns the images of scenes of one size, [n, height, width, c], and their layers likewise."""
  layers = {key: np.stack([scene.layers[key] for scene in scenes]) for key in scenes[0].layers}
  return np.stack([scene.pixels for scene in scenes]), layers


def unstacked(images: np.ndarray, layers: Mapping[str, np.ndarray], name: str) -> list[Scene]:
  """Returns the scenes of images, [n, height, width, c], with layers, [n, height, width] each.

  Layers of a single image may be [height, width]. ValueError if they are of more or fewer images.
  """
  planes = {key: x[np.newaxis] if x.ndim == 2 else x for key, x in layers.items()}
  for key, x in planes.items():
    if len(x) != len(images):
      raise ValueError(f'{name}: expected {key} of {len(images)} images, found {x.shape}.')
  return [Scene(one, {key: x[i] for key, x in planes.items()}) for i, one in enumerate(images)]
