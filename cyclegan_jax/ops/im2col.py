"""Convolutions as matrix products, as XLA's CPU backend needs them. CPU only.

Images are [batch, height, width, channels], of any float dtype.
"""

from collections.abc import Callable
import itertools

import jax
from jax import lax
import jax.numpy as jnp

# Everything is quicker for as many images at a time as fit into the caches than for all at once.
CACHE_BYTES = 2**23


def by_groups(function: Callable[[jax.Array], jax.Array], x: jax.Array, size: int) -> jax.Array:
  """Returns function(x), computed in groups of images that fit the caches at `size` bytes each."""
  y = lax.map(function, grouped(x, size))
  return y.reshape(-1, *y.shape[2:])


def grouped(x: jax.Array, size: int) -> jax.Array:
  """[batch, ...] as [groups, images, ...]."""
  images = max(
    n for n in range(1, len(x) + 1) if len(x) % n == 0 and (n == 1 or n * size <= CACHE_BYTES)
  )
  return x.reshape(-1, images, *x.shape[1:])


def col2im(columns: jax.Array, stride: int, padding: int, size: tuple[int, int]) -> jax.Array:
  """Adds up what each position gives to its k x k neighbors: [batch, *size, channels].

  In `columns`, [batch, height, width, k, k, channels], [:, a, b, i, j] belongs to row
  a * stride + i - padding and column b * stride + j - padding of the result.
  """
  batch, k, channels = columns.shape[0], columns.shape[3], columns.shape[-1]
  # Row u * stride + v of the result takes tap v_tap + stride * m from position u + v_shift - m.
  units = [-(-n // stride) for n in size]
  reach, most = -(-k // stride), (stride - 1 + padding) // stride
  edges = [(reach, max(0, u + most - have)) for u, have in zip(units, columns.shape[1:3])]
  columns = jnp.pad(columns, [(0, 0), *edges, (0, 0), (0, 0), (0, 0)])

  def taps(v):
    shift, first = divmod(v + padding, stride)
    return [(reach + shift - m, tap) for m, tap in enumerate(range(first, k, stride))]

  def phase(v, w):
    pairs = itertools.product(taps(v), taps(w))
    return sum(columns[:, a : a + units[0], b : b + units[1], i, j] for (a, i), (b, j) in pairs)

  phases = [[phase(v, w) for w in range(stride)] for v in range(stride)]
  y = jnp.stack([jnp.stack(row, 3) for row in phases], 2)
  return y.reshape(batch, units[0] * stride, units[1] * stride, channels)[:, : size[0], : size[1]]


def im2col(x: jax.Array, k: int, stride: int, padding: int) -> jax.Array:
  """The patch under the kernel at each position, [batch, height, width, k * k * channels]."""
  x = pad(x, padding)
  height, width = ((n - k) // stride + 1 for n in x.shape[1:3])
  rows = [slice(i, i + (height - 1) * stride + 1, stride) for i in range(k)]
  columns = [slice(j, j + (width - 1) * stride + 1, stride) for j in range(k)]
  return jnp.concatenate([x[:, row, column] for row in rows for column in columns], axis=-1)


def pad(x: jax.Array, padding: int) -> jax.Array:
  """Pads the height and width of [batch, height, width, channels] with zeros, on both sides."""
  return jnp.pad(x, ((0, 0), (padding, padding), (padding, padding), (0, 0)))


def transpose_kernel(kernel: jax.Array) -> jax.Array:
  """The kernel of the convolution that is the transpose of one of stride 1."""
  return jnp.flip(kernel, (0, 1)).swapaxes(2, 3)
