"""Finds the RGB and the IR images in a user's folder by their names.

A layout maps a file's path below the source folder to its domain and its id: the path without the
domain folder, the extension and suffixes such as `_RGB`. Files with the same id are a pair.
"""

import collections
from collections.abc import Callable, Collection, Iterable, Sequence
import dataclasses
import functools
import os
import pathlib
import re
from typing import NamedTuple
import unicodedata

from cyclegan_jax.data import images
from cyclegan_jax.errors import UserError
from datasets import archives, storing

# Folder names in lower case, and which of them go together in published data sets.
_RGB_FOLDERS = ('rgb', 'visible', 'vi', 'vis', 'color', 'colour', 'crop_lr_visible')
_IR_FOLDERS = ('ir', 'infrared', 'thermal', 'lwir', 'tir', 't', 'cropinfrared')
_KNOWN_PAIRS = {
  ('visible', 'infrared'): ' (as in LLVIP)',
  ('vi', 'ir'): ' (as in MSRS)',
  ('vis', 'ir'): ' (as in M3FD)',
  ('visible', 'lwir'): ' (as in KAIST)',
  ('crop_lr_visible', 'cropinfrared'): ' (as in RoadScene)',
}
_SUFFIXES = {
  'rgb': re.compile(r'(?ais)(?<=.)_(rgb|visible|vis|color)\Z'),
  'ir': re.compile(r'(?ais)(?<=.)_(previewdata|thermal|infrared|lwir|ir)\Z'),
}
_AB_FOLDER = re.compile(r'(train|test|val|validation)([ab])', re.IGNORECASE)
_MAX_LISTED = 12

_USE_FLAGS = (
  'Name the two folders with --rgb_dir and --ir_dir, relative to the source folder. (Images that '
  'hold RGB and IR side by side are not supported: cut them into two folders first.)'
)

_Parts = tuple[str, ...]
# Path below the source folder -> (domain, parts of the id before suffixes are stripped).
_Rule = Callable[[_Parts], tuple[str, _Parts] | None]


@dataclasses.dataclass(frozen=True)
class ImageFile:
  """A file with an image's extension below the source folder."""

  path: str  # absolute, or as the source folder was given
  parts: _Parts  # relative to the source folder
  size: int
  mtime_ns: int

  @property
  def relative(self) -> str:
    """The path below the source folder, with slashes."""
    return '/'.join(self.parts)


@dataclasses.dataclass(frozen=True)
class Layout:
  """The images found in a source folder."""

  description: str  # a sentence on which folders were taken for which domain
  rgb: dict[str, ImageFile]  # by id
  ir: dict[str, ImageFile]
  ignored: int  # how many image files belong to neither domain


def scan(source: pathlib.Path) -> list[ImageFile]:
  """Lists all image files below a folder, sorted by path; see `archives.files_below`.

  Raises:
    UserError: `source` is missing, not a folder, unreadable or has no images.
  """
  archives.check_folder(source, 'RGB and IR images')
  extensions, files = collections.Counter(), []
  for path, parts, info in archives.files_below(source):
    extension = os.path.splitext(parts[-1])[1].lower()
    extensions[extension] += 1
    if extension in images.EXTENSIONS:
      size, time = (info.st_size, info.st_mtime_ns) if info else (-1, -1)
      files.append(ImageFile(path, parts, size, time))
  if not files:
    found = ', '.join(f'{n} x {e or "no extension"}' for e, n in extensions.most_common(5))
    raise UserError(
      f'--source_dir={source}: no images found; expected files ending in '
      f'{", ".join(images.EXTENSIONS)}, found {found or "no files at all"}.'
    )
  return sorted(files, key=lambda file: file.parts)


class NamedFolder(NamedTuple):
  """A folder that the user named, directly below the source folder or at any depth."""

  names: _Parts
  at_top: bool

  @classmethod
  def find(
    cls, source: pathlib.Path, files: Sequence[ImageFile], flag: str, name: str, what: str
  ) -> 'NamedFolder':
    """Returns the folder that a flag names; UserError if none of the files, `what`, is in it."""
    path = pathlib.PurePosixPath(name)
    if path.is_absolute() or '..' in path.parts or not path.parts:
      raise UserError(f"--{flag}={name}: must be a folder relative to {source}, without '..'.")
    at_top = any(file.parts[: len(path.parts)] == path.parts for file in files)
    found = cls(path.parts, at_top)
    if not any(found.places(file.parts) for file in files):
      raise UserError(
        f'--{flag}={name}: no {what} in a folder of that name below {source}. '
        f'{_listing(files, what)}'
      )
    return found

  def places(self, parts: _Parts) -> list[int]:
    """Indices at which its names occur one after the other in the path of a file."""
    count = len(parts) - len(self.names)
    starts = range(min(count, 1) if self.at_top else count)
    return [i for i in starts if parts[i:][: len(self.names)] == self.names]

  def without(self, parts: _Parts) -> _Parts | None:
    """Returns the path of a file without the folder; None if the file is not in it."""
    start = max(self.places(parts), default=-1)
    return None if start < 0 else parts[:start] + parts[start + len(self.names) :]


def find_layout(
  source: pathlib.Path, rgb_dir: str, ir_dir: str, others: Collection[str] = ()
) -> Layout:
  """Decides which files of a folder are RGB and which are IR.

  Args:
    source: the folder.
    rgb_dir: folder of the RGB images, relative to the source folder, or a folder name (or several,
      joined by '/') that occurs at any depth; '' to look for known names.
    ir_dir: the same for the IR images; both or none.
    others: the paths of images that are neither.

  Raises:
    UserError: see `scan`; no layout or more than one fits, or two files of a domain share an id.
  """
  files = [file for file in scan(source) if file.path not in others]
  by_flags = rgb_dir or ir_dir
  rules = _explicit_rule(source, files, rgb_dir, ir_dir) if by_flags else _candidate_rules(files)
  fitting: dict[str, dict[str, list[tuple[_Parts, ImageFile]]]] = {}
  for description, rule in rules.items():
    found = {'rgb': [], 'ir': []}
    for file in files:
      if place := rule(file.parts):
        found[place[0]].append((place[1], file))
    if all(found.values()):
      fitting[description] = found
  if len(fitting) != 1:
    several = f'more than one layout fits: {"; ".join(fitting)}'
    problem = several if fitting else 'no known layout of RGB and IR images was recognized'
    raise UserError(f'{source}: {problem}. {_listing(files)} {_USE_FLAGS}')
  description, found = fitting.popitem()
  rgb, ir = (_by_id(domain, found[domain]) for domain in ('rgb', 'ir'))
  return Layout(description, rgb, ir, len(files) - len(rgb) - len(ir))


def _by_id(domain: str, found: Iterable[tuple[_Parts, ImageFile]]) -> dict[str, ImageFile]:
  """Id -> file; refuses two files with the same id and names that are not Unicode."""
  by_id = {}
  for parts, file in found:
    id_ = _identifier(parts, domain)
    if id_ in by_id:
      raise UserError(
        f'two {domain.upper()} images have the same name {id_!r}: {by_id[id_].path} and '
        f'{file.path}; remove or rename one.'
      )
    try:
      id_.encode()
    except UnicodeEncodeError as error:
      raise UserError(f'{file.path!r}: the name is not valid UTF-8; rename it.') from error
    by_id[id_] = file
  return by_id


def _identifier(parts: _Parts, domain: str) -> str:
  """'/'-separated id of a relative path: no extension, no domain suffix."""
  stem = os.path.splitext(parts[-1])[0]
  # Systems disagree about whether an accent is a character of its own.
  return unicodedata.normalize('NFC', '/'.join((*parts[:-1], _SUFFIXES[domain].sub('', stem))))


def _candidate_rules(files: list[ImageFile]) -> dict[str, _Rule]:
  """Description -> rule, for every combination of known names that occurs."""
  names = {part.lower() for file in files for part in file.parts[:-1]}
  rules: dict[str, _Rule] = {}
  for rgb in sorted(names.intersection(_RGB_FOLDERS)):
    for ir in sorted(names.intersection(_IR_FOLDERS)):
      description = f"RGB in folders '{rgb}', IR in folders '{ir}'"
      rule = functools.partial(_folder_rule, rgb, ir)
      rules[description + _KNOWN_PAIRS.get((rgb, ir), '')] = rule
  if any(_AB_FOLDER.fullmatch(name) for name in names):
    rules['A (trainA, testA) taken for RGB, B (trainB, testB) for IR'] = _ab_rule
  return rules or {
    "RGB in '*_RGB' files, IR in '*_PreviewData' (or '*_IR', '*_thermal') files of the same folder "
    '(as in FLIR)': _suffix_rule
  }


def _folder_rule(rgb: str, ir: str, parts: _Parts) -> tuple[str, _Parts] | None:
  """A folder's name tells the domain, in upper or lower case, at any depth."""
  found = [i for i, part in enumerate(parts[:-1]) if part.lower() in (rgb, ir)]
  if len(found) != 1:  # Neither, or both: the name is not that of a domain here.
    return None
  index = found[0]
  domain = 'rgb' if parts[index].lower() == rgb else 'ir'
  return domain, parts[:index] + parts[index + 1 :]


def _ab_rule(parts: _Parts) -> tuple[str, _Parts] | None:
  """trainA/x.png is RGB image train/x, trainB/x.png is IR image train/x."""
  for index, part in enumerate(parts[:-1]):
    if match := _AB_FOLDER.fullmatch(part):
      domain = 'rgb' if match[2].lower() == 'a' else 'ir'
      return domain, (*parts[:index], match[1].lower(), *parts[index + 1 :])
  return None


def _suffix_rule(parts: _Parts) -> tuple[str, _Parts] | None:
  stem = os.path.splitext(parts[-1])[0]
  return next(((domain, parts) for domain, s in _SUFFIXES.items() if s.search(stem)), None)


def _explicit_rule(
  source: pathlib.Path, files: list[ImageFile], rgb_dir: str, ir_dir: str
) -> dict[str, _Rule]:
  """The folders that the user named, directly below the source folder or at any depth."""
  folders = {}
  for domain, name in (('rgb', rgb_dir), ('ir', ir_dir)):
    if not name:
      raise UserError(f'--{domain}_dir is missing: --rgb_dir and --ir_dir go together.')
    folders[domain] = NamedFolder.find(source, files, f'{domain}_dir', name, 'images')
  if folders['rgb'] == folders['ir']:
    raise UserError(f'--rgb_dir and --ir_dir are the same folder: {rgb_dir}.')

  def rule(parts: _Parts) -> tuple[str, _Parts] | None:
    found = [
      (start + len(folder.names), start, domain)
      for domain, folder in folders.items()
      for start in folder.places(parts)
    ]
    if not found:
      return None
    end, start, domain = max(found)  # Of nested folders the inner one counts.
    return domain, parts[:start] + parts[end:]

  return {f"RGB in '{rgb_dir}', IR in '{ir_dir}', as given": rule}


def _listing(files: Iterable[ImageFile], what: str = 'images') -> str:
  """Names the folders that hold these files, with counts."""
  counts = collections.Counter('/'.join(file.parts[:-1]) or '.' for file in files)
  listed = storing.some([f'{folder} ({n})' for folder, n in sorted(counts.items())], _MAX_LISTED)
  return f'Folders with {what}: {listed}.'
