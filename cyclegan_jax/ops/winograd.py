"""Convolutions of stride 1 after Winograd: fewer multiplications, as matrix products.

An image is cut into overlapping tiles d of n x n pixels, n = OUTPUTS + k - 1, each of which gives
OUTPUTS x OUTPUTS pixels Y = A' [(G g G') * (B' d B)] A for a kernel g. `*` is element by element;
over channels it becomes n * n matrix products. A 3x3 kernel takes 16 multiplications a tile instead
of 36, a 4x4 kernel 25 instead of 64. Rounding errors are about those of the plain sum for 3x3,
twice those for 4x4. All is written as few operations on large arrays: XLA's time for compiling and
loading grows faster than their number. Lavin and Gray 2016, "Fast Algorithms for Convolutional
Neural Networks"; the matrices are those of Toom and Cook, evaluated at 0, 1, -1, 2 and infinity.

Images are [batch, height, width, channels], kernels [k, k, in_channels, out_channels].
"""

from collections.abc import Callable, Sequence
import functools
import math

import jax
from jax import lax
from jax.experimental import xla_metadata
import jax.numpy as jnp
import numpy as np

# Rows and columns of the result in a tile. More would need fewer products yet, but round worse.
OUTPUTS = 2
_POINTS = (0, 1, -1, 2)


def _apart(function: Callable[..., jax.Array]) -> Callable[..., jax.Array]:
  """Has XLA call a function of arrays, not inline it, and JAX trace it once for a shape.

  On a CPU that makes networks quicker, and sooner compiled (docs/explanation/performance.md).
  """
  jitted = jax.jit(function)

  @functools.wraps(function)
  def called(*arrays):
    with xla_metadata.set_xla_metadata(inlineable='false'):
      return jitted(*arrays)

  return called


@_apart
def convolution(x: jax.Array, kernel: jax.Array) -> jax.Array:
  """A convolution of stride 1 without padding, for k from 2 to 4.

  Returns:
    [batch, height - k + 1, width - k + 1, out_channels].
  """
  return _convolved(x, _transformed(matrices(kernel.shape[0])[1], kernel), 1)


@_apart
def transposed(y: jax.Array, kernel: jax.Array) -> jax.Array:
  """The transpose of `convolution` by this kernel, if y has k - 1 zeros on every side.

  Args:
    y: [batch, height, width, out_channels].
    kernel: as for `convolution`.

  Returns:
    [batch, height - k + 1, width - k + 1, in_channels].
  """
  # XLA would take most of the time for transposing the kernel before its transform.
  return _convolved(y, _transformed(matrices(kernel.shape[0])[1][:, ::-1], kernel), 2)


@_apart
def kernel_gradient(x: jax.Array, gradient: jax.Array) -> jax.Array:
  """The gradient of `convolution` of x with respect to its kernel, given that of its result."""
  batch, height, width, channels = gradient.shape
  k = x.shape[1] - height + 1
  to_outputs, from_kernel, _ = matrices(k)
  gradient = jnp.pad(gradient, ((0, 0), (0, -height % OUTPUTS), (0, -width % OUTPUTS), (0, 0)))
  gradient = gradient.reshape(batch, gradient.shape[1] // OUTPUTS, OUTPUTS, -1, OUTPUTS, channels)
  gradient = gradient.transpose(2, 4, 0, 1, 3, 5).reshape(OUTPUTS, OUTPUTS, -1, channels)
  tiles, gradients = _tiles(x, k), _transformed(to_outputs.T, gradient)
  products = lax.dot_general(tiles, gradients, (((1,), (1,)), ((0,), (0,))))
  n = OUTPUTS + k - 1
  summed = _transformed(from_kernel.T, products.reshape(n, n, -1, channels))
  return summed.reshape(k, k, -1, channels)


@functools.cache
def matrices(k: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
  """A', G and B' for kernels of k: [OUTPUTS, n], [n, k] and [n, n], n = OUTPUTS + k - 1."""
  n = OUTPUTS + k - 1
  points = np.array(_POINTS[: n - 1], np.float64)
  others = [np.delete(points, i) for i in range(n - 1)]
  infinity = np.eye(n)[-1]
  to_outputs = np.vander(points, OUTPUTS, increasing=True).T
  from_kernel = np.vander(points, k, increasing=True) / [
    [np.prod(x - roots)] for x, roots in zip(points, others)
  ]
  from_image = [np.append(np.poly(roots)[::-1], 0) for roots in others] + [np.poly(points)[::-1]]
  return (
    np.column_stack([to_outputs, infinity[-OUTPUTS:]]),
    np.vstack([from_kernel, infinity[-k:]]),
    np.array(from_image),
  )


def _convolved(x: jax.Array, kernels: jax.Array, axis: int) -> jax.Array:
  """A convolution by transformed kernels that have the image's channels in this axis."""
  n = math.isqrt(len(kernels))
  batch, height, width = len(x), *(size - n + OUTPUTS for size in x.shape[1:3])
  products = lax.dot_general(_tiles(x, n - OUTPUTS + 1), kernels, (((2,), (axis,)), ((0,), (0,))))
  y = _transformed(matrices(n - OUTPUTS + 1)[0], products.reshape(n, n, *products.shape[1:]))
  down, right = -(-height // OUTPUTS), -(-width // OUTPUTS)
  y = y.reshape(OUTPUTS, OUTPUTS, batch, down, right, -1).transpose(2, 3, 0, 4, 1, 5)
  return y.reshape(batch, OUTPUTS * down, OUTPUTS * right, -1)[:, :height, :width]


def _tiles(x: jax.Array, k: int) -> jax.Array:
  """B' d B of all tiles, [n * n, tiles, channels], with zeros beyond the image."""
  batch, _, _, channels = x.shape
  from_image = matrices(k)[2]
  n = len(from_image)
  down, right = (-(-(size - k + 1) // OUTPUTS) for size in x.shape[1:3])
  border = (n - 1) // OUTPUTS
  below, beside = OUTPUTS * (down + border), OUTPUTS * (right + border)
  x = jnp.pad(x, ((0, 0), (0, below - x.shape[1]), (0, beside - x.shape[2]), (0, 0)))
  x = x.reshape(batch, down + border, OUTPUTS, -1, channels)
  rows = [x[:, i // OUTPUTS : i // OUTPUTS + down, i % OUTPUTS] for i in range(n)]
  x = jnp.stack(_sums(from_image, rows)).reshape(n, batch, down, right + border, OUTPUTS, channels)
  columns = [x[:, :, :, j // OUTPUTS : j // OUTPUTS + right, j % OUTPUTS] for j in range(n)]
  return jnp.stack(_sums(from_image, columns), 1).reshape(n * n, -1, channels)


def _transformed(matrix: np.ndarray, x: jax.Array) -> jax.Array:
  """matrix @ x @ matrix.T over the first two axes, as one product: [rows * rows, ...]."""
  both = jnp.asarray(np.kron(matrix, matrix), x.dtype)
  return (both @ x.reshape(both.shape[1], -1)).reshape(-1, *x.shape[2:])


def _sums(matrix: np.ndarray, arrays: Sequence[jax.Array]) -> list[jax.Array]:
  """matrix @ arrays, written out, for its many zeros."""
  weighted = lambda w, array: array if w == 1 else float(w) * array
  return [
    functools.reduce(jnp.add, [weighted(w, array) for w, array in zip(row, arrays) if w])
    for row in matrix
  ]
