"""Convolutions with their own gradients. CPU only: elsewhere they are those of lax.

On a CPU, XLA takes many times too long for some shapes that these networks are made of, so each
shape gets what is faster (docs/explanation/performance.md has the times). Sizes that are symbols,
in programs exported for any size, do not tell which that is: they get lax's on CPUs, too.

Images are [batch, height, width, channels], kernels [k, k, in_channels, out_channels] of the
ordinary convolution, in any float dtype.
"""

import functools
import math
from typing import Any

import jax
from jax import lax
import jax.export

from cyclegan_jax.ops import by_winograd, im2col

_DIMENSIONS = ('NHWC', 'HWIO', 'NHWC')
# Up to so many output positions, all images counted, a matrix product is quicker on a CPU.
_FEW_POSITIONS = 128


@functools.partial(jax.custom_vjp, nondiff_argnums=(2, 3))
def strided(x: jax.Array, kernel: jax.Array, stride: int, padding: int) -> jax.Array:
  """A convolution with a border of `padding` zeros.

  Args:
    x: [batch, height, width, in_channels].
    kernel: [k, k, in_channels, out_channels].
    stride: in both directions, at most k.
    padding: zeros on every side, below k.

  Returns:
    [batch, (height + 2 * padding - k) // stride + 1, likewise width, out_channels].
  """
  plain = functools.partial(_plain, stride=stride, padding=padding)
  k = kernel.shape[0]
  if _is_symbolic(x):
    return plain(x, kernel)
  if _are_few(x, kernel, stride, padding):  # As deep in a U-Net.
    on_cpu = lambda x, kernel: (
      im2col.im2col(x, k, stride, padding) @ kernel.reshape(-1, kernel.shape[-1])
    )
  elif by_winograd.suits_output(x.shape, kernel, stride, padding):
    on_cpu = functools.partial(by_winograd.strided, stride=stride, padding=padding)
  elif _has_few_outputs(x, k, kernel.shape[3], stride):  # A product of each pixel, added up.
    height, width = (n + 2 * padding - k + 1 for n in x.shape[1:3])
    on_cpu = lambda x, kernel: _spread(
      x, im2col.transpose_kernel(kernel), 1, k - 1 - padding, (height, width)
    )
  elif stride == 1 and padding == 0 and k % 2:  # With zero padding, and the border cut off.
    inner = slice(k // 2, -(k // 2) or None)
    on_cpu = lambda x, kernel: _plain(x, kernel, 1, k // 2)[:, inner, inner]
  else:
    return plain(x, kernel)
  return lax.platform_dependent(x, kernel, cpu=on_cpu, default=plain)


@functools.partial(jax.custom_vjp, nondiff_argnums=(2, 3, 4))
def transposed(
  x: jax.Array, kernel: jax.Array, stride: int, padding: int, output_padding: int = 0
) -> jax.Array:
  """The transpose of a strided convolution, as torch.nn.functional.conv_transpose2d.

  Args:
    x: [batch, height, width, in_channels].
    kernel: [k, k, out_channels, in_channels], the kernel of the strided convolution that maps
      out_channels to in_channels.
    stride: of that convolution.
    padding: of that convolution, zeros on every side.
    output_padding: rows and columns more at the lower and right ends.

  Returns:
    [batch, (height - 1) * stride - 2 * padding + k + output_padding, likewise width,
    out_channels].
  """
  height, width = (
    (n - 1) * stride - 2 * padding + kernel.shape[0] + output_padding for n in x.shape[1:3]
  )
  return _spread(x, kernel, stride, padding, (height, width))


def _strided_backward(stride, padding, residuals, gradient):
  x, kernel = residuals
  to_x = _spread(gradient, kernel, stride, padding, x.shape[1:3])
  return to_x, _weight_gradient(x, gradient, kernel, stride, padding)


def _transposed_backward(stride, padding, output_padding, residuals, gradient):
  del output_padding  # The strided convolution ends before it would need further rows.
  x, kernel = residuals
  # <gradient, transposed(x, kernel)> = <strided(gradient, kernel), x>. XLA's own weight gradient is
  # the same sum, but takes many times as long.
  to_x = strided(gradient, kernel, stride, padding)
  return to_x, _weight_gradient(gradient, x, kernel, stride, padding)


strided.defvjp(lambda *given: (strided(*given), given[:2]), _strided_backward)
transposed.defvjp(lambda *given: (transposed(*given), given[:2]), _transposed_backward)


def _plain(x: jax.Array, kernel: jax.Array, stride: int, padding: Any, **dilation) -> jax.Array:
  """The convolution of lax; `padding` is on every side, or [(above, below), (left, right)]."""
  border = [(padding, padding)] * 2 if isinstance(padding, int) else padding
  return lax.conv_general_dilated(
    x, kernel, (stride, stride), border, dimension_numbers=_DIMENSIONS, **dilation
  )


def _spread(
  x: jax.Array, kernel: jax.Array, stride: int, padding: int, size: tuple[int, int]
) -> jax.Array:
  """The transpose of `strided` from x to images of this height and width.

  On a CPU a matrix product whose columns are added up where they overlap, if these fit the caches.
  """
  k, before = kernel.shape[0], kernel.shape[0] - 1 - padding

  def dilated(x, kernel):
    # Above and before the first position k - 1 rows reach in; the last ones fill up the size.
    border = [
      (before, want - 1 - (have - 1) * stride + k - 1 - before)
      for want, have in zip(size, x.shape[1:3])
    ]
    flipped = im2col.transpose_kernel(kernel)
    return _plain(x, flipped, 1, border, lhs_dilation=(stride, stride))

  def product(x, kernel):
    pixels, taps = x.reshape(-1, x.shape[3]), kernel.reshape(-1, x.shape[3])
    # XLA rearranges what stands on the right, which takes most of the time for a large kernel.
    columns = (taps @ pixels.T).T if len(pixels) <= 2 * x.shape[3] else pixels @ taps.T
    columns = columns.reshape(*x.shape[:3], *kernel.shape[:3])
    return im2col.col2im(columns, stride, padding, size)

  if _is_symbolic(x):
    return dilated(x, kernel)
  columns = math.prod(x.shape[1:3]) * (kernel.size // x.shape[3]) * x.dtype.itemsize
  if by_winograd.suits((len(x), *size), kernel, stride, padding):
    on_cpu = functools.partial(by_winograd.spread, stride=stride, padding=padding)
  elif _has_few_outputs(x, k, kernel.shape[2], stride) or (
    stride > 1 and columns <= im2col.CACHE_BYTES
  ):
    on_cpu = lambda x, kernel: im2col.by_groups(lambda x: product(x, kernel), x, columns)
  else:
    return dilated(x, kernel)
  return lax.platform_dependent(x, kernel, cpu=on_cpu, default=dilated)


def _weight_gradient(
  x: jax.Array, gradient: jax.Array, kernel: jax.Array, stride: int, padding: int
) -> jax.Array:
  """The gradient of `strided` with respect to its kernel."""
  k = kernel.shape[0]

  def plain(x, gradient):
    return jax.vjp(lambda w: _plain(x, w, stride, padding), kernel)[1](gradient)[0]

  def product(a, b):  # Summed over all positions.
    return lax.dot_general(a, b, (((0, 1, 2), (0, 1, 2)), ((), ())))

  if _is_symbolic(x):
    return plain(x, gradient)
  if _are_few(x, kernel, stride, padding):

    def on_cpu(x, gradient):
      return product(im2col.im2col(x, k, stride, padding), gradient).reshape(kernel.shape)
  elif by_winograd.suits(x.shape, kernel, stride, padding):
    on_cpu = functools.partial(
      by_winograd.kernel_gradient, kernel=kernel, stride=stride, padding=padding
    )
  elif _has_few_outputs(x, k, kernel.shape[3], stride):  # The gradient as each tap sees it.

    def on_cpu(x, gradient):
      seen = product(im2col.im2col(gradient, k, 1, k - 1), im2col.pad(x, padding))
      return im2col.transpose_kernel(seen.reshape(k, k, -1, x.shape[3]))
  else:
    return plain(x, gradient)
  return lax.platform_dependent(x, gradient, cpu=on_cpu, default=plain)


def _are_few(x: jax.Array, kernel: jax.Array, stride: int, padding: int) -> bool:
  height, width = ((n + 2 * padding - kernel.shape[0]) // stride + 1 for n in x.shape[1:3])
  return x.shape[0] * height * width <= _FEW_POSITIONS


def _has_few_outputs(x: jax.Array, k: int, channels: int, stride: int) -> bool:
  """Returns True if all taps of all output channels are few numbers beside a pixel's."""
  taps = k**2 * channels
  return (
    stride == 1
    and taps <= 4 * x.shape[3]
    and x.shape[1] * x.shape[2] * taps * x.dtype.itemsize <= 2 * im2col.CACHE_BYTES
  )


def _is_symbolic(x: jax.Array) -> bool:
  return any(map(jax.export.is_symbolic_dim, x.shape))
