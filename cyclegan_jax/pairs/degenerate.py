"""Data from which little can be learned: constant IR, the luminance of RGB, or swapped bytes."""

import numpy as np

from cyclegan_jax.data.record_images import record_id
from cyclegan_jax.data.records import Records
from cyclegan_jax.data.source import Dataset, evenly_spaced
from cyclegan_jax.image_files import images
from cyclegan_jax.pairs import byte_order

_LOOKED_AT = 20


def notes(dataset: Dataset) -> list[str]:
  """Looks at up to 20 training examples; returns a note if something is wrong with all of them.

  Raises:
    UserError: an image cannot be read.
  """
  found = dataset.splits.get('train')
  if not found or not len(found.ir):
    return []
  chosen = evenly_spaced(len(found.ir), _LOOKED_AT)
  n = len(chosen)
  first = _read(found.ir, chosen[0], 'ir').flat[0]
  if all((_read(found.ir, i, 'ir') == first).all() for i in chosen):
    return [
      f'Note: all pixels of the {n} IR images looked at are {first}: a constant is perfect, and '
      'there is nothing to learn. Look at the IR files.'
    ]
  if found.aligned and all(
    _is_luminance(_read(found.rgb, i, 'rgb'), _read(found.ir, i, 'ir')) for i in chosen
  ):
    return [
      f'Note: the IR images of the {n} pairs looked at are the luminance of their RGB images, so '
      'that no model can beat this baseline. Are they thermal images?'
    ]
  return []


def swapped_bytes(dataset: Dataset) -> list[str]:
  """Looks at up to 20 IR training images; returns a note if bytes of some are swapped.

  Raises:
    UserError: an image cannot be read.
  """
  found = dataset.splits.get('train')
  if not found or not len(found.ir):
    return []
  chosen = evenly_spaced(len(found.ir), _LOOKED_AT)
  swapped = [i for i in chosen if byte_order.is_swapped(_read(found.ir, i, 'ir'))]
  if not swapped:
    return []
  cure = 'Swap them before you train.'
  if found.aligned:
    cure = 'experiments.check_pairs finds all of them, and --fix=DIR writes a repaired copy.'
  return [
    f'Note: {len(swapped)} of the {len(chosen)} IR images looked at, such as '
    f'{record_id(found.ir[swapped[0]])}, are smoother with the two bytes of each pixel swapped: as '
    f'they are, they are mostly noise. {cure}'
  ]


def _read(records: Records, index: int, domain: str) -> np.ndarray:
  record = records[index]
  return images.read_image(record[domain], f'{record_id(record)} ({domain})')


def _is_luminance(rgb: np.ndarray, ir: np.ndarray) -> bool:
  """True if IR equals the luminance of RGB up to rounding, in every pixel and channel."""
  if rgb.dtype != ir.dtype or rgb.shape[:2] != ir.shape[:2]:
    return False
  return bool((np.abs(images.luminance(rgb) - ir) <= 1).all())
