"""Spectral normalization of kernels (Miyato et al. 2018).

Flax has `nnx.SpectralNorm`. It serves in training; in evaluation it iterates once more, where
PyTorch keeps the vectors of the last training pass, and it overwrites the layer's kernel.
"""

import math
from typing import Any

from flax import nnx
import jax
from jax import lax
import jax.numpy as jnp
import numpy as np

from cyclegan_jax.models import initializers

# As torch.nn.utils.spectral_norm.
_EPSILON = 1e-12


class SpectralNorm(nnx.Module):
  """Divides a kernel by an estimate of its largest singular value.

  As torch.nn.utils.spectral_norm: the kernel is a matrix with one row or column for each output
  channel, and a training pass first does one step of the power iteration. Its two vectors are batch
  statistics. They depend on kernels alone, so they are the same on all devices. Gradients take them
  for constants.
  """

  def __init__(self, shape: tuple[int, ...], rngs: nnx.Rngs):
    self.u = nnx.BatchStat(_drawn(rngs, shape[-1]))
    self.v = nnx.BatchStat(_drawn(rngs, math.prod(shape[:-1])))
    # The name that `train` and `eval` of Flax's modules set.
    self.use_running_average = False

  def __call__(self, kernel: jax.Array) -> jax.Array:
    """Normalizes [k, k, in_channels, out_channels]; the result has the same shape and dtype."""
    matrix = kernel.reshape(-1, kernel.shape[-1])
    u, v = self.u[...], self.v[...]
    if not self.use_running_average:
      fixed = lax.stop_gradient(matrix)
      v = _unit(_product(fixed, u))
      u = _unit(_product(v, fixed))
      self.u.set_value(u)
      self.v.set_value(v)
    return kernel / _product(v, _product(matrix, u))


def _drawn(rngs: nnx.Rngs, size: int) -> Any:
  vector = initializers.normal(1.0)(rngs.params(), (size,))
  return vector / np.maximum(np.linalg.norm(vector), np.float32(_EPSILON))


def _product(a: jax.Array, b: jax.Array) -> jax.Array:
  # Accelerators would round the factors.
  return jnp.matmul(a, b, precision=lax.Precision.HIGHEST)


def _unit(vector: jax.Array) -> jax.Array:
  return vector / jnp.maximum(jnp.linalg.norm(vector), _EPSILON)
