"""Writes files whole or not at all."""

from collections.abc import Iterator
import contextlib
import os
import pathlib
import secrets


@contextlib.contextmanager
def replacing(path: str | os.PathLike[str]) -> Iterator[pathlib.Path]:
  """Yields the path of a temporary file, which replaces `path` at the end.

  It lies beside `path`. After an error it is deleted, and `path` is left as it was.
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


def write_bytes(path: str | os.PathLike[str], data: bytes) -> None:
  """Writes a file by `replacing`, so that neither a reader nor a kill meets half of it.

  Raises:
    OSError: the file cannot be written; it is left as it was.
  """
  with replacing(path) as temporary:
    temporary.write_bytes(data)


def write_text(path: str | os.PathLike[str], text: str) -> None:
  """Writes text in UTF-8; see `write_bytes`."""
  write_bytes(path, text.encode())
