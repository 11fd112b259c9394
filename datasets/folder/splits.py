"""Divides examples into train, validation and test by their ids."""

import collections
from collections.abc import Iterable, Mapping, Sequence
import hashlib
import os
import pathlib
import unicodedata

from cyclegan_jax import errors
from cyclegan_jax.data import images
from cyclegan_jax.data.source import SPLITS

METHODS = ('auto', 'folder', 'list', 'hash', 'sequence')

_FOLDERS = {
  'train': 'train',
  'training': 'train',
  'val': 'validation',
  'valid': 'validation',
  'validation': 'validation',
  'test': 'test',
  'testing': 'test',
}
_LISTS = {
  'train.txt': 'train',
  'val.txt': 'validation',
  'validation.txt': 'validation',
  'test.txt': 'test',
}
_SHARES = {'train': 0.8, 'validation': 0.1, 'test': 0.1}
MIN_SEQUENCES = 3


def sequence_of(id_: str) -> str:
  """The sequence an id belongs to: its folders, '' if it has none."""
  return id_.rpartition('/')[0]


def list_files(source: pathlib.Path) -> dict[pathlib.Path, str]:
  """Path -> split of the split lists that lie in the source folder."""
  return {source / name: split for name, split in _LISTS.items() if (source / name).is_file()}


def choose_method(source: pathlib.Path, ids: Iterable[str], split_by: str) -> str:
  """Resolves 'auto': lists if there are any, else folders if there are any, else hash.

  Raises:
    UserError: `split_by` is unknown, or what it needs is not there.
  """
  if split_by not in METHODS:
    raise errors.UserError(f'--split_by={split_by}: must be one of {", ".join(METHODS)}.')
  has_lists = bool(list_files(source))
  has_folders = any(_split_folder(id_) for id_ in ids)
  if split_by == 'auto':
    return 'list' if has_lists else 'folder' if has_folders else 'hash'
  if split_by == 'list' and not has_lists:
    raise errors.UserError(f'--split_by=list: none of {", ".join(_LISTS)} is in {source}.')
  if split_by == 'folder' and not has_folders:
    raise errors.UserError(
      f'--split_by=folder: no folder named train, val, validation or test '
      f'on the way to the images of {source}.'
    )
  return split_by


def assign(
  source: pathlib.Path, groups: Sequence[Mapping[str, Iterable[str]]], method: str
) -> list[dict[str, str]]:
  """Assigns examples to splits, each group of them (pairs, or one domain) by itself.

  Args:
    source: the source folder, where the lists are.
    groups: for each group, id -> the relative paths of its files, for the lists.
    method: 'folder', 'list', 'hash' or 'sequence'.

  Returns:
    For each group, id -> 'train', 'validation' or 'test'. Ids that the lists leave out are
    not in it.

  Raises:
    UserError: a list names something unknown, a file is in no split's folder, or there are
      too few sequences.
  """
  if method == 'hash':
    return [_by_hash(names) for names in groups]
  if method == 'sequence':
    return [_by_sequence(source, names) for names in groups]
  if method == 'folder':
    return [_with_validation(_by_folder(source, names)) for names in groups]
  paths = collections.defaultdict(list)
  for names in groups:
    for id_, files in names.items():
      paths[id_].extend(files)
  chosen = _by_list(source, paths)
  return [
    _with_validation({id_: chosen[id_] for id_ in names if id_ in chosen}) for names in groups
  ]


def unit_hash(text: str) -> float:
  """A number in [0, 1) that depends on the text alone, on every machine."""
  digest = hashlib.sha256(text.encode()).digest()
  return int.from_bytes(digest[:6], 'big') / 2**48


def _by_hash(names: Iterable[str]) -> dict[str, str]:
  """80/10/10 by each name's own hash; three names or more fill all three splits.

  Fewer than three names are all for training.
  """
  ordered = sorted(names, key=lambda name: (unit_hash(name), name))
  if len(ordered) < len(SPLITS):
    return dict.fromkeys(ordered, 'train')
  members = collections.defaultdict(list)
  for name in ordered:
    hash_, train = unit_hash(name), _SHARES['train']
    members[
      'train'
      if hash_ < train
      else 'validation'
      if hash_ < train + _SHARES['validation']
      else 'test'
    ].append(name)
  for split in SPLITS:
    if not members[split]:
      # The largest split gives its name that lies nearest to the empty one.
      largest = max(SPLITS, key=lambda s: len(members[s]))
      nearest = -1 if SPLITS.index(largest) < SPLITS.index(split) else 0
      members[split].append(members[largest].pop(nearest))
  return {name: split for split in SPLITS for name in members[split]}


def _by_sequence(source: pathlib.Path, names: Iterable[str]) -> dict[str, str]:
  sequences = {sequence_of(id_) for id_ in names}
  if len(sequences) < MIN_SEQUENCES:
    found = ', '.join(repr(name) for name in sorted(sequences))
    raise errors.UserError(
      f'--split_by=sequence: {source} has {len(sequences)} sequence(s) ({found}), but at least '
      f'{MIN_SEQUENCES} are needed for train, validation and test; a sequence is a '
      'sub-folder. Use --split_by=hash, folder or list.'
    )
  chosen = _by_hash(sequences)
  return {id_: chosen[sequence_of(id_)] for id_ in names}


def _split_folder(id_: str) -> str | None:
  """The split named by the first of an id's folders that is a split's name."""
  for folder in id_.lower().split('/')[:-1]:
    if folder in _FOLDERS:
      return _FOLDERS[folder]
  return None


def _by_folder(source: pathlib.Path, names: Iterable[str]) -> dict[str, str]:
  chosen = {id_: _split_folder(id_) for id_ in names}
  outside = sorted(id_ for id_, split in chosen.items() if split is None)
  if outside:
    raise errors.UserError(
      f'--split_by=folder: {len(outside)} of {len(chosen)} images of {source} are in no folder '
      f'named train, val, validation or test, such as {outside[0]!r}. Move them, or use '
      '--split_by=hash.'
    )
  return chosen


def _with_validation(chosen: dict[str, str]) -> dict[str, str]:
  """Makes a hash-chosen tenth of train the validation split if there is none."""
  train = sorted((id_ for id_, split in chosen.items() if split == 'train'), key=unit_hash)
  if 'validation' in chosen.values() or len(train) < 2:
    return chosen
  count = max(1, sum(unit_hash(id_) < _SHARES['validation'] for id_ in train))
  # A tenth can be everything when there are only a few.
  return chosen | dict.fromkeys(train[: min(count, len(train) - 1)], 'validation')


def _by_list(source: pathlib.Path, names: Mapping[str, Iterable[str]]) -> dict[str, str]:
  known = _lookup(names)
  chosen = {}
  for path, split in list_files(source).items():
    for number, line in enumerate(_read_lines(path), start=1):
      name = line.strip()
      if not name or name.startswith('#'):
        continue
      ids = known.get(_clean(name), set())
      if len(ids) != 1:
        reason = (
          f'fits {len(ids)} images; write it with its folders'
          if ids
          else 'is no (pair of) images in the source folder'
        )
        raise errors.UserError(f'{path}, line {number}: {name!r} {reason}.')
      id_ = next(iter(ids))
      if chosen.setdefault(id_, split) != split:
        raise errors.UserError(
          f'{path}, line {number}: {name!r} is in the list of {chosen[id_]} too.'
        )
  return chosen


def _read_lines(path: pathlib.Path) -> list[str]:
  try:
    return path.read_text(encoding='utf-8-sig').splitlines()
  except (OSError, UnicodeDecodeError) as error:
    raise errors.UserError(f'{path}: cannot be read as UTF-8 text ({error}).') from error


def _lookup(names: Mapping[str, Iterable[str]]) -> dict[str, set[str]]:
  """What a line of a list may say -> the ids that it may mean."""
  known = collections.defaultdict(set)
  for id_, paths in names.items():
    known[id_.rpartition('/')[2]].add(id_)
    for path in paths:
      known[_clean(path.rpartition('/')[2])].add(id_)
  # Whole ids and paths are never ambiguous.
  for id_, paths in names.items():
    for path in paths:
      known[_clean(path)] = {id_}
  return known | {id_: {id_} for id_ in names}


def _clean(name: str) -> str:
  """A relative name with '/', without './' and an image's extension."""
  name = unicodedata.normalize('NFC', name.replace('\\', '/').removeprefix('./'))
  stem, extension = os.path.splitext(name)
  return stem if extension.lower() in images.EXTENSIONS else name
