"""Checks all pairs of a data set and writes what was found: CSV, JSON and a page.

DIR/pairs.csv     one row per pair, the most suspicious first
DIR/pairs.json    counts and thresholds
DIR/report.html   the worst pairs as pictures; needs no other file
"""

from collections.abc import Callable, Mapping
import csv
import dataclasses
import hashlib
import html
import io
import json
import pathlib
from typing import Any

import numpy as np
from scipy import ndimage

from cyclegan_jax import files, progress
from cyclegan_jax.data import images, masks
from cyclegan_jax.data.source import Dataset
from cyclegan_jax.errors import UserError
from cyclegan_jax.pairs.pair_check import check_pair, FLAGS, is_constant, Pair, Thresholds
from cyclegan_jax.reports import image_grid, page

CSV, JSON, PAGE = 'pairs.csv', 'pairs.json', 'report.html'
COLUMNS = (
  'id',
  'shift_x',
  'shift_y',
  'score',
  'flags',
  'split',
  'part_shift_x',
  'part_shift_y',
  'part_score',
  'details',
)
CONVENTION = (
  'Shifts are what IR has to be moved by to lie on RGB, in pixels of the stored '
  'images: x to the right, y downwards.'
)
_MEANINGS = {
  'constant': 'an image without content',
  'false_color': 'infrared whose three channels differ',
  'no_match': 'no shift fits: unrelated images, or shifted by more than 1/8 of the longer side',
  'misaligned': 'the whole image is shifted',
  'misaligned_part': 'one of six parts is shifted: parallax, movement, a different projection',
  'duplicated': 'RGB or IR has the very pixels of another pair',
  'bordered': 'a constant margin',
  'saturated': 'many pixels at one end of the range',
}
_TITLES = (
  'RGB',
  'IR',
  'blended',
  'checcurboard',
  'edges: RGB red, IR cyan',
  'edges, IR moved by the shift',
)
_CELL_WIDTH = 256
_TILES = 8  # Of the checcurboard, along the longer side.
_MOST_ROWS = 500  # Of the page's table; the CSV file has all.


def check(
  dataset: Dataset, log: Callable[[str], None], thresholds: Thresholds = Thresholds()
) -> list[Pair]:
  """All pairs of all splits, the most suspicious first: by worst flag, then by shift.

  Args:
    dataset: its splits are aligned.
    log: takes progress lines.
    thresholds: when a pair is flagged.

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
  pairs, digests = [], []
  for name, index in progress.tracked(places, len(places), 'checking pairs', log):
    identity, rgb, ir = read_pair(dataset, name, index)
    pairs.append(check_pair(rgb, ir, identity, name, index, thresholds))
    digests.append(
      {
        key: _digest(image)
        for key, image in (('rgb', rgb), ('ir', ir))
        if not is_constant(image, thresholds.constant)
      }
    )
  return sorted(with_duplicates(pairs, digests), key=_severity)


def read_pair(dataset: Dataset, split: str, index: int) -> tuple[str, np.ndarray, np.ndarray]:
  """Id, RGB and IR of a pair as they are stored: uint8 or uint16 [height, width, 1 or 3].

  Rows and columns at the sides that are known to have no thermal data are left out.

  Raises:
    UserError: an image cannot be read, or their sizes differ.
  """
  record = dataset.splits[split].rgb[index]
  identity = record['id'].decode() if isinstance(record['id'], bytes) else str(record['id'])
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


def with_duplicates(pairs: list[Pair], digests: list[Mapping[str, str]]) -> list[Pair]:
  """Flags pairs whose RGB or IR pixels are those of another pair; the order is kept.

  Args:
    pairs: from `check_pair`.
    digests: of each pair, of the pixels by domain; a domain may be left out.
  """
  owners = {}
  for pair, own in zip(pairs, digests):
    for key in own.items():
      owners.setdefault(key, []).append(pair)
  marked = []
  for pair, own in zip(pairs, digests):
    # The first two are enough, so that a thousand equal images take no longer.
    others = [
      (name, other.id)
      for name, digest in own.items()
      for other in owners[name, digest][:2]
      if other is not pair
    ]
    if others:
      flags = tuple(flag for flag in FLAGS if flag in pair.flags + ('duplicated',))
      text = 'duplicated: ' + ', '.join(f'{name} as {other}' for name, other in others)
      pair = dataclasses.replace(
        pair, flags=flags, details='; '.join(filter(None, [pair.details, text]))
      )
    marked.append(pair)
  return marked


def summary(pairs: list[Pair], dataset: Dataset, thresholds: Thresholds) -> dict[str, Any]:
  """Counts, the median length of the shifts that are sure enough, and what they mean, for JSON."""
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
    'median_shift': round(float(np.median(lengths)), 3) if lengths else None,
    'convention': CONVENTION,
    'thresholds': dataclasses.asdict(thresholds),
  }


def write(
  folder: pathlib.Path,
  pairs: list[Pair],
  content: Mapping[str, Any],
  dataset: Dataset,
  n_worst: int,
) -> None:
  """Writes the three files, each whole or not at all.

  Args:
    folder: made if it is not there.
    pairs: from `check`.
    content: from `summary`.
    dataset: the pictures' source.
    n_worst: how many pairs the page shows as pictures.
  """
  folder.mkdir(parents=True, exist_ok=True)
  buffer = io.StringIO()
  table = csv.writer(buffer, lineterminator='\n')
  table.writerow(COLUMNS)
  table.writerows(_row(pair) for pair in pairs)
  files.write_text(folder / CSV, buffer.getvalue())
  files.write_text(folder / JSON, json.dumps(content, indent=2) + '\n')
  files.write_text(folder / PAGE, render(pairs, content, dataset, n_worst))


def render(pairs: list[Pair], content: Mapping[str, Any], dataset: Dataset, n_worst: int) -> str:
  """The page as text; see `write`."""
  counts = [
    f'{flag}: {count} ({_MEANINGS[flag]})' for flag, count in content['flags'].items() if count
  ]
  limits = ', '.join(f'{name} {value:.3g}' for name, value in content['thresholds'].items())
  flagged = [pair for pair in pairs if pair.flags]
  cut = (
    page.paragraph(f'The first {_MOST_ROWS} of {len(flagged)}; {CSV} has all.')
    if len(flagged) > _MOST_ROWS
    else ''
  )
  header = [
    f'<h1>{html.escape(content["dataset"])}: check of pairs</h1>',
    page.paragraph(content['description']),
    page.paragraph(
      f'{content["flagged"]} of {content["pairs"]} pairs are flagged; the median '
      f'shift is {_number(content["median_shift"])} pixels. {CONVENTION}'
    ),
    page.listed(counts),
    page.paragraph(f'Thresholds: {limits}.', 'soft'),
  ]
  parts = [
    page.section(
      'worst', 'The most suspicious pairs', [_figure(pair, dataset) for pair in pairs[:n_worst]]
    ),
    page.section(
      'flagged',
      'All flagged pairs',
      [
        page.table(
          [COLUMNS, *map(_row, flagged[:_MOST_ROWS])], label='Flagged pairs', sortable=True
        ),
        cut,
      ],
    ),
  ]
  return page.document('Check of pairs', header, parts, scripts=[page.asset('sort.js')])


def picture(pair: Pair, rgb: np.ndarray, ir: np.ndarray) -> np.ndarray:
  """RGB, IR, both blended, as checcurboard, and edges before and after the shift.

  Args:
    pair: whose shift is shown.
    rgb: uint8 or uint16 [height, width, 1 or 3].
    ir: the same height and width.

  Returns:
    uint8 [height, width, 3].
  """
  height, width = rgb.shape[:2]
  scale = min(1, _CELL_WIDTH / width)
  size = max(1, round(height * scale)), max(1, round(width * scale))
  color, heat = (_to_8_bit(images.resize(image, size)) for image in (rgb, ir))
  color, heat = images.to_channels(color, 3, pair.id), images.to_channels(heat, 3, pair.id)
  gray = [images.luminance(image)[..., 0] for image in (color, heat)]
  blended = np.rint(sum(gray) / 2).astype(np.uint8)[..., None]
  y, x = np.indices(size) * _TILES // max(size)
  board = np.where(((x + y) % 2 == 0)[..., None], color, heat)
  offset = (pair.shift.y * scale, pair.shift.x * scale) if pair.shift else (0, 0)
  moved = ndimage.shift(gray[1], offset, order=1, mode='nearest')
  overlays = [
    np.stack([_edges(gray[0]), _edges(plane), _edges(plane)], axis=-1) for plane in (gray[1], moved)
  ]
  cell = max(size[0], 64), max(size[1], _CELL_WIDTH)
  return image_grid.grid([[color, heat, blended, board, *overlays]], _TITLES, cell_size=cell)


def _digest(image: np.ndarray) -> str:
  header = f'{image.shape} {image.dtype}'.encode()
  return hashlib.blake2b(header + image.tobytes(), digest_size=16).hexdigest()


def _severity(pair: Pair) -> tuple[int, float, str]:
  """Sorts the most suspicious first."""
  worst = FLAGS.index(pair.flags[0]) if pair.flags else len(FLAGS)
  shift = pair.part if pair.flags[:1] == ('misaligned_part',) else pair.shift
  return worst, -shift.length if shift else 0.0, pair.id


def _row(pair: Pair) -> list[str]:
  whole, part = (
    [_number(value) for value in shift or (None,) * 3] for shift in (pair.shift, pair.part)
  )
  return [pair.id, *whole, ' '.join(pair.flags), pair.split, *part, pair.details]


def _number(value: float | None) -> str:
  return '' if value is None else f'{value:.2f}'


def _figure(pair: Pair, dataset: Dataset) -> str:
  _, rgb, ir = read_pair(dataset, pair.split, pair.index)
  shift = (
    f'shift ({pair.shift.x:.1f}, {pair.shift.y:.1f}), score {pair.shift.score:.1f}'
    if pair.shift
    else 'no shift'
  )
  caption = f'{pair.id} ({pair.split}): {shift}. {pair.details or "Not flagged."}'
  # All six pictures of the row at their full width.
  return page.photograph(
    picture(pair, rgb, ir),
    f'{pair.id}: {", ".join(_TITLES)}',
    caption,
    width=len(_TITLES) * (_CELL_WIDTH + image_grid.GAP),
  )


def _to_8_bit(image: np.ndarray) -> np.ndarray:
  """16-bit images are stretched from their 1st to their 99th percentile, to be seen at all."""
  if image.dtype == np.uint8:
    return image
  low, high = np.percentile(image, (1, 99))
  return np.rint(np.clip((image - low) / max(high - low, 1), 0, 1) * 255).astype(np.uint8)


def _edges(plane: np.ndarray) -> np.ndarray:
  """Strength of the gradient, the strongest 3 % white: uint8 [height, width]."""
  strength = ndimage.gaussian_gradient_magnitude(plane, 1.0, mode='nearest')
  return np.rint(np.clip(strength / max(np.percentile(strength, 97), 1e-3), 0, 1) * 255).astype(
    np.uint8
  )
