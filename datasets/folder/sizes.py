"""Pairs of which one image has fewer pixels: thermal cameras often have less resolution.

Two images of the same shape, up to a pixel, show the same view. They are stored at the size of the
smaller one. Images of different shapes do not lie on each other, and are refused.
"""

from collections.abc import Sequence

from cyclegan_jax.image_files import decoding, images

# Of small images, a pixel is too much.
_TOLERANCE = 0.01

_Size = tuple[int, int]  # Height and width.


def common(one: Sequence[int], other: Sequence[int]) -> _Size | None:
  """Returns the height and width at which both images of a pair are stored.

  Args:
    one: height and width of an image.
    other: those of the other image.

  Returns:
    The smaller size, if the larger one has its shape within a pixel; None otherwise.
  """
  small, large = sorted((tuple(one), tuple(other)), key=lambda size: (size[0] * size[1], size))
  if small == large:
    return small[0], small[1]
  if any(a > b for a, b in zip(small, large)):
    return None
  # What is lost when one side of the smaller image is rounded.
  off = abs(large[0] * small[1] / large[1] - small[0])
  return (small[0], small[1]) if off < min(1, _TOLERANCE * small[0]) else None


def complaint(rgb: str, ir: str, of_rgb: _Size, of_ir: _Size) -> str:
  """Returns what to say of a pair whose images have different shapes, with the cause if known."""
  shown = [f'{width}x{height}' for height, width in (of_rgb, of_ir)]
  text = (
    f'{rgb} is {shown[0]} pixels, but its partner {ir} is {shown[1]}; expected the same size, or '
    'the same shape'
  )
  turned = {path: _orientation(path) for path in (rgb, ir)}
  sides = [path for path, orientation in turned.items() if orientation >= 5]
  if len(sides) == 1 and common(of_rgb, of_ir[::-1]):
    (path,) = sides
    other = ir if path == rgb else rgb
    return (
      f'{text}. The cause is EXIF: orientation {turned[path]} turns {path} by a quarter, and '
      f'{other} is not turned. If the pixels in the files lie on each other, remove it from all '
      f'files of that kind: exiftool -Orientation= FILE. Otherwise turn {other}, too.'
    )
  return f'{text}: register or crop the images of a pair first.'


def note(resized: Sequence[tuple[_Size, _Size]], total: int) -> str:
  """Returns a sentence on pairs (size of RGB, size of IR) that are stored at a common size."""
  (rgb, ir), n = resized[0], len(resized)
  first, second = (f'{width}x{height}' for height, width in (rgb, ir))
  return (
    f'{n} of {total} pairs have images of the same view in different resolutions, such as RGB '
    f'{first} and IR {second}; both are stored at the smaller size.'
  )


def _orientation(path: str) -> int:
  try:
    with decoding.opened(path) as opened:
      return opened.orientation
  except images.ImageError:
    return 1
