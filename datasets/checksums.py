"""Checksums of a prepared copy, noted when it is first opened and compared from then on.

The records are in ArrayRecord files, which carry checksums that are verified as a record is read.
What is left are the files beside them, which say what the records mean, and lengths.
"""

from collections.abc import Iterator
import contextlib
import pathlib
import traceback

from cyclegan_jax import checksum, files
from cyclegan_jax.errors import UserError

_FILE = 'checksums.json'
# Those of TFDS; others in the folder come later, and have their own.
_DESCRIPTIONS = ('dataset_info.json', 'features.json', 'metadata.json')


def check(folder: pathlib.Path) -> None:
  """Compares the files of a prepared copy with what was noted; notes it if nothing was.

  Raises:
    UserError: a file has changed; the message names it.
  """
  file, found = folder / _FILE, _facts(folder)
  try:
    noted = checksum.loads(file.read_text())
  except FileNotFoundError:
    with contextlib.suppress(OSError):  # A read-only copy is not compared.
      files.write_text(file, checksum.dumps(found), durable=True)
    return
  except (OSError, ValueError) as error:
    raise _damaged(file, f'cannot be read ({error})') from error
  for name in noted.keys() | found.keys():
    if noted.get(name) != found.get(name):
      raise _damaged(folder / name, 'has changed since the data were prepared')


@contextlib.contextmanager
def naming() -> Iterator[None]:
  """Names the copy that TFDS cannot read, which its own errors do not.

  Raises:
    UserError: the description of a prepared copy is damaged.
  """
  try:
    yield
  except Exception as error:
    frames = (frame.f_locals for frame, _ in traceback.walk_tb(error.__traceback__))
    # The argument of DatasetInfo.read_from_directory.
    folder = next(
      (found['dataset_info_dir'] for found in frames if 'dataset_info_dir' in found), ''
    )
    if not folder:
      raise
    raise _damaged(pathlib.Path(folder), f'cannot be read ({error})') from error


def _facts(folder: pathlib.Path) -> dict[str, str | int]:
  """Returns the checksum of each description, and the bytes of each file of records."""
  records = {file.name: file.stat().st_size for file in folder.glob('*.array_record*')}
  there = (folder / name for name in _DESCRIPTIONS)
  return {file.name: checksum.of_file(file) for file in there if file.is_file()} | records


def _damaged(file: pathlib.Path, problem: str) -> UserError:
  folder = file if file.is_dir() else file.parent
  return UserError(
    f'{file} {problem}: the prepared copy is damaged. Delete {folder}; it is prepared again.'
  )
