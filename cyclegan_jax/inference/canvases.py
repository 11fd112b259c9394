"""Few canvases for images of many sizes, because each size of an array takes a program of its own.

See models/canvas.py for what a canvas is.
"""

from collections.abc import Callable, Iterable, Mapping
import dataclasses
import itertools
import math

import jax

# The most pixels and the most images in a batch on each device.
_BATCH_PIXELS = 2**20
_BATCH_IMAGES = 32
# A program is worth so many pixels: about as many are translated while it is compiled. Elsewhere
# than on a CPU pixels cost less, and programs more.
_PROGRAM_PIXELS = {'cpu': 2**20}
_FASTER_PIXELS = 2**26
# More sizes than this are rounded up to multiples of twice the step, and so on, to begin with.
_MOST_SIZES = 64
# Up to this share of the images of a batch that is not full may be filled up.
_FILLED = 1 / 8

Size = tuple[int, int]


@dataclasses.dataclass(frozen=True)
class Canvas:
  """What images of some sizes are translated on.

  Attributes:
    shape: Height and width.
    rows: Images in a batch.
    mixed: Some of the images are smaller.
  """

  shape: Size
  rows: int
  mixed: bool


def full(shape: Size) -> int:
  """Returns how many images of a size make a full batch: a power of two for each device."""
  images = min(max(_BATCH_PIXELS // math.prod(shape), 1), _BATCH_IMAGES)
  return 2 ** (images.bit_length() - 1) * jax.local_device_count()


def plan(sizes: Mapping[Size, int], step: int, fits: Callable[[Size], bool]) -> dict[Size, Canvas]:
  """Chooses canvases that waste least: the pixels beyond images, and the work of compiling.

  Args:
    sizes: The number of images by height and width, multiples of `step`.
    step: See `sizes`.
    fits: Whether a canvas may be as large as this. Sizes that do not fit have none.

  Returns:
    The canvas of each size.
  """
  groups = _rounded({size: n for size, n in sizes.items() if fits(size)}, step)
  price = _PROGRAM_PIXELS.get(jax.default_backend(), _FASTER_PIXELS)
  while pair := _cheapest(groups, price, fits):
    groups = [group for group in groups if group not in pair] + [_joined(pair)]
  return {
    size: Canvas(group.shape, _rows(group.shape, group.images), len(group.sizes) > 1)
    for group in groups
    for size in group.sizes
  }


@dataclasses.dataclass(frozen=True)
class _Group:
  """Sizes on one canvas, and the number of their images."""

  shape: Size
  images: int
  sizes: tuple[Size, ...]


def _joined(groups: Iterable[_Group]) -> _Group:
  shapes, images, sizes = zip(*((group.shape, group.images, group.sizes) for group in groups))
  height, width = (max(sides) for sides in zip(*shapes))
  return _Group((height, width), sum(images), tuple(itertools.chain(*sizes)))


def _rounded(sizes: Mapping[Size, int], step: int) -> list[_Group]:
  """A group for each size, or if these are many, for those that a multiple of the step rounds."""
  found: dict[Size, list[_Group]] = {}
  for size, n in sizes.items():
    key = -(-size[0] // step), -(-size[1] // step)
    found.setdefault(key, []).append(_Group(size, n, (size,)))
  if len(found) > _MOST_SIZES:
    return _rounded(sizes, 2 * step)
  return [_joined(groups) for groups in found.values()]


def _cheapest(
  groups: list[_Group], price: int, fits: Callable[[Size], bool]
) -> tuple[_Group, _Group] | None:
  """The two groups of which one would save most; None if no two would save anything."""

  def pixels(group: _Group) -> int:
    return math.prod(group.shape) * group.images

  best, least = None, price
  for pair in itertools.combinations(groups, 2):
    joined = _joined(pair)
    more = pixels(joined) - sum(map(pixels, pair))
    if more < least and fits(joined.shape):
      best, least = pair, more
  return best


def _rows(shape: Size, images: int) -> int:
  """The rows of all batches, of which the last one is filled up."""
  rows, devices = full(shape), jax.local_device_count()
  while rows > devices and -images % rows > _FILLED * images:
    rows //= 2
  return rows if images > 1 else 1
