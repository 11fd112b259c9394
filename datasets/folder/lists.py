"""Split lists: train.txt, val.txt, and test.txt in a source folder.

Detectors have files of the same names, with the paths of another machine and perhaps labels on each
line. A line means an image if it is the image's path or id, or a path that ends in it.
"""

import codecs
import collections
from collections.abc import Iterable, Iterator, Mapping
import os
import pathlib
import re
from typing import NamedTuple
import unicodedata

from cyclegan_jax.errors import UserError
from cyclegan_jax.image_files import images
from datasets import storing

NAMES = {'train': 'train', 'val': 'validation', 'validation': 'validation', 'test': 'test'}
FILES = {f'{name}.txt': split for name, split in NAMES.items()}

_HELP = (
  'Write one path or id of an image on each line; or, if the lists are not meant, pass them over '
  'with --split_by=hash.'
)
# What follows a path on a line of a detector: a class, or boxes.
_PATH = re.compile(
  rf'(?i)(.*?(?:{"|".join(map(re.escape, images.EXTENSIONS))}))(?:[\s,;:].*)?\Z', re.DOTALL
)


class Line(NamedTuple):
  """A line of a list, and the ids that it may mean."""

  path: pathlib.Path
  number: int
  text: str
  split: str
  ids: frozenset[str]

  def refused(self, reason: str) -> UserError:
    """Returns an error that names the line."""
    return UserError(f'{self.path}, line {self.number}: {self.text!r} {reason}. {_HELP}')


def files(source: pathlib.Path) -> dict[pathlib.Path, str]:
  """Returns path -> split of the lists that lie in the source folder."""
  return {source / name: split for name, split in FILES.items() if (source / name).is_file()}


def stamps(source: pathlib.Path) -> list[str]:
  """Returns name, size and time of each list of a folder, as text."""
  found = [(path.name, path.stat()) for path in sorted(files(source))]
  return [f'{name}\t{info.st_size}\t{info.st_mtime_ns}' for name, info in found]


def read(source: pathlib.Path, paths: Mapping[str, Iterable[str]]) -> list[Line]:
  """Reads all lists of a folder.

  Args:
    source: the folder.
    paths: id -> the relative paths of its files.

  Raises:
    UserError: a list cannot be read as UTF-8 or UTF-16.
  """
  known = _lookup(paths)
  return [
    Line(path, number, text, split, frozenset(_ids(text, known)))
    for path, split in files(source).items()
    for number, text in _lines(path)
  ]


def foreign(lines: list[Line]) -> str:
  """Returns a sentence if most lines mean no image, or several; '' if the lists can be meant."""
  if not lines:
    return 'The lists of splits are empty and passed over.'
  unknown = [line for line in lines if len(line.ids) != 1]
  if 2 * len(unknown) <= len(lines):
    return ''
  first = unknown[0]
  named = storing.some(list(dict.fromkeys(line.path.name for line in lines)), 3)
  return (
    f'{len(unknown)} of {len(lines)} lines of {named} name no image here, such as {first.text!r}: '
    'these lists are passed over. --split_by=list insists on them, --split_by=hash never looks.'
  )


def chosen(lines: Iterable[Line]) -> dict[str, str]:
  """Returns id -> split; UserError if a line means no image or several, or two lists one image."""
  found: dict[str, str] = {}
  for line in lines:
    if len(line.ids) != 1:
      several = f'fits {len(line.ids)} images; write it with its folders'
      raise line.refused(several if line.ids else 'is no (pair of) images in the source folder')
    (id_,) = line.ids
    if found.setdefault(id_, line.split) != line.split:
      raise line.refused(f'is in the list of {found[id_]} too')
  return found


def clean(name: str) -> str:
  """Returns a relative name with '/', without './' and an image's extension."""
  name = unicodedata.normalize('NFC', name.replace('\\', '/').removeprefix('./'))
  stem, extension = os.path.splitext(name)
  return stem if extension.lower() in images.EXTENSIONS else name


def _lines(path: pathlib.Path) -> Iterator[tuple[int, str]]:
  """Yields number and text of the lines that are neither empty nor comments."""
  try:
    data = path.read_bytes()
    is_utf16 = data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    lines = data.decode('utf-16' if is_utf16 else 'utf-8-sig').splitlines()
  except (OSError, UnicodeDecodeError) as error:
    raise UserError(f'{path}: cannot be read as UTF-8 or UTF-16 text ({error}). {_HELP}') from error
  for number, line in enumerate(lines, start=1):
    text = line.strip()
    if text and not text.startswith('#'):
      yield number, text


class _Known(NamedTuple):
  """What a line may say -> the ids that it may mean."""

  whole: dict[str, set[str]]  # Ids, and paths.
  names: dict[str, set[str]]  # The same without folders.
  ends: dict[str, set[str]]  # Paths that are whole where a longer one ends.


def _lookup(paths: Mapping[str, Iterable[str]]) -> _Known:
  names, ends = collections.defaultdict(set), collections.defaultdict(set)
  whole: dict[str, set[str]] = {}
  for id_, of in paths.items():
    cleaned = [clean(path) for path in of]
    for name in (id_, *cleaned):
      names[name.rpartition('/')[2]].add(id_)
    for name in cleaned:
      whole[name] = {id_}
      ends[name].add(id_)
    if '/' in id_:
      ends[id_].add(id_)
  # Whole ids and paths are never ambiguous.
  return _Known(whole | {id_: {id_} for id_ in paths}, names, ends)


def _ids(text: str, known: _Known) -> set[str]:
  """The ids that a line may mean: what it is as a whole, or without labels."""
  candidates = [text]
  if (match := _PATH.match(text)) and match[1] != text:
    candidates.append(match[1])
  if len(words := text.split(maxsplit=1)) > 1:
    candidates.append(words[0])
  return next((ids for name in candidates if (ids := _of_path(clean(name), known))), set())


def _of_path(name: str, known: _Known) -> set[str]:
  if name in known.whole:
    return known.whole[name]
  if '/' not in name:
    return known.names.get(name, set())
  rest = name
  while rest:
    rest = rest.partition('/')[2]
    if rest in known.ends:
      return known.ends[rest]
  return set()
