"""The labels of images to translate: PNG files of class indices, or boxes in YOLO or COCO files.

They are what they were in training (--label_dir): boxes are drawn, the larger ones first, over the
background; of several kinds in a folder, COCO files count before YOLO files, and these before PNG.
"""

from collections.abc import Sequence
import pathlib

import numpy as np

from cyclegan_jax.data import boxes as box_lib, labels as labels_lib
from cyclegan_jax.data.boxes import Boxes, CocoImage, LabelFile
from cyclegan_jax.data.planes import Inputs
from cyclegan_jax.errors import UserError
from cyclegan_jax.image_files import images
from cyclegan_jax.inference.files import counterparts
from cyclegan_jax.inference.files.inputs import Job

_YOLO, _COCO = '.txt', '.json'


def path_of(file: LabelFile) -> pathlib.Path:
  """Returns the file."""
  return pathlib.Path(file.boxes.path) if isinstance(file, CocoImage) else file


def find(
  place: pathlib.Path, files: Sequence[pathlib.Path], jobs: Sequence[Job], flag: str
) -> dict[int, LabelFile]:
  """Returns the labels that belong to the sources of jobs, by the index of the job.

  See `counterparts.find`. UserError, too, if a COCO file is malformed.
  """
  of_many = [file for file in files or [place] if file.suffix.lower() == _COCO]
  if of_many:
    return _coco(of_many, jobs, flag)
  # A text about label images is none of these.
  stems = {job.source.stem for job in jobs}
  is_yolo = any(file.suffix.lower() == _YOLO and file.stem in stems for file in files)
  extensions = (_YOLO,) if is_yolo else images.EXTENSIONS
  return dict(counterparts.find(place, files, jobs, flag, extensions))


def _coco(files: Sequence[pathlib.Path], jobs: Sequence[Job], flag: str) -> dict[int, LabelFile]:
  named: dict[str, LabelFile] = {}
  for file in files:
    names, of_images = box_lib.read_coco(str(file))
    ordered = tuple(names[id_] for id_ in sorted(names))
    named |= {name: CocoImage(boxes, ordered) for name, boxes in of_images.items()}
  return counterparts.match(named, jobs, f'{flag}={files[0]}')


def read(file: LabelFile, inputs: Inputs, name: str, size: tuple[int, ...] | None) -> np.ndarray:
  """Reads the class indices of an image, uint8 [height, width].

  Args:
    file: Has them.
    inputs: The classes that the model knows.
    name: Of the image.
    size: Height and width of the image; None if there is none.

  Raises:
    UserError: The file cannot be read, or has another size or another class.
  """
  if isinstance(file, CocoImage):
    return _of_names(file, inputs)[_drawn(file.boxes, name, size)]
  if file.suffix.lower() == _COCO:
    raise UserError(f'{file} is a COCO file, which names its images, and {name} has no name.')
  is_yolo = file.suffix.lower() == _YOLO
  found = _drawn(box_lib.read_yolo(str(file)), name, size) if is_yolo else images.read_indices(file)
  _check(found, file, inputs, first=int(is_yolo))
  return found


def _drawn(boxes: Boxes, name: str, size: tuple[int, ...] | None) -> np.ndarray:
  """The indices of boxes, uint8 [height, width]; UserError without an image's size."""
  if size is None:
    raise UserError(
      f'{boxes.path}: boxes do not say how large the image is, and this model sees no photographs. '
      'Give label images: PNG files of class indices.'
    )
  height, width = size
  return boxes.draw((height, width), name)


def _of_names(file: CocoImage, inputs: Inputs) -> np.ndarray:
  """The model's index for each index in a COCO file, uint8 [256]; the background is 0 in both."""
  known = inputs.class_names
  if strange := [name for name in file.names if name not in known]:
    raise UserError(
      f'{file.boxes.path} has the category {strange[0]}, but this model knows the classes '
      f'{", ".join(known)}. Call the categories as in training.'
    )
  table = np.arange(256, dtype=np.uint8)
  table[1 : 1 + len(file.names)] = [known.index(name) for name in file.names]
  return table


def _check(labels: np.ndarray, file: pathlib.Path, inputs: Inputs, first: int) -> None:
  """Raises UserError for an index that is no class; boxes count from 0 on without background."""
  names = inputs.class_names
  if (index := labels_lib.highest(labels)) >= len(names):
    raise UserError(
      f'{file} has class {index - first}, but this model knows the classes 0 to '
      f'{len(names) - 1 - first}: {", ".join(names[first:])}. Give each '
      + ('box one of these.' if first else 'pixel one of these, or 255 for no label.')
    )
