"""What a prepared copy of a published data set consists of: pairs of frames, and their splits."""

import collections
from collections.abc import Collection, Iterable, Mapping, Sequence
import dataclasses
import os
import pathlib
from typing import Any, NamedTuple, TypeVar

import tensorflow_datasets as tfds

from cyclegan_jax import files
from cyclegan_jax.data.source import SPLITS
from cyclegan_jax.errors import UserError
from datasets import frames, storing
from datasets.archives import Frame, StoredFile

# The share of the frames that may be without a partner.
_MAX_LOST_SHARE = 0.01
_MAX_NAMED = 5


class Pair(NamedTuple):
  """Frames of one moment, and masks of people in them; what is missing or not needed is None.

  Its id is 'sequence/frame', such as '1/00012'.
  """

  id: str
  rgb: StoredFile
  ir: StoredFile
  depth: StoredFile | None = None
  rgb_mask: StoredFile | None = None
  ir_mask: StoredFile | None = None

  @property
  def sequence(self) -> str:
    """The sequence."""
    return frames.sequence_of(self.id)

  @property
  def files(self) -> dict[str, StoredFile]:
    """Returns kind, such as 'rgb' -> file."""
    return {kind: file for kind, file in zip(self._fields[1:], self[1:]) if file}


@dataclasses.dataclass(eq=False)
class Config(tfds.core.BuilderConfig):
  """The files of a data set, how they are divided, and the pairs found.

  Attributes:
    source_dir: the folder with the archives or their content; '' means TFDS's own.
    split_by: how the pairs are divided, such as 'paper'.
    allow_unmatched: allow missing sequences, and over 1 % of frames without a partner.
    notes: sentences for people on counts, and on what is left out and why.
    unmatched: the files of the frames without a partner.
    pairs: all pairs, sorted by id. Without any, the builder looks for the files when it prepares.
    examples: split -> its pairs, sorted by id.
  """

  source_dir: str = ''
  split_by: str = 'paper'
  allow_unmatched: bool = False
  # Hidden from repr(), because TFDS logs the whole configuration.
  notes: tuple[str, ...] = dataclasses.field(default=(), repr=False)
  unmatched: tuple[str, ...] = dataclasses.field(default=(), repr=False)
  pairs: tuple[Pair, ...] = dataclasses.field(default=(), repr=False)
  examples: dict[str, tuple[Pair, ...]] = dataclasses.field(default_factory=dict, repr=False)


AnyConfig = TypeVar('AnyConfig', bound=Config)


def check_option(name: str, value: str, allowed: Collection[str]) -> None:
  """Raises UserError unless an option has an allowed value."""
  if value not in allowed:
    raise UserError(f'--{name}={value}: must be one of {", ".join(allowed)}.')


def source_folder(source_dir: str | os.PathLike, instructions: str) -> pathlib.Path:
  """Returns --source_dir with '~' expanded; UserError with the instructions if it is empty."""
  if not os.fspath(source_dir):
    raise UserError(f'--source_dir is empty.\n{instructions}')
  return files.expanded(source_dir)


def partners(
  sequence: str, kinds: Mapping[str, Mapping[Frame, StoredFile]]
) -> tuple[list[Frame], list[StoredFile], list[str]]:
  """Returns the frames that all kinds (title -> frame -> file) have, the other files, and notes."""
  shared = set.intersection(*(set(by_frame) for by_frame in kinds.values()))
  alone, notes = [], []
  for kind, by_frame in kinds.items():
    rest = [by_frame[frame] for frame in sorted(by_frame.keys() - shared)]
    alone += rest
    if rest:
      notes.append(f'{sequence}: {len(rest)} {kind} frame(s) without partner: {_listed(rest)}.')
  return sorted(shared), alone, notes


def _listed(files: Sequence[StoredFile]) -> str:
  """Lists frames for people: as numbers if all have one, otherwise a few names."""
  numbers = [file.number for file in files if file.number is not None]
  if len(numbers) == len(files):
    return frames.ranges(numbers)
  return storing.some([file.stem for file in files], _MAX_NAMED)


def make_config(
  kind: type[AnyConfig],
  source: pathlib.Path,
  pairs: Sequence[Pair],
  unmatched: Sequence[StoredFile],
  notes: Iterable[str],
  held_out: Mapping[str, Collection[str]],
  **fields: Any,
) -> AnyConfig:
  """Divides the pairs and returns a configuration of a kind; see `Config` for the arguments.

  `held_out` has the ways to split besides 'paper' -> the sequences for testing.

  Raises:
    UserError: over 1 % of the frames have no partner, though this is not allowed; or there are too
      few sequences for the split.
  """
  _check_unmatched(source, pairs, unmatched, fields['allow_unmatched'])
  examples, note = _divide(pairs, fields['split_by'], held_out)
  return kind(
    source_dir=str(source),
    notes=(*notes, note),
    unmatched=tuple(file.shown for file in unmatched),
    pairs=tuple(pairs),
    examples=examples,
    **fields,
  )


def _check_unmatched(
  source: pathlib.Path, pairs: Iterable[Pair], unmatched: Sequence[StoredFile], allowed: bool
) -> None:
  matched = sum(3 if pair.depth else 2 for pair in pairs)
  total = matched + len(unmatched)
  if matched and (allowed or len(unmatched) <= _MAX_LOST_SHARE * total):
    return
  by_folder = collections.defaultdict(list)
  for file in unmatched:
    by_folder[os.path.dirname(file.shown)].append(file)
  found = '; '.join(f'{folder}: frames {_listed(files)}' for folder, files in by_folder.items())
  raise UserError(
    f'--source_dir={source}: {len(unmatched)} of {total} frames have no partner ({found}), '
    'expected at most 1 %. Download these files again'
    + (', or leave those frames out with --allow_unmatched.' if matched else '.')
  )


def _divide(
  pairs: Sequence[Pair], split_by: str, held_out: Mapping[str, Collection[str]]
) -> tuple[dict[str, tuple[Pair, ...]], str]:
  """Split -> its pairs, without empty splits, which TFDS refuses; a sentence with the counts."""
  ids = [pair.id for pair in pairs]
  if split_by == 'paper':
    chosen = frames.paper_split(ids)
  else:
    chosen = frames.sequence_split(ids, held_out[split_by])
  found = {split: tuple(p for p in pairs if chosen.get(p.id) == split) for split in SPLITS}
  counts = ', '.join(f'{len(members)} {split}' for split, members in found.items())
  note = f'Split by {split_by}: {counts}'
  if left_out := len(pairs) - len(chosen):
    note += f'; {left_out} between training and validation are left out'
  if split_by == 'paper':
    note += (
      '. Neighboring video frames are in different splits: results on this test split say little '
      'about new scenes'
    )
  return {split: members for split, members in found.items() if members}, f'{note}.'


def config_name(
  prefix: str, options: Mapping[str, Any], files: Iterable[tuple[str, StoredFile]]
) -> str:
  """Returns `<prefix>-<12 hex digits>`; the digits are of the options and of (role, file)."""
  lines = [f'{option}={value}' for option, value in options.items()]
  lines += [
    f'{role}\t{os.path.basename(file.name)}\t{file.size}\t{file.stamp}' for role, file in files
  ]
  return storing.name_of_copy(prefix, lines)
