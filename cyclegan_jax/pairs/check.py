"""Checks a pair of images: is it shifted, mismatched, damaged? For data sets see dataset_check."""

from collections.abc import Mapping
import dataclasses
from typing import NamedTuple

import numpy as np

from cyclegan_jax.image_files import images
from cyclegan_jax.pairs import byte_order
from cyclegan_jax.pairs.alignment import find_shifts, part, Shift
from cyclegan_jax.pairs.flags import DEFAULT, FLAGS

_SIDES = ('top', 'bottom', 'left', 'right')
# A level is 1 in 8 bits. In 16 bits, where scenes use little of the range, it is that of 12.
_LEVEL = {np.dtype(np.uint8): 1, np.dtype(np.uint16): 16}
_BORDER_TOLERANCE = 3  # Levels: what JPEG does to a black border;
_BORDER_JUMP = 10  # and how far most of what follows must stand out.
_COMPARED = 128  # The longer side of images whose luminance is compared.


class Span(NamedTuple):
  """The values of an image: the smallest, the largest, and the end of its dtype's range."""

  low: int
  high: int
  end: int

  @property
  def share(self) -> float:
    """The share of the range that is used, 0 to 1."""
    return (self.high - self.low) / self.end


@dataclasses.dataclass(frozen=True)
class Pair:
  """The findings about a pair."""

  id: str
  split: str
  index: int  # In the split.
  shift: Shift | None  # Of the whole image, once turned; None if an image is constant or tiny.
  part: Shift | None  # The largest shift of a part that is certain enough, if there is one.
  found: dict[str, str]  # Flag, one of FLAGS -> the numbers behind it, for people.
  where: str = ''  # The name of that part, such as 'top left'.
  turn: int = 0  # Quarters of a circle, counterclockwise, by which IR has to be turned: 0 to 3.
  spans: Mapping[str, Span] = dataclasses.field(default_factory=dict)  # Of 'rgb' and 'ir'.

  @property
  def flags(self) -> tuple[str, ...]:
    """The flags, the most serious first."""
    return tuple(flag for flag in FLAGS if flag in self.found)

  @property
  def details(self) -> str:
    """All that was found, as text."""
    return '; '.join(f'{flag}: {self.found[flag]}' for flag in self.flags)


class _Fit(NamedTuple):
  """The shift of an IR image that was turned, that of a part, and the flags with details."""

  turn: int
  shift: Shift | None
  part: Shift | None
  where: str
  found: dict[str, str]


def check_pair(
  rgb: np.ndarray, ir: np.ndarray, identity: str = '', split: str = '', index: int = 0
) -> Pair:
  """Checks one pair by itself: everything but `duplicated` and `inverted`.

  RGB and IR are uint8 or uint16 [height, width, 1 or 3] of the same height and width. IR with
  swapped bytes is looked at as if they were not.
  """
  both = {'rgb': rgb, 'ir': ir}
  spans = {
    name: Span(int(image.min()), int(image.max()), np.iinfo(image.dtype).max)
    for name, image in both.items()
  }
  swapped = {}
  if byte_order.is_swapped(ir):
    ir = both['ir'] = ir.byteswap()
    swapped['swapped_bytes'] = 'ir'
  filled = [name for name, image in both.items() if not is_constant(image)]
  found = swapped | _flaws(both, filled, {name: borders(image) for name, image in both.items()})
  fit = _Fit(0, None, None, '', {})
  if len(filled) == len(both):
    similar = _luminance_correlation(rgb, ir)
    if similar >= DEFAULT.luminance:
      found['luminance'] = f'correlation {similar:.3f}'
    fit = _fit(rgb, ir)
    if 'no_match' in fit.found:
      fit = _turned(rgb, ir) or fit
  found |= fit.found
  return Pair(identity, split, index, fit.shift, fit.part, found, fit.where, fit.turn, spans)


def is_constant(image: np.ndarray) -> bool:
  """Tells whether no channel of uint8 or uint16 [height, width, channels] has any content."""
  return bool(image.std((0, 1)).max() < DEFAULT.constant * _LEVEL[image.dtype])


def _saturated_share(image: np.ndarray) -> float:
  """The share of values at 0 or at the other end of the dtype's range, whichever is more."""
  return float(max(np.mean(image == end) for end in (0, np.iinfo(image.dtype).max)))


def _luminance_correlation(rgb: np.ndarray, ir: np.ndarray) -> float:
  """The correlation of IR with the luminance of RGB, both reduced; 0 if one is constant."""
  scale = min(1, _COMPARED / max(rgb.shape[:2]))
  size = max(1, round(rgb.shape[0] * scale)), max(1, round(rgb.shape[1] * scale))
  a, b = (images.luminance(images.resize(image, size)) for image in (rgb, ir))
  a, b = a - a.mean(), b - b.mean()
  norm = np.sqrt((a**2).sum() * (b**2).sum())
  return float((a * b).sum() / norm) if norm else 0.0


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


def inside(image: np.ndarray, widths: tuple[int, ...]) -> np.ndarray:
  """Returns an image [height, width, ...] without margins: top, bottom, left, right."""
  top, bottom, left, right = widths
  return image[top : image.shape[0] - bottom, left : image.shape[1] - right]


def part_box(pair: Pair, rgb: np.ndarray, ir: np.ndarray) -> tuple[int, int, int, int]:
  """Returns the place of a pair's `part`, which it has: top, bottom, left, right, in pixels.

  The images are those that were checked, IR with its bytes in order.
  """
  top, bottom, left, right = common_borders(rgb, np.rot90(ir, pair.turn))
  height, width = rgb.shape[:2]
  rows, columns = part(pair.where, (height - top - bottom, width - left - right))
  return top + rows.start, top + rows.stop, left + columns.start, left + columns.stop


def common_borders(rgb: np.ndarray, ir: np.ndarray) -> tuple[int, ...]:
  """Returns the wider `borders` of both images.

  The edge of a margin is in one image only, or where it is whatever the shift.
  """
  return tuple(map(max, borders(rgb), borders(ir)))


def _flaws(
  both: Mapping[str, np.ndarray], filled: list[str], widths: Mapping[str, tuple[int, ...]]
) -> dict[str, str]:
  """The flags about single images, with details."""
  saturated = {name: _saturated_share(inside(both[name], widths[name])) for name in filled}
  bordered = [name for name, sides in widths.items() if max(sides) >= DEFAULT.border]
  listed = {
    'constant': [name for name in both if name not in filled],
    'false_color': [] if images.is_gray(both['ir']) else ['ir'],
    'bordered': [
      ' '.join([name, *(f'{side} {width}' for side, width in zip(_SIDES, widths[name]) if width)])
      for name in bordered
    ],
    'saturated': [
      f'{name} {share:.0%}' for name, share in saturated.items() if share > DEFAULT.saturated
    ],
  }
  found = {flag: ', '.join(texts) for flag, texts in listed.items() if texts}
  if bordered:
    colors = {_color(both[name], widths[name]) for name in bordered}
    found['bordered'] += f' ({" and ".join(sorted(colors))})'
  return found


def _color(image: np.ndarray, widths: tuple[int, ...]) -> str:
  """Names the color of the widest margin of an image that has one."""
  lines = (image[0], image[-1], image[:, 0], image[:, -1])[int(np.argmax(widths))]
  level = np.median(lines) / np.iinfo(image.dtype).max
  return 'black' if level < 0.05 else 'white' if level > 0.95 else 'gray'


def _fit(rgb: np.ndarray, ir: np.ndarray, turn: int = 0) -> _Fit:
  """Finds the shift of IR, turned by so many quarters, and the flags about it."""
  ir = np.rot90(ir, turn)
  common = common_borders(rgb, ir)
  shift, parts = find_shifts(inside(rgb, common), inside(ir, common))
  sure = {name: p for name, p in parts.items() if p.score >= DEFAULT.part_score}
  where = max(sure, key=lambda name: sure[name].length, default='')
  part = sure.get(where)
  return _Fit(turn, shift, part, where, _misalignments(shift, part, where, max(rgb.shape[:2])))


def _turned(rgb: np.ndarray, ir: np.ndarray) -> _Fit | None:
  """The fit of IR turned by one to three quarters, if one is certain."""
  turns = [turn for turn in (1, 2, 3) if np.rot90(ir, turn).shape == ir.shape]
  fits = [fit for turn in turns if (fit := _fit(rgb, ir, turn)).shift]
  best = max(fits, key=lambda fit: fit.shift.score if fit.shift else 0.0, default=None)
  if best is None or best.shift is None or best.shift.score < DEFAULT.turn_score:
    return None
  how = {1: '90 degrees counterclockwise', 2: '180 degrees', 3: '90 degrees clockwise'}[best.turn]
  return best._replace(found={'rotated': f'IR fits turned by {how}', **best.found})


def _misalignments(
  shift: Shift | None, part: Shift | None, where: str, longest: int
) -> dict[str, str]:
  """The flags about alignment, with details."""
  found = {}
  if shift and shift.length >= DEFAULT.least_shift(longest):
    name = 'misaligned' if shift.score >= DEFAULT.score else 'no_match'
    found[name] = f'{shift.length:.1f} px'
  least = max(DEFAULT.part_shift, DEFAULT.part_share * longest)
  if 'misaligned' not in found and part and part.length >= least:
    found['misaligned_part'] = f'{where} {part.length:.1f} px'
  return found
