"""The JPEG files below a folder, by the names that their examples get."""

import os
import pathlib
from typing import NamedTuple
import unicodedata

from cyclegan_jax.errors import UserError
from cyclegan_jax.image_files import walk
from datasets import archives

EXTENSIONS = ('.jpg', '.jpeg')


class SourceFile(NamedTuple):
  """A JPEG file.

  Attributes:
    id: its path below the source folder without the extension; folders are divided by /.
    path: absolute, or as the source folder was given.
    relative: the path below the source folder.
    size: bytes, -1 for a broken link.
    mtime_ns: the time of its last change.
  """

  id: str
  path: str
  relative: str
  size: int
  mtime_ns: int


def find(source: pathlib.Path) -> tuple[SourceFile, ...]:
  """Returns the JPEG files at any depth below a folder, sorted by id.

  Raises:
    UserError: the folder is missing or cannot be read, has no such files or two of one id, or a
      name is not Unicode.
  """
  archives.check_folder(source, "a camera's radiometric JPEG files")
  found: dict[str, SourceFile] = {}
  for path, parts, info in walk.files_below(source):
    stem, extension = os.path.splitext(parts[-1])
    if extension.lower() not in EXTENSIONS:
      continue
    id_ = unicodedata.normalize('NFC', '/'.join((*parts[:-1], stem)))
    try:
      id_.encode()
    except UnicodeEncodeError as error:
      raise UserError(f'{path!r}: the name is not valid UTF-8; rename it.') from error
    size, time = (info.st_size, info.st_mtime_ns) if info else (-1, -1)
    file = SourceFile(id_, path, '/'.join(parts), size, time)
    if (other := found.setdefault(id_, file)) is not file:
      raise UserError(f'{other.path} and {path} have one name; rename one of them.')
  if not found:
    raise UserError(
      f'--source_dir={source}: no files ending in {" or ".join(EXTENSIONS)}; expected the '
      'radiometric files as the camera writes them.'
    )
  return tuple(found[id_] for id_ in sorted(found))
