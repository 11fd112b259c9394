"""How the arrays of networks begin.

NumPy draws them: a program of JAX for all draws of a network takes longer to compile than training
steps do. An initializer maps (generator, shape, dtype) to an array; None for the generator gives
zeros that take no memory, where only shapes count.
"""

from collections.abc import Callable
import functools
import math
from typing import Any

from flax import nnx
import numpy as np

from cyclegan_jax.settings import ModelConfig

Initializer = Callable[..., np.ndarray]
_Shape = tuple[int, ...]


class Draws(nnx.Rngs):
  """Takes the place of `nnx.Rngs`: its keys are NumPy's generator, or None."""

  def __init__(self, seed: np.random.SeedSequence | int | None):
    """None draws nothing. There is no key of JAX to make."""
    self.generator = None if seed is None else np.random.default_rng(seed)

  def params(self) -> Any:
    """Returns the generator that the next array is drawn from."""
    return self.generator


def _initializer(draw: Callable[[np.random.Generator, _Shape], np.ndarray]) -> Initializer:
  @functools.wraps(draw)
  def initialize(
    generator: np.random.Generator | None, shape: _Shape, dtype: Any = np.float32
  ) -> np.ndarray:
    if generator is None:
      return np.broadcast_to(np.zeros((), dtype), shape)
    return draw(generator, shape).astype(dtype, copy=False)

  return initialize


zeros = _initializer(lambda generator, shape: np.zeros(shape, np.float32))
ones = _initializer(lambda generator, shape: np.ones(shape, np.float32))


def normal(deviation: float, mean: float = 0.0) -> Initializer:
  """Returns an initializer that draws from a normal distribution."""

  def draw(generator: np.random.Generator, shape: _Shape) -> np.ndarray:
    return mean + np.float32(deviation) * generator.standard_normal(shape, np.float32)

  return _initializer(draw)


def uniform(bound: float) -> Initializer:
  """Returns an initializer that draws evenly from -bound to bound."""

  def draw(generator: np.random.Generator, shape: _Shape) -> np.ndarray:
    return np.float32(bound) * (2 * generator.random(shape, np.float32) - 1)

  return _initializer(draw)


def _uniform_by_fan_in(generator: np.random.Generator, shape: _Shape) -> np.ndarray:
  """PyTorch's default, U(+-1/sqrt(fan_in)), for ordinary and transposed convolutions."""
  return uniform(math.prod(shape[:-1]) ** -0.5)(generator, shape)


def _xavier(generator: np.random.Generator, shape: _Shape) -> np.ndarray:
  """Glorot's, of 0.02 times the standard deviation, as `normal` has it."""
  fans = math.prod(shape[:-2]) * (shape[-2] + shape[-1])
  return normal(0.02 * (2 / fans) ** 0.5)(generator, shape)


def _orthogonal(generator: np.random.Generator, shape: _Shape) -> np.ndarray:
  """Orthonormal columns or, if there are more columns than rows, rows (Saxe et al. 2013)."""
  rows, columns = math.prod(shape[:-1]), shape[-1]
  drawn = generator.standard_normal((max(rows, columns), min(rows, columns)), np.float32)
  q, r = np.linalg.qr(drawn)
  q *= np.sign(np.diagonal(r))  # So that each orthogonal matrix is as likely as any other.
  return (q if rows >= columns else q.T).reshape(shape)


# By --initializer, and what a U-Net discriminator begins with.
KERNELS: dict[str, Initializer] = {
  'uniform': _initializer(_uniform_by_fan_in),
  'normal': normal(0.02),
  'xavier': _initializer(_xavier),
  'orthogonal': _initializer(_orthogonal),
}
# With these, biases begin at 0 and scales near 1.
_AROUND = ('normal', 'xavier')


def bias(config: ModelConfig, fan_in: int) -> Initializer:
  """Returns how biases begin."""
  return zeros if config.initializer in _AROUND else uniform(fan_in**-0.5)


def scale(config: ModelConfig) -> Initializer:
  """Returns how the scales of batch norms begin."""
  return normal(0.02, mean=1.0) if config.initializer in _AROUND else ones
