"""Checks a pair of images: is it shifted, mismatched, damaged? For data sets see `pair_page`.

A shift (x, y) is what the IR image has to be moved by to lie on its RGB image, in pixels of
the images as they are stored: x to the right, y downwards. If its content lies 5 pixels too
far to the right, x is -5.

Infrared inverts contrasts and lacks many edges, so edges are compared by direction: gradients
with doubled angle, which a change of sign leaves as they are, correlated over all shifts. A
shift's score is the height of its peak above the mean of all other shifts, in their standard
deviations.
"""

from collections.abc import Mapping
import dataclasses
import math
from typing import NamedTuple

import numpy as np
from scipy import fft, ndimage

from cyclegan_jax.data import images

# All flags, the most serious first: the order of the list.
FLAGS = (
  'constant',
  'false_color',
  'no_match',
  'misaligned',
  'misaligned_part',
  'duplicated',
  'bordered',
  'saturated',
)

_LONGEST = 384  # Larger images are reduced to this before they are compared.
_SMOOTHING = 1.2  # Standard deviation in reduced pixels.
_SMALLEST = 16  # No shift is looked for in images with a shorter side.
_REACH = 8  # Shifts are looked for up to 1/8 of the longer side, 1/4 of the shorter,
_PART_REACH = 3  # and of parts up to a third of that.
_PEAK_RADIUS = 0.025  # What belongs to a peak, as a share of the longer side.
_ROWS, _COLUMNS = ('top', 'bottom'), ('left', 'middle', 'right')  # Of parts.
_SMALLEST_PART = 64  # In reduced pixels; below, chance peaks are too high.
_SIDES = ('top', 'bottom', 'left', 'right')
# A level is 1 in 8 bits. In 16 bits, where scenes use little of the range, it is that of 12.
_LEVEL = {np.dtype(np.uint8): 1, np.dtype(np.uint16): 16}
_BORDER_TOLERANCE = 3  # Levels: what JPEG does to a black border;
_BORDER_JUMP = 10  # and how far most of what follows has to stand out.


@dataclasses.dataclass(frozen=True)
class Thresholds:
  """When a pair is flagged.

  Measured on 180 pairs of RoadScene (about 500x300): moved by up to 20 pixels, 98 % are found
  within 1 pixel; of 360 made of unrelated images 2 score above 5, and 0.6 % of their parts above
  5.5.

  Attributes:
    shift: pixels, or if that is more `shift_share` of the longer side.
    shift_share: see there; subpixel precision ends at some share of the image.
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


class Shift(NamedTuple):
  """What IR has to be moved by, in pixels: x right, y down; and how sure that is."""

  x: float
  y: float
  score: float

  @property
  def length(self) -> float:
    return math.hypot(self.x, self.y)


@dataclasses.dataclass(frozen=True)
class Pair:
  """What was found about a pair.

  Attributes:
    id: as in the data set.
    split: 'train', 'validation' or 'test'.
    index: place in the split.
    shift: of the whole image; None if an image is constant or tiny.
    part: the largest shift of a part that is sure enough, None if there is none.
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
  thresholds: Thresholds = Thresholds(),
) -> Pair:
  """Checks one pair by itself: everything but `duplicated`.

  Args:
    rgb: uint8 or uint16 [height, width, 1 or 3].
    ir: the same height and width.
    identity: the id; with `split` and `index` it is passed on.
    thresholds: when the pair is flagged.
  """
  both = {'rgb': rgb, 'ir': ir}
  filled = [name for name, image in both.items() if not is_constant(image, thresholds.constant)]
  widths = {name: borders(image) for name, image in both.items()}
  found = _flaws(both, filled, widths, thresholds)
  shift = part = None
  if len(filled) == len(both):
    # The edge of a border is in one image only, or at the same place whatever the shift.
    common = tuple(map(max, *widths.values()))
    shift, parts = find_shifts(_inside(rgb, common), _inside(ir, common))
    sure = {name: p for name, p in parts.items() if p.score >= thresholds.part_score}
    where = max(sure, key=lambda name: sure[name].length, default='')
    part = sure.get(where)
    found |= _judged(shift, part, where, max(rgb.shape[:2]), thresholds)
  flags = tuple(flag for flag in FLAGS if flag in found)
  details = '; '.join(f'{flag}: {found[flag]}' for flag in flags)
  return Pair(identity, split, index, shift, part, flags, details)


def find_shifts(rgb: np.ndarray, ir: np.ndarray) -> tuple[Shift | None, dict[str, Shift]]:
  """The shift of a pair as a whole, and of each of six parts of it.

  Args:
    rgb: uint8 or uint16 [height, width, 1 or 3], contrasts may be inverted.
    ir: the same height and width.

  Returns:
    The shift, None if the images are too small or without structure; those of the parts by
    name ('top left'), without the ones of which that is true.
  """
  if min(rgb.shape[:2]) < _SMALLEST:
    return None, {}
  scale = min(1, _LONGEST / max(rgb.shape[:2]))
  height, width = (max(_SMALLEST, round(side * scale)) for side in rgb.shape[:2])
  a, b = (_directions(_gray(images.resize(image, (height, width)))) for image in (rgb, ir))
  reach = min(max(height, width) // _REACH, min(height, width) // 4)
  radius = max(2, _PEAK_RADIUS * max(height, width))

  def best(a, b, reach):
    found = _peak(_correlation(a, b, reach), radius)
    return found and Shift(
      found.x * rgb.shape[1] / width, found.y * rgb.shape[0] / height, found.score
    )

  whole = best(a, b, reach)
  if min(height // len(_ROWS), width // len(_COLUMNS)) < _SMALLEST_PART:
    return whole, {}
  names = [f'{row} {column}' for row in _ROWS for column in _COLUMNS]
  parts = [best(*both, reach // _PART_REACH) for both in zip(_parts(a), _parts(b))]
  return whole, {name: part for name, part in zip(names, parts) if part}


def is_constant(image: np.ndarray, limit: float = Thresholds.constant) -> bool:
  """Whether no channel of uint8 or uint16 [height, width, channels] has any content."""
  return bool(image.std((0, 1)).max() < limit * _LEVEL[image.dtype])


def is_false_color(ir: np.ndarray) -> bool:
  """Whether three channels differ by more than JPEG does to gray; see `images.to_channels`."""
  try:
    images.to_channels(ir, 1, '')
  except images.ImageError:
    return True
  return False


def saturated_share(image: np.ndarray) -> float:
  """The share of uint8 or uint16 values at 0, or at the other end, whichever is more."""
  limit = np.iinfo(image.dtype).max
  return float(max(np.mean(image == 0), np.mean(image == limit)))


def borders(image: np.ndarray) -> tuple[int, int, int, int]:
  """Widths of constant margins of uint8 or uint16 [height, width, channels] in pixels.

  Returns:
    Top, bottom, left, right; zeros if the whole image is constant.
  """
  turned = image.swapaxes(0, 1)
  top, bottom, left, right = map(_border, (image, image[::-1], turned, turned[::-1]))
  return top, bottom, left, right


def _border(lines: np.ndarray) -> int:
  """How many of the first lines are alike and end at once: [lines, length, channels].

  Overexposed streets fade out and trees rise into a clipped sky: these are no borders.
  """
  level = _LEVEL[lines.dtype]
  if np.ptp(lines[0], axis=0).max() > 2 * _BORDER_TOLERANCE * level:
    return 0  # Nearly all images, and faster.
  distance = np.abs(lines - np.median(lines[0], axis=0)).max(-1) / level
  width = int(np.argmax((distance > _BORDER_TOLERANCE).any(axis=1)))  # 0 if there are none, too
  following = distance[min(width + 1, len(lines) - 1)]
  return width if np.median(following) > _BORDER_JUMP else 0


def _flaws(
  both: Mapping[str, np.ndarray],
  filled: list[str],
  widths: Mapping[str, tuple[int, ...]],
  thresholds: Thresholds,
) -> dict[str, str]:
  """The flags about single images, with details."""
  saturated = {name: saturated_share(_inside(both[name], widths[name])) for name in filled}
  listed = {
    'constant': [name for name in both if name not in filled],
    'false_color': ['ir'] if is_false_color(both['ir']) else [],
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


def _parts(plane: np.ndarray) -> list[np.ndarray]:
  return [
    part
    for row in np.array_split(plane, len(_ROWS))
    for part in np.array_split(row, len(_COLUMNS), axis=1)
  ]


def _inside(image: np.ndarray, widths: tuple[int, int, int, int]) -> np.ndarray:
  top, bottom, left, right = widths
  return image[top : image.shape[0] - bottom, left : image.shape[1] - right]


def _gray(image: np.ndarray) -> np.ndarray:
  """[height, width, 1 or 3] -> float32 [height, width]."""
  gray = images.luminance(image) if image.shape[-1] == 3 else image.astype(np.float32)
  return gray[..., 0]


def _directions(plane: np.ndarray) -> np.ndarray:
  """Gradients with doubled angle and length 0 to 1: complex64 [height, width].

  Lengths saturate at the mean gradient, so that a lamp does not outweigh a street.
  """
  y, x = (
    ndimage.gaussian_filter(plane, _SMOOTHING, order=order, mode='nearest')
    for order in ((1, 0), (0, 1))
  )
  gradient = x + 1j * y
  strength = np.abs(gradient) ** 2
  floor = np.mean(np.abs(gradient)) ** 2 + np.finfo(np.float32).tiny
  return (gradient**2 / (strength + floor)).astype(np.complex64)


def _correlation(a: np.ndarray, b: np.ndarray, reach: int) -> np.ndarray:
  """Normalized correlation of a with b moved by -reach..reach: [2 reach + 1] * 2, in -1..1.

  Each shift is normalized by what overlaps, else small shifts would be preferred.
  """
  size = [fft.next_fast_len(side + reach) for side in a.shape]
  ones = fft.fft2(np.ones(a.shape, np.float32), size)

  def correlated(x, y):
    return fft.ifft2(x * np.conj(y)).real

  product = correlated(fft.fft2(a, size), fft.fft2(b, size))
  energy_a = correlated(fft.fft2(np.abs(a) ** 2, size), ones)
  energy_b = correlated(ones, fft.fft2(np.abs(b) ** 2, size))
  least = 1e-3  # Rounding leaves energies around zero where there is no structure.
  result = product / np.sqrt(np.maximum(energy_a, least) * np.maximum(energy_b, least))
  return np.roll(result, (reach, reach), (0, 1))[: 2 * reach + 1, : 2 * reach + 1]


def _peak(correlation: np.ndarray, radius: float) -> Shift | None:
  """The highest peak, placed between samples by a parabola along each axis."""
  reach = correlation.shape[0] // 2
  top = np.unravel_index(correlation.argmax(), correlation.shape)
  place = []
  for axis, middle in enumerate(top):
    line = np.moveaxis(correlation, axis, 0)[:, top[1 - axis]]
    offset = 0.0
    if 0 < middle < 2 * reach:
      below, height, above = line[middle - 1 : middle + 2]
      bend = below - 2 * height + above
      offset = 0.5 * (below - above) / bend if bend else 0.0
    place.append(float(middle + offset - reach))
  y, x = np.mgrid[-reach : reach + 1, -reach : reach + 1]
  others = correlation[np.hypot(y - place[0], x - place[1]) > radius]
  if not others.size or not others.std():
    return None
  return Shift(place[1], place[0], float((correlation[top] - others.mean()) / others.std()))


def _judged(
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
