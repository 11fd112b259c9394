"""Files of arrays, .npz, that are made again if they cannot be read."""

from collections.abc import Mapping
import io
import pathlib
from typing import Any
import zipfile
import zlib

import numpy as np

from cyclegan_jax import files

_UNREADABLE = (OSError, ValueError, EOFError, KeyError, zipfile.BadZipFile, zlib.error)


def write(path: pathlib.Path, arrays: Mapping[str, Any]) -> None:
  """Writes arrays by name, compressed: the whole file or none."""
  content = io.BytesIO()
  np.savez_compressed(content, **arrays)
  files.write_bytes(path, content.getvalue())


def read(path: pathlib.Path) -> dict[str, np.ndarray] | None:
  """Returns the arrays of a file in their order; None if it is missing or damaged."""
  try:
    with np.load(path, allow_pickle=False) as found:
      return dict(found)
  except _UNREADABLE:
    return None
