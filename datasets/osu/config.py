"""What a prepared copy of OSU Color-Thermal consists of, found by looking through its files."""

import dataclasses
import os
import pathlib

from cyclegan_jax.errors import UserError
from cyclegan_jax.image_files import images
from datasets import published
from datasets.archives import Reader, StoredFile
from datasets.osu import files
from datasets.osu.files import LETTERS, PARTS, SEQUENCES
from datasets.published import Pair

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


@dataclasses.dataclass(eq=False)
class OsuConfig(published.Config):
  """What osu_config() found; `thermal` is sequence -> 'a' or 'b', the part that is thermal."""

  thermal: dict[str, str] = dataclasses.field(default_factory=dict, repr=False)


def osu_config(
  source_dir: str | os.PathLike, split_by: str = 'paper', allow_unmatched: bool = False
) -> OsuConfig:
  """Looks through the published files, zipped or unpacked, and decides how to read them.

  Args:
    source_dir: the folder with 1a.zip to 6b.zip, or with folders of these names, at any depth;
      '~' is expanded.
    split_by: 'paper' (frames at random), 'sequence' (sequences 3 and 6 for testing) or
      'location' (sequences 4, 5 and 6 for testing); see README.md.
    allow_unmatched: continue although files are missing or over 1 % of the frames have no partner.

  Returns:
    The configuration for `Builder(config=...)`. Its name changes with the names, sizes and
    content (zips) or times (folders) of the files, and with the options.

  Raises:
    UserError: files are missing or contradict each other; the message names them.
  """
  published.check_option('split_by', split_by, METHODS)
  source = published.source_folder(source_dir, MANUAL_INSTRUCTIONS)
  found = files.scan(source)
  notes = [*found.notes, *_missing(source, found, allow_unmatched)]
  thermal, pairs, unmatched = _thermal(found.parts), [], []
  for sequence, letter in thermal.items():
    matched, alone, more = _match(sequence, found.parts, letter)
    pairs, unmatched, notes = pairs + matched, unmatched + alone, notes + more
  options = {'split_by': split_by, 'allow_unmatched': allow_unmatched}
  stored = ((pair.id, file) for pair in pairs for file in pair.files.values())
  return published.make_config(
    OsuConfig,
    source,
    pairs,
    unmatched,
    notes,
    _HELD_OUT,
    name=published.config_name(split_by, options, stored),
    description=f'{len(pairs)} pairs, split by {split_by}.',
    thermal=thermal,
    **options,
  )


def other(letter: str) -> str:
  """Returns the letter of the other part of a sequence."""
  return 'b' if letter == 'a' else 'a'


def _missing(source: pathlib.Path, found: files.Found, allow_unmatched: bool) -> list[str]:
  """Returns a note on missing zips; UserError if they must not be missing."""
  missing = [part for part in PARTS if part not in found.parts]
  if not missing:
    return []
  text = ', '.join(f'{part}.zip' for part in missing)
  left_out = sorted({part[0] for part in missing})
  if allow_unmatched and len(left_out) < len(SEQUENCES):
    return [f'{text} missing: sequence(s) {", ".join(left_out)} left out.']
  raise UserError(
    f'--source_dir={source}: {text} (or folders of these names) missing; found '
    f'{", ".join(sorted(found.parts)) or "none"}, expected 1a to 6b. {" ".join(found.notes)}\n'
    f'{MANUAL_INSTRUCTIONS}\n'
    'To use only the complete sequences: --allow_unmatched.'
  )


def _thermal(parts: dict[str, dict[int, StoredFile]]) -> dict[str, str]:
  """Returns complete sequence -> the letter of its thermal part, by looking at frames."""
  thermal = {}
  with Reader() as reader:
    for sequence in SEQUENCES:
      both = [sequence + letter for letter in LETTERS]
      if not parts.keys() >= set(both):
        continue
      gray = [_is_gray(part, list(parts[part].values()), reader) for part in both]
      if gray[0] == gray[1]:
        first, second = (next(iter(parts[part].values())).shown for part in both)
        raise UserError(
          f'{" and ".join(both)} are both {"gray" if gray[0] else "in color"} (such as {first} and '
          f'{second}); expected thermal frames, gray, in one and color frames in the other. '
          'Download both again.'
        )
      thermal[sequence] = LETTERS[gray.index(True)]
  if len(set(thermal.values())) > 1:
    listed = ', '.join(f'{sequence}{letter}' for sequence, letter in thermal.items())
    raise UserError(
      f'The thermal parts are {listed}: expected the same letter for all sequences. Put the '
      'files under their published names.'
    )
  return thermal


def _is_gray(part: str, frames: list[StoredFile], reader: Reader) -> bool:
  """Returns whether most of a part's frames have one channel or three equal ones."""
  sample = files.sample(frames, _SAMPLED)
  # By majority, because one frame may be dark, or of the wrong kind; that is reported later.
  gray, problem = [], ''
  for frame in sample:
    try:
      gray.append(images.is_gray(images.read_image(reader.read(frame), frame.shown)))
    except images.ImageError as error:
      problem = str(error)  # The check before preparation names all damaged frames.
  if not gray:
    raise UserError(f'None of {len(sample)} frames of {part} can be read, such as {problem}')
  return 2 * sum(gray) > len(gray)


def _match(
  sequence: str, parts: dict[str, dict[int, StoredFile]], letter: str
) -> tuple[list[Pair], list[StoredFile], list[str]]:
  """Returns pairs, frames without a partner and notes of one sequence."""
  color, thermal = parts[sequence + other(letter)], parts[sequence + letter]
  starts, offset, notes = (min(color), min(thermal)), 0, []
  if sorted(starts) == [0, 1]:
    how = 'by number all the same; check that they match'
    # Only if no frames are missing.
    if len(color) == len(thermal) == max(color) - starts[0] + 1 == max(thermal) - starts[1] + 1:
      offset, how = starts[1] - starts[0], 'in order'
    notes = [
      f'Sequence {sequence}: color frames are numbered from {starts[0]}, thermal ones from '
      f'{starts[1]}; they are paired {how}.'
    ]
  thermal = {number - offset: frame for number, frame in thermal.items()}
  shared, alone, more = published.partners(
    f'Sequence {sequence}', {'color': color, 'thermal': thermal}
  )
  pairs = [Pair(f'{sequence}/{number:05d}', color[number], thermal[number]) for number in shared]
  counts = (
    f'Sequence {sequence}: {len(pairs)} pairs from {len(thermal)} thermal ({sequence}{letter}) and '
    f'{len(color)} color frames ({sequence}{other(letter)}).'
  )
  return pairs, alone, [counts, *notes, *more]
