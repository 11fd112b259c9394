"""Convolutions with gradients of their own, for the sake of XLA's CPU backend.

On other platforms each is what lax has for it. On a CPU, XLA takes many times too long for some
shapes that these networks are made of (docs/performance.md has the times):

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

from collections.abc import Callable
import functools
import math

import jax
from jax import lax
import jax.export
import jax.numpy as jnp

from cyclegan_jax.ops import winograd

_DIMENSIONS = ('NHWC', 'HWIO', 'NHWC')
# Up to so many output positions, all images counted, a matrix product is quicker on a CPU.
_FEW_POSITIONS = 128
# Up to so many bytes of columns, a product and their sum are quicker than a dilated convolution;
# and everything is quicker for few images, one group after the other, than for all at once.
_MOST_COLUMNS = 2**23
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
      return _patches(x, k, stride, padding) @ kernel.reshape(-1, kernel.shape[-1])
  elif _suits_winograd(x, kernel, stride):

    def on_cpu(x, kernel):
      return _by_groups(
        lambda x: winograd.convolution(_bordered(x, padding), kernel),
        x,
        winograd.bytes_of_tiles(x, kernel),
      )
  elif _has_few_outputs(x, k, kernel.shape[3], stride):

    def on_cpu(x, kernel):
      size = tuple(n + 2 * padding - k + 1 for n in x.shape[1:3])
      return _spread(x, _reversed(kernel), 1, k - 1 - padding, size)
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
  size = tuple(
    (n - 1) * stride - 2 * padding + kernel.shape[0] + output_padding for n in x.shape[1:3]
  )
  return _spread(x, kernel, stride, padding, size)


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
      _reversed(kernel),
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
    return _overlapped(columns, stride, padding, size)

  def after_winograd(x, kernel):
    return winograd.transposed(_bordered(x, k - 1 - padding), kernel)

  columns = math.prod(x.shape[1:3]) * (kernel.size // x.shape[3]) * x.dtype.itemsize
  if _suits_winograd(x, kernel, stride):
    some, needed = after_winograd, winograd.bytes_of_tiles(x, kernel)
  elif stride > 1:
    some, needed = product if columns <= _MOST_COLUMNS else dilated, columns
  elif _has_few_outputs(x, k, kernel.shape[2], stride):
    some, needed = product, columns
  else:
    return dilated(x, kernel)
  return lax.platform_dependent(
    x,
    kernel,
    cpu=lambda x, kernel: _by_groups(lambda x: some(x, kernel), x, needed),
    default=dilated,
  )


def _by_groups(function: Callable[[jax.Array], jax.Array], x: jax.Array, size: int) -> jax.Array:
  """function(x), for so many images at a time as suit the caches if each needs `size` bytes."""
  y = lax.map(function, _grouped(x, size))
  return y.reshape(-1, *y.shape[2:])


def _grouped(x: jax.Array, size: int) -> jax.Array:
  """[batch, ...] as [groups, images, ...]."""
  images = max(
    n for n in range(1, len(x) + 1) if len(x) % n == 0 and (n == 1 or n * size <= _MOST_COLUMNS)
  )
  return x.reshape(-1, images, *x.shape[1:])


def _overlapped(columns: jax.Array, stride: int, padding: int, size: tuple[int, int]) -> jax.Array:
  """Adds up what each position gives to its k x k neighbors.

  Args:
    columns: [batch, height, width, k, k, channels]; [:, a, b, i, j] belongs to row
      a * stride + i - padding and column b * stride + j - padding of the result.
    stride: see there.
    padding: see there.
    size: height and width of the result.

  Returns:
    [batch, *size, channels].
  """
  batch, k, channels = columns.shape[0], columns.shape[3], columns.shape[-1]
  # Row u * stride + v of the result takes tap v_tap + stride * m from position u + v_shift - m.
  units = [-(-n // stride) for n in size]
  reach, most = -(-k // stride), (stride - 1 + padding) // stride
  edges = [(reach, max(0, u + most - have)) for u, have in zip(units, columns.shape[1:3])]
  columns = jnp.pad(columns, [(0, 0), *edges, (0, 0), (0, 0), (0, 0)])

  def taps(phase):
    shift, first = divmod(phase + padding, stride)
    return [(reach + shift - m, tap) for m, tap in enumerate(range(first, k, stride))]

  phases = [
    [
      sum(
        columns[:, a : a + units[0], b : b + units[1], i, j] for a, i in taps(v) for b, j in taps(w)
      )
      for w in range(stride)
    ]
    for v in range(stride)
  ]
  y = jnp.stack([jnp.stack(row, 3) for row in phases], 2)
  return y.reshape(batch, units[0] * stride, units[1] * stride, channels)[:, : size[0], : size[1]]


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
      patches = _patches(x, k, stride, padding)
      return lax.dot_general(patches, gradient, (((0, 1, 2), (0, 1, 2)), ((), ()))).reshape(
        kernel.shape
      )
  elif _suits_winograd(x, kernel, stride):

    def on_cpu(x, gradient):
      def add(total, group):
        x, gradient = group
        return total + winograd.kernel_gradient(_bordered(x, padding), gradient), None

      size = winograd.bytes_of_tiles(x, kernel)
      groups = _grouped(x, size), _grouped(gradient, size)
      return lax.scan(add, jnp.zeros_like(kernel), groups)[0]
  elif _has_few_outputs(x, k, kernel.shape[3], stride):

    def on_cpu(x, gradient):
      seen = _patches(gradient, k, 1, k - 1)
      product = lax.dot_general(seen, _bordered(x, padding), (((0, 1, 2), (0, 1, 2)), ((), ())))
      return _reversed(product.reshape(k, k, -1, x.shape[3]))
  else:
    return plain(x, gradient)
  return lax.platform_dependent(x, gradient, cpu=on_cpu, default=plain)


def _patches(x: jax.Array, k: int, stride: int, padding: int) -> jax.Array:
  """What a kernel sees at each of its positions, [batch, height, width, k * k * channels]."""
  x = _bordered(x, padding)
  height, width = ((n - k) // stride + 1 for n in x.shape[1:3])
  return jnp.concatenate(
    [
      x[:, i : i + (height - 1) * stride + 1 : stride, j : j + (width - 1) * stride + 1 : stride]
      for i in range(k)
      for j in range(k)
    ],
    axis=-1,
  )


def _bordered(x: jax.Array, padding: int) -> jax.Array:
  return jnp.pad(x, ((0, 0), (padding, padding), (padding, padding), (0, 0)))


def _reversed(kernel: jax.Array) -> jax.Array:
  """The kernel of the convolution that is the transpose of one of stride 1."""
  return jnp.flip(kernel, (0, 1)).swapaxes(2, 3)


def _are_few(x: jax.Array, kernel: jax.Array, stride: int, padding: int) -> bool:
  height, width = ((n + 2 * padding - kernel.shape[0]) // stride + 1 for n in x.shape[1:3])
  return x.shape[0] * height * width <= _FEW_POSITIONS


def _has_few_outputs(x: jax.Array, k: int, channels: int, stride: int) -> bool:
  """Whether all taps of all `channels` of the output are few numbers beside a pixel's."""
  taps = k**2 * channels
  return (
    stride == 1
    and taps <= 4 * x.shape[3]
    and x.shape[1] * x.shape[2] * taps * x.dtype.itemsize <= 2 * _MOST_COLUMNS
  )


def _suits_winograd(x: jax.Array, kernel: jax.Array, stride: int) -> bool:
  k = kernel.shape[0]
  return (
    stride == 1
    and k in (3, 4)
    and x.dtype.itemsize >= 4
    and min(kernel.shape[2:]) >= _WINOGRAD_CHANNELS
    and winograd.bytes_of_tiles(x, kernel) <= 2 * _MOST_COLUMNS
  )


def _is_symbolic(x: jax.Array) -> bool:
  return any(map(jax.export.is_symbolic_dim, x.shape))
