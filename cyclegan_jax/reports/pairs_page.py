"""The page of a check of pairs: are they all right? The worst ones as pictures, all in a table."""

from collections.abc import Mapping, Sequence
import pathlib
import re
import shlex
from typing import Any, NamedTuple

import numpy as np
from PIL import Image, ImageDraw
from scipy import ndimage

from cyclegan_jax import files
from cyclegan_jax.data.source import Dataset
from cyclegan_jax.image_files import images
from cyclegan_jax.pairs import check, dataset_check
from cyclegan_jax.pairs.alignment import Shift
from cyclegan_jax.pairs.check import Pair
from cyclegan_jax.pairs.flags import FLAGS
from cyclegan_jax.reports import page

PAGE = 'report.html'
_WIDTH = 360  # Of a picture, at most.
_QUALITY = 80
_TILES = 8  # Of the checkerboard, along the longer side.
_MOST_ROWS = 500  # Of the page's table; the CSV file has all.
_OUTLINE = (255, 196, 0)
_HEADER = ('Pair', 'Looks', 'Infrared must move', 'Certainty', 'Split', 'Measured')


class Answer(NamedTuple):
  """What a card says: `state` is 'good', 'bad', or '' where nothing can be told."""

  state: str
  sentence: str
  detail: str = ''


def write(
  folder: pathlib.Path,
  pairs: list[Pair],
  content: Mapping[str, Any],
  dataset: Dataset,
  n_worst: int,
  *,
  name: str = '',
  repair: str = '',
) -> None:
  """Writes the page into an existing folder, whole or not at all; it needs no other file.

  Args:
    folder: to write to.
    pairs: from `dataset_check.check`.
    content: from `dataset_check.summary`.
    dataset: of the pairs.
    n_worst: so many of the first pairs are shown as pictures.
    name: what people call the data, such as the folder they are in; by default the data set's.
    repair: the command that writes a repaired copy.
  """
  flagged = [pair for pair in pairs if pair.flags]
  text = page.document(
    'pairs_page.html',
    ('tip.js', 'sort.js'),
    title=f'{name or content["dataset"]}: are the pairs all right?',
    content=content,
    pairs=verdict(pairs, folder / dataset_check.CSV),
    leaks=leaks(dataset),
    repair=repair if any(FLAGS[flag].is_repaired for pair in pairs for flag in pair.flags) else '',
    found=[(FLAGS[name], count) for name, count in content['flags'].items() if count],
    worst=[_figure(pair, dataset) for pair in pairs[:n_worst]],
    rows=[_HEADER, *map(_row, flagged[:_MOST_ROWS])],
    links={pair.id: f'#pair-{i}' for i, pair in enumerate(pairs[:n_worst])},
    csv=dataset_check.CSV,
  )
  files.write_text(folder / PAGE, text)


def verdict(pairs: Sequence[Pair], csv: pathlib.Path) -> Answer:
  """Returns whether the pairs are all right, and what to do first if they are not.

  The CSV file lists all pairs.
  """
  flagged = [pair for pair in pairs if pair.flags]
  n = len(pairs)
  if not flagged:
    return Answer('good', f'All {n} pairs look right')
  kinds = dict.fromkeys(FLAGS[flag].kind for flag in FLAGS if any(flag in p.flags for p in flagged))
  repaired = sum(any(FLAGS[flag].is_repaired for flag in pair.flags) for pair in flagged)
  look = 'looks' if len(flagged) == 1 else 'look'
  sentence = f'{len(flagged)} of {n} pairs {look} {_listed([*kinds])}'
  cure = f'leave them out with {shlex.quote(f"--exclude={csv}")}'
  if repaired:
    count = f'{repaired} pair{"s" * (repaired != 1)}'
    cure = f'repair what can be ({count}) with --fix=DIR, or {cure}'
  return Answer('bad', sentence, f'Look at them first, below; then {cure}.')


def leaks(dataset: Dataset) -> Answer:
  """Returns whether validation and test images are nearly in the training split."""
  near = {name: counts for name, counts in dataset.near_duplicates.items() if counts[1]}
  if not near:
    return Answer('', 'No leak check: there are no two splits to compare')
  lost = [f'{n} of {of} {name} images' for name, (n, of) in near.items() if n]
  if not lost:
    return Answer('good', f'No {_listed([*near])} image is nearly a training image')
  be = 'is' if sum(n for n, _ in near.values()) == 1 else 'are'
  detail = (
    'Figures of merit on them tell what a model remembers. Split by scene or sequence, or leave '
    'them out.'
  )
  return Answer('bad', f'{" and ".join(lost)} {be} nearly in the training split', detail)


def pictures(pair: Pair, rgb: np.ndarray, ir: np.ndarray) -> dict[str, np.ndarray]:
  """Draws RGB, IR, both blended, as a checkerboard, and edges before and after the pair's shift.

  A part that is shifted is outlined. Both images are uint8 or uint16 [height, width, 1 or 3] of one
  size; returns title -> uint8 [height, width, 3].
  """
  height, width = rgb.shape[:2]
  scale = min(1, _WIDTH / width)
  size = max(1, round(height * scale)), max(1, round(width * scale))
  # As stored, bytes that are swapped are noise; what follows looks at the image below.
  stored, ir = ir, ir.byteswap() if 'swapped_bytes' in pair.found else ir
  color, seen, heat = (
    images.to_channels(_to_8_bit(images.resize(image, size)), 3, pair.id)
    for image in (rgb, stored, ir)
  )
  gray = [images.luminance(image)[..., 0] for image in (color, heat)]
  blended = np.repeat(np.rint(np.mean(gray, axis=0)).astype(np.uint8)[..., None], 3, axis=-1)
  y, x = np.indices(size) * _TILES // max(size)
  board = np.where(((x + y) % 2 == 0)[..., None], color, heat)
  in_part = 'misaligned_part' in pair.found
  shift = pair.part if in_part else pair.shift
  offset = (shift.y * scale, shift.x * scale) if shift else (0, 0)
  # Only images whose size a turn does not change are found to be turned.
  moved = ndimage.shift(np.rot90(gray[1], pair.turn), offset, order=1, mode='nearest')
  red, *cyans = map(_edges, (*gray, moved))
  overlays = [np.stack([red, cyan, cyan], axis=-1) for cyan in cyans]
  drawn = {
    'RGB': color,
    'infrared as stored' if 'swapped_bytes' in pair.found else 'infrared': seen,
    'blended': blended,
    'checkerboard': board,
    'edges: RGB red, infrared cyan': overlays[0],
    f'edges, infrared moved{" as the part needs" * in_part}': overlays[1],
  }
  if in_part:
    box = [side * scale for side in check.part_box(pair, rgb, ir)]
    drawn = {title: _outlined(image, box) for title, image in drawn.items()}
  return drawn


def _figure(pair: Pair, dataset: Dataset) -> dict[str, Any]:
  _, rgb, ir = dataset_check.read_pair(dataset, pair.split, pair.index)
  drawn = pictures(pair, rgb, ir)
  return {
    'pair': pair,
    'looks': _looks(pair) or 'all right',
    'text': '; '.join(filter(None, [_measured(pair), _moves(pair)])),
    'pictures': {title: page.picture(image, quality=_QUALITY) for title, image in drawn.items()},
  }


def _row(pair: Pair) -> list[str]:
  shift = _shift(pair)
  moves = [_way(shift), f'{shift.score:.1f}'] if shift else ['-', '-']
  return [pair.id, _looks(pair), *moves, pair.split, _measured(pair)]


def _looks(pair: Pair) -> str:
  return ', '.join(FLAGS[flag].title for flag in pair.flags)


def _measured(pair: Pair) -> str:
  found = '; '.join(f'{FLAGS[flag].title}: {pair.found[flag]}' for flag in pair.flags)
  return re.sub(r'(?<=: |, )(rgb|ir)\b', lambda domain: domain[0].upper(), found)


def _shift(pair: Pair) -> Shift | None:
  """What is shifted, if something is: a part, or the whole image."""
  if 'misaligned_part' in pair.found:
    return pair.part
  return pair.shift if 'misaligned' in pair.found else None


def _moves(pair: Pair) -> str:
  shift = _shift(pair)
  if not shift:
    return ''
  what = 'this part' if 'misaligned_part' in pair.found else 'the image'
  return f'{what} fits best if infrared moves {_way(shift)} (certainty {shift.score:.1f})'


def _way(shift: Shift) -> str:
  """The way that infrared must move to lie on RGB, in words."""
  across, down = ('left', 'right')[shift.x > 0], ('up', 'down')[shift.y > 0]
  return f'{abs(shift.x):.1f} px {across}, {abs(shift.y):.1f} px {down}'


def _listed(words: list[str]) -> str:
  """Words as in a, b, or c."""
  if len(words) == 1:
    return words[0]
  comma = ',' * (len(words) > 2)
  return f'{", ".join(words[:-1])}{comma} or {words[-1]}'


def _outlined(image: np.ndarray, box: Sequence[float]) -> np.ndarray:
  """Draws a frame, yellow in black, around top, bottom, left, right."""
  drawn = Image.fromarray(image)
  draw, (top, bottom, left, right) = ImageDraw.Draw(drawn), map(round, box)
  for margin, ink, width in ((0, (0, 0, 0), 5), (1, _OUTLINE, 3)):
    place = left + margin, top + margin, right - 1 - margin, bottom - 1 - margin
    draw.rectangle(place, outline=ink, width=width)
  return np.asarray(drawn)


def _to_8_bit(image: np.ndarray) -> np.ndarray:
  """Stretches 16-bit images from their 1st to their 99th percentile, to be seen at all."""
  if image.dtype == np.uint8:
    return image
  low, high = np.percentile(image, (1, 99))
  return np.rint(np.clip((image - low) / max(high - low, 1), 0, 1) * 255).astype(np.uint8)


def _edges(plane: np.ndarray) -> np.ndarray:
  """Strength of the gradient, the strongest 3 % white: uint8 [height, width]."""
  strength = ndimage.gaussian_gradient_magnitude(plane, 1.0, mode='nearest')
  share = np.clip(strength / max(np.percentile(strength, 97), 1e-3), 0, 1)
  return np.rint(share * 255).astype(np.uint8)
