"""Boxes around objects, from COCO and YOLO files, and drawn as class indices.

0 is the background; the classes of a file follow from 1 on.
"""

from collections.abc import Mapping
import dataclasses
import json
import math
import pathlib
from typing import Any, NamedTuple

import numpy as np

from cyclegan_jax.data import labels
from cyclegan_jax.errors import UserError

BACKGROUND = 'background'
# Rounded shares may exceed 1 a little.
_LARGEST_SHARE = 1.01


class Box(NamedTuple):
  """A rectangle of one class, by its sides: pixels, or shares of the image's width and height."""

  index: int
  left: float
  top: float
  right: float
  bottom: float

  @property
  def area(self) -> float:
    """The area."""
    return (self.right - self.left) * (self.bottom - self.top)


@dataclasses.dataclass(frozen=True)
class Boxes:
  """The boxes of one image.

  Attributes:
    path: The file that has them.
    boxes: In any order.
    shares: Whether they are shares of the image's sides, as in YOLO files.
    size: (height, width) of the image according to the file; None if it does not say.
  """

  path: str
  boxes: tuple[Box, ...]
  shares: bool
  size: tuple[int, int] | None = None

  def draw(self, size: tuple[int, int], image: str) -> np.ndarray:
    """Fills the boxes, larger ones first: uint8 [height, width], at least a pixel for each.

    Raises:
      UserError: The file is about an image of another size than the one of this name.
    """
    if self.size is not None and self.size != size:
      raise UserError(another_size(self.path, self.size, image, size))
    (height, width), drawn = size, np.zeros(size, np.uint8)
    x, y = (width, height) if self.shares else (1, 1)
    for box in sorted(self.boxes, key=lambda box: -box.area):
      rows = _pixels(box.top * y, box.bottom * y, height)
      drawn[rows, _pixels(box.left * x, box.right * x, width)] = box.index
    return drawn


@dataclasses.dataclass(frozen=True)
class CocoImage:
  """The boxes of one image of a COCO file, and its classes from 1 on, in the order of their ids."""

  boxes: Boxes
  names: tuple[str, ...]


# The labels of one image: a file, or a part of one.
LabelFile = pathlib.Path | CocoImage


def another_size(path: str, size: tuple[int, int], image: str, expected: tuple[int, int]) -> str:
  """Returns the message that labels are not of the size of their image, both (height, width)."""
  return (
    f'{path} has labels for {size[1]}x{size[0]} pixels, but its image {image} is '
    f'{expected[1]}x{expected[0]}; expected the same size: make the labels for these images.'
  )


def _pixels(low: float, high: float, side: int) -> slice:
  """The pixels whose centers lie between two coordinates, at least one if any of it is inside."""
  if high <= 0 or low >= side:
    return slice(0)
  first = min(max(math.floor(low + 0.5), 0), side - 1)
  return slice(first, max(first + 1, min(math.floor(high + 0.5), side)))


def read_yolo(path: str) -> Boxes:
  """Reads a YOLO file: lines of a class, then center and size as shares, or a polygon's points.

  A sixth number, the confidence of a detector, is ignored; of a polygon the box around it counts.

  Raises:
    UserError: A line is something else; the message names it.
  """
  boxes = []
  for number, line in enumerate(_text(path).splitlines(), start=1):
    if not line.strip():
      continue
    try:
      first, *rest = line.split()
      boxes.append(_yolo_box(int(first), [float(word) for word in rest]))
    except ValueError as error:
      raise UserError(
        f'{path}, line {number}: {line.strip()[:80]!r}; expected a class from 0 to '
        f'{labels.MOST_CLASSES - 2} and its box: center x and y, width, and height as shares of '
        'the image, from 0 to 1.'
      ) from error
  return Boxes(path, tuple(boxes), shares=True)


def _yolo_box(index: int, numbers: list[float]) -> Box:
  if not 0 <= index < labels.MOST_CLASSES - 1:
    raise ValueError
  if not all(-_LARGEST_SHARE < number < _LARGEST_SHARE for number in numbers):
    raise ValueError
  if len(numbers) in (4, 5):
    x, y, width, height = numbers[:4]
    if min(width, height) < 0:
      raise ValueError
    return Box(index + 1, x - width / 2, y - height / 2, x + width / 2, y + height / 2)
  if len(numbers) < 6 or len(numbers) % 2:
    raise ValueError
  xs, ys = numbers[::2], numbers[1::2]
  return Box(index + 1, min(xs), min(ys), max(xs), max(ys))


def read_coco(path: str) -> tuple[dict[int, str], dict[str, Boxes]]:
  """Reads a COCO file.

  Objects of its classes have the ranks of their category ids as indices, from 1 on. Crowds have no
  label, because their boxes also hold what is between the objects.

  Returns:
    (category id -> name, file name of an image -> its boxes)

  Raises:
    UserError: It is not a COCO file with boxes.
  """
  try:
    content = json.loads(_text(path))
    names = {int(entry['id']): str(entry['name']) for entry in content['categories']}
    ranks = {id_: rank for rank, id_ in enumerate(sorted(names), start=1)}
    found: dict[Any, list[Box]] = {image['id']: [] for image in content['images']}
    for entry in content['annotations']:
      found[entry['image_id']].append(_coco_box(entry, ranks))
    images = {
      str(image['file_name']): Boxes(path, tuple(found[image['id']]), False, _size(image))
      for image in content['images']
    }
  except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
    raise UserError(
      f'{path} is not a COCO file with boxes ({type(error).__name__}: {error}). Expected images '
      'with id and file_name, categories with id and name, and annotations with image_id, '
      'category_id, and bbox: [x, y, width, height] in pixels.'
    ) from error
  if len(names) > labels.MOST_CLASSES - 1:
    raise UserError(
      f'{path}: {len(names)} categories, more than the {labels.MOST_CLASSES - 1} that fit.'
    )
  return names, images


def _coco_box(entry: Mapping[str, Any], ranks: Mapping[int, int]) -> Box:
  x, y, width, height = map(float, entry['bbox'])
  if not (math.isfinite(x + y + width + height) and min(width, height) >= 0):
    raise ValueError(f'bbox {entry["bbox"]}')
  index = labels.UNLABELED if entry.get('iscrowd') else ranks[entry['category_id']]
  return Box(index, x, y, x + width, y + height)


def _size(image: Mapping[str, Any]) -> tuple[int, int] | None:
  return (int(image['height']), int(image['width'])) if {'height', 'width'} <= set(image) else None


def read_names(path: str) -> tuple[str, ...]:
  """Reads the names of classes: the lines of a text file, or `names` of a data.yaml.

  Raises:
    UserError: It has no names.
  """
  if path.endswith('.txt'):
    found = [line.strip() for line in _text(path).splitlines() if line.strip()]
  else:
    found = _yaml_names(path)
  if not 0 < len(found) <= labels.MOST_CLASSES:
    raise UserError(
      f'{path}: {len(found)} names of classes; expected 1 to {labels.MOST_CLASSES}, one a line of '
      'a text file, or as `names` in a YAML file.'
    )
  return tuple(found)


def _yaml_names(path: str) -> list[str]:
  import yaml  # Late: few folders have such a file.

  try:
    names = yaml.safe_load(_text(path))['names']
    ordered = [names[i] for i in range(len(names))]
    # A tree of references may be long as text.
    if not all(isinstance(name, str | int | float) for name in ordered):
      raise TypeError('names that are not text')
  except (yaml.YAMLError, TypeError, KeyError, IndexError, RecursionError) as error:
    raise UserError(
      f'{path}: no names of classes ({type(error).__name__}: {error}); expected `names`, a list or '
      'a mapping from 0 on.'
    ) from error
  return list(map(str, ordered))


def _text(path: str) -> str:
  try:
    return pathlib.Path(path).read_text(encoding='utf-8-sig')
  except (OSError, UnicodeDecodeError) as error:
    raise UserError(f'{path} cannot be read as UTF-8 text: {error}.') from error
