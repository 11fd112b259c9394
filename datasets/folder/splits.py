"""Divides examples into train, validation and test by their ids."""

import collections
from collections.abc import Iterable, Mapping, Sequence
import pathlib

from cyclegan_jax.data.source import SPLITS
from cyclegan_jax.errors import UserError
from datasets.folder import lists
from datasets.frames import random_split, sequence_of, unit_hash

METHODS = ('auto', 'folder', 'list', 'hash', 'sequence')

_FOLDERS = lists.NAMES | {'training': 'train', 'valid': 'validation', 'testing': 'test'}
_VALIDATION_SHARE = 0.1
MIN_SEQUENCES = 3


# Of each group (the pairs, or one domain): id -> the relative paths of its files.
_Groups = Sequence[Mapping[str, Iterable[str]]]


def foreign_lists(source: pathlib.Path, groups: _Groups, split_by: str) -> str:
  """Returns a sentence if 'auto' has to pass over the lists: most lines name no image; else ''.

  Raises:
    UserError: a list cannot be read.
  """
  if split_by != 'auto' or not lists.files(source):
    return ''
  return lists.foreign(lists.read(source, _paths(groups)))


def choose_method(
  source: pathlib.Path, ids: Iterable[str], split_by: str, with_lists: bool = True
) -> str:
  """Resolves 'auto': lists if there are any, else folders if there are any, else hash.

  Args:
    source: the source folder, where the lists are.
    ids: of all examples.
    split_by: one of METHODS.
    with_lists: False if the lists are not meant, see `foreign_lists`.

  Raises:
    UserError: `split_by` is unknown, or what it needs is not there.
  """
  if split_by not in METHODS:
    raise UserError(f'--split_by={split_by}: must be one of {", ".join(METHODS)}.')
  has_lists = bool(lists.files(source))
  has_folders = any(split_folder(id_) for id_ in ids)
  if split_by == 'auto':
    return 'list' if has_lists and with_lists else 'folder' if has_folders else 'hash'
  if split_by == 'list' and not has_lists:
    raise UserError(f'--split_by=list: none of {", ".join(lists.FILES)} is in {source}.')
  if split_by == 'folder' and not has_folders:
    raise UserError(
      '--split_by=folder: no folder named train, val, validation or test on the way to the images '
      f'of {source}.'
    )
  return split_by


def _paths(groups: _Groups) -> dict[str, list[str]]:
  """Id -> the relative paths of its files, of all groups together."""
  paths = collections.defaultdict(list)
  for names in groups:
    for id_, files in names.items():
      paths[id_].extend(files)
  return paths


def assign(source: pathlib.Path, groups: _Groups, method: str) -> list[dict[str, str]]:
  """Assigns examples to splits, each group of them (pairs, or one domain) by itself.

  Args:
    source: the source folder, where the lists are.
    groups: for each group, id -> the relative paths of its files, for the lists.
    method: 'folder', 'list', 'hash' or 'sequence'.

  Returns:
    For each group, id -> 'train', 'validation' or 'test', without ids that the lists leave out.

  Raises:
    UserError: a list names something unknown, a file is in no split's folder, or there are too few
      sequences.
  """
  if method == 'hash':
    return [_by_hash(names) for names in groups]
  if method == 'sequence':
    return [_by_sequence(source, names) for names in groups]
  if method == 'folder':
    return [_with_validation(_by_folder(source, names)) for names in groups]
  listed = lists.chosen(lists.read(source, _paths(groups)))
  return [_with_validation({i: listed[i] for i in names if i in listed}) for names in groups]


def _by_hash(names: Iterable[str]) -> dict[str, str]:
  """80/10/10 by each name's own hash; no split is empty, but fewer than 3 names only train."""
  ordered = sorted(names, key=lambda name: (unit_hash(name), name))
  if len(ordered) < len(SPLITS):
    return dict.fromkeys(ordered, 'train')
  members = {split: [name for name in ordered if random_split(name) == split] for split in SPLITS}
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
    raise UserError(
      f'--split_by=sequence: {source} has {len(sequences)} sequence(s) ({found}), but at least '
      f'{MIN_SEQUENCES} are needed for train, validation and test; a sequence is a '
      'sub-folder. Use --split_by=hash, folder or list.'
    )
  chosen = _by_hash(sequences)
  return {id_: chosen[sequence_of(id_)] for id_ in names}


def split_folder(id_: str) -> str:
  """Returns the split named by the first of an id's folders that is a split's name, else ''."""
  folders = id_.lower().split('/')[:-1]
  return next((_FOLDERS[folder] for folder in folders if folder in _FOLDERS), '')


def _by_folder(source: pathlib.Path, names: Iterable[str]) -> dict[str, str]:
  chosen = {id_: split_folder(id_) for id_ in sorted(names)}
  if outside := [id_ for id_, split in chosen.items() if not split]:
    raise UserError(
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
  count = max(1, sum(unit_hash(id_) < _VALIDATION_SHARE for id_ in train))
  # A tenth can be everything when there are only a few.
  return chosen | dict.fromkeys(train[: min(count, len(train) - 1)], 'validation')
