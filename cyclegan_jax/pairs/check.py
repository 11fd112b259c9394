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
  """

  shift: float = 3.0  # Pixels, or this share of the longer side if that is more,
  shift_share: float = 0.006  # because subpixel precision ends at some share of the image.
  # A larger shift with this score is `misaligned`, with less the pair is a `no_match`: a chance
  # peak falls within `shift` of zero in less than 1 % of these.
  score: float = 5.0
  part_shift: float = 5.0  # The same for one of six parts of the image (a person, a car nearby).
  part_share: float = 0.01
  part_score: float = 5.5  # A part that scores less says nothing.
  constant: float = 1.0  # Standard deviation, in gray levels of 8 bits (uint16: of 12).
  saturated: float = 0.5  # Share of the pixels inside borders at one end of the dtype's range.
  border: int = 2  # Width in pixels.


DEFAULT = Thresholds()


@dataclasses.dataclass(frozen=True)
class Pair:
  """The findings about a pair."""

  id: str
  split: str
  index: int  # In the split.
  shift: Shift | None  # Of the whole image; None if an image is constant or tiny.
  part: Shift | None  # The largest shift of a part that is certain enough, if there is one.
  found: dict[str, str]  # Flag, one of FLAGS -> the numbers behind it, for people.

  @property
  def flags(self) -> tuple[str, ...]:
    """The flags, the most serious first."""
    return tuple(flag for flag in FLAGS if flag in self.found)

  @property
  def details(self) -> str:
    """All that was found, as text."""
    return '; '.join(f'{flag}: {self.found[flag]}' for flag in self.flags)


def check_pair(
  rgb: np.ndarray, ir: np.ndarray, identity: str = '', split: str = '', index: int = 0
) -> Pair:
  """Checks one pair by itself: everything but `duplicated`.

  RGB and IR are uint8 or uint16 [height, width, 1 or 3] of the same height and width.
  """
  both = {'rgb': rgb, 'ir': ir}
  filled = [name for name, image in both.items() if not is_constant(image)]
  widths = {name: borders(image) for name, image in both.items()}
  found = _flaws(both, filled, widths)
  shift = part = None
  if len(filled) == len(both):
    # The edge of a border is in one image only, or at the same place whatever the shift.
    common = tuple(map(max, *widths.values()))
    shift, parts = find_shifts(_inside(rgb, common), _inside(ir, common))
    sure = {name: p for name, p in parts.items() if p.score >= DEFAULT.part_score}
    where = max(sure, key=lambda name: sure[name].length, default='')
    part = sure.get(where)
    found |= _misalignments(shift, part, where, max(rgb.shape[:2]))
  return Pair(identity, split, index, shift, part, found)


def is_constant(image: np.ndarray) -> bool:
  """Tells whether no channel of uint8 or uint16 [height, width, channels] has any content."""
  return bool(image.std((0, 1)).max() < DEFAULT.constant * _LEVEL[image.dtype])


def _saturated_share(image: np.ndarray) -> float:
  """The share of values at 0 or at the other end of the dtype's range, whichever is more."""
  return float(max(np.mean(image == end) for end in (0, np.iinfo(image.dtype).max)))


def borders(image: np.ndarray) -> tuple[int, ...]:
  """Returns widths of constant margins of uint8 or uint16 [height, width, channels] in pixels.

  They are top, bottom, left, right; zeros if the whole image is constant.
  """
  turned = image.swapaxes(0, 1)
  return tuple(map(_border, (image, image[::-1], turned, turned[::-1])))


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


def _inside(image: np.ndarray, widths: tuple[int, ...]) -> np.ndarray:
  top, bottom, left, right = widths
  return image[top : image.shape[0] - bottom, left : image.shape[1] - right]


def _flaws(
  both: Mapping[str, np.ndarray], filled: list[str], widths: Mapping[str, tuple[int, ...]]
) -> dict[str, str]:
  """The flags about single images, with details."""
  saturated = {name: _saturated_share(_inside(both[name], widths[name])) for name in filled}
  listed = {
    'constant': [name for name in both if name not in filled],
    'false_color': [] if images.is_gray(both['ir']) else ['ir'],
    'bordered': [
      ' '.join([name, *(f'{side} {width}' for side, width in zip(_SIDES, sides) if width)])
      for name, sides in widths.items()
      if max(sides) >= DEFAULT.border
    ],
    'saturated': [
      f'{name} {share:.0%}' for name, share in saturated.items() if share > DEFAULT.saturated
    ],
  }
  return {flag: ', '.join(texts) for flag, texts in listed.items() if texts}


def _misalignments(
  shift: Shift | None, part: Shift | None, where: str, longest: int
) -> dict[str, str]:
  """The flags about alignment, with details."""
  found = {}
  if shift and shift.length >= max(DEFAULT.shift, DEFAULT.shift_share * longest):
    name = 'misaligned' if shift.score >= DEFAULT.score else 'no_match'
    found[name] = f'{shift.length:.1f} px'
  least = max(DEFAULT.part_shift, DEFAULT.part_share * longest)
  if 'misaligned' not in found and part and part.length >= least:
    found['misaligned_part'] = f'{where} {part.length:.1f} px'
  return found
