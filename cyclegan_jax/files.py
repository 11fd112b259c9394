"""Files that are written whole or not at all."""

from collections.abc import Iterable, Iterator
import contextlib
import csv
import io
import os
import pathlib
import secrets
from typing import Any


@contextlib.contextmanager
def replacing(path: str | os.PathLike) -> Iterator[pathlib.Path]:
  """Yields the path of a temporary file beside `path`, which is renamed to it at the end.

  After an error it is deleted instead, and what was there before is untouched.
  """
  path = pathlib.Path(path)
  # Not tempfile: its files are readable by their owner alone, whatever the umask. A long name is
  # cut, for what is added would make it too long for the file system.
  temporary = path.with_name(f'.{path.name[:60]}.{secrets.token_hex(4)}.tmp')
  try:
    yield temporary
    os.replace(temporary, path)
  finally:
    temporary.unlink(missing_ok=True)


def write_bytes(path: str | os.PathLike, data: bytes) -> None:
  """Writes beside the file and renames, so that a reader or a kill never meets half of it.

  Raises:
    OSError: the file cannot be written; what was there before is untouched.
  """
  with replacing(path) as temporary:
    temporary.write_bytes(data)


def write_text(path: str | os.PathLike, text: str) -> None:
  """As `write_bytes`, in UTF-8."""
  write_bytes(path, text.encode())


def write_csv(path: str | os.PathLike, rows: Iterable[Iterable[Any]]) -> None:
  """As `write_bytes`, rows of cells as CSV."""
  out = io.StringIO()
  csv.writer(out, lineterminator='\n').writerows(rows)
  write_text(path, out.getvalue())
