"""Finds the frames of OSU Color-Thermal, in zips or unpacked."""

import collections
import os
import pathlib
import re
from typing import NamedTuple

from datasets import archives
from datasets.archives import StoredFile

SEQUENCES = ('1', '2', '3', '4', '5', '6')
LETTERS = ('a', 'b')

_PART = re.compile(r'[1-6][ab]', re.IGNORECASE)


class Found(NamedTuple):
  """Content of a source folder.

  Attributes:
    parts: '1a' and so on -> frame number -> frame.
    notes: sentences on what is not used.
  """

  parts: dict[str, dict[int, StoredFile]]
  notes: tuple[str, ...]


def scan(source: pathlib.Path) -> Found:
  """Finds zips called 1a.zip to 6b.zip and folders called 1a to 6b, at any depth.

  Hidden files are passed over, symbolic links are followed. A zip with another name is searched
  for folders called 1a to 6b.

  Raises:
    UserError: the folder is missing, a zip is damaged, or it is unclear which files are meant. A
      folder without useful files gives no parts, but no error.
  """
  archives.check_folder(source, '1a.zip to 6b.zip or their content')
  copies = collections.defaultdict(lambda: collections.defaultdict(list))
  ignored = 0
  for folders, file in archives.walk(source, archives.FRAMES):
    depth = max((i for i, name in enumerate(folders, 1) if _PART.fullmatch(name)), default=0)
    if not depth or file.number is None:
      ignored += 1
      continue
    home = file.archive or os.path.join(source, *folders[:depth])
    copies[folders[depth - 1].lower()][file.archive, home].append((file.number, file))
  parts, notes = {}, []
  for part, homes in sorted(copies.items()):
    home, note = archives.choose_copy(part, homes)
    parts[part] = archives.by_frame(homes[home])
    notes += note
  if ignored:
    notes.append(
      f'{ignored} other images (outside of 1a to 6b, or without a number in their names) are '
      'ignored.'
    )
  return Found(parts, tuple(notes))
