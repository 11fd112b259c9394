"""What a prepared copy of OSU Color-Thermal consists of, found by looking through its files."""

import dataclasses
import hashlib
import os
import pathlib
from typing import NamedTuple

import tensorflow_datasets as tfds

from cyclegan_jax import errors
from cyclegan_jax.data import images
from datasets import frames as frames_lib, partners
from datasets.archives import Reader, StoredFile
from datasets.osu import files
from datasets.osu.files import LETTERS, SEQUENCES

# The camera location of each sequence.
LOCATIONS = {'1': '1', '2': '1', '3': '1', '4': '2', '5': '2', '6': '2'}
# The sequences held out for testing. 'sequence': one of each location.
_HELD_OUT = {'sequence': ('3', '6'), 'location': ('4', '5', '6')}
METHODS = ('paper', *_HELD_OUT)

MANUAL_INSTRUCTIONS = """\
Download 1a.zip to 6a.zip and 1b.zip to 6b.zip from
http://vcipl-okstate.org/pbvs/bench/Data/03/download.html
(the files are http://vcipl-okstate.org/pbvs/bench/Data/03/1a.zip and so on; some networks are
refused with error 403, others are not) and put all twelve into one folder, zipped or unpacked to
folders called 1a to 6b. Then name that folder: --source_dir=FOLDER, or for TFDS
tfds.download.DownloadConfig(manual_dir=FOLDER)."""

# Frames of a part to look at to tell thermal from color.
_SAMPLED = 5


class Example(NamedTuple):
  """A pair. Its id is 'sequence/frame', such as '1/00012'."""

  id: str
  rgb: StoredFile
  ir: StoredFile

  @property
  def sequence(self) -> str:
    """The sequence."""
    return self.id.partition('/')[0]


@dataclasses.dataclass(eq=False)
class OsuConfig(tfds.core.BuilderConfig):
  """The files of the data set, how they are divided, and the pairs found; see osu_config().

  Attributes:
    source_dir: the folder with the zips or their content.
    split_by: 'paper', 'sequence' or 'location'.
    allow_unmatched: allow missing sequences, and over 1 % of frames without a partner.
    thermal: sequence -> 'a' or 'b', the part that is thermal.
    notes: sentences for people on counts, and on what is left out and why.
    unmatched: the files of the frames without a partner.
    pairs: all pairs, sorted by id. Without any, the builder looks for the files when it prepares.
    examples: split -> its pairs, sorted by id.
  """

  source_dir: str = ''
  split_by: str = 'paper'
  allow_unmatched: bool = False
  # Hidden from repr(), because TFDS logs the whole configuration.
  thermal: dict[str, str] = dataclasses.field(default_factory=dict, repr=False)
  notes: tuple[str, ...] = dataclasses.field(default=(), repr=False)
  unmatched: tuple[str, ...] = dataclasses.field(default=(), repr=False)
  pairs: tuple[Example, ...] = dataclasses.field(default=(), repr=False)
  examples: dict[str, tuple[Example, ...]] = dataclasses.field(default_factory=dict, repr=False)


def osu_config(
  source_dir: str | os.PathLike, split_by: str = 'paper', allow_unmatched: bool = False
) -> OsuConfig:
  """Looks through the published files, zipped or unpacked, and decides how to read them.

  Args:
    source_dir: the folder with 1a.zip to 6b.zip, or with folders of these names, at any depth;
      '~' is expanded.
    split_by: 'paper' (frames at random), 'sequence' (sequences 3 and 6 for testing) or
      'location' (sequences 4, 5 and 6 for testing); see README.md.
    allow_unmatched: continue although files are missing or over 1 % of the frames have no
      partner.

  Returns:
    The configuration for `Builder(config=...)`. Its name changes with the names, sizes and
    content (zips) or times (folders) of the files, and with the options.

  Raises:
    UserError: files are missing or contradict each other; the message names them.
  """
  if split_by not in METHODS:
    raise errors.UserError(f'--split_by={split_by}: must be one of {", ".join(METHODS)}.')
  if not os.fspath(source_dir):
    raise errors.UserError(f'--source_dir is empty.\n{MANUAL_INSTRUCTIONS}')
  source = pathlib.Path(source_dir).expanduser()
  found = files.scan(source)
  notes = _missing(source, found, allow_unmatched)
  sequences = [s for s in SEQUENCES if all(s + letter in found.parts for letter in LETTERS)]
  thermal = _thermal(found.parts, sequences)
  pairs, unmatched = [], []
  for sequence in sequences:
    letter = thermal[sequence]
    color = found.parts[sequence + other(letter)]
    matched, alone, note = _match(sequence, color, found.parts[sequence + letter], letter)
    pairs += matched
    unmatched += alone
    notes += note
  partners.check(source, unmatched, 2 * len(pairs), allow_unmatched)
  examples, note = frames_lib.divide(pairs, split_by, _HELD_OUT)
  return OsuConfig(
    name=_name(pairs, split_by, allow_unmatched),
    source_dir=str(source),
    split_by=split_by,
    allow_unmatched=allow_unmatched,
    thermal=thermal,
    notes=(*found.notes, *notes, note),
    unmatched=tuple(frame.shown for frame in unmatched),
    pairs=tuple(pairs),
    examples=examples,
    description=f'{len(pairs)} pairs, split by {split_by}.',
  )


def other(letter: str) -> str:
  """Returns the letter of the other part of a sequence."""
  return 'b' if letter == 'a' else 'a'


def _missing(source: pathlib.Path, found: files.Found, allow_unmatched: bool) -> list[str]:
  """Returns a note on missing zips; UserError if they must not be missing."""
  missing = [s + letter for s in SEQUENCES for letter in LETTERS if s + letter not in found.parts]
  complete = {s for s in SEQUENCES if not {s + letter for letter in LETTERS} & set(missing)}
  if not missing:
    return []
  text = ', '.join(f'{part}.zip' for part in missing)
  if allow_unmatched and complete:
    left_out = [s for s in SEQUENCES if s not in complete]
    return [f'{text} missing: sequence(s) {", ".join(left_out)} left out.']
  raise errors.UserError(
    f'--source_dir={source}: {text} (or folders of these names) missing; found '
    f'{", ".join(sorted(found.parts)) or "none"}, expected 1a to 6b. {" ".join(found.notes)}\n'
    f'{MANUAL_INSTRUCTIONS}\n'
    'To use only the complete sequences: --allow_unmatched.'
  )


def _thermal(parts: dict[str, dict[int, StoredFile]], sequences: list[str]) -> dict[str, str]:
  """Returns sequence -> the letter of its thermal part, by looking at frames."""
  thermal = {}
  with Reader() as reader:
    for sequence in sequences:
      gray = {
        letter: _is_gray(sequence + letter, parts[sequence + letter], reader) for letter in LETTERS
      }
      if gray['a'] == gray['b']:
        kind = 'gray' if gray['a'] else 'in color'
        raise errors.UserError(
          f'{sequence}a and {sequence}b are both {kind} (such as '
          f'{min(parts[sequence + "a"].values()).shown} and '
          f'{min(parts[sequence + "b"].values()).shown}); expected thermal frames, gray, in one '
          'and color frames in the other. Download both again.'
        )
      thermal[sequence] = 'a' if gray['a'] else 'b'
  if len(set(thermal.values())) > 1:
    listed = ', '.join(f'{sequence}{letter}' for sequence, letter in thermal.items())
    raise errors.UserError(
      f'The thermal parts are {listed}: expected the same letter for all sequences. Put the '
      'files under their published names.'
    )
  return thermal


def _is_gray(part: str, by_number: dict[int, StoredFile], reader: Reader) -> bool:
  """Returns whether most of a part's frames have one channel or three equal ones."""
  numbers = sorted(by_number)
  count = min(len(numbers), _SAMPLED)
  # By majority, because one frame may be dark, or of the wrong kind; that is reported later.
  gray, problem = [], ''
  for index in range(count):
    frame = by_number[numbers[index * len(numbers) // count]]
    try:
      array = images.read_image(reader.read(frame), frame.shown)
    except images.ImageError as error:
      problem = str(error)  # The check before preparation names all damaged frames.
      continue
    gray.append(images.is_gray(array))
  if not gray:
    raise errors.UserError(f'None of {count} frames of {part} can be read, such as {problem}')
  return 2 * sum(gray) > len(gray)


def _match(
  sequence: str, color: dict[int, StoredFile], thermal: dict[int, StoredFile], letter: str
) -> tuple[list[Example], list[StoredFile], list[str]]:
  """Returns pairs, frames without a partner and notes of one sequence."""
  notes = []
  offset = _offset(color, thermal)
  if sorted((min(color), min(thermal))) == [0, 1]:
    how = 'in order' if offset else 'by number all the same; check that they match'
    notes.append(
      f'Sequence {sequence}: color frames are numbered from {min(color)}, thermal '
      f'ones from {min(thermal)}; they are paired {how}.'
    )
  shifted = {number - offset: frame for number, frame in thermal.items()}
  shared = sorted(color.keys() & shifted.keys())
  pairs = [Example(f'{sequence}/{number:05d}', color[number], shifted[number]) for number in shared]
  notes.insert(
    0,
    f'Sequence {sequence}: {len(pairs)} pairs from {len(thermal)} thermal '
    f'({sequence}{letter}) and {len(color)} color frames '
    f'({sequence}{other(letter)}).',
  )
  alone = []
  for kind, by_number in (('color', color), ('thermal', shifted)):
    rest = sorted(by_number.keys() - set(shared))
    alone += [by_number[number] for number in rest]
    if rest:
      notes.append(
        f'Sequence {sequence}: {len(rest)} {kind} frame(s) without partner: '
        f'{partners.listed(by_number[number] for number in rest)}.'
      )
  return pairs, alone, notes


def _offset(color: dict[int, StoredFile], thermal: dict[int, StoredFile]) -> int:
  """Returns 1 or -1 if one part counts from 0, the other from 1, both without gaps; else 0."""
  gapless = all(max(part) - min(part) + 1 == len(part) for part in (color, thermal))
  starts = min(color), min(thermal)
  if gapless and len(color) == len(thermal) and sorted(starts) == [0, 1]:
    return starts[1] - starts[0]
  return 0


def _name(pairs: list[Example], split_by: str, allow_unmatched: bool) -> str:
  """Returns `<split_by>-<12 hex digits>`; the digits are of files and options."""
  lines = [f'split_by={split_by}', f'allow_unmatched={allow_unmatched}']
  lines += [
    f'{pair.id}\t{os.path.basename(frame.name)}\t{frame.size}\t{frame.stamp}'
    for pair in pairs
    for frame in (pair.rgb, pair.ir)
  ]
  return f'{split_by}-{hashlib.sha256(chr(10).join(lines).encode()).hexdigest()[:12]}'
