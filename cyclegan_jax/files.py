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


def caches() -> str:
  """Returns the user's folder for caches, with ~ not expanded."""
  base = os.environ.get('XDG_CACHE_HOME', '')
  return base if os.path.isabs(base) else '~/.cache'


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
def replacing(path: Path, *, durable: bool = False) -> Iterator[pathlib.Path]:
  """Yields the path of a file beside `path`, which replaces it at the end.

  After an error it is deleted, and `path` is left as it was. If `durable`, a power failure meets
  the old file or the whole new one, and once this returns the new one.
  """
  path = pathlib.Path(path)
  # Not tempfile: only the owner can read its files, whatever the umask. A long name is cut, because
  # with the addition it could be too long for the file system.
  temporary = path.with_name(f'.{path.name[:60]}.{secrets.token_hex(4)}.tmp')
  try:
    yield temporary
    if durable:
      sync(temporary)
    os.replace(temporary, path)
    if durable:
      sync(path.parent)
  finally:
    temporary.unlink(missing_ok=True)


def sync(path: Path) -> None:
  """Waits until the content of a file, or the names in a folder, are on the disk.

  Some file systems know no such thing of folders, which is passed over.
  """
  descriptor = os.open(path, os.O_RDONLY)
  try:
    os.fsync(descriptor)
  except OSError:
    if not os.path.isdir(path):
      raise
  finally:
    os.close(descriptor)


def sync_tree(folder: Path) -> None:
  """Waits until a folder is on the disk with all that it holds, and its own name.

  Files that others remove meanwhile are passed over.
  """
  for root, _, names in os.walk(folder):
    for name in names:
      with contextlib.suppress(FileNotFoundError):
        sync(os.path.join(root, name))
    sync(root)
  sync(pathlib.Path(folder).parent)


def write_bytes(path: Path, data: bytes, *, durable: bool = False) -> None:
  """Writes a file by `replacing`: neither a reader nor a kill meets half of it. OSError if not."""
  with replacing(path, durable=durable) as temporary:
    temporary.write_bytes(data)


def write_text(path: Path, text: str, *, durable: bool = False) -> None:
  """Writes text in UTF-8; see `write_bytes`."""
  write_bytes(path, text.encode(), durable=durable)


def csv_text(rows: Iterable[Iterable[Any]]) -> str:
  """Returns rows of cells as CSV."""
  out = io.StringIO()
  csv.writer(out, lineterminator='\n').writerows(rows)
  return out.getvalue()


def write_csv(path: Path, rows: Iterable[Iterable[Any]], *, durable: bool = False) -> None:
  """As `write_bytes`, rows of cells as CSV."""
  write_text(path, csv_text(rows), durable=durable)
