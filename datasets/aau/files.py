"""Finds the files of AAU VAP Trimodal, in the published archive or unpacked."""

import os
import pathlib
import re
from typing import NamedTuple

from cyclegan_jax.errors import UserError
from datasets import archives
from datasets.archives import Located, StoredFile

SCENES = ('1', '2', '3')
# Kind of file -> the folder that has them.
FOLDERS = {
  'rgb': 'SyncRGB',
  'ir': 'SyncT',
  'depth': 'SyncD',
  'rgb_mask': 'rgbMasks',
  'ir_mask': 'thermalMasks',
}
CALIBRATION, ANNOTATIONS = 'calibVars.yml', 'annotations.csv'

_SCENE = re.compile(r'scene[ _-]?0*(\d+)', re.IGNORECASE)
_KINDS = {folder.lower(): kind for kind, folder in FOLDERS.items()}
_TABLES = {name.lower(): name for name in (CALIBRATION, ANNOTATIONS)}
# A scene also has these; the builder does not use them.
_UNUSED = 'depthmasks'


class Scene(NamedTuple):
  """The files of a scene.

  Attributes:
    home: its folder, for messages; in a zip, the zip and the folder in it.
    images: kind, such as 'rgb' -> frame -> file. A frame is named by the stem of its files;
      numbers are padded to one width, so that they sort by time.
    tables: 'calibVars.yml' and 'annotations.csv' -> file, if they exist.
    digits: the width that numbers are padded to.
  """

  home: str
  images: dict[str, dict[str, StoredFile]]
  tables: dict[str, StoredFile]
  digits: int


def scan(source: pathlib.Path) -> tuple[dict[str, Scene], list[str]]:
  """Finds folders called 'Scene 1' to 'Scene 3', at any depth and in zips.

  'Scene1', 'scene_1' and 'Scene-1' work as well. Hidden files are passed over, symbolic links are
  followed.

  Returns:
    ('1', '2' and '3' -> files, if they exist; sentences on what is not used)

  Raises:
    UserError: the folder is missing, a zip is damaged, there is another scene, or it is unclear
      which files are meant. A folder without useful files gives no scenes, but no error.
  """
  archives.check_folder(source, 'the published archive or its content')
  extensions = *archives.FRAMES, '.csv', '.yml'
  found, notes, ignored = archives.find_parts(source, extensions, _SCENE, 'Scene ')
  scenes = {}
  for number, (home, located) in found.items():
    if number not in SCENES:
      raise UserError(
        f'{located[0].file.shown}: unknown scene: its folder is called '
        f'{os.path.basename(home)!r}, but the data set has Scene 1 to Scene 3. Rename that folder, '
        'or move it away.'
      )
    scenes[number], other = _scene(home, located)
    ignored += other
  if ignored:
    notes.append(
      f'{ignored} other images (outside of Scene 1 to 3 or of their known folders) are ignored.'
    )
  return scenes, notes


def _scene(home: str, located: list[Located]) -> tuple[Scene, int]:
  """A scene's files by kind, and the number of images of no known kind."""
  by_kind, tables, ignored = {kind: [] for kind in FOLDERS}, {}, 0
  for folders, file in located:
    names = [name.lower() for name in folders]
    kind = next((_KINDS[name] for name in names if name in _KINDS), None)
    table = _TABLES.get(os.path.basename(file.name).lower())
    if kind and file.is_image:
      by_kind[kind].append(file)
    elif table and not folders:
      tables[table] = file
    elif _UNUSED not in names:
      ignored += file.is_image
  stems = [file.stem for files in by_kind.values() for file in files]
  digits = max((len(stem) for stem in stems if _is_number(stem)), default=0)
  images = {
    kind: archives.by_frame(((frame_of(file.name, digits), file) for file in files), FOLDERS[kind])
    for kind, files in by_kind.items()
  }
  return Scene(home, images, tables, digits), ignored


def frame_of(path: str, digits: int) -> str:
  """Returns the frame of a file: its name without folders and extension, numbers padded."""
  stem = pathlib.PurePosixPath(path.replace('\\', '/')).stem
  return stem.zfill(digits) if _is_number(stem) else stem


def _is_number(stem: str) -> bool:
  return stem.isascii() and stem.isdigit()
