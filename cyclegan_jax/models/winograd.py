"""Convolutions of stride 1 after Winograd: fewer multiplications, as matrix products.

An image is cut into overlapping tiles of n x n pixels, n = OUTPUTS + k - 1, each of which gives
OUTPUTS x OUTPUTS pixels of the result. With three small matrices, Y = A' [(G g G') * (B' d B)] A
for a tile d and a kernel g, the product being element by element; over channels it becomes n * n
matrix products. A 3x3 kernel takes 16 multiplications a tile instead of 36, a 4x4 kernel 25 instead
of 64. The result differs from the sum as written by roundings, which are larger than that sum's
own: tests/models/test_winograd.py says how much.

Lavin and Gray 2016, "Fast Algorithms for Convolutional Neural Networks"; the matrices are those of
Toom and Cook for polynomials, evaluated at 0, 1, -1, 2 and infinity.

Images are [batch, height, width, channels], kernels [k, k, in_channels, out_channels].
"""

import functools
from typing import Callable, Sequence

import jax
from jax import lax
import jax.numpy as jnp
import numpy as np

# Rows and columns of the result in a tile. More would need fewer products yet, but round worse.
OUTPUTS = 2
_POINTS = (0, 1, -1, 2)
_Grid = list[list[jax.Array]]


def convolution(x: jax.Array, kernel: jax.Array) -> jax.Array:
  """A convolution of stride 1 without padding.

  Args:
    x: [batch, height, width, in_channels].
    kernel: [k, k, in_channels, out_channels], k from 2 to 4.

  Returns:
    [batch, height - k + 1, width - k + 1, out_channels].
  """
  return _convolved(x, [list(row) for row in kernel], jnp.matmul)


def transposed(y: jax.Array, kernel: jax.Array) -> jax.Array:
  """The convolution by the reversed kernel, from its out_channels to its in_channels.

  The transpose of `convolution`, if y has k - 1 zeros on every side.

  Args:
    y: [batch, height, width, out_channels].
    kernel: as for `convolution`.

  Returns:
    [batch, height - k + 1, width - k + 1, in_channels].
  """
  # XLA would take most of the time for transposing the kernel before its transform.
  return _convolved(y, [list(row)[::-1] for row in kernel[::-1]],
                    lambda tile, weights: lax.dot_general(tile, weights, (((1,), (1,)), ((), ()))))


def kernel_gradient(x: jax.Array, gradient: jax.Array, k: int) -> jax.Array:
  """The gradient of `convolution` with respect to its kernel.

  Args:
    x: as there.
    gradient: of what it returns.
    k: height and width of the kernel.

  Returns:
    [k, k, in_channels, out_channels].
  """
  to_outputs, from_kernel, from_image = matrices(k)
  batch, height, width, channels = gradient.shape
  gradient = jnp.pad(gradient, ((0, 0), (0, -height % OUTPUTS), (0, -width % OUTPUTS), (0, 0)))
  parts = [[gradient[:, i::OUTPUTS, j::OUTPUTS].reshape(-1, channels) for j in range(OUTPUTS)]
           for i in range(OUTPUTS)]
  products = [[tile.T @ part for tile, part in zip(*rows)]
              for rows in zip(_two_sided(from_image, _tiles(x, k)),
                              _two_sided(to_outputs.T, parts))]
  # Stacked, XLA would compute them in one loop with what follows, many times slower.
  total = jnp.zeros((k, k, x.shape[3], channels), x.dtype)
  for i, row in enumerate(_two_sided(from_kernel.T, products)):
    for j, weights in enumerate(row):
      total = total.at[i, j].set(weights)
  return total


def bytes_of_tiles(x: jax.Array, kernel: jax.Array) -> int:
  """What the transformed tiles of one image, or their products if these are more, take."""
  n = OUTPUTS + kernel.shape[0] - 1
  pixels = x.shape[1] * x.shape[2] * n * n // OUTPUTS ** 2
  return pixels * max(kernel.shape[2:]) * x.dtype.itemsize


@functools.cache
def matrices(k: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
  """A', G and B' for kernels of k: [OUTPUTS, n], [n, k] and [n, n], n = OUTPUTS + k - 1."""
  n = OUTPUTS + k - 1
  points = np.array(_POINTS[:n - 1], np.float64)
  others = [np.delete(points, i) for i in range(n - 1)]
  infinity = np.eye(n)[-1]
  to_outputs = np.vander(points, OUTPUTS, increasing=True).T
  from_kernel = np.vander(points, k, increasing=True) / [
      [np.prod(x - roots)] for x, roots in zip(points, others)]
  from_image = [np.append(np.poly(roots)[::-1], 0) for roots in others] + [np.poly(points)[::-1]]
  return (np.column_stack([to_outputs, infinity[-OUTPUTS:]]),
          np.vstack([from_kernel, infinity[-k:]]), np.array(from_image))


def _convolved(x: jax.Array, kernel: _Grid,
               product: Callable[[jax.Array, jax.Array], jax.Array]) -> jax.Array:
  """A convolution whose product of a tile's channels with a kernel's is given."""
  k = len(kernel)
  to_outputs, from_kernel, from_image = matrices(k)
  height, width = (n - k + 1 for n in x.shape[1:3])
  products = [[product(*pair) for pair in zip(*rows)] for rows in zip(
      _two_sided(from_image, _tiles(x, k)), _two_sided(from_kernel, kernel))]
  y = jnp.stack([jnp.stack(row, 1) for row in _two_sided(to_outputs, products)], 1)
  down, right = -(-height // OUTPUTS), -(-width // OUTPUTS)
  y = y.reshape(x.shape[0], down, right, OUTPUTS, OUTPUTS, -1).swapaxes(2, 3)
  return y.reshape(x.shape[0], OUTPUTS * down, OUTPUTS * right, -1)[:, :height, :width]


def _tiles(x: jax.Array, k: int) -> _Grid:
  """Pixel [i][j] of all tiles, [tiles, channels] each; zeros beyond the image."""
  batch, _, _, channels = x.shape
  n = OUTPUTS + k - 1
  counts = [-(-(size - k + 1) // OUTPUTS) for size in x.shape[1:3]]
  units = [count + (n - 1) // OUTPUTS for count in counts]
  x = jnp.pad(x, ((0, 0), *((0, OUTPUTS * unit - size)
                            for unit, size in zip(units, x.shape[1:3])), (0, 0)))
  x = lax.optimization_barrier(x).reshape(batch, units[0], OUTPUTS, units[1], OUTPUTS, channels)

  def pixel(i, j):
    (a, p), (b, q) = divmod(i, OUTPUTS), divmod(j, OUTPUTS)
    return x[:, a:a + counts[0], p, b:b + counts[1], q].reshape(-1, channels)
  return [[pixel(i, j) for j in range(n)] for i in range(n)]


def _two_sided(matrix: np.ndarray, grid: _Grid) -> _Grid:
  """matrix @ grid @ matrix.T, for a grid of arrays, each of one shape."""
  rows = [[_sum(weights, column) for column in zip(*grid)] for weights in matrix]
  return [[_sum(weights, row) for weights in matrix] for row in rows]


def _sum(weights: np.ndarray, arrays: Sequence[jax.Array]) -> jax.Array:
  """The weighted sum, written out: XLA makes one loop of it."""
  return functools.reduce(jnp.add, [array if weight == 1 else float(weight) * array
                                    for weight, array in zip(weights, arrays) if weight])
