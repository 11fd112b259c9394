"""Convolutions with their own gradients. CPU only: elsewhere they are those of lax.

On a CPU, XLA takes many times too long for some shapes that these networks are made of
(docs/explanation/performance.md has the times):

- transposed convolutions, and the gradient of a strided one with respect to its input, which is
  one: here a matrix product whose columns are added up where they overlap, for so many images at a
  time that these fit into the processor's caches;
- the weight gradient of a transposed convolution: here that of the strided one, the same sum;
- convolutions and weight gradients over few positions, as deep in a U-Net: here matrix products;
- 3x3 and 4x4 convolutions of stride 1: here after Winograd (winograd.py), which takes half as long;
- those of stride 1 to few channels: here a product of each pixel, added up, or that of the gradient
  as each tap sees it;
- other convolutions without zero padding: here with it, and the border cut off.

Which of these a shape needs is not known while its sizes are symbols, as in a program that is
exported for any size (inference/export.py): then they are lax's on CPUs, too.

Images are [batch, height, width, channels], kernels [k, k, in_channels, out_channels] of the
ordinary convolution, in any float dtype.
"""

import functools
import math

import jax
from jax import lax
import jax.export
import jax.numpy as jnp

from cyclegan_jax.ops import im2col, winograd

_DIMENSIONS = ('NHWC', 'HWIO', 'NHWC')
# Up to so many output positions, all images counted, a matrix product is quicker on a CPU.
_FEW_POSITIONS = 128
# From so many channels in and out, Winograd's transforms take less time than they save.
_WINOGRAD_CHANNELS = 64


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
  if _are_few(x, kernel, stride, padding):

    def on_cpu(x, kernel):
      return im2col.im2col(x, k, stride, padding) @ kernel.reshape(-1, kernel.shape[-1])
  elif _suits_winograd(x, kernel, stride):

    def on_cpu(x, kernel):
      return im2col.by_groups(
        lambda x: winograd.convolution(im2col.pad(x, padding), kernel),
        x,
        winograd.bytes_of_tiles(x, kernel),
      )
  elif _has_few_outputs(x, k, kernel.shape[3], stride):

    def on_cpu(x, kernel):
      size = tuple(n + 2 * padding - k + 1 for n in x.shape[1:3])
      return _spread(x, im2col.transpose_kernel(kernel), 1, k - 1 - padding, size)
  elif stride == 1 and padding == 0 and k % 2:

    def on_cpu(x, kernel):
      y = _plain(x, kernel, 1, k // 2)
      return y[:, k // 2 : y.shape[1] - k // 2, k // 2 : y.shape[2] - k // 2]
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


def _strided_forward(x, kernel, stride, padding):
  return strided(x, kernel, stride, padding), (x, kernel)


def _strided_backward(stride, padding, residuals, gradient):
  x, kernel = residuals
  return (
    _spread(gradient, kernel, stride, padding, x.shape[1:3]),
    _weight_gradient(x, gradient, kernel, stride, padding),
  )


def _transposed_forward(x, kernel, stride, padding, output_padding):
  return transposed(x, kernel, stride, padding, output_padding), (x, kernel)


def _transposed_backward(stride, padding, output_padding, residuals, gradient):
  del output_padding  # The strided convolution ends before it would need further rows.
  x, kernel = residuals
  # <gradient, transposed(x, kernel)> = <strided(gradient, kernel), x>
  return (
    strided(gradient, kernel, stride, padding),
    _weight_gradient(gradient, x, kernel, stride, padding),
  )


strided.defvjp(_strided_forward, _strided_backward)
transposed.defvjp(_transposed_forward, _transposed_backward)


def _plain(x: jax.Array, kernel: jax.Array, stride: int, padding: int) -> jax.Array:
  return lax.conv_general_dilated(
    x, kernel, (stride, stride), [(padding, padding)] * 2, dimension_numbers=_DIMENSIONS
  )


def _spread(
  x: jax.Array, kernel: jax.Array, stride: int, padding: int, size: tuple[int, int]
) -> jax.Array:
  """The transpose of `strided` from x to images of this height and width."""
  k = kernel.shape[0]

  def dilated(x, kernel):
    # Above and before the first position k - 1 rows reach in; the last ones fill up the size.
    before = k - 1 - padding
    border = [
      (before, want - 1 - (have - 1) * stride + k - 1 - before)
      for want, have in zip(size, x.shape[1:3])
    ]
    return lax.conv_general_dilated(
      x,
      im2col.transpose_kernel(kernel),
      (1, 1),
      border,
      lhs_dilation=(stride, stride),
      dimension_numbers=_DIMENSIONS,
    )

  if _is_symbolic(x):
    return dilated(x, kernel)

  def product(x, kernel):
    if x.size // x.shape[3] > _FEW_POSITIONS:
      columns = lax.dot_general(x, kernel, (((3,), (3,)), ((), ())))
    else:
      # On the right XLA would rearrange the kernel first, which then takes most of the time.
      columns = lax.dot_general(kernel, x, (((3,), (3,)), ((), ())))
      columns = jnp.moveaxis(columns, (3, 4, 5), (0, 1, 2))
    return im2col.col2im(columns, stride, padding, size)

  def after_winograd(x, kernel):
    return winograd.transposed(im2col.pad(x, k - 1 - padding), kernel)

  columns = math.prod(x.shape[1:3]) * (kernel.size // x.shape[3]) * x.dtype.itemsize
  if _suits_winograd(x, kernel, stride):
    some, needed = after_winograd, winograd.bytes_of_tiles(x, kernel)
  elif stride > 1:
    some, needed = product if columns <= im2col.CACHE_BYTES else dilated, columns
  elif _has_few_outputs(x, k, kernel.shape[2], stride):
    some, needed = product, columns
  else:
    return dilated(x, kernel)
  return lax.platform_dependent(
    x,
    kernel,
    cpu=lambda x, kernel: im2col.by_groups(lambda x: some(x, kernel), x, needed),
    default=dilated,
  )


def _weight_gradient(
  x: jax.Array, gradient: jax.Array, kernel: jax.Array, stride: int, padding: int
) -> jax.Array:
  """The gradient of `strided` with respect to its kernel."""

  def plain(x, gradient):
    return jax.vjp(lambda w: _plain(x, w, stride, padding), kernel)[1](gradient)[0]

  k = kernel.shape[0]
  if _is_symbolic(x):
    return plain(x, gradient)
  if _are_few(x, kernel, stride, padding):

    def on_cpu(x, gradient):
      patches = im2col.im2col(x, k, stride, padding)
      return lax.dot_general(patches, gradient, (((0, 1, 2), (0, 1, 2)), ((), ()))).reshape(
        kernel.shape
      )
  elif _suits_winograd(x, kernel, stride):

    def on_cpu(x, gradient):
      def add(total, group):
        x, gradient = group
        return total + winograd.kernel_gradient(im2col.pad(x, padding), gradient), None

      size = winograd.bytes_of_tiles(x, kernel)
      groups = im2col.grouped(x, size), im2col.grouped(gradient, size)
      return lax.scan(add, jnp.zeros_like(kernel), groups)[0]
  elif _has_few_outputs(x, k, kernel.shape[3], stride):

    def on_cpu(x, gradient):
      seen = im2col.im2col(gradient, k, 1, k - 1)
      product = lax.dot_general(seen, im2col.pad(x, padding), (((0, 1, 2), (0, 1, 2)), ((), ())))
      return im2col.transpose_kernel(product.reshape(k, k, -1, x.shape[3]))
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


def _suits_winograd(x: jax.Array, kernel: jax.Array, stride: int) -> bool:
  k = kernel.shape[0]
  return (
    stride == 1
    and k in (3, 4)
    and x.dtype.itemsize >= 4
    and min(kernel.shape[2:]) >= _WINOGRAD_CHANNELS
    and winograd.bytes_of_tiles(x, kernel) <= 2 * im2col.CACHE_BYTES
  )


def _is_symbolic(x: jax.Array) -> bool:
  return any(map(jax.export.is_symbolic_dim, x.shape))
