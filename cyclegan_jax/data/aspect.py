"""How an image gets the size of training, with --keep_aspect or without.

none: resized to it, so that a wide image becomes narrower; crop: what the size's shape leaves over
is cut off, evenly at both ends; pad: the whole image, mirrored beyond its border, where nothing
counts.
"""

import dataclasses
import functools

import numpy as np
import PIL.Image

Size = tuple[int, int]


@dataclasses.dataclass(frozen=True)
class Fit:
  """How an image of `whole` pixels gets a size: it is cut to `box`, resized, and padded.

  The sizes are `inner` before and `size` after the padding.
  The box goes from the first to the second, and from the third to the fourth of `edges`, rows
  before columns. The border before `inner` is `top` and `left` pixels.
  """

  whole: Size
  edges: tuple[int, int, int, int]
  inner: Size
  size: Size
  top: int = 0
  left: int = 0

  @property
  def box(self) -> tuple[slice, slice]:
    """The rows and columns that are kept."""
    return slice(*self.edges[:2]), slice(*self.edges[2:])

  @property
  def keeps_all(self) -> bool:
    """Whether nothing of an image of `whole` pixels is cut off."""
    return self.edges == (0, self.whole[0], 0, self.whole[1])

  def pad(self, array: np.ndarray) -> np.ndarray:
    """Mirrors [*inner, channels] at its borders to [*size, channels]."""
    pads = [
      (before, whole - part - before)
      for before, whole, part in zip((self.top, self.left), self.size, self.inner)
    ]
    return np.pad(array, (*pads, (0, 0)), 'symmetric') if self.inner != self.size else array


@functools.lru_cache(maxsize=64)
def inside(fit: Fit) -> np.ndarray:
  """Returns where an image is that got a size, bool [*size, 1], read-only."""
  found = np.zeros((*fit.size, 1), bool)
  found[fit.top : fit.top + fit.inner[0], fit.left : fit.left + fit.inner[1]] = True
  found.setflags(write=False)
  return found


@functools.lru_cache(maxsize=64)
def fit(whole: Size, size: Size, keep_aspect: str) -> Fit:
  """Returns how an image of `whole` pixels, (height, width), gets a size.

  `keep_aspect` is 'none', 'pad' or 'crop'.
  """
  everything = (0, whole[0], 0, whole[1])
  if keep_aspect == 'none':
    return Fit(whole, everything, size, size)
  if keep_aspect == 'pad':
    inner = scaled(whole, size, keep_aspect)
    top, left = ((a - b) // 2 for a, b in zip(size, inner))
    return Fit(whole, everything, inner, size, top, left)
  scale = _scale(whole, size, keep_aspect)
  kept = [min(side, max(1, round(want / scale))) for side, want in zip(whole, size)]
  top, left = ((side - part) // 2 for side, part in zip(whole, kept))
  return Fit(whole, (top, top + kept[0], left, left + kept[1]), size, size)


def scaled(whole: Size, size: Size, keep_aspect: str) -> Size:
  """Returns the size of the whole image at the scale of training, whatever is cut off or added."""
  if keep_aspect == 'none':
    return size
  scale = _scale(whole, size, keep_aspect)
  height, width = (max(1, round(side * scale)) for side in whole)
  return height, width


def resize_values(array: np.ndarray, size: Size) -> np.ndarray:
  """Resizes float [height, width, channels] to float32 [*size, channels], bicubic, not rounded."""
  planes = [PIL.Image.fromarray(np.float32(plane)) for plane in np.moveaxis(array, -1, 0)]
  resample = PIL.Image.Resampling.BICUBIC
  resized = [np.asarray(plane.resize(size[::-1], resample)) for plane in planes]
  return np.stack(resized, axis=-1)


def _scale(whole: Size, size: Size, keep_aspect: str) -> float:
  ratios = [want / have for want, have in zip(size, whole)]
  return min(ratios) if keep_aspect == 'pad' else max(ratios)
