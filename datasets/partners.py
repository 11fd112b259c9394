"""Frames without a partner in the other domain: their names, and how many a data set may have."""

import collections
from collections.abc import Iterable, Sequence
import os
import pathlib

from cyclegan_jax import errors
from datasets import frames as frames_lib
from datasets.archives import StoredFile

_MAX_LOST_SHARE = 0.01
_MAX_NAMED = 5


def listed(files: Iterable[StoredFile]) -> str:
  """Lists frames for people: as numbers if all have one, otherwise a few names."""
  files = list(files)
  numbers = [file.number for file in files if file.number is not None]
  if len(numbers) == len(files):
    return frames_lib.ranges(numbers)
  more = len(files) - _MAX_NAMED
  return ', '.join(file.stem for file in files[:_MAX_NAMED]) + (
    f' and {more} more' if more > 0 else ''
  )


def check(
  source: pathlib.Path, unmatched: Sequence[StoredFile], matched: int, allow_unmatched: bool
) -> None:
  """Refuses data of which over 1 % of the frames have no partner.

  Args:
    source: the folder of the data set.
    unmatched: the frames without a partner.
    matched: the number of frames in pairs.
    allow_unmatched: accept any number of them, as long as there are pairs.

  Raises:
    UserError: the message lists the frames by folder.
  """
  total = matched + len(unmatched)
  if matched and (allow_unmatched or len(unmatched) <= _MAX_LOST_SHARE * total):
    return
  by_folder = collections.defaultdict(list)
  for file in unmatched:
    by_folder[os.path.dirname(file.shown)].append(file)
  found = '; '.join(f'{folder}: frames {listed(files)}' for folder, files in by_folder.items())
  raise errors.UserError(
    f'--source_dir={source}: {len(unmatched)} of {total} frames have no partner ({found}), '
    'expected at most 1 %. Download these files again'
    + (', or leave those frames out with --allow_unmatched.' if matched else '.')
  )
