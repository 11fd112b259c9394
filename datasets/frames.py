"""Splits of video frames by ids 'sequence/frame', which sort by time: numbers are padded."""

import collections
from collections.abc import Collection, Iterable, Sequence
import hashlib

import numpy as np

from cyclegan_jax.errors import UserError

# Lower ends of validation and test on the scale of unit_hash.
_VALIDATION, _TEST = 0.8, 0.9
# From this many training sequences on, validation is a whole one.
_MIN_WHOLE = 4
_VALIDATION_SHARE = 0.1
# Frames of the gap, which takes no more than a share of short sequences.
_GAP, _MAX_GAP_SHARE = 60, 0.05


def sequence_of(id_: str) -> str:
  """Returns the sequence an id belongs to: its folders, '' if it has none."""
  return id_.rpartition('/')[0]


def unit_hash(text: str) -> float:
  """Returns a number in [0, 1) that depends on the text alone, on every machine."""
  digest = hashlib.sha256(text.encode()).digest()
  return int.from_bytes(digest[:6], 'big') / 2**48


def random_split(text: str) -> str:
  """Returns 'train' (80 %), 'validation' or 'test' (10 % each) by the text's hash."""
  place = unit_hash(text)
  return 'train' if place < _VALIDATION else 'validation' if place < _TEST else 'test'


def paper_split(ids: Iterable[str]) -> dict[str, str]:
  """Returns id -> `random_split`.

  The choice depends only on the id (its SHA-256), so it is the same on every machine, and adding or
  removing other frames does not change it. The shares are approximate; with very few frames a split
  may get none. Neighboring video frames end up in different splits: results on such a test split
  say little about new scenes.
  """
  return {id_: random_split(id_) for id_ in ids}


def sequence_split(ids: Iterable[str], test: Collection[str]) -> dict[str, str]:
  """Holds out whole sequences for testing, and takes validation from the others.

  If four or more sequences are left for training, the shortest of them is the validation split.
  Otherwise validation is the last tenth of each, and the 60 frames before it (at most 5 % of a
  sequence, but at least one frame) are left out, because they look like their neighbors.

  Args:
    ids: of all frames.
    test: the sequences to hold out; those without frames are ignored.

  Returns:
    id -> 'train', 'validation' or 'test', without the frames in gaps

  Raises:
    UserError: no frames are left for testing, or too few for training and validation.
  """
  members = collections.defaultdict(list)
  for id_ in sorted(ids):
    members[sequence_of(id_)].append(id_)
  others = sorted(members.keys() - set(test))
  if not members.keys() & set(test) or not others:
    raise UserError(
      f'--split_by: sequences {", ".join(sorted(test))} are to be held out for testing, but '
      f'the data have {", ".join(sorted(members)) or "none"}; expected some of them and '
      'others for training. Complete the data, or use --split_by=paper.'
    )
  whole = len(others) >= _MIN_WHOLE
  shortest = min(others, key=lambda name: (len(members[name]), name))
  chosen = {}
  for name, frames in members.items():
    if name in test:
      chosen |= dict.fromkeys(frames, 'test')
    elif whole:
      chosen |= dict.fromkeys(frames, 'validation' if name == shortest else 'train')
    else:
      chosen |= _with_validation_block(name, frames)
  return chosen


def _with_validation_block(name: str, ids: Sequence[str]) -> dict[str, str]:
  """One sequence's start for training, its end for validation, a gap between them."""
  validation = max(1, round(len(ids) * _VALIDATION_SHARE))
  gap = min(_GAP, max(1, round(len(ids) * _MAX_GAP_SHARE)))
  train = len(ids) - validation - gap
  if train < 1:
    raise UserError(
      f'--split_by: sequence {name} has {len(ids)} frame(s); expected at least 3, to divide it '
      'into training and validation. Complete the data, or use --split_by=paper.'
    )
  return dict.fromkeys(ids[:train], 'train') | dict.fromkeys(ids[train + gap :], 'validation')


def ranges(numbers: Iterable[int]) -> str:
  """Formats at least one number of a frame for people, such as '3, 7-9'."""
  ordered = np.unique([*numbers])
  runs = np.split(ordered, np.flatnonzero(np.diff(ordered) > 1) + 1)
  return ', '.join(str(run[0]) if len(run) == 1 else f'{run[0]}-{run[-1]}' for run in runs)
