"""Valid masks: where a thermal image has data, in the view of its RGB image.

Warping or registering a thermal image to the RGB view leaves pixels without data. A record may
have a `mask` that says where, an image file with 255 where there are data and 0 elsewhere, of
the size of both images.
"""

import functools
import math

import numpy as np
import scipy.ndimage

from cyclegan_jax.data import images
from cyclegan_jax.errors import UserError

# What pixels without data hold, in network values: black.
FILL = -1.0

# How far beyond the pixels it averages a filter reaches, in pixels of the coarser image.
_REACH = {'area': 0.0, 'bicubic': 1.5}


@functools.lru_cache(maxsize=64)
def read(data: bytes, size: tuple[int, int] | None, method: str) -> np.ndarray:
  """A record's mask, resized like its images.

  Args:
    data: the image file.
    size: new height and width; None to keep those of the file.
    method: the filter of `images.resize`.

  Returns:
    bool [height, width, 1], True where only valid pixels went into the resized one; cached and
    read-only.
  """
  mask = images.read_image(data, 'mask')[..., :1]
  if size is not None and size != mask.shape[:2]:
    reach = [math.ceil(_REACH[method] * max(1.0, have / want))
             for have, want in zip(mask.shape, size)]
    mask = scipy.ndimage.minimum_filter(mask, [2 * r + 1 for r in reach] + [1], mode='nearest')
    mask = images.resize(mask, size)
  valid = mask == 255
  valid.setflags(write=False)
  return valid


@functools.lru_cache(maxsize=64)
def valid_box(data: bytes, name: str) -> tuple[slice, slice]:
  """Rows and columns of a rectangle in which every pixel is valid.

  From the outside, the row or column with the largest share of invalid pixels is taken away,
  until no outermost one has any; the largest rectangle where the borders are straight.

  Args:
    data: the mask as an image file.
    name: of the record, for messages.

  Raises:
    UserError: less than a quarter of the image would be left.
  """
  mask = images.read_image(data, 'mask')[..., 0] == 255
  top, bottom, left, right = 0, mask.shape[0], 0, mask.shape[1]
  while top < bottom and left < right:
    inner = mask[top:bottom, left:right]
    shares = [1 - line.mean() for line in (inner[0], inner[-1], inner[:, 0], inner[:, -1])]
    side = int(np.argmax(shares))
    if not shares[side]:
      break
    top, bottom, left, right = (
        top + (side == 0), bottom - (side == 1), left + (side == 2), right - (side == 3))
  box = slice(top, bottom), slice(left, right)
  if (bottom - top) * (right - left) < mask.size / 4 or not mask[box].all():
    raise UserError(f'--mask=crop: the valid pixels of {name} have no rectangle of a quarter of '
                    'the image. Use --mask=loss.')
  return box
