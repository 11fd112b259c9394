"""The labels in a user's folder: PNG files of class indices, or boxes in YOLO or COCO files."""

import collections
from collections.abc import Iterable, Mapping, Sequence
import dataclasses
import os
import pathlib

import numpy as np

from cyclegan_jax.data import boxes as box_lib, labels as label_lib
from cyclegan_jax.data.boxes import Boxes
from cyclegan_jax.errors import UserError
from cyclegan_jax.image_files import images, walk
from datasets import storing
from datasets.folder import layouts, lists

# Extension -> kind; of several kinds in a folder the first one counts.
_KINDS = {'.json': 'COCO', '.txt': 'YOLO', '.png': 'PNG'}
_NAMES = ('data.yaml', 'data.yml', 'dataset.yaml', 'classes.txt')
_MAX_NAMED = 3


@dataclasses.dataclass(frozen=True)
class LabelFiles:
  """The files that --label_dir stands for.

  Attributes:
    folder: As given.
    kind: 'COCO', 'YOLO' or 'PNG'.
    files: The label files; their parts begin below the label folder.
    names: Files with names of classes, in the label folder or above.
  """

  folder: str
  kind: str
  files: tuple[layouts.ImageFile, ...]
  names: tuple[layouts.ImageFile, ...]


@dataclasses.dataclass(frozen=True)
class Indices:
  """A PNG file of class indices."""

  path: str

  def draw(self, size: tuple[int, int], image: str) -> np.ndarray:
    """Returns the indices, uint8 [height, width]; UserError if the file has another size."""
    found = images.read_indices(self.path)
    if found.shape != size:
      raise UserError(box_lib.another_size(self.path, found.shape, image, size))
    return found


@dataclasses.dataclass(frozen=True)
class Labels:
  """What label files say about the examples.

  Attributes:
    files: The label files.
    of: The id of an example -> its labels; an example without labels is absent.
    names: The classes in the order of their indices; empty if nothing names them.
    notes: Sentences for people on what has no label, and what is not used.
  """

  files: LabelFiles
  of: Mapping[str, Indices | Boxes]
  names: tuple[str, ...]
  notes: tuple[str, ...]

  def draw(self, id_: str, size: tuple[int, int], image: str) -> np.ndarray:
    """Returns the class indices of an example, uint8 [height, width], for the image of this name.

    Raises:
      UserError: They have another size, or a class without a name.
    """
    if id_ not in self.of:
      return np.full(size, label_lib.UNLABELED, np.uint8)
    drawn = self.of[id_].draw(size, image)
    index = label_lib.highest(drawn)
    if self.names and index >= len(self.names):
      # Boxes count their classes from 0 on, without the background.
      first = int(self.files.kind != 'PNG')
      raise UserError(
        f'{self.of[id_].path} has class {index - first}, but there are names for '
        f'{len(self.names) - first} classes only, 0 to {len(self.names) - first - 1}: add the '
        f'missing ones to {self.files.names[0].path}. (255 in a PNG file stands for no label.)'
      )
    return drawn

  def described(self, names: Sequence[str]) -> list[str]:
    """Returns sentences on the labels, given the names of all classes."""
    of = f'{self.files.kind} files in {self.files.folder!r}'
    return [f'Labels: {of}, classes {", ".join(names)}.', *self.notes]

  def class_names(self, index: int) -> tuple[str, ...]:
    """Returns the names of all classes, given the highest index that occurs.

    Raises:
      UserError: There is only one class.
    """
    if self.files.kind == 'PNG' and index < 1:
      raise UserError(f'--label_dir={self.files.folder}: the PNG files have {label_lib.ONE_CLASS}')
    first = () if self.files.kind == 'PNG' else (box_lib.BACKGROUND,)
    return self.names or (*first, *(f'class {i}' for i in range(index + 1 - len(first))))


def find(source: pathlib.Path, label_dir: str) -> LabelFiles:
  """Finds the label files of a source folder.

  Args:
    source: The folder.
    label_dir: A folder relative to it, or a folder name (or several, joined by '/') that occurs at
      any depth; or a COCO file relative to it.

  Raises:
    UserError: There are none.
  """
  files = [
    layouts.ImageFile(path, parts, info.st_size if info else -1, info.st_mtime_ns if info else -1)
    for path, parts, info in walk.files_below(source)
    if _extension(parts) in (*_KINDS, '.yaml', '.yml')
  ]
  if single := [
    file for file in files if file.relative == label_dir and label_dir.endswith('.json')
  ]:
    return LabelFiles(label_dir, 'COCO', tuple(single), ())
  named = layouts.NamedFolder.find(source, files, 'label_dir', label_dir, 'PNG, text or JSON files')
  inside, by_kind = [], collections.defaultdict(list)
  for file in files:
    parts, kind = named.without(file.parts), _KINDS.get(_extension(file.parts))
    if parts is not None:
      inside.append(file)
      if kind and file.parts[-1].lower() not in _NAMES:
        by_kind[kind].append(dataclasses.replace(file, parts=parts))
  kind = next((kind for kind in _KINDS.values() if by_kind[kind]), None)
  if kind is None:
    raise UserError(
      f'--label_dir={label_dir}: no labels there; expected PNG files of class indices, YOLO files '
      '(.txt), or a COCO file (.json).'
    )
  above = {file.parts[:i] for file in inside for i in range(len(file.parts))}
  names = [f for f in files if f.parts[-1].lower() in _NAMES and f.parts[:-1] in above]
  return LabelFiles(label_dir, kind, tuple(by_kind[kind]), tuple(names))


def _extension(parts: tuple[str, ...]) -> str:
  return os.path.splitext(parts[-1])[1].lower()


def read(found: LabelFiles, examples: Mapping[str, Sequence[str]]) -> Labels:
  """Reads which labels belong to which example.

  Args:
    found: The label files.
    examples: Id -> the relative paths of its images. A label file has the path of an image below
      the label folder, or its end, without the extension.

  Raises:
    UserError: A file is malformed, labels fit no example or several, or names of classes contradict
      each other.
  """
  names = _common([(file.path, box_lib.read_names(file.path)) for file in found.names])
  if found.kind == 'COCO':
    read_files = [(file.path, *box_lib.read_coco(file.path)) for file in found.files]
    names = _common([(path, tuple(of[i] for i in sorted(of))) for path, of, _ in read_files])
    named = [(name, boxes) for _, _, images in read_files for name, boxes in images.items()]
  else:
    make = Indices if found.kind == 'PNG' else box_lib.read_yolo
    named = [(os.path.splitext(f.relative)[0], make(f.path)) for f in found.files]
  if names and found.kind != 'PNG':
    names = (box_lib.BACKGROUND, *names)
  of, unused = _matched(named, examples)
  if not of:
    raise UserError(
      f'--label_dir={found.folder}: none of {len(named)} labels has the name of a pair of images, '
      f'such as {named[0][0]!r} and {min(examples)!r}. Name them like the images.'
    )
  return Labels(found, of, names, tuple(_notes(found, examples, of, unused)))


def _common(named: Iterable[tuple[str, tuple[str, ...]]]) -> tuple[str, ...]:
  """The names that all files (path, names) agree on; () without files."""
  first_path, first = '', ()
  for path, names in named:
    if first_path and names != first:
      raise UserError(
        f'{first_path} and {path} name different classes: {", ".join(first)} and '
        f'{", ".join(names)}. Expected the same ones in the same order.'
      )
    first_path, first = path, names
  return first


def _matched(
  named: Sequence[tuple[str, Indices | Boxes]], examples: Mapping[str, Sequence[str]]
) -> tuple[dict[str, Indices | Boxes], list[str]]:
  """Id -> its labels, and the names that belong to no example."""
  by_stem = collections.defaultdict(list)
  for id_, paths in examples.items():
    for name in {id_, *map(lists.clean, paths)}:
      parts = tuple(name.split('/'))
      by_stem[parts[-1]].append((id_, parts))
  of, unused = {}, []
  for name, found in named:
    parts = tuple(lists.clean(name).split('/'))
    ids = _fitting(parts, by_stem[parts[-1]])
    if len(ids) > 1 or ids & of.keys():
      what = f'fit {len(ids)} pairs' if len(ids) > 1 else 'fit a pair that has other ones, too'
      raise UserError(
        f'{found.path}: the labels of {name!r} {what}, such as {min(ids)!r}. Name them with the '
        'folders of the images.'
      )
    of |= dict.fromkeys(ids, found)
    if not ids:
      unused.append(name)
  return of, unused


def _fitting(parts: tuple[str, ...], candidates: Iterable[tuple[str, tuple[str, ...]]]) -> set[str]:
  """The ids whose name is this path, or else the end of it, or has it as its end."""
  fits = [
    (id_, name)
    for id_, name in candidates
    if parts[-len(name) :] == name or name[-len(parts) :] == parts
  ]
  return {id_ for id_, name in fits if name == parts} or {id_ for id_, _ in fits}


def _notes(
  found: LabelFiles, examples: Mapping[str, Sequence[str]], of: Mapping[str, object], unused: list
) -> Iterable[str]:
  if missing := sorted(examples.keys() - of.keys()):
    empty = ' (an empty file stands for no object)' if found.kind == 'YOLO' else ''
    yield (
      f'{len(missing)} of {len(examples)} pairs have no labels and count as not labeled{empty}: '
      f'{storing.some(missing, _MAX_NAMED)}.'
    )
  if unused:
    named = storing.some(sorted(unused), _MAX_NAMED)
    yield f'{len(unused)} labels belong to no pair and are ignored: {named}.'
