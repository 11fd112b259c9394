"""Files that are written whole or not at all."""

import os
import pathlib
import secrets


def write_bytes(path: str | os.PathLike, data: bytes) -> None:
  """Writes beside the file and renames, so that a reader or a kill never meets half of it.

  Raises:
    OSError: the file cannot be written; what was there before is untouched.
  """
  path = pathlib.Path(path)
  # Not tempfile: its files are readable by their owner alone, whatever the umask.
  temporary = path.with_name(f'.{path.name}.{secrets.token_hex(4)}.tmp')
  try:
    temporary.write_bytes(data)
    os.replace(temporary, path)
  finally:
    temporary.unlink(missing_ok=True)


def write_text(path: str | os.PathLike, text: str) -> None:
  """As `write_bytes`, in UTF-8."""
  write_bytes(path, text.encode())
