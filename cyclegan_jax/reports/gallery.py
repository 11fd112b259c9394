"""Pictures of measured examples, kept as files by an evaluation for the page about its run.

A file is a strip of four pictures, each as large as the measured images: the source (RGB), the
generated image, the true one (IR), and the error. Its name is the number of the example's row in
per_image.csv, from 0.
"""

from collections.abc import Callable, Mapping, Sequence
import pathlib
import shutil

import numpy as np

from cyclegan_jax.data.source import evenly_spaced
from cyclegan_jax.errors import UserError
from cyclegan_jax.image_files import images
from cyclegan_jax.metrics import selection

FOLDER = 'gallery'
N_PICTURES = 4
OVERALL = 'overall'


def scores(per_image: Mapping[str, np.ndarray]) -> np.ndarray:
  """Returns what ranks examples, float64 [n]; higher is better, -inf where it is undefined.

  It is what chooses checkpoints, PSNR / 20 dB + SSIM + correlation: flat images have the highest
  PSNR and represent nothing. Without one of the three, it is PSNR.
  """
  found = selection.score(per_image, OVERALL if is_complete(per_image) else 'psnr')
  return np.where(np.isnan(found), -np.inf, found)


def is_complete(per_image: Mapping[str, np.ndarray]) -> bool:
  """Returns whether there are all metrics that `scores` adds up."""
  return per_image.keys() >= {*selection.needed(OVERALL)}


def chosen(order: np.ndarray, n: int | None) -> list[int]:
  """Chooses the examples that are kept: evenly spread over the split, the best and the worst.

  The evenly spread ones are the same for all runs that are measured on a split, so that runs can
  be compared. The order is from the best to the worst example; n is about how many, 0: none, None:
  all.
  """
  if n is None:
    return [*range(len(order))]
  return sorted({*evenly_spaced(len(order), n), *(int(order[i]) for i in (0, -1)[:n])})


def write(folder: pathlib.Path, strips: Mapping[int, Callable[[], Sequence[np.ndarray]]]) -> None:
  """Replaces the gallery in an evaluation's folder.

  A strip is the row of per_image.csv -> what makes its four pictures, uint8 [height, width, 3].
  """
  target = folder / FOLDER
  shutil.rmtree(target, ignore_errors=True)
  target.mkdir()
  for index, make in strips.items():
    images.write_png(target / f'{index:06}.png', np.concatenate(make(), axis=1))


def indices(folder: pathlib.Path) -> list[int]:
  """Returns the examples of an evaluation that have pictures."""
  return sorted(int(file.stem) for file in (folder / FOLDER).glob('*.png') if file.stem.isdecimal())


def read(folder: pathlib.Path, index: int) -> list[np.ndarray]:
  """Returns the four pictures of an example, uint8 [height, width, 3].

  Raises:
    UserError: the file is damaged or no such strip; the message names it.
  """
  file = folder / FOLDER / f'{index:06}.png'
  strip = images.read_image(file)
  if strip.shape[1] % N_PICTURES or strip.shape[2] != 3 or strip.dtype != np.uint8:
    raise UserError(
      f'{file} is not a strip of {N_PICTURES} pictures of equal width. Measure the run again.'
    )
  return np.split(strip, N_PICTURES, axis=1)
