"""Writes files whole or not at all."""

from collections.abc import Iterable, Iterator
import contextlib
import csv
import io
import os
import pathlib
import secrets
from typing import Any

from cyclegan_jax.errors import UserError

Path = str | os.PathLike[str]


def expanded(path: Path) -> pathlib.Path:
  """Returns a path with ~ expanded, as shells do not after a =.

  Raises:
    UserError: nobody's home is known by that name: no HOME, and no such user.
  """
  try:
    return pathlib.Path(path).expanduser()
  except RuntimeError as error:
    name = pathlib.Path(path).parts[0]
    cure = 'Set HOME, or give' if name == '~' else 'Give'
    raise UserError(
      f'{path}: the home folder that {name} stands for is not known. {cure} a path without ~; '
      f'./{name} is a file of that name.'
    ) from error


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[pathlib.Path]:
  """Yields the path of a file beside `path`, which replaces it at the end.

  After an error it is deleted, and `path` is left as it was.
  """
  path = pathlib.Path(path)
  # Not tempfile: only the owner can read its files, whatever the umask. A long name is cut, because
  # with the addition it could be too long for the file system.
  temporary = path.with_name(f'.{path.name[:60]}.{secrets.token_hex(4)}.tmp')
  try:
    yield temporary
    os.replace(temporary, path)
  finally:
    temporary.unlink(missing_ok=True)


def write_bytes(path: Path, data: bytes) -> None:
  """Writes a file by `replacing`: neither a reader nor a kill meets half of it. OSError if not."""
  with replacing(path) as temporary:
    temporary.write_bytes(data)


def write_text(path: Path, text: str) -> None:
  """Writes text in UTF-8; see `write_bytes`."""
  write_bytes(path, text.encode())


def write_csv(path: Path, rows: Iterable[Iterable[Any]]) -> None:
  """As `write_bytes`, rows of cells as CSV."""
  out = io.StringIO()
  csv.writer(out, lineterminator='\n').writerows(rows)
  write_text(path, out.getvalue())
