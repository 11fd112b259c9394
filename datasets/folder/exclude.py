"""Leaves out pairs that a check has flagged: the file pairs.csv of experiments.check_pairs."""

from collections.abc import Collection
import csv

from cyclegan_jax import files
from cyclegan_jax.errors import UserError

_COLUMNS = ('id', 'flags')


def flagged(file: str) -> frozenset[str]:
  """Returns the ids of the rows with flags; none if `file` is ''.

  Raises:
    UserError: the file cannot be read, or lacks a column.
  """
  if not file:
    return frozenset()
  path = files.expanded(file)
  try:
    with path.open(newline='', encoding='utf-8-sig') as lines:
      reader = csv.DictReader(lines)
      names, rows = reader.fieldnames or (), list(reader)
  except (OSError, UnicodeDecodeError, csv.Error) as error:
    reason = getattr(error, 'strerror', None) or error
    raise UserError(f'--exclude={file} cannot be read: {reason}. {_EXPECTED}') from error
  missing = [name for name in _COLUMNS if name not in names]
  if missing:
    raise UserError(f'--exclude={file} has no column {" and ".join(missing)}. {_EXPECTED}')
  return frozenset(row['id'] for row in rows if (row['flags'] or '').strip())


_EXPECTED = (
  'Give the pairs.csv that experiments.check_pairs writes: pairs with an entry in its column flags '
  'are left out.'
)


def check(file: str, ids: Collection[str], known: Collection[str], aligned: bool) -> None:
  """Raises UserError if a file that flags pairs, by their `ids`, has nothing to do with a folder.

  `known` are the ids of the folder, which are pairs if they are `aligned`.
  """
  if ids and not aligned:
    raise UserError(
      f'--exclude={file} lists pairs, but the images are read as two unrelated collections. Leave '
      'it out.'
    )
  if ids and not set(ids) & set(known):
    raise UserError(
      f'--exclude={file} flags {len(ids)} pairs, such as {min(ids)!r}, but none of them is in the '
      f'source folder, which has {min(known)!r}, for instance. Check the folder again: '
      'experiments.check_pairs.'
    )
