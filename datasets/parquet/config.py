"""Parquet files with images in columns: bytes, or Hugging Face's struct of bytes and a path.

pyarrow decodes whole pages, and writers often put a row group of large values into one page. So it
may hold a row group, compressed and not, whatever the number of rows that are asked for.
"""

from collections.abc import Iterator
import contextlib
import dataclasses
import os
from typing import Any, ClassVar

from cyclegan_jax.errors import UserError
from cyclegan_jax.image_files import decoding
from datasets import shards
from datasets.shards import Row, Shard

_BATCH = 16  # Rows at a time, of two images each.
_BUFFER = 2**20


@dataclasses.dataclass(eq=False)
class ParquetConfig(shards.Config):
  """Parquet files of a source folder; see parquet_config()."""

  kind: ClassVar[str] = 'Parquet'
  extensions: ClassVar[tuple[str, ...]] = ('.parquet',)

  def image_columns(self, shard: Shard) -> list[str]:
    """Returns the columns of bytes, or of structs with a field of bytes."""
    with _explained(shard), _opened(shard) as file:
      return [field.name for field in file.schema_arrow if _holds_bytes(field.type)]

  def rows(self, shard: Shard) -> Iterator[Row]:
    """Yields the rows of a shard."""
    number = 0
    with contextlib.ExitStack() as stack:
      with _explained(shard):
        file = stack.enter_context(_opened(shard))
        batches = file.iter_batches(_BATCH, columns=list(self.columns.values()))
      while True:
        with _explained(shard):
          if (batch := next(batches, None)) is None:
            return
          rows = list(self._of_batch(shard, batch, number))
        yield from rows
        number += len(rows)

  def _of_batch(self, shard: Shard, batch: Any, first: int) -> Iterator[Row]:
    columns = {
      domain: batch.column(batch.schema.get_field_index(name))
      for domain, name in self.columns.items()
    }
    for place in range(len(batch)):
      shown = f'{shard.relative}, row {first + place}'
      found = {
        domain: _content(column[place], f'{shown} ({self.columns[domain]})')
        for domain, column in columns.items()
      }
      yield Row(f'{shard.stem}/{first + place:06}', shown, **found)


def parquet_config(source_dir: str | os.PathLike, **options: Any) -> ParquetConfig:
  """Looks through a folder of Parquet files; see `shards.look_through` for its options."""
  return shards.look_through(ParquetConfig, source_dir, **options)


def _opened(shard: Shard) -> Any:
  """Opens a file to be read as a stream, not a whole row group at a time."""
  try:
    from pyarrow import parquet
  except ImportError as error:
    raise UserError('--dataset=parquet needs pyarrow: pip install -e ".[parquet]"') from error
  return parquet.ParquetFile(shard.path, buffer_size=_BUFFER, pre_buffer=False)


@contextlib.contextmanager
def _explained(shard: Shard) -> Iterator[None]:
  """Turns any exception raised while a file is read into a UserError."""
  try:
    yield
  except UserError:
    raise
  except Exception as error:  # Of damaged files pyarrow raises many kinds.
    reason = (str(error).splitlines() or [type(error).__name__])[0]
    raise UserError(
      f'{shard.path}: not a whole Parquet file ({reason}). Download it again, or move it away.'
    ) from error


def _holds_bytes(kind: Any) -> bool:
  from pyarrow import types

  is_bytes = lambda kind: types.is_binary(kind) or types.is_large_binary(kind)
  if types.is_struct(kind):
    return any(field.name == 'bytes' and is_bytes(field.type) for field in kind)
  return is_bytes(kind)


def _content(cell: Any, shown: str) -> bytes | None:
  """The file in a cell; None if it is empty."""
  value = cell.as_py()
  if isinstance(value, dict):
    if value['bytes'] is None and value.get('path'):
      raise UserError(
        f'{shown}: no image, only the path {value["path"]!r} of one. Expected the content of image '
        'files: embed them when you write the Parquet files (embed_external_files of '
        'push_to_hub in the package datasets).'
      )
    value = value['bytes']
  if value is not None:
    decoding.check_bytes(len(value), shown)
  return value
