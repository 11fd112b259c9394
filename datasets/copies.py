"""Prepared copies, used for a run whose images are gone."""

import contextlib
import pathlib
from typing import Any

from cyclegan_jax import checksum, files
from cyclegan_jax.errors import UserError

# In the folder of a prepared copy: what its source would say.
_FILE = 'source.json'


def note(folder: pathlib.Path, facts: dict[str, Any]) -> None:
  """Notes facts beside a prepared copy, if it can be written and lacks them."""
  file, text = folder / _FILE, checksum.dumps(facts)
  with contextlib.suppress(OSError):
    if not file.exists() or file.read_text() != text:
      files.write_text(file, text, durable=True)


def read(source_dir: str, folder: pathlib.Path) -> dict[str, Any]:
  """Returns what `note` noted.

  Raises:
    UserError: there is no such copy, so that the images are needed.
  """
  try:
    return checksum.loads((folder / _FILE).read_text())
  except (OSError, ValueError) as error:
    raise UserError(
      f'{source_dir} does not exist, and {folder} is no prepared copy of its images. If they have '
      'moved, say where to: --source_dir=NEW, or --data_dir=NEW for prepared copies.'
    ) from error
