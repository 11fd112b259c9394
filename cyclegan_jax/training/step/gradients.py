"""Gradients over the rows of all devices, computed in microbatches to save memory.

With accumulate=K, each device computes K microbatches of its rows one after the other, so that the
activations of only one exist at a time. Gradients and loss terms are means over all of them.
"""

from collections.abc import Callable
from typing import Any

import jax
from jax import flatten_util, lax
import jax.numpy as jnp
import optax

from cyclegan_jax.devices import DEVICE_AXIS

# A pytree of arrays of this device's rows, [rows, ...].
Rows = Any


def accumulate(function: Callable[..., Any], n: int, rows: Rows, stats: Any) -> Any:
  """Averages gradients over microbatches and devices.

  Args:
    function: (rows, index, stats) -> (gradients, stats, terms, images) of one microbatch: its rows,
      its number, and the batch statistics that the one before it left.
    n: The number of microbatches.
    rows: The rows of this device, a multiple of n.
    stats: The batch statistics before the first microbatch.

  Returns:
    The gradients, averaged over microbatches and devices; the statistics after the last microbatch;
    the terms, averaged over microbatches; and the images of all rows.
  """
  if n == 1:
    total, stats, terms, images = function(rows, 0, stats)
    return mean_over_devices(total), stats, terms, images

  def add(carry, part):
    total, stats = carry
    found, stats, terms, images = function(*part, stats)
    return (jax.tree.map(jnp.add, total, found), stats), (terms, images)

  parts = _split(rows, n)
  first = jax.tree.map(lambda x: x[0], parts)
  zeros = jax.tree.map(jnp.zeros_like, jax.eval_shape(function, *first, stats)[0])
  (total, stats), (terms, images) = lax.scan(add, (zeros, stats), parts)
  total, terms = jax.tree.map(lambda x: x / n, total), jax.tree.map(lambda x: jnp.mean(x, 0), terms)
  return mean_over_devices(total), stats, terms, _joined(images)


def map_microbatches(function: Callable[..., Any], n: int, rows: Rows) -> Rows:
  """Computes (rows, index) -> rows one microbatch at a time."""
  return _joined(lax.map(lambda part: function(*part), _split(rows, n)))


def mean_over_devices(tree: Any) -> Any:
  """Averages each leaf over the pmap axis, all of them in one exchange."""
  # XLA would copy everything for one device on a CPU.
  if lax.axis_size(DEVICE_AXIS) == 1 or not jax.tree.leaves(tree):
    return tree
  # An exchange of each leaf would wait as often as there are leaves.
  flat, restore = flatten_util.ravel_pytree(tree)
  return restore(lax.pmean(flat, DEVICE_AXIS))


def norm(gradients: Any) -> jax.Array:
  """The Euclidean norm of all gradients."""
  # Without the barrier XLA also writes out the squares, to use them for Adam's second moments.
  return optax.tree.norm(lax.optimization_barrier(gradients))


def _split(rows: Rows, n: int) -> tuple[Rows, jax.Array]:
  """The rows of each microbatch, [n, rows / n, ...], and their numbers."""
  return jax.tree.map(lambda x: x.reshape(n, -1, *x.shape[1:]), rows), jnp.arange(n)


def _joined(parts: Rows) -> Rows:
  return jax.tree.map(lambda x: x.reshape(-1, *x.shape[2:]), parts)
