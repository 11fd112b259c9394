"""The flags of a pair: what each means, what helps, and where it begins."""

from collections.abc import Mapping
import dataclasses
import types
from typing import NamedTuple


class Flag(NamedTuple):
  """What a flag means, and what to do about it, for people.

  Attributes:
    title: what is said of such a pair: it is `title`.
    kind: the same for all flags that look alike.
    meaning: what was found.
    remedy: what helps.
  """

  title: str
  kind: str
  meaning: str
  remedy: str

  @property
  def is_repaired(self) -> bool:
    """Whether --fix repairs it."""
    return self.remedy.startswith(_FIX)


_LEAVE_OUT = 'leave these pairs out with --exclude=pairs.csv'
_FIX = '--fix=DIR writes a copy'

# All flags, the most serious first: the order of the list.
FLAGS: Mapping[str, Flag] = types.MappingProxyType(
  {
    'constant': Flag(
      'empty', 'damaged', 'an image without content', f'Export the image again, or {_LEAVE_OUT}.'
    ),
    'swapped_bytes': Flag(
      'stored with swapped bytes',
      'damaged',
      '16-bit infrared that is smoother with the two bytes of each pixel swapped',
      f'{_FIX} in which they are swapped back.',
    ),
    'false_color': Flag(
      'in false color',
      'not thermal',
      'infrared whose three channels differ',
      'Export gray-scale or radiometric images: colors of a palette are not temperatures.',
    ),
    'luminance': Flag(
      'not thermal',
      'not thermal',
      'infrared that is only the luminance of its RGB image',
      f'Look for the thermal images, or {_LEAVE_OUT}.',
    ),
    'rotated': Flag(
      'turned',
      'turned',
      'one image is turned by 90, 180 or 270 degrees, as a lost EXIF rotation leaves it',
      f'{_FIX} in which infrared is turned like RGB.',
    ),
    'no_match': Flag(
      'mixed up or far apart',
      'mixed up',
      'no shift fits: unrelated images, or shifted by more than 1/8 of the longer side',
      f'Compare the names of the two files, or {_LEAVE_OUT}.',
    ),
    'misaligned': Flag(
      'shifted',
      'shifted',
      'the whole image is shifted',
      f'{_FIX} in which certain shifts are undone, to a pixel, and both images cut to what they '
      'share.',
    ),
    'misaligned_part': Flag(
      'shifted in part',
      'shifted',
      'one of six parts is shifted: parallax, movement, a different projection',
      f'No shift of the whole image helps: register the pairs, or {_LEAVE_OUT}.',
    ),
    'inverted': Flag(
      'inverted',
      'inverted',
      'infrared that is dark where that of most pairs is bright: white-hot and black-hot mixed?',
      f'Export all images with one polarity, or {_LEAVE_OUT}.',
    ),
    'duplicated': Flag(
      'repeated',
      'repeated',
      'RGB or IR has exactly the pixels of another pair',
      f'Clear the column flags of the pair to keep, and {_LEAVE_OUT}.',
    ),
    'bordered': Flag(
      'framed',
      'damaged',
      'a constant margin',
      f'{_FIX} in which the margins are cut from both images.',
    ),
    'saturated': Flag(
      'clipped',
      'damaged',
      'many pixels at one end of the range',
      f'Export with a wider span or a shorter exposure, or {_LEAVE_OUT}.',
    ),
  }
)


@dataclasses.dataclass(frozen=True)
class Thresholds:
  """The limits beyond which a pair is flagged.

  Measured on 180 pairs of RoadScene (about 500x300): of shifts up to 20 pixels, 99 % are found
  within 1 pixel; of 360 pairs of unrelated images 3 score above 5, and 0.6 % of their parts above
  5.5. See benchmarks/pair_check.py.
  """

  shift: float = 3.0  # Pixels, or this share of the longer side if that is more,
  shift_share: float = 0.006  # because subpixel precision ends at some share of the image.
  # A larger shift with this score is `misaligned`, with less the pair is a `no_match`: a chance
  # peak falls within `shift` of zero in less than 1 % of these.
  score: float = 5.0
  part_shift: float = 5.0  # The same for one of six parts of the image (a person, a car nearby).
  part_share: float = 0.01
  part_score: float = 5.5  # A part that scores less says nothing.
  repair_score: float = 5.5  # Of a shift that is undone.
  turn_score: float = 6.0  # Of a pair that fits no shift, when one image is turned.
  constant: float = 1.0  # Standard deviation, in gray levels of 8 bits (uint16: of 12).
  saturated: float = 0.5  # Share of the pixels inside borders at one end of the dtype's range.
  border: int = 2  # Width in pixels.
  swapped: float = 1.25  # Roughness of 16-bit IR, as a multiple of that with swapped bytes.
  luminance: float = 0.99  # Correlation of IR with the luminance of RGB.
  inverted: float = -0.65  # Correlation of IR with what the other pairs predict from RGB,
  relation: float = 0.4  # if its median over all pairs is at least this.

  def least_shift(self, longest: int) -> float:
    """Returns the shift in pixels that is flagged in an image with this longer side."""
    return max(self.shift, self.shift_share * longest)


DEFAULT = Thresholds()
