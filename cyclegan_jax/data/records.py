"""Records: the encoded examples of a data set."""

from collections.abc import Mapping
from typing import Any, Protocol


class Records(Protocol):
  """Random access to encoded examples.

  A record has `rgb` and/or `ir` (the bytes of an image file), `id` and `sequence` (bytes, UTF-8),
  and perhaps `mask` (see masks.py), and `labels` and `depth` (see layers.py).
  """

  def __len__(self) -> int: ...

  def __getitem__(self, index: int) -> Mapping[str, Any]: ...


def text(value: bytes | str) -> str:
  """Returns an `id` or a `sequence` as text."""
  return value.decode() if isinstance(value, bytes) else str(value)
