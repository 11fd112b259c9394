"""Finds the files of AAU VAP Trimodal, in the published archive or unpacked."""

import collections
import os
import pathlib
import re
from typing import NamedTuple

from cyclegan_jax.errors import UserError
from datasets import archives
from datasets.archives import Located, StoredFile

SCENES = ('1', '2', '3')
RGB, THERMAL, DEPTH = 'SyncRGB', 'SyncT', 'SyncD'
RGB_MASKS, THERMAL_MASKS = 'rgbMasks', 'thermalMasks'
CALIBRATION, ANNOTATIONS = 'calibVars.yml', 'annotations.csv'

_SCENE = re.compile(r'scene[ _-]?(\d+)', re.IGNORECASE)
_KINDS = {kind.lower(): kind for kind in (RGB, THERMAL, DEPTH, RGB_MASKS, THERMAL_MASKS)}
_TABLES = {name.lower(): name for name in (CALIBRATION, ANNOTATIONS)}
# A scene also has these; the builder does not use them.
_UNUSED = {'depthmasks'}


class Scene(NamedTuple):
  """The files of a scene.

  Attributes:
    home: its folder, for messages; in a zip, the zip and the folder in it.
    images: kind, such as 'SyncRGB' -> frame -> file. A frame is named by the stem of its files;
      numbers are padded to one width, so that they sort by time.
    tables: 'calibVars.yml' and 'annotations.csv' -> file, if they exist.
    digits: the width that numbers are padded to.
  """

  home: str
  images: dict[str, dict[str, StoredFile]]
  tables: dict[str, StoredFile]
  digits: int

  def frame(self, path: str) -> str:
    """Returns the frame that a file belongs to: its name without folders and extension."""
    return _frame(pathlib.PurePosixPath(path.replace('\\', '/')).stem, self.digits)


class Found(NamedTuple):
  """Content of a source folder.

  Attributes:
    scenes: '1', '2' and '3' -> files, if they exist.
    notes: sentences on what is not used.
  """

  scenes: dict[str, Scene]
  notes: tuple[str, ...]


def scan(source: pathlib.Path) -> Found:
  """Finds folders called 'Scene 1' to 'Scene 3', at any depth and in zips.

  'Scene1', 'scene_1' and 'Scene-1' work as well. Hidden files are passed over, symbolic links are
  followed.

  Raises:
    UserError: the folder is missing, a zip is damaged, there is another scene, or it is unclear
      which files are meant. A folder without useful files gives no scenes, but no error.
  """
  archives.check_folder(source, 'the published archive or its content')
  copies = collections.defaultdict(lambda: collections.defaultdict(list))
  ignored = 0
  for folders, file in archives.walk(source, (*archives.FRAMES, '.csv', '.yml')):
    depth = max((i for i, name in enumerate(folders, 1) if _SCENE.fullmatch(name)), default=0)
    if not depth:
      ignored += _is_image(file)
      continue
    home, unpacked = os.path.join(source, *folders[:depth]), os.path.splitext(file.archive)[0]
    copy = '', home
    # A zip within a scene's folder is only a part of the scene.
    if file.archive and home.startswith(unpacked):
      copy = file.archive, home.replace(unpacked, file.archive, 1)
    copies[_number(folders[depth - 1], file)][copy].append(Located(folders[depth:], file))
  scenes, notes = {}, []
  for scene, homes in sorted(copies.items()):
    home, note = archives.choose_copy(f'Scene {scene}', homes)
    scenes[scene], other = _scene(home[1], homes[home])
    notes += note
    ignored += other
  if ignored:
    notes.append(
      f'{ignored} other images (outside of Scene 1 to 3 or of their known folders) are ignored.'
    )
  return Found(scenes, tuple(notes))


def _number(folder: str, file: StoredFile) -> str:
  """The number of the scene in a folder's name."""
  number = re.sub(r'\D', '', folder).lstrip('0')
  if number not in SCENES:
    raise UserError(
      f'{file.shown}: unknown scene: its folder is called {folder!r}, but the data set has '
      'Scene 1 to Scene 3. Rename that folder, or move it away.'
    )
  return number


def _scene(home: str, located: list[Located]) -> tuple[Scene, int]:
  """A scene's files by kind, and the number of images of no known kind."""
  by_kind, tables, ignored = {kind: [] for kind in _KINDS.values()}, {}, 0
  for folders, file in located:
    names = [name.lower() for name in folders]
    kind = next((_KINDS[name] for name in names if name in _KINDS), None)
    table = _TABLES.get(os.path.basename(file.name).lower())
    if kind and _is_image(file):
      by_kind[kind].append(file)
    elif table and not folders:
      tables[table] = file
    elif not _UNUSED.intersection(names):
      ignored += _is_image(file)
  stems = [file.stem for files in by_kind.values() for file in files]
  digits = max((len(stem) for stem in stems if _is_number(stem)), default=0)
  images = {
    kind: archives.by_frame(((_frame(file.stem, digits), file) for file in files), kind)
    for kind, files in by_kind.items()
  }
  return Scene(home, images, tables, digits), ignored


def _frame(stem: str, digits: int) -> str:
  return stem.zfill(digits) if _is_number(stem) else stem


def _is_number(stem: str) -> bool:
  return stem.isascii() and stem.isdigit()


def _is_image(file: StoredFile) -> bool:
  return file.extension in archives.FRAMES
