"""Receptive field of a generator: the input pixels that an output pixel depends on."""

from collections.abc import Callable, Mapping
import math

from cyclegan_jax.settings import ModelConfig

# A layer along one axis: outputs low to high depend on the inputs from the first to the second
# position that it returns.
_Layer = Callable[[int, int], tuple[int, int]]


def radius(config: ModelConfig) -> int:
  """Returns the largest distance, in pixels along one axis, from an output to an input it sees.

  With instance norm, every output also depends on moments of the whole image. The radius is then
  the one for given moments.
  """
  layers = DEEPEST_PATHS[config.generator](config)
  distances = []
  # The distance depends on an output's position within the stride: try all, far from any border.
  for position in range(2**config.n_downsampling):
    low = high = position
    for layer in reversed(layers):
      low, high = layer(low, high)
    distances += [position - low, high - position]
  return max(distances)


def _convolution(kernel: int, stride: int = 1) -> _Layer:
  """Output i sees input stride * i - padding and the kernel - 1 inputs after it."""
  padding = (kernel - 1) // 2
  return lambda low, high: (stride * low - padding, stride * high - padding + kernel - 1)


def _upsampling(config: ModelConfig, kernel: int) -> list[_Layer]:
  if config.upsampling == 'resize':
    return [lambda low, high: (low // 2, high // 2), _convolution(3)]
  if config.upsampling == 'bilinear':
    # Output i lies between the centers of two inputs.
    return [lambda low, high: ((low - 1) // 2, (high + 1) // 2), _convolution(3)]
  # Input i reaches output 2 * i - 1 and the kernel - 1 outputs after it.
  return [lambda low, high: (math.ceil((low + 2 - kernel) / 2), (high + 1) // 2)]


def _path(config: ModelConfig, kernel: int, n_blocks: int, antialias: bool = False) -> list[_Layer]:
  """Down, through the residual blocks, and up again, with kernels of this size on the way."""
  # A blur sees as much as a convolution with its filter's size.
  halved = [_convolution(kernel), _convolution(3, stride=2)]
  down = (halved if antialias else [_convolution(kernel, stride=2)]) * config.n_downsampling
  blocks = [_convolution(3)] * (2 * n_blocks)
  return down + blocks + _upsampling(config, kernel) * config.n_downsampling


def _resnet(config: ModelConfig) -> list[_Layer]:
  path = _path(config, 3, config.n_residual_blocks, config.antialias)
  return [_convolution(7), *path, _convolution(7)]


# The path with the largest field from input to output, for each of `models.generators.GENERATORS`.
DEEPEST_PATHS: Mapping[str, Callable[[ModelConfig], list[_Layer]]] = {
  'udacity': lambda config: _path(config, 4, config.n_residual_blocks),
  'resnet': _resnet,
  'unet': lambda config: _path(config, 4, 0),
}
