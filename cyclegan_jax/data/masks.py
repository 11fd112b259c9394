"""Valid masks: where a thermal image has data, in the view of its RGB image.

Warping or registering a thermal image to the RGB view leaves pixels without data. A record may have
a `mask`, an image file of the size of both images with 255 where there are data and 0 elsewhere.
"""

import functools
import math

import numpy as np
import PIL.Image

from cyclegan_jax.data.source import quantize
from cyclegan_jax.errors import UserError
from cyclegan_jax.image_files import images

# The reach of bicubic resizing beyond the pixels that it averages, in pixels of the coarser image.
_BICUBIC_REACH = 1.5


def resize(pixels: np.ndarray, data: bytes, size: tuple[int, int], method: str) -> np.ndarray:
  """Resizes a thermal image so that pixels without data do not show where `read` says valid.

  As `images.resize`, but 'area' averages only the pixels that are valid according to `data`, the
  content of the mask's file.
  """
  share = _share(data, size)
  if method != 'area' or size == pixels.shape[:2] or share.min() == 1:
    return images.resize(pixels, size, method)
  return _mean_of_valid(pixels, _valid(data), share)


def resize_crop(
  pixels: np.ndarray, mask: np.ndarray, size: tuple[int, int]
) -> tuple[np.ndarray, np.ndarray]:
  """Resizes a part of a thermal image and of its mask, bool [height, width, 1], with 'area'.

  As `resize` and `read` do with whole ones. Pixels that are not valid in the result are black.
  """
  share = _box_filter(mask[..., 0], size)[..., np.newaxis]
  valid = share >= 0.5
  pixels = np.where(valid, _mean_of_valid(pixels, mask, share), pixels.dtype.type(0))
  return pixels, valid


@functools.lru_cache(maxsize=64)
def read(data: bytes, size: tuple[int, int] | None, method: str) -> np.ndarray:
  """Reads a record's mask from its file's content, resized like its image by `resize`.

  With 'area' a pixel is valid if at least half of what it averages is. With 'bicubic', whose
  weights cannot be redistributed, all of it has to be valid. A `size` of None keeps the file's.

  Returns:
    bool [height, width, 1], cached and read-only.
  """
  if size is None:
    return _valid(data)
  if method == 'area':
    valid = _share(data, size) >= 0.5
  else:
    mask = np.where(_valid(data), np.uint8(255), np.uint8(0))
    reach = [
      0 if have == want else math.ceil(_BICUBIC_REACH * max(1.0, have / want))
      for have, want in zip(mask.shape, size)
    ]
    from scipy import ndimage  # Late: slow to import.

    mask = ndimage.minimum_filter(mask, [2 * r + 1 for r in reach] + [1], mode='nearest')
    valid = images.resize(mask, size) == 255
  valid.setflags(write=False)
  return valid


@functools.lru_cache(maxsize=64)
def part(data: bytes, edges: tuple[int, int, int, int]) -> bytes:
  """Returns a mask's file cut to edges: the first and last row, the first and last column."""
  top, bottom, left, right = edges
  inside = _valid(data)[top:bottom, left:right]
  return images.encode_png(np.where(inside, np.uint8(255), np.uint8(0)))


@functools.lru_cache(maxsize=64)
def data_box(data: bytes) -> tuple[slice, slice]:
  """Returns the rows and columns from the first to the last one with a valid pixel."""
  mask = _valid(data)[..., 0]
  places = (np.flatnonzero(mask.any(axis)) for axis in (1, 0))
  rows, columns = (slice(p[0], p[-1] + 1) if p.size else slice(None) for p in places)
  return rows, columns


@functools.lru_cache(maxsize=64)
def _valid(data: bytes) -> np.ndarray:
  """The pixels that have data, bool [height, width, 1], read-only."""
  valid = images.read_image(data, 'mask')[..., :1] == 255
  valid.setflags(write=False)
  return valid


@functools.lru_cache(maxsize=64)
def _share(data: bytes, size: tuple[int, int]) -> np.ndarray:
  """The share of valid pixels in each pixel of a resized image, float32 [*size, 1]."""
  return _box_filter(_valid(data)[..., 0], size)[..., np.newaxis]


def _mean_of_valid(pixels: np.ndarray, valid: np.ndarray, share: np.ndarray) -> np.ndarray:
  """Averages the valid pixels that fall into each new one; `share` says how many of them are."""
  size = share.shape[:2]
  planes = [_box_filter(plane, size) for plane in np.moveaxis(pixels * valid, -1, 0)]
  mean = np.stack(planes, -1) / np.maximum(share, np.finfo(np.float32).eps)
  return quantize(mean, np.iinfo(pixels.dtype).max)


def _box_filter(plane: np.ndarray, size: tuple[int, int]) -> np.ndarray:
  """Resizes [height, width] to float32 [*size], the mean of what falls into each pixel."""
  image = PIL.Image.fromarray(plane.astype(np.float32))
  return np.asarray(image.resize((size[1], size[0]), PIL.Image.Resampling.BOX))


@functools.lru_cache(maxsize=64)
def valid_box(data: bytes, name: str) -> tuple[slice, slice]:
  """Returns the rows and columns of a rectangle in which every pixel is valid.

  The outermost row or column with the largest share of invalid pixels is removed, until none has
  any. If the borders are straight, that leaves the largest rectangle. `data` is the content of the
  mask's file, `name` the record's in messages.

  Raises:
    UserError: Less than a quarter of the image would be left.
  """
  mask = _valid(data)[..., 0]
  top, bottom, left, right = 0, mask.shape[0], 0, mask.shape[1]
  while top < bottom and left < right:
    inner = mask[top:bottom, left:right]
    shares = [1 - line.mean() for line in (inner[0], inner[-1], inner[:, 0], inner[:, -1])]
    side = int(np.argmax(shares))
    if not shares[side]:
      break
    top, bottom = top + (side == 0), bottom - (side == 1)
    left, right = left + (side == 2), right - (side == 3)
  box = slice(top, bottom), slice(left, right)
  if (bottom - top) * (right - left) < mask.size / 4 or not mask[box].all():
    raise UserError(
      f'--mask=crop: the valid pixels of {name} have holes, or contain no rectangle of a quarter '
      'of the image. Use --mask=loss.'
    )
  return box
