"""Prepares the copy of a data set on the disk, once."""

from collections.abc import Callable, Iterator
import contextlib
import errno
import fcntl
import os
import pathlib
from typing import Any

import tensorflow_datasets as tfds

from cyclegan_jax import files, interruption, radiometry
from cyclegan_jax.errors import UserError
from datasets import checksums, pixels, records


def prepared(make: Callable[[], tfds.core.DatasetBuilder]) -> tfds.core.DatasetBuilder:
  """Returns a builder whose copy is there; of several processes one prepares, the others wait.

  TFDS writes beside the copy and renames, so it is whole or absent, also after a power failure.

  Args:
    make: makes the builder.

  Raises:
    UserError: the data cannot be used, or the copy cannot be written or is damaged.
  """
  tfds.disable_progress_bar()  # Builders log progress in whole lines.
  builder = make()
  if not builder.info.splits:  # When it was made there was no copy.
    folder = pathlib.Path(builder.data_path).parent
    try:
      with _alone(folder.parent):
        # TFDS looks once, when a builder is made: another process may have been quicker.
        builder = make()
        _sync_at_the_end(builder.info)
        builder.download_and_prepare(file_format='array_record')
    except (OSError, RuntimeError) as error:
      if not (reason := _of_the_disk(error)):
        raise
      raise UserError(
        f'The data set cannot be prepared in {folder}: {reason}. Choose another place with '
        '--data_dir.'
      ) from error
    finally:
      with contextlib.suppress(OSError):
        folder.rmdir()  # If nothing was written.
  interruption.check()
  for split in builder.info.splits.values():
    for file in split.filepaths:
      if not file.exists():
        raise records.unusable(builder, f'not complete: {file.name} is missing')
  checksums.check(pathlib.Path(builder.data_path))
  return builder


def with_span(
  make: Callable[[Any], tfds.core.DatasetBuilder], config: pixels.Config, ir_span: str
) -> tfds.core.DatasetBuilder:
  """Returns a builder with --ir_span whose copy is there.

  A copy that was prepared with `auto`, and came to the span that is given, serves, too: a run that
  began with `auto` keeps the span.

  Args:
    make: makes the builder of a configuration.
    config: the configuration without a span.
    ir_span: a span, 'auto', or '' for none.

  Raises:
    UserError: see `prepared`, or the span is malformed.
  """
  if span := radiometry.parse_span(ir_span):
    ir_span, automatic = span.text, make(config.with_span('auto'))
    if automatic.info.splits and (automatic.info.metadata or {}).get('ir_span') == span.text:
      ir_span = 'auto'
  return prepared(lambda: make(config.with_span(ir_span)))


def _sync_at_the_end(info: tfds.core.DatasetInfo) -> None:
  """Has a new copy wait, until all of it is on the disk, before it gets its name.

  The description is what TFDS writes last, before it renames the folder.
  """
  write = info.write_to_directory

  def write_and_sync(folder: Any, *arguments: Any, **options: Any) -> None:
    write(folder, *arguments, **options)
    files.sync_tree(folder)

  info.write_to_directory = write_and_sync


def _of_the_disk(error: OSError | RuntimeError) -> str:
  """Returns what the system says of a file that cannot be written; '' if that is not the cause.

  array_record raises RuntimeErrors, with the system's words at the end of their messages.
  """
  if isinstance(error, OSError):
    return str(error)
  numbers = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EACCES, errno.EIO)
  return next((text for text in map(os.strerror, numbers) if text in str(error)), '')


@contextlib.contextmanager
def _alone(folder: pathlib.Path) -> Iterator[None]:
  """Waits until no other process prepares in this folder, where the file system has locks."""
  folder.mkdir(parents=True, exist_ok=True)
  with open(folder / '.lock', 'a') as file:
    with contextlib.suppress(OSError):
      fcntl.flock(file, fcntl.LOCK_EX)
    yield
