"""Finds the files of AAU VAP Trimodal, in the published archive or unpacked."""

import collections
import os
import pathlib
import re
from typing import NamedTuple

from cyclegan_jax import errors
from datasets import archives
from datasets.archives import StoredFile

SCENES = ('1', '2', '3')
RGB, THERMAL, DEPTH = 'SyncRGB', 'SyncT', 'SyncD'
RGB_MASKS, THERMAL_MASKS = 'rgbMasks', 'thermalMasks'
CALIBRATION, ANNOTATIONS = 'calibVars.yml', 'annotations.csv'

_SCENE = re.compile(r'scene[ _-]?(\d+)', re.IGNORECASE)
_KINDS = {kind.lower(): kind for kind in (RGB, THERMAL, DEPTH, RGB_MASKS, THERMAL_MASKS)}
_TABLES = {name.lower(): name for name in (CALIBRATION, ANNOTATIONS)}
_IMAGES = ('.bmp', '.jpeg', '.jpg', '.png')
# What a scene has besides and the builder has no use for.
_UNUSED = ('depthmasks',)


class Scene(NamedTuple):
  """The files of a scene.

  Attributes:
    home: its folder, for messages; in a zip, the zip and the folder in it.
    images: kind, such as 'SyncRGB' -> frame -> file. A frame is named by the stem of its
      files; numbers are padded to one width, so that they sort by time.
    tables: 'calibVars.yml' and 'annotations.csv' -> file, those that there are.
    digits: what numbers are padded to.
  """

  home: str
  images: dict[str, dict[str, StoredFile]]
  tables: dict[str, StoredFile]
  digits: int

  def frame(self, path: str) -> str:
    """The frame that a file is of: by its name, whatever its folders and its extension."""
    return _frame(pathlib.PurePosixPath(path.replace('\\', '/')).stem, self.digits)


class Found(NamedTuple):
  """What lies below a source folder.

  Attributes:
    scenes: '1', '2' and '3' -> files, those that there are.
    notes: sentences on what is not used.
  """

  scenes: dict[str, Scene]
  notes: tuple[str, ...]


def scan(source: pathlib.Path) -> Found:
  """Finds folders called 'Scene 1' to 'Scene 3', at any depth and in zips.

  'Scene1', 'scene_1' and 'Scene-1' are as good. Hidden files are passed over, symbolic
  links are followed.

  Raises:
    UserError: the folder is missing, a zip is damaged, there is another scene, or it is not
      clear which files are meant. A folder in which there is nothing of use gives no error
      but no scenes.
  """
  if not source.is_dir():
    found = 'is not a folder' if source.exists() else 'does not exist'
    raise errors.UserError(
      f'--source_dir={source}: {found}; expected a folder with the published '
      'archive or its content.'
    )
  copies = collections.defaultdict(list)  # (scene, zip or '', folder) -> [(folders in it, file)]
  ignored = 0
  for folders, file in archives.walk(source, (*_IMAGES, '.csv', '.yml')):
    match = [i for i, folder in enumerate(folders) if _SCENE.fullmatch(folder)]
    if match:
      home, inner = os.path.join(source, *folders[: match[-1] + 1]), folders[match[-1] + 1 :]
      number = _number(folders[match[-1]], file)
      # A zip within a scene's folder is only a part of the scene.
      archive = file.archive if home.startswith(os.path.splitext(file.archive)[0]) else ''
      copies[number, archive, home].append((inner, file))
    else:
      ignored += _is_image(file)
  scenes, notes = {}, []
  for scene in sorted({scene for scene, _, _ in copies}):
    chosen, note = _choose(scene, [key for key in copies if key[0] == scene])
    scenes[scene], other = _scene(_shown(*chosen[1:]), copies[chosen])
    notes += note
    ignored += other
  if ignored:
    notes.append(
      f'{ignored} other images (outside of Scene 1 to 3 or of their known folders) are ignored.'
    )
  return Found(scenes, tuple(notes))


def _number(folder: str, file: StoredFile) -> str:
  """The scene that a folder is called after."""
  number = str(int(_SCENE.fullmatch(folder)[1]))
  if number not in SCENES:
    raise errors.UserError(
      f'{file.shown}: unknown scene: its folder is called {folder!r}, but the data set has '
      'Scene 1 to Scene 3. Rename that folder, or move it away.'
    )
  return number


def _shown(archive: str, folder: str) -> str:
  """A scene's folder for people; in a zip, with the zip's own name."""
  return folder.replace(os.path.splitext(archive)[0], archive, 1) if archive else folder


def _choose(
  scene: str, copies: list[tuple[str, str, str]]
) -> tuple[tuple[str, str, str], list[str]]:
  """The copy of a scene to read; a zip goes before what it was unpacked to."""
  zipped = [copy for copy in copies if copy[1]]
  if len(copies) == 1:
    return copies[0], []
  if len(zipped) != 1:
    listed = ', '.join(_shown(*copy[1:]) for copy in copies)
    raise errors.UserError(
      f'Scene {scene} is there {len(copies)} times: {listed}; expected once. '
      'Remove or rename all but one.'
    )
  others = ', '.join(_shown(*copy[1:]) for copy in copies if copy not in zipped)
  return zipped[0], [f'Scene {scene} is read from {_shown(*zipped[0][1:])}; {others} is ignored.']


def _scene(home: str, located: list[tuple[tuple[str, ...], StoredFile]]) -> tuple[Scene, int]:
  """A scene's files by kind, and how many images are of no known kind."""
  by_kind, tables, ignored = {kind: [] for kind in _KINDS.values()}, {}, 0
  for folders, file in located:
    names = [name.lower() for name in folders]
    kind = next((_KINDS[name] for name in names if name in _KINDS), None)
    table = _TABLES.get(os.path.basename(file.name).lower())
    if kind and _is_image(file):
      by_kind[kind].append(file)
    elif table and not folders:
      tables[table] = file
    elif not set(names) & set(_UNUSED):
      ignored += _is_image(file)
  digits = max(
    (len(file.stem) for files in by_kind.values() for file in files if _is_number(file.stem)),
    default=0,
  )
  images = {kind: _by_frame(kind, files, digits) for kind, files in by_kind.items()}
  return Scene(home, images, tables, digits), ignored


def _by_frame(kind: str, files: list[StoredFile], digits: int) -> dict[str, StoredFile]:
  by_frame = {}
  for file in sorted(files, key=lambda file: file.name):
    frame = _frame(file.stem, digits)
    other = by_frame.setdefault(frame, file)
    if other is not file:
      raise errors.UserError(
        f'{other.shown} and {file.shown} are both frame {frame} of {kind}; '
        'expected one file for each frame. Remove one of them.'
      )
  return dict(sorted(by_frame.items()))


def _frame(stem: str, digits: int) -> str:
  return stem.zfill(digits) if _is_number(stem) else stem


def _is_number(stem: str) -> bool:
  return stem.isascii() and stem.isdigit()


def _is_image(file: StoredFile) -> bool:
  return os.path.splitext(file.name)[1].lower() in _IMAGES
