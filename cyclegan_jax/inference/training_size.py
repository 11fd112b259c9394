"""Translation at the size of training: images are resized to it, and their translations back.

A network knows objects as large as they were in training. Images of another size that show as much
of a scene show larger or smaller ones.
"""

from collections.abc import Iterable, Sequence
import contextlib
import pathlib
from typing import Any

import numpy as np

from cyclegan_jax.data import aspect, layers as layers_lib, record_images
from cyclegan_jax.data.source import ends, quantize
from cyclegan_jax.errors import UserError
from cyclegan_jax.image_files import images, reading
from cyclegan_jax.inference.model import max_value, Model
from cyclegan_jax.inference.scene import Scene
from cyclegan_jax.settings import DataConfig, format_value

# A difference in scale that is worth a word.
_NOTED = 1.5
# Images whose headers are read for it.
_SAMPLED = 8


def of_image(data: DataConfig, whole: tuple[int, int]) -> tuple[int, int]:
  """Returns the size of an image of `whole` pixels, (height, width), as in training.

  Raises:
    UserError: The training images kept their own sizes (--resize=none).
  """
  size = record_images.resized(data)
  if size is None:
    raise UserError(
      '--at_size=training: this model was trained on images of their own size (--resize=none). '
      'Leave it out.'
    )
  return aspect.scaled(whole, size, data.keep_aspect)


def translate(
  model: Model,
  scenes: Sequence[Scene],
  direction: str = 'rgb_to_ir',
  name: str = 'image',
  *,
  bits: int | None = None,
  **how: Any,
) -> np.ndarray:
  """As `Model.translate_scenes`, at the size of training.

  Layers keep whole values: each pixel takes the one at its center.
  """
  whole = scenes[0].pixels.shape[:2]
  size = of_image(model.config.data, whole)
  if size == whole:
    return model.translate_scenes(scenes, direction, name, bits=bits, **how)
  small = [
    Scene(
      images.resize(one.pixels, size, model.config.data.resize),
      {key: layers_lib.resize(plane, size) for key, plane in one.layers.items()},
    )
    for one in scenes
  ]
  # 16 bits, so that nothing is rounded before it is enlarged.
  fine = model.translate_scenes(small, direction, name, bits=16, **how)
  limit = max_value(ends(model.domains, direction)[1], bits)
  values = [aspect.resize_values(one * np.float32(limit / 65535), whole) for one in fine]
  return quantize(np.stack(values), limit)


def note(data: DataConfig, files: Iterable[pathlib.Path]) -> str:
  """Returns a sentence if images to translate are much larger or smaller than in training.

  It compares the sides' mean scales of a few of the files; '' if they differ little.
  """
  found = []
  if record_images.resized(data) is None:
    return ''
  chosen = list(files)
  for file in chosen[:: max(1, -(-len(chosen) // _SAMPLED))]:
    with contextlib.suppress(UserError):  # It is named when it is translated.
      header = reading.header(file)
      whole = header.height, header.width
      found.append((np.sqrt(np.prod(whole) / np.prod(of_image(data, whole))), whole, file))
  far = [one for one in found if not 1 / _NOTED < one[0] < _NOTED]
  if not far:
    return ''
  scale, whole, file = max(far, key=lambda one: abs(np.log(one[0])))
  size = format_value(of_image(data, whole))
  how = f'{scale:.1f} times as large as' if scale > 1 else f'{1 / scale:.1f} times smaller than'
  return (
    f'Note: {file} ({format_value(whole)}) is {how} in training ({size}). If it shows as much '
    'of a scene, objects have sizes that the model does not know: --at_size=training resizes '
    'images to that size, and their translations back.'
  )
