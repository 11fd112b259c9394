"""Which convolutions Winograd's algorithm makes quicker, and these by it. CPU only.

Those of stride 1, and 4x4 ones of stride 2 with a border of 1, which are 2x2 ones of stride 1 of
the folded image. These take 9 multiplications instead of 16.

Images are [batch, height, width, channels], kernels [k, k, in_channels, out_channels].
"""

from collections.abc import Sequence

import jax
from jax import lax
import jax.numpy as jnp

from cyclegan_jax.ops import folding, im2col, winograd

# From so many channels in and out, the transforms take less time than they save.
_CHANNELS = 64
# The same for stride 2, where that of the kernel counts, too: so many output positions, all images
# counted, and so many channels in and out for the output itself, not the gradients.
_FOLDED_POSITIONS = 1024
_FOLDED_CHANNELS = 128


def suits(shape: Sequence[int], kernel: jax.Array, stride: int, padding: int) -> bool:
  """Returns whether the gradients of a convolution of images of this shape suit."""
  k, (batch, height, width) = kernel.shape[0], shape[:3]
  if kernel.dtype.itemsize < 4 or min(kernel.shape[2:]) < _CHANNELS:
    return False
  if stride == 1:
    fits = _bytes_of_tiles(shape, kernel, stride) <= 2 * im2col.CACHE_BYTES
    return k in (3, 4) and fits
  return (
    (k, stride, padding) == (4, 2, 1)
    and height % 2 == width % 2 == 0
    and batch * height * width // stride**2 >= _FOLDED_POSITIONS
  )


def suits_output(shape: Sequence[int], kernel: jax.Array, stride: int, padding: int) -> bool:
  """Returns whether a convolution of images of this shape suits."""
  fewest = _CHANNELS if stride == 1 else _FOLDED_CHANNELS
  return min(kernel.shape[2:]) >= fewest and suits(shape, kernel, stride, padding)


def strided(x: jax.Array, kernel: jax.Array, stride: int, padding: int) -> jax.Array:
  """`convolutions.strided`."""

  def some(x):
    x = im2col.pad(x, padding)
    if stride == 1:
      return winograd.convolution(x, kernel)
    return winograd.convolution(folding.fold(x), folding.fold_kernel(kernel))

  return im2col.by_groups(some, x, _bytes_of_tiles(x.shape, kernel, stride))


def spread(y: jax.Array, kernel: jax.Array, stride: int, padding: int) -> jax.Array:
  """The transpose of `strided` by this kernel."""

  def some(y):
    if stride == 1:
      return winograd.transposed(im2col.pad(y, len(kernel) - 1 - padding), kernel)
    x = winograd.transposed(im2col.pad(y, 1), folding.fold_kernel(kernel))
    return folding.unfold(x)[:, 1:-1, 1:-1]

  shape = len(y), y.shape[1] * stride, y.shape[2] * stride
  return im2col.by_groups(some, y, _bytes_of_tiles(shape, kernel, stride))


def kernel_gradient(
  x: jax.Array, gradient: jax.Array, kernel: jax.Array, stride: int, padding: int
) -> jax.Array:
  """The gradient of `strided` with respect to its kernel, given that of its result."""

  def add(total, group):
    x, gradient = group
    x = im2col.pad(x, padding)
    x = x if stride == 1 else folding.fold(x)
    return total + winograd.kernel_gradient(x, gradient), None

  size = _bytes_of_tiles(x.shape, kernel, stride)
  groups = im2col.grouped(x, size), im2col.grouped(gradient, size)
  like = kernel if stride == 1 else jax.eval_shape(folding.fold_kernel, kernel)
  total = lax.scan(add, jnp.zeros(like.shape, like.dtype), groups)[0]
  return total if stride == 1 else folding.unfold_kernel(total)


def _bytes_of_tiles(shape: Sequence[int], kernel: jax.Array, stride: int) -> int:
  """The bytes of one image's transformed tiles, or of their products if larger."""
  n = winograd.OUTPUTS + len(kernel) // stride - 1
  pixels = (shape[1] // stride) * (shape[2] // stride) * n * n // winograd.OUTPUTS**2
  return pixels * max(kernel.shape[2] * stride**2, kernel.shape[3]) * kernel.dtype.itemsize
