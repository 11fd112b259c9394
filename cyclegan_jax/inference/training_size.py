"""Translation at the size of training: images are resized to it, and their translations back.

A network knows objects as large as they were in training. Images of another size that show as much
of a scene show larger or smaller ones.
"""

from collections.abc import Iterable, Mapping
import contextlib
import pathlib
import types
from typing import Any

import numpy as np

from cyclegan_jax.data import aspect, layers as layers_lib, record_images
from cyclegan_jax.data.source import quantize
from cyclegan_jax.errors import UserError
from cyclegan_jax.image_files import images, reading
from cyclegan_jax.inference.model import Model
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
  stack: np.ndarray,
  direction: str = 'rgb_to_ir',
  name: str = 'image',
  *,
  bits: int | None = None,
  layers: Mapping[str, np.ndarray] = types.MappingProxyType({}),
  **sizes: Any,
) -> np.ndarray:
  """As `Model.translate`, at the size of training, of images [n, height, width, channels].

  Layers, [n, height, width] each, keep whole values: each pixel takes the one at its center.
  """
  whole = stack.shape[1:3]
  size = of_image(model.config.data, whole)
  if size == whole:
    return model.translate(stack, direction, name, bits=bits, layers=layers, **sizes)
  small = np.stack([images.resize(one, size, model.config.data.resize) for one in stack])
  planes = {
    key: np.stack([layers_lib.resize(plane, size) for plane in x]) for key, x in layers.items()
  }
  # 16 bits, so that nothing is rounded before it is enlarged.
  fine = model.translate(small, direction, name, bits=16, layers=planes, **sizes)
  own = model.domains[direction.split('_to_')[1]].max_value
  limit = own if bits is None else float(2**bits - 1)
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
