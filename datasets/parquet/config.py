"""Parquet files with images in columns: bytes, or Hugging Face's struct of bytes and a path."""

from collections.abc import Iterator
import dataclasses
import os
from typing import Any, ClassVar

from cyclegan_jax import files
from cyclegan_jax.data import decoding
from cyclegan_jax.errors import UserError
from datasets import shards
from datasets.shards import Row, Shard

_BATCH = 16  # Rows in memory at a time, of two images each.
_BUFFER = 2**20


@dataclasses.dataclass(eq=False)
class ParquetConfig(shards.Config):
  """Parquet files of a source folder; see parquet_config()."""

  kind: ClassVar[str] = 'Parquet'
  extensions: ClassVar[tuple[str, ...]] = ('.parquet',)

  def image_columns(self, shard: Shard) -> list[str]:
    """Returns the columns of bytes, or of structs with a field of bytes."""
    with _opened(shard) as file:
      return [field.name for field in file.schema_arrow if _holds_bytes(field.type)]

  def rows(self, shard: Shard) -> Iterator[Row]:
    """Yields the rows of a shard."""
    names, number = list(dict.fromkeys(self.columns.values())), 0
    with _opened(shard) as file:
      batches = file.iter_batches(_BATCH, columns=names)
      while (batch := _next(batches, shard)) is not None:
        columns = {name: batch.column(batch.schema.get_field_index(name)) for name in names}
        for place in range(len(batch)):
          shown = f'{shard.relative}, row {number}'
          found = {
            domain: _content(columns[name][place], f'{shown} ({name})')
            for domain, name in self.columns.items()
          }
          yield Row(f'{shard.stem}/{number:06}', shown, **found)
          number += 1


def parquet_config(
  source_dir: str | os.PathLike,
  rgb_column: str = '',
  ir_column: str = '',
  split_by: str = 'auto',
  rgb_channels: int = 3,
  ir_channels: int = 1,
  exclude: str = '',
) -> ParquetConfig:
  """Looks through a folder of Parquet files and decides how to read it.

  Args:
    source_dir: the folder; '~' is expanded.
    rgb_column, ir_column: the columns of the images; '' to guess them by their names.
    split_by: 'auto', 'folder' (by names of files and folders) or 'hash'.
    rgb_channels: 3, or 1 for luminance.
    ir_channels: 1, or 3 for images kept in color or gray repeated.
    exclude: a pairs.csv whose flagged pairs are left out, or ''.

  Returns:
    The configuration for `Builder(config=...)`; its name changes with the names, sizes and times of
    the files, and with the options.

  Raises:
    UserError: nothing usable is found, or pyarrow is not installed.
  """
  config = ParquetConfig(
    name='',
    source_dir=str(files.expanded(source_dir)),
    rgb_channels=rgb_channels,
    ir_channels=ir_channels,
    exclude=exclude,
  )
  return shards.described(config, {'rgb': rgb_column, 'ir': ir_column}, split_by)


def _opened(shard: Shard) -> Any:
  """Opens a file to be read as a stream, not a whole row group at a time."""
  try:
    from pyarrow import parquet
  except ImportError as error:
    raise UserError('--dataset=parquet needs pyarrow: pip install -e ".[parquet]"') from error
  try:
    return parquet.ParquetFile(shard.path, buffer_size=_BUFFER, pre_buffer=False)
  except (OSError, ValueError) as error:
    raise _damaged(shard, error) from error


def _next(batches: Iterator[Any], shard: Shard) -> Any:
  """The next batch; None after the last one."""
  try:
    return next(batches, None)
  except (OSError, ValueError) as error:
    raise _damaged(shard, error) from error


def _damaged(shard: Shard, error: Exception) -> UserError:
  return UserError(
    f'{shard.path}: not a whole Parquet file ({str(error).splitlines()[0]}). Download it again, or '
    'move it away.'
  )


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
