"""What networks see of a scene: its RGB image, depth, and classes, or some of them (--inputs).

Layers (layers.py) become planes, channels of the image that a generator of IR images and their
discriminator see. Depth is one plane, on a logarithmic scale from half a meter, -1, to 500 meters,
1, where what is not known counts as far away. Labels are a plane for each class: 1 where a pixel is
of the class, -1 elsewhere.
"""

from collections.abc import Mapping
import dataclasses
from typing import Any

import numpy as np

from cyclegan_jax.data import labels as labels_lib
from cyclegan_jax.data.layers import DEPTH, STEPS_PER_METER, UNKNOWN

# In meters; nearer and farther is told apart no more.
NEAR, FAR = 0.5, 500.0
# What to do where data lack a layer.
CURES: Mapping[str, str] = {
  'labels': f'Leave labels out, or give some with {labels_lib.FLAGS}.',
  DEPTH: 'Leave depth out; --dataset=synthetic and --dataset=aau --registration=depth have it.',
}


@dataclasses.dataclass(frozen=True)
class Inputs:
  """The kinds of planes in their order, 'rgb', 'depth', and 'labels', and the classes of labels."""

  kinds: tuple[str, ...]
  class_names: tuple[str, ...] = ()

  @property
  def layers(self) -> tuple[str, ...]:
    """The layers among the kinds."""
    return tuple(kind for kind in self.kinds if kind != 'rgb')

  def channels(self, image: int) -> int:
    """Returns how many channels there are, for an image of so many."""
    return sum(self._sizes(image, self.kinds))

  def label_planes(self, image: int) -> tuple[int, int]:
    """Returns the first plane of labels and their number; ValueError without labels."""
    before = self.kinds[: self.kinds.index('labels')]
    return sum(self._sizes(image, before)), len(self.class_names)

  def meaning(self, layer: str) -> str:
    """Returns what the values of a layer are, for people."""
    if layer == DEPTH:
      return f'depth in 1/{STEPS_PER_METER} m; {UNKNOWN[DEPTH]} is not known'
    listed = ', '.join(f'{index} {name}' for index, name in enumerate(self.class_names))
    return f'classes: {listed}; {UNKNOWN["labels"]} is none'

  def _sizes(self, image: int, kinds: tuple[str, ...]) -> list[int]:
    sizes = {'rgb': image, DEPTH: 1, 'labels': len(self.class_names)}
    return [sizes[kind] for kind in kinds]

  def seen(self, image: Any, layers: Mapping[str, Any], xp: Any = np) -> Any:
    """Returns what networks see.

    Args:
      image: Network values, float32 [..., height, width, channels].
      layers: Has the layers of `kinds`, [..., height, width] each, as layers.py says.
      xp: NumPy, or jax.numpy for its arrays.

    Returns:
      float32 [..., height, width, channels(...)] in [-1, 1].
    """
    planes = []
    for kind in self.kinds:
      if kind == 'rgb':
        planes.append(image)
      elif kind == DEPTH:
        planes.append(_depth(xp.asarray(layers[DEPTH]), xp)[..., None])
      else:
        classes = np.arange(len(self.class_names), dtype=np.uint8)
        found = xp.asarray(layers['labels'])[..., None] == classes
        planes.append(xp.where(found, np.float32(1), np.float32(-1)))
    return xp.concatenate(planes, axis=-1)


def _depth(steps: Any, xp: Any) -> Any:
  """Network values of a depth in hundredths of a meter; 0, not known, is 1."""
  meters = xp.maximum(steps, 1).astype(np.float32) / STEPS_PER_METER
  places = xp.log(meters / NEAR) * (2 / np.log(np.float32(FAR / NEAR))) - 1
  return xp.where(steps > 0, xp.clip(places, -1, 1), np.float32(1)).astype(np.float32)
