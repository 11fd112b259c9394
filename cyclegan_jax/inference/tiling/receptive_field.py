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


def _downsampling(config: ModelConfig) -> list[_Layer]:
  if not config.antialias:
    return [_convolution(3, stride=2)]
  # The blur sees as much as a convolution with its filter's size.
  return [_convolution(3), _convolution(3, stride=2)]


def _upsampling(config: ModelConfig, kernel: int) -> list[_Layer]:
  if config.upsampling == 'resize':
    return [lambda low, high: (low // 2, high // 2), _convolution(3)]
  if config.upsampling == 'bilinear':
    # Output i lies between the centers of two inputs.
    return [lambda low, high: ((low - 1) // 2, (high + 1) // 2), _convolution(3)]
  # Input i reaches output 2 * i - 1 and the kernel - 1 outputs after it.
  return [lambda low, high: (math.ceil((low + 2 - kernel) / 2), (high + 1) // 2)]


def _udacity(config: ModelConfig) -> list[_Layer]:
  down = [_convolution(4, stride=2)] * config.n_downsampling
  blocks = [_convolution(3)] * (2 * config.n_residual_blocks)
  return down + blocks + _upsampling(config, 4) * config.n_downsampling


def _resnet(config: ModelConfig) -> list[_Layer]:
  down = _downsampling(config) * config.n_downsampling
  blocks = [_convolution(3)] * (2 * config.n_residual_blocks)
  up = _upsampling(config, 3) * config.n_downsampling
  return [_convolution(7), *down, *blocks, *up, _convolution(7)]


def _unet(config: ModelConfig) -> list[_Layer]:
  down = [_convolution(4, stride=2)] * config.n_downsampling
  return down + _upsampling(config, 4) * config.n_downsampling


# The path with the largest field from input to output, for each of `models.generators.GENERATORS`.
DEEPEST_PATHS: Mapping[str, Callable[[ModelConfig], list[_Layer]]] = {
  'udacity': _udacity,
  'resnet': _resnet,
  'unet': _unet,
}
