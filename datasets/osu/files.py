"""Finds the frames of OSU Color-Thermal, in zips or unpacked."""

from collections.abc import Sequence
import pathlib
import re
from typing import NamedTuple

from datasets import archives
from datasets.archives import StoredFile

SEQUENCES = ('1', '2', '3', '4', '5', '6')
LETTERS = ('a', 'b')
PARTS = tuple(sequence + letter for sequence in SEQUENCES for letter in LETTERS)

_PART = re.compile('([1-6][ab])', re.IGNORECASE)


class Found(NamedTuple):
  """Content of a source folder.

  Attributes:
    parts: '1a' and so on -> frame number -> frame.
    notes: sentences on what is not used.
  """

  parts: dict[str, dict[int, StoredFile]]
  notes: list[str]


def scan(source: pathlib.Path) -> Found:
  """Finds zips called 1a.zip to 6b.zip and folders called 1a to 6b, at any depth.

  Hidden files are passed over, symbolic links are followed. A zip with another name is searched
  for folders called 1a to 6b.

  Raises:
    UserError: the folder is missing, a zip is damaged, or it is unclear which files are meant. A
      folder without useful files gives no parts, but no error.
  """
  archives.check_folder(source, '1a.zip to 6b.zip or their content')
  found, notes, ignored = archives.find_parts(source, archives.FRAMES, _PART)
  parts = {}
  for part, (_, located) in found.items():
    numbered = [(file.number, file) for _, file in located if file.number is not None]
    ignored += len(located) - len(numbered)
    if numbered:
      parts[part] = archives.by_frame(numbered)
  if ignored:
    notes.append(
      f'{ignored} other images (outside of 1a to 6b, or without a number in their names) are '
      'ignored.'
    )
  return Found(parts, notes)


def sample(frames: Sequence[StoredFile], most: int) -> list[StoredFile]:
  """Returns at most so many of the frames, evenly spread."""
  count = min(len(frames), most)
  return [frames[i * len(frames) // count] for i in range(count)]
