"""JSON files that carry a checksum of their content, so that a flipped bit is noticed.

The entry `sha256` is that of the others, as JSON with sorted keys. A file without it is read as it
is: it is of an earlier version, or somebody has edited it.
"""

from collections.abc import Mapping
import hashlib
import json
import os
from typing import Any

KEY = 'sha256'
_CHANGED = (
  f'its content has changed since it was written. If you did that, delete the entry "{KEY}"'
)


def stamped(content: Mapping[str, Any]) -> dict[str, Any]:
  """Returns the entries of a JSON file with their checksum; `verified` is the inverse."""
  return {**content, KEY: _of(content)}


def verified(content: Mapping[str, Any]) -> dict[str, Any]:
  """Returns the entries of a JSON file without their checksum.

  Raises:
    ValueError: they have changed since `stamped`.
  """
  entries = {name: value for name, value in content.items() if name != KEY}
  if KEY in content and content[KEY] != _of(entries):
    raise ValueError(_CHANGED)
  return entries


def dumps(content: Mapping[str, Any]) -> str:
  """Returns the text of a JSON file with a checksum; `loads` is the inverse."""
  return json.dumps(stamped(content), indent=2) + '\n'


def loads(text: str) -> dict[str, Any]:
  """Returns the entries of a JSON file.

  Raises:
    ValueError: it is no JSON, no object, or has changed since `dumps`.
  """
  content = json.loads(text)
  if not isinstance(content, dict):
    raise ValueError('it holds no entries')
  return verified(content)


def of_file(path: str | os.PathLike[str]) -> str:
  """Returns the SHA-256 of a file's bytes, hexadecimal."""
  with open(path, 'rb') as file:
    return hashlib.file_digest(file, 'sha256').hexdigest()


def _of(content: Mapping[str, Any]) -> str:
  # As it is read: tuples are lists, keys are strings.
  as_read = json.loads(json.dumps(content))
  return hashlib.sha256(json.dumps(as_read, sort_keys=True).encode()).hexdigest()
