"""Checks a pair of images: is it shifted, mismatched, damaged? For data sets see dataset_check."""

from collections.abc import Mapping
import dataclasses

import numpy as np

from cyclegan_jax.data import images
from cyclegan_jax.pairs.alignment import find_shifts, Shift

# All flags and what they mean, the most serious first: the order of the list.
FLAGS = {
  'constant': 'an image without content',
  'false_color': 'infrared whose three channels differ',
  'no_match': 'no shift fits: unrelated images, or shifted by more than 1/8 of the longer side',
  'misaligned': 'the whole image is shifted',
  'misaligned_part': 'one of six parts is shifted: parallax, movement, a different projection',
  'duplicated': 'RGB or IR has exactly the pixels of another pair',
  'bordered': 'a constant margin',
  'saturated': 'many pixels at one end of the range',
}
_SIDES = ('top', 'bottom', 'left', 'right')
# A level is 1 in 8 bits. In 16 bits, where scenes use little of the range, it is that of 12.
_LEVEL = {np.dtype(np.uint8): 1, np.dtype(np.uint16): 16}
_BORDER_TOLERANCE = 3  # Levels: what JPEG does to a black border;
_BORDER_JUMP = 10  # and how far most of what follows must stand out.


@dataclasses.dataclass(frozen=True)
class Thresholds:
  """The limits beyond which a pair is flagged.

  Measured on 180 pairs of RoadScene (about 500x300): of shifts up to 20 pixels, 98 % are found
  within 1 pixel; of 360 pairs of unrelated images 2 score above 5, and 0.6 % of their parts above
  5.5.

  Attributes:
    shift: pixels, or `shift_share` of the longer side if that is more.
    shift_share: see `shift`; subpixel precision ends at some share of the image.
    score: a larger shift with this score is `misaligned`, with less the pair is a `no_match`:
      a chance peak falls within `shift` of zero in less than 1 % of these.
    part_shift: as `shift`, for one of six parts of the image (a person, a car nearby).
    part_share: as `shift_share`.
    part_score: as `score`; a part that scores less says nothing.
    constant: standard deviation, in gray levels of 8 bits (uint16: of 12), that is content.
    saturated: share of the pixels inside borders that are at one end of the dtype's range.
    border: width in pixels.
  """

  shift: float = 3.0
  shift_share: float = 0.006
  score: float = 5.0
  part_shift: float = 5.0
  part_share: float = 0.01
  part_score: float = 5.5
  constant: float = 1.0
  saturated: float = 0.5
  border: int = 2


DEFAULT = Thresholds()


@dataclasses.dataclass(frozen=True)
class Pair:
  """The findings about a pair.

  Attributes:
    id: as in the data set.
    split: 'train', 'validation' or 'test'.
    index: place in the split.
    shift: of the whole image; None if an image is constant or tiny.
    part: the largest shift of a part that is certain enough, None if there is none.
    flags: of FLAGS, in their order.
    details: numbers behind the flags, for people.
  """

  id: str
  split: str
  index: int
  shift: Shift | None
  part: Shift | None
  flags: tuple[str, ...]
  details: str


def check_pair(
  rgb: np.ndarray,
  ir: np.ndarray,
  identity: str = '',
  split: str = '',
  index: int = 0,
  thresholds: Thresholds = DEFAULT,
) -> Pair:
  """Checks one pair by itself: everything but `duplicated`.

  Args:
    rgb: uint8 or uint16 [height, width, 1 or 3].
    ir: the same height and width.
    identity: the id; with `split` and `index` it is passed on.
    split: see `identity`.
    index: see `identity`.
    thresholds: when the pair is flagged.
  """
  both = {'rgb': rgb, 'ir': ir}
  filled = [name for name, image in both.items() if not is_constant(image, thresholds.constant)]
  widths = {name: borders(image) for name, image in both.items()}
  found = _flaws(both, filled, widths, thresholds)
  shift = part = None
  if len(filled) == len(both):
    # The edge of a border is in one image only, or at the same place whatever the shift.
    top, bottom, left, right = map(max, *widths.values())
    common = (top, bottom, left, right)
    shift, parts = find_shifts(_inside(rgb, common), _inside(ir, common))
    sure = {name: p for name, p in parts.items() if p.score >= thresholds.part_score}
    where = max(sure, key=lambda name: sure[name].length, default='')
    part = sure.get(where)
    found |= _misalignments(shift, part, where, max(rgb.shape[:2]), thresholds)
  flags = tuple(flag for flag in FLAGS if flag in found)
  details = '; '.join(f'{flag}: {found[flag]}' for flag in flags)
  return Pair(identity, split, index, shift, part, flags, details)


def is_constant(image: np.ndarray, limit: float = Thresholds.constant) -> bool:
  """Tells whether no channel of uint8 or uint16 [height, width, channels] has any content."""
  return bool(image.std((0, 1)).max() < limit * _LEVEL[image.dtype])


def saturated_share(image: np.ndarray) -> float:
  """Returns the share of uint8 or uint16 values at 0 or at the other end, whichever is more."""
  limit = np.iinfo(image.dtype).max
  return float(max(np.mean(image == 0), np.mean(image == limit)))


def borders(image: np.ndarray) -> tuple[int, int, int, int]:
  """Returns widths of constant margins of uint8 or uint16 [height, width, channels] in pixels.

  Returns:
    Top, bottom, left, right; zeros if the whole image is constant.
  """
  turned = image.swapaxes(0, 1)
  top, bottom, left, right = map(_border, (image, image[::-1], turned, turned[::-1]))
  return top, bottom, left, right


def _border(lines: np.ndarray) -> int:
  """The number of first lines that are alike and end at once, of [lines, length, channels].

  Overexposed streets fade out and trees rise into a clipped sky: these are no borders.
  """
  level = _LEVEL[lines.dtype]
  if np.ptp(lines[0], axis=0).max() > 2 * _BORDER_TOLERANCE * level:
    return 0  # Nearly all images, and faster.
  distance = np.abs(lines - np.median(lines[0], axis=0)).max(-1) / level
  width = int(np.argmax((distance > _BORDER_TOLERANCE).any(axis=1)))  # 0 if there are none, too
  following = distance[min(width + 1, len(lines) - 1)]
  return width if np.median(following) > _BORDER_JUMP else 0


def _inside(image: np.ndarray, widths: tuple[int, int, int, int]) -> np.ndarray:
  top, bottom, left, right = widths
  return image[top : image.shape[0] - bottom, left : image.shape[1] - right]


def _flaws(
  both: Mapping[str, np.ndarray],
  filled: list[str],
  widths: Mapping[str, tuple[int, int, int, int]],
  thresholds: Thresholds,
) -> dict[str, str]:
  """The flags about single images, with details."""
  saturated = {name: saturated_share(_inside(both[name], widths[name])) for name in filled}
  listed = {
    'constant': [name for name in both if name not in filled],
    'false_color': [] if images.is_gray(both['ir']) else ['ir'],
    'bordered': [
      ' '.join([name, *(f'{side} {width}' for side, width in zip(_SIDES, sides) if width)])
      for name, sides in widths.items()
      if max(sides) >= thresholds.border
    ],
    'saturated': [
      f'{name} {share:.0%}' for name, share in saturated.items() if share > thresholds.saturated
    ],
  }
  return {flag: ', '.join(texts) for flag, texts in listed.items() if texts}


def _misalignments(
  shift: Shift | None, part: Shift | None, where: str, longest: int, thresholds: Thresholds
) -> dict[str, str]:
  """The flags about alignment, with details."""
  found = {}
  if shift and shift.length >= max(thresholds.shift, thresholds.shift_share * longest):
    name = 'misaligned' if shift.score >= thresholds.score else 'no_match'
    found[name] = f'{shift.length:.1f} px'
  least = max(thresholds.part_shift, thresholds.part_share * longest)
  if 'misaligned' not in found and part and part.length >= least:
    found['misaligned_part'] = f'{where} {part.length:.1f} px'
  return found
