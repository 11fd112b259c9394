"""Convolutions with gradients of their own, for the sake of XLA's CPU backend.

On other platforms each is what lax has for it. On a CPU, XLA takes many times too long for some
shapes that these networks are made of (docs/performance.md has the times):

- transposed convolutions, and the gradient of a strided one with respect to its input, which is
  one: here a matrix product whose columns are added up where they overlap, for so many images at a
  time that these fit into the processor's caches;
- the weight gradient of a transposed convolution: here that of the strided one, the same sum;
- convolutions and weight gradients over few positions, as deep in a U-Net: here matrix products;
- convolutions without zero padding: here with it, and the border cut off.

Which of the first and third a shape needs is not known while its sizes are symbols, as in a program
that is exported for any size (inference/export.py): then they are lax's on CPUs, too.

Images are [batch, height, width, channels], kernels [k, k, in_channels, out_channels] of the
ordinary convolution, in any float dtype.
"""

import functools

import jax
import jax.export
from jax import lax
import jax.numpy as jnp

_DIMENSIONS = ('NHWC', 'HWIO', 'NHWC')
# Up to so many output positions, all images counted, a matrix product is quicker on a CPU.
_FEW_POSITIONS = 128
# Up to so many bytes of columns, a product and their sum are quicker than a dilated convolution;
# and either is quicker for few images, one group after the other, than for all at once.
_MOST_COLUMNS = 2 ** 23


@functools.partial(jax.custom_vjp, nondiff_argnums=(2, 3))
def strided(x: jax.Array, kernel: jax.Array, stride: int, padding: int) -> jax.Array:
  """A convolution with a border of `padding` zeros.

  Args:
    x: [batch, height, width, in_channels].
    kernel: [k, k, in_channels, out_channels].
    stride: in both directions, at most k.
    padding: zeros on every side.

  Returns:
    [batch, (height + 2 * padding - k) // stride + 1, likewise width, out_channels].
  """
  plain = functools.partial(_plain, stride=stride, padding=padding)
  if not _are_few(x, kernel, stride, padding):
    return plain(x, kernel)

  def product(x, kernel):
    return _patches(x, kernel.shape[0], stride, padding) @ kernel.reshape(-1, kernel.shape[-1])
  return lax.platform_dependent(x, kernel, cpu=product, default=plain)


@functools.partial(jax.custom_vjp, nondiff_argnums=(2, 3, 4))
def transposed(x: jax.Array, kernel: jax.Array, stride: int, padding: int,
               output_padding: int = 0) -> jax.Array:
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
  size = tuple((n - 1) * stride - 2 * padding + kernel.shape[0] + output_padding
               for n in x.shape[1:3])
  return _spread(x, kernel, stride, padding, size)


@jax.custom_vjp
def valid(x: jax.Array, kernel: jax.Array) -> jax.Array:
  """A convolution of stride 1 and odd k without padding, for images padded by other means.

  Returns:
    [batch, height - k + 1, width - k + 1, out_channels].
  """
  border = kernel.shape[0] // 2

  def cropped(x, kernel):
    y = _plain(x, kernel, 1, border)
    return y[:, border:y.shape[1] - border, border:y.shape[2] - border]
  return lax.platform_dependent(x, kernel, cpu=cropped,
                                default=functools.partial(_plain, stride=1, padding=0))


def _strided_forward(x, kernel, stride, padding):
  return strided(x, kernel, stride, padding), (x, kernel)


def _strided_backward(stride, padding, residuals, gradient):
  x, kernel = residuals
  if stride == 1:
    x_gradient = jax.vjp(lambda x: _plain(x, kernel, stride, padding), x)[1](gradient)[0]
  else:
    x_gradient = _spread(gradient, kernel, stride, padding, x.shape[1:3])
  return x_gradient, _weight_gradient(x, gradient, kernel, stride, padding)


def _transposed_forward(x, kernel, stride, padding, output_padding):
  return transposed(x, kernel, stride, padding, output_padding), (x, kernel)


def _transposed_backward(stride, padding, output_padding, residuals, gradient):
  del output_padding  # The strided convolution ends before it would need further rows.
  x, kernel = residuals
  # <gradient, transposed(x, kernel)> = <strided(gradient, kernel), x>
  return (strided(gradient, kernel, stride, padding),
          _weight_gradient(gradient, x, kernel, stride, padding))


def _valid_backward(residuals, gradient):
  return jax.vjp(lambda x, kernel: _plain(x, kernel, 1, 0), *residuals)[1](gradient)


strided.defvjp(_strided_forward, _strided_backward)
transposed.defvjp(_transposed_forward, _transposed_backward)
valid.defvjp(lambda x, kernel: (valid(x, kernel), (x, kernel)), _valid_backward)


def _plain(x: jax.Array, kernel: jax.Array, stride: int, padding: int) -> jax.Array:
  return lax.conv_general_dilated(x, kernel, (stride, stride), [(padding, padding)] * 2,
                                  dimension_numbers=_DIMENSIONS)


def _spread(x: jax.Array, kernel: jax.Array, stride: int, padding: int,
            size: tuple[int, int]) -> jax.Array:
  """The transpose of `strided` from x to images of this height and width."""
  def dilated(x, kernel):
    k = kernel.shape[0]
    flipped = jnp.flip(kernel, (0, 1)).swapaxes(2, 3)
    # Above and before the first position k - 1 rows reach in; the last ones fill up the size.
    before = k - 1 - padding
    border = [(before, want - 1 - (have - 1) * stride + k - 1 - before)
              for want, have in zip(size, x.shape[1:3])]
    return lax.conv_general_dilated(x, flipped, (1, 1), border, lhs_dilation=(stride, stride),
                                    dimension_numbers=_DIMENSIONS)

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

  batch, height, width, channels = x.shape
  columns = height * width * (kernel.size // channels) * x.dtype.itemsize
  on_cpu = product if columns <= _MOST_COLUMNS else dilated
  group = max(n for n in range(1, batch + 1)
              if batch % n == 0 and (n == 1 or n * columns <= _MOST_COLUMNS))

  def in_groups(x, kernel):
    groups = x.reshape(batch // group, group, height, width, channels)
    y = lax.map(lambda x: on_cpu(x, kernel), groups)
    return y.reshape(batch, *y.shape[2:])
  return lax.platform_dependent(x, kernel, cpu=on_cpu if group == batch else in_groups,
                                default=dilated)


def _overlapped(columns: jax.Array, stride: int, padding: int,
                size: tuple[int, int]) -> jax.Array:
  """Adds up what each position gives to its k x k neighbours.

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

  phases = [[sum(columns[:, a:a + units[0], b:b + units[1], i, j]
                 for a, i in taps(v) for b, j in taps(w))
             for w in range(stride)] for v in range(stride)]
  y = jnp.stack([jnp.stack(row, 3) for row in phases], 2)
  return y.reshape(batch, units[0] * stride, units[1] * stride, channels)[:, :size[0], :size[1]]


def _weight_gradient(x: jax.Array, gradient: jax.Array, kernel: jax.Array, stride: int,
                     padding: int) -> jax.Array:
  """The gradient of `strided` with respect to its kernel."""
  def plain(x, gradient):
    return jax.vjp(lambda w: _plain(x, w, stride, padding), kernel)[1](gradient)[0]
  if not _are_few(x, kernel, stride, padding):
    return plain(x, gradient)

  def product(x, gradient):
    patches = _patches(x, kernel.shape[0], stride, padding)
    return lax.dot_general(patches, gradient, (((0, 1, 2), (0, 1, 2)), ((), ()))).reshape(
        kernel.shape)
  return lax.platform_dependent(x, gradient, cpu=product, default=plain)


def _patches(x: jax.Array, k: int, stride: int, padding: int) -> jax.Array:
  """What a kernel sees at each of its positions, [batch, height, width, k * k * channels]."""
  x = jnp.pad(x, ((0, 0), (padding, padding), (padding, padding), (0, 0)))
  height, width = ((n - k) // stride + 1 for n in x.shape[1:3])
  return jnp.concatenate([
      x[:, i:i + (height - 1) * stride + 1:stride, j:j + (width - 1) * stride + 1:stride]
      for i in range(k) for j in range(k)], axis=-1)


def _are_few(x: jax.Array, kernel: jax.Array, stride: int, padding: int) -> bool:
  if _is_symbolic(x):
    return False
  height, width = ((n + 2 * padding - kernel.shape[0]) // stride + 1 for n in x.shape[1:3])
  return x.shape[0] * height * width <= _FEW_POSITIONS


def _is_symbolic(x: jax.Array) -> bool:
  return any(map(jax.export.is_symbolic_dim, x.shape))
