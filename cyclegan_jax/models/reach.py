"""How far a generator sees: the input pixels that an output pixel depends on, along one axis."""

from collections.abc import Callable, Sequence
import math

from cyclegan_jax.settings import ModelConfig

# A layer along one axis: outputs low to high depend on the inputs from the first to the second
# position that it returns.
Layer = Callable[[int, int], tuple[int, int]]


def convolution(kernel: int, stride: int = 1) -> Layer:
  """Output i sees input stride * i - padding and the kernel - 1 inputs after it."""
  padding = (kernel - 1) // 2
  return lambda low, high: (stride * low - padding, stride * high - padding + kernel - 1)


def nearest(low: int, high: int) -> tuple[int, int]:
  """Output i of an image that is enlarged by two is input i // 2."""
  return low // 2, high // 2


def upsampling(config: ModelConfig, kernel: int) -> list[Layer]:
  """Returns the layers that double an image, see `layers.upsample`."""
  if config.upsampling == 'resize':
    return [nearest, convolution(3)]
  if config.upsampling == 'bilinear':
    # Output i lies between the centers of two inputs.
    return [lambda low, high: ((low - 1) // 2, (high + 1) // 2), convolution(3)]
  # Input i reaches output 2 * i - 1 and the kernel - 1 outputs after it.
  return [lambda low, high: (math.ceil((low + 2 - kernel) / 2), (high + 1) // 2)]


def down_and_up(
  config: ModelConfig, kernel: int, n_blocks: int, antialias: bool = False
) -> list[Layer]:
  """Down, through the residual blocks, and up again, with kernels of this size on the way."""
  # A blur sees as much as a convolution with its filter's size.
  halved = [convolution(kernel), convolution(3, stride=2)]
  down = (halved if antialias else [convolution(kernel, stride=2)]) * config.n_downsampling
  blocks = [convolution(3)] * (2 * n_blocks)
  return down + blocks + upsampling(config, kernel) * config.n_downsampling


def radius(path: Sequence[Layer], stride: int) -> int:
  """Returns the largest distance, in pixels along one axis, from an output to an input it sees.

  `path` is that with the largest field from input to output, of a network of a total stride.
  """
  distances = []
  # The distance depends on an output's position within the stride: try all, far from any border.
  for position in range(stride):
    low = high = position
    for layer in reversed(path):
      low, high = layer(low, high)
    distances += [position - low, high - position]
  return max(distances)
