"""How far a generator sees: which input pixels an output pixel depends on."""

import math

from cyclegan_jax.settings import ModelConfig

# The first and the last position, in pixels of the layer at hand.
_Span = tuple[float, float]


def radius(config: ModelConfig) -> int:
  """The largest distance in pixels, along one axis, between an output pixel and an input it sees.

  With instance norm every output also depends on means and variances over the whole image: then it
  is the distance at given means and variances.
  """
  stride = 2**config.n_downsampling
  reaches = []
  # An output pixel's place within the stride matters: all are tried, far from any border.
  for place in range(stride):
    low, high = _seen(config, place)
    reaches += [place - low, high - place]
  return max(reaches)


def _seen(config: ModelConfig, place: int) -> _Span:
  """The input positions that output `place` depends on, through the deepest path."""
  span = (place, place)
  resnet = config.generator == 'resnet'
  kernel = 3 if resnet else 4
  if resnet:
    span = _convolution(span, 7, 1, 3)
  for _ in range(config.n_downsampling):
    span = _upsampling(config, span, kernel)
  if config.generator != 'unet':
    for _ in range(2 * config.n_residual_blocks):
      span = _convolution(span, 3, 1, 1)
  for _ in range(config.n_downsampling):
    span = _convolution(span, kernel, 2, 1)
  return _convolution(span, 7, 1, 3) if resnet else span


def _convolution(span: _Span, kernel: int, stride: int, padding: int) -> _Span:
  """Output i sees inputs stride * i - padding and the kernel - 1 that follow."""
  low, high = span
  return stride * low - padding, stride * high - padding + kernel - 1


def _upsampling(config: ModelConfig, span: _Span, kernel: int) -> _Span:
  """Transposed, input i reaches outputs 2 * i - 1 and the kernel - 1 that follow."""
  if config.upsampling == 'resize':
    low, high = _convolution(span, 3, 1, 1)
    return low // 2, high // 2
  low, high = span
  return math.ceil((low + 1 - (kernel - 1)) / 2), math.floor((high + 1) / 2)
