"""Checks all pairs of a data set, and writes what was found as tables.

DIR/pairs.csv     one row per pair, the most suspicious first
DIR/pairs.json    counts and thresholds
"""

from collections.abc import Mapping
import dataclasses
import hashlib
import itertools
import json
import pathlib
from typing import Any

import numpy as np

from cyclegan_jax import files
from cyclegan_jax.data import masks
from cyclegan_jax.data.record_images import record_id
from cyclegan_jax.data.source import Dataset
from cyclegan_jax.errors import UserError
from cyclegan_jax.image_files import images
from cyclegan_jax.pairs import polarity
from cyclegan_jax.pairs.check import check_pair, is_constant, Pair, Span
from cyclegan_jax.pairs.flags import FLAGS, Thresholds
from cyclegan_jax.progress import Log, tracked

CSV, JSON = 'pairs.csv', 'pairs.json'
COLUMNS = (
  *('id', 'shift_x', 'shift_y', 'score', 'flags', 'split'),
  *('part_shift_x', 'part_shift_y', 'part_score', 'details', 'turn'),
  *(f'{domain}_{column}' for domain in ('rgb', 'ir') for column in ('min', 'max', 'share')),
)
CONVENTION = (
  'Shifts are what IR must be moved by to lie on RGB, in pixels of the stored images: x to the '
  'right, y downwards, after a turn (in degrees, counterclockwise) if it needs one.'
)
_NEARLY_ALL = 0.9


def check(dataset: Dataset, log: Log) -> list[Pair]:
  """Checks all pairs of all splits, which are aligned.

  Returns:
    The pairs, the most suspicious first: by worst flag, then by shift.

  Raises:
    UserError: there are no pairs, or an image cannot be read.
  """
  for split in dataset.splits.values():
    if not split.aligned:
      raise UserError(
        f'{dataset.name}: the RGB and IR images of split {split.name} are two '
        'unrelated collections; there are no pairs to check.'
      )
  places = [(name, index) for name, split in dataset.splits.items() for index in range(len(split))]
  if not places:
    raise UserError(f'{dataset.name} has no pairs to check.')
  pairs, digests, relations = [], [], []
  for name, index in tracked(places, len(places), 'Checking pairs', log):
    identity, rgb, ir = read_pair(dataset, name, index)
    pairs.append(check_pair(rgb, ir, identity, name, index))
    both = {'rgb': rgb, 'ir': ir}
    digests.append({k: _digest(image) for k, image in both.items() if not is_constant(image)})
    relations.append(_relation(pairs[-1], rgb, ir))
  _flag_duplicates(pairs, digests)
  for place, correlation in polarity.inverted(relations).items():
    pairs[place].found['inverted'] = f'correlation {correlation:.2f} with what the others predict'
  return sorted(pairs, key=_severity)


def read_pair(dataset: Dataset, split: str, index: int) -> tuple[str, np.ndarray, np.ndarray]:
  """Reads a pair as it is stored.

  Returns:
    The id, and RGB and IR: uint8 or uint16 [height, width, 1 or 3], without the rows and columns
    at the sides that are known to have no thermal data.

  Raises:
    UserError: an image cannot be read, or their sizes differ.
  """
  record = dataset.splits[split].rgb[index]
  identity = record_id(record)
  rgb, ir = (images.read_image(record[key], f'{identity} ({key})') for key in ('rgb', 'ir'))
  if rgb.shape[:2] != ir.shape[:2]:
    sizes = ['x'.join(map(str, image.shape[:2])) for image in (rgb, ir)]
    raise UserError(
      f'{identity}: RGB is {sizes[0]}, IR {sizes[1]} pixels; the images of a pair '
      'need the same size.'
    )
  if 'mask' in record:
    box = masks.data_box(record['mask'])
    rgb, ir = rgb[box], ir[box]
  return identity, rgb, ir


def notes(pairs: list[Pair]) -> list[str]:
  """Returns sentences on what concerns the set as a whole."""
  found, n = [], len(pairs)
  swapped = sum('swapped_bytes' in pair.found for pair in pairs)
  if swapped >= _NEARLY_ALL * n:
    found.append(
      f'Note: {swapped} of {n} IR images have swapped bytes; the whole set seems to be written so. '
      f'{FLAGS["swapped_bytes"].remedy}'
    )
  elif swapped:
    found.append(f'Note: {swapped} of {n} IR images have swapped bytes, the others do not.')
  inverted = sum('inverted' in pair.found for pair in pairs)
  if inverted:
    found.append(
      f'Note: {inverted} of {n} IR images seem to be black-hot and the others white-hot, or the '
      f'other way round. {FLAGS["inverted"].remedy}'
    )
  return found


def summary(pairs: list[Pair], dataset: Dataset, thresholds: Thresholds) -> dict[str, Any]:
  """Returns the content of pairs.json: counts, and the median of the shifts that are certain."""
  lengths = [
    pair.shift.length for pair in pairs if pair.shift and pair.shift.score >= thresholds.score
  ]
  return {
    'dataset': dataset.name,
    'description': dataset.description,
    'fingerprint': dataset.fingerprint,
    'pairs': len(pairs),
    'flagged': sum(bool(pair.flags) for pair in pairs),
    'flags': {flag: sum(flag in pair.flags for pair in pairs) for flag in FLAGS},
    'notes': notes(pairs),
    'spans': {domain: _whole_span(pairs, domain) for domain in ('rgb', 'ir')},
    'median_shift': round(float(np.median(lengths)), 3) if lengths else None,
    'convention': CONVENTION,
    'thresholds': dataclasses.asdict(thresholds),
  }


def write(folder: pathlib.Path, pairs: list[Pair], content: Mapping[str, Any]) -> None:
  """Writes what `check` and `summary` return, each file whole or not at all."""
  folder.mkdir(parents=True, exist_ok=True)
  files.write_csv(folder / CSV, [COLUMNS, *map(row, pairs)])
  files.write_text(folder / JSON, json.dumps(content, indent=2) + '\n')


def row(pair: Pair) -> list[str]:
  """Returns a pair as the text of `COLUMNS`."""
  whole, part = (
    [f'{value:.2f}' for value in shift] if shift else [''] * 3 for shift in (pair.shift, pair.part)
  )
  spans = [[s.low, s.high, f'{s.share:.4f}'] for s in (pair.spans['rgb'], pair.spans['ir'])]
  about = [pair.id, *whole, ' '.join(pair.flags), pair.split, *part, pair.details]
  return [*about, str(90 * pair.turn), *map(str, itertools.chain(*spans))]


def _whole_span(pairs: list[Pair], domain: str) -> dict[str, float]:
  spans = [pair.spans[domain] for pair in pairs]
  whole = Span(min(s.low for s in spans), max(s.high for s in spans), max(s.end for s in spans))
  return {'min': whole.low, 'max': whole.high, 'share': round(whole.share, 4)}


def _relation(pair: Pair, rgb: np.ndarray, ir: np.ndarray) -> polarity.Relation | None:
  """The relation of a checked pair; None if its images do not belong together."""
  if {'constant', 'no_match', 'false_color', 'luminance'} & pair.found.keys():
    return None
  ir = ir.byteswap() if 'swapped_bytes' in pair.found else ir
  return polarity.relation(rgb, np.rot90(ir, pair.turn))


def _flag_duplicates(pairs: list[Pair], digests: list[dict[str, str]]) -> None:
  """Flags pairs whose RGB or IR pixels, by their digests, are those of another pair."""
  owners: dict[tuple[str, str], list[Pair]] = {}
  for pair, own in zip(pairs, digests):
    for key in own.items():
      owners.setdefault(key, []).append(pair)
  for pair, own in zip(pairs, digests):
    # The first two are enough, so that a thousand equal images take no longer.
    others = [
      f'{name} as {other.id}'
      for name, digest in own.items()
      for other in owners[name, digest][:2]
      if other is not pair
    ]
    if others:
      pair.found['duplicated'] = ', '.join(others)


def _digest(image: np.ndarray) -> str:
  header = f'{image.shape} {image.dtype}'.encode()
  return hashlib.blake2b(header + image.tobytes(), digest_size=16).hexdigest()


def _severity(pair: Pair) -> tuple[int, float, str]:
  """Sorts the most suspicious first."""
  worst = list(FLAGS).index(pair.flags[0]) if pair.flags else len(FLAGS)
  shift = pair.part if pair.flags[:1] == ('misaligned_part',) else pair.shift
  return worst, -shift.length if shift else 0.0, pair.id
