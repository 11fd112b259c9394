"""Finds the frames of OSU Color-Thermal, in zips or unpacked."""

import collections
import os
import pathlib
import re
from typing import NamedTuple

from cyclegan_jax import errors
from datasets import archives
from datasets.archives import StoredFile

SEQUENCES = ('1', '2', '3', '4', '5', '6')
LETTERS = ('a', 'b')

_PART = re.compile(r'([1-6])([ab])', re.IGNORECASE)
_EXTENSIONS = ('.bmp', '.jpeg', '.jpg', '.png')


class Found(NamedTuple):
  """What lies below a source folder.

  Attributes:
    parts: '1a' and so on -> frame number -> frame.
    notes: sentences on what is not used.
  """

  parts: dict[str, dict[int, StoredFile]]
  notes: tuple[str, ...]


def scan(source: pathlib.Path) -> Found:
  """Finds zips called 1a.zip to 6b.zip and folders called 1a to 6b, at any depth.

  Hidden files are passed over, symbolic links are followed. A zip with another name is
  looked into for folders called 1a to 6b.

  Raises:
    UserError: the folder is missing, a zip is damaged, or it is not clear which files are
      meant. A folder in which there is nothing of use gives no error but no parts.
  """
  if not source.is_dir():
    found = 'is not a folder' if source.exists() else 'does not exist'
    raise errors.UserError(
      f'--source_dir={source}: {found}; expected a folder with 1a.zip to 6b.zip or their content.'
    )
  containers = collections.defaultdict(list)  # (part, zip or folder) -> frames
  ignored = 0
  for folders, file in archives.walk(source, _EXTENSIONS):
    match = [i for i, folder in enumerate(folders) if _PART.fullmatch(folder)]
    if not match or file.number is None:
      ignored += 1
      continue
    home = file.archive or os.path.join(source, *folders[: match[-1] + 1])
    containers[folders[match[-1]].lower(), home].append(file)
  found, notes = {}, []
  for part in sorted({part for part, _ in containers}):
    homes = [home for name, home in containers if name == part]
    home, note = _choose(part, homes)
    found[part] = _by_number(containers[part, home])
    notes += note
  if ignored:
    notes.append(
      f'{ignored} other images (outside of 1a to 6b, or without a number in their '
      'names) are ignored.'
    )
  return Found(found, tuple(notes))


def _choose(part: str, homes: list[str]) -> tuple[str, list[str]]:
  """The zip or folder to read a part from; a zip goes before what it was unpacked to."""
  zips = [home for home in homes if os.path.isfile(home)]
  if len(homes) == 1:
    return homes[0], []
  if len(zips) != 1:
    raise errors.UserError(
      f'{part} is there {len(homes)} times: {", ".join(homes)}; expected '
      'once. Remove or rename all but one.'
    )
  others = ', '.join(home for home in homes if home not in zips)
  return zips[0], [f'{part} is read from {zips[0]}; {others} is ignored.']


def _by_number(frames: list[StoredFile]) -> dict[int, StoredFile]:
  by_number = {}
  for frame in sorted(frames, key=lambda frame: (frame.number, frame)):
    other = by_number.setdefault(frame.number, frame)
    if other is not frame:
      raise errors.UserError(
        f'{other.shown} and {frame.shown} are both frame {frame.number}; '
        'expected one file for each frame. Remove one of them.'
      )
  return by_number
