"""Images that hold RGB and IR side by side, as pix2pix has them: A left, B right.

They are recognized where nothing else in a folder tells the domains, if one half is gray, the same
in all images that are looked at, and the edges of both halves lie in the same places.
"""

from collections.abc import Sequence
import dataclasses

import numpy as np

from cyclegan_jax.errors import UserError
from cyclegan_jax.image_files import images
from cyclegan_jax.pairs import alignment
from cyclegan_jax.pairs.flags import DEFAULT
from datasets.folder.scan import ImageFile

_LOOKED_AT = 8
# JPEG mixes the colors of pixels on both sides of the middle, so far at the most.
_SEAM = 16
_WORDS = {'ab': ('left', 'right'), 'ba': ('right', 'left')}


@dataclasses.dataclass(frozen=True)
class Halves:
  """What the halves of some images look like.

  Attributes:
    side: 'ab' if RGB is left, 'ba' if it is right; '' if that is not known.
    n: how many images were looked at.
    n_matching: in how many the edges of the halves lie in the same places.
  """

  side: str = ''
  n: int = 0
  n_matching: int = 0

  @property
  def matching(self) -> bool:
    """Whether they are pairs, as far as can be told."""
    return bool(self.side) and 2 * self.n_matching > self.n

  @property
  def description(self) -> str:
    """A sentence on where the domains are."""
    rgb, ir = _WORDS[self.side]
    look = '' if self.matching else ', so look at them with experiments.check_pairs'
    return (
      f'RGB in the {rgb} half of each image, IR in the {ir} one (as in pix2pix); their edges match '
      f'in {self.n_matching} of the {self.n} images looked at{look}'
    )

  @property
  def doubt(self) -> str:
    """A sentence on what speaks for two halves and what against them; '' if nothing does."""
    if not self.side or self.matching:
      return ''
    rgb, ir = _WORDS[self.side]
    return (
      f'The images may hold RGB in the {rgb} half and IR in the {ir} one, which is gray, but edges '
      f'match in only {self.n_matching} of the {self.n} looked at. If they are pairs, give '
      f'--side_by_side={self.side}.'
    )


def half(image: np.ndarray, domain: str, side: str, name: str) -> np.ndarray:
  """Returns the half of [height, width, channels] that holds a domain; ImageError if odd."""
  width = image.shape[1]
  if width % 2:
    raise images.ImageError(
      f'{name}: {width} pixels wide; expected an even number, for --side_by_side={side} halves it.'
    )
  is_left = (domain == 'rgb') == (side == 'ab')
  return image[:, : width // 2] if is_left else image[:, width // 2 :]


def for_domain(image: np.ndarray, domain: str, channels: int, side: str, name: str) -> np.ndarray:
  """Returns the half of an image that holds a domain, as `images.for_domain` converts it.

  Raises:
    ImageError: the width is odd, or the thermal half is in false color.
  """
  part = half(image, domain, side, name)
  gray = domain == 'ir' and channels == 1 and images.is_gray(_without_seam(part))
  # The luminance of a gray half needs no check of its colors, which the seam would not pass.
  return images.for_domain(part, 'rgb' if gray else domain, channels, name)


def given(files: Sequence[ImageFile], side: str) -> Halves:
  """Looks at some images of which the user says what the halves are.

  Raises:
    UserError: the gray half is the one that should be RGB.
  """
  found = looked_at(files, side)
  opposite = {'ab': 'ba', 'ba': 'ab'}[side]
  if looked_at(files).side == opposite:
    raise UserError(
      f'--side_by_side={side}: the {_WORDS[side][0]} half should be RGB, but in the images looked '
      f'at it is gray, and the other one in color. Give --side_by_side={opposite}.'
    )
  return found


def looked_at(files: Sequence[ImageFile], side: str = '') -> Halves:
  """Looks at some images, evenly spaced; finds out which half is gray unless `side` says so."""
  chosen = files[:: max(1, -(-len(files) // _LOOKED_AT))]
  pairs = []
  for file in chosen:
    try:
      header = images.image_header(file.path)
      if header.width % 2 or header.width <= header.height or header.height < 2:
        return Halves(side, len(chosen))
      image = images.read_image(file.path)
    except images.ImageError:  # Preparation names it.
      return Halves(side, len(chosen))
    pairs.append((half(image, 'rgb', 'ab', file.path), half(image, 'ir', 'ab', file.path)))
  side = side or _gray_side(pairs)
  if not side:
    return Halves('', len(chosen))
  return Halves(side, len(pairs), sum(_match(*pair) for pair in pairs))


def _gray_side(pairs: Sequence[tuple[np.ndarray, np.ndarray]]) -> str:
  """'ab' if the right half is gray, 'ba' if the left one is; '' if that is not so throughout."""
  found = []
  for left, right in pairs:
    gray = images.is_gray(_without_seam(left)), images.is_gray(_without_seam(right))
    found.append({(False, True): 'ab', (True, False): 'ba'}.get(gray, 'both' if all(gray) else ''))
  # At night a photograph may be gray, too.
  sides = set(found) - {'both'}
  return sides.pop() if len(sides) == 1 and 2 * found.count('both') < len(found) else ''


def _without_seam(part: np.ndarray) -> np.ndarray:
  """A half without the columns at both sides that JPEG may have mixed with the other half."""
  return part[:, _SEAM:-_SEAM] if part.shape[1] > 3 * _SEAM else part


def _match(left: np.ndarray, right: np.ndarray) -> bool:
  """Whether the edges of both halves lie in the same places."""
  shift, _ = alignment.find_shifts(left, right)
  least = DEFAULT.least_shift(max(left.shape[:2]))
  return bool(shift and shift.score >= DEFAULT.score and shift.length < least)
