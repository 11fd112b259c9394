"""Layers that Flax does not have, or not in the form that these networks need."""

import functools

from flax import nnx
import jax
from jax import lax
import jax.numpy as jnp

from cyclegan_jax.config import ModelConfig

# Name of the pmap axis; batch statistics are averaged over it.
DEVICE_AXIS = 'devices'
# PyTorch's default, U(+-1/sqrt(fan_in)), for ordinary and transposed convolutions.
UNIFORM_FAN_IN = nnx.initializers.variance_scaling(1 / 3, 'fan_in', 'uniform')
_DIMENSIONS = ('NHWC', 'HWIO', 'NHWC')
BATCH_NORM_MOMENTUM = 0.9
_LEAK = 0.2


def _strided_conv(x: jax.Array, kernel: jax.Array, stride: int, padding: int) -> jax.Array:
  return lax.conv_general_dilated(x, kernel, (stride, stride), [(padding, padding)] * 2,
                                  dimension_numbers=_DIMENSIONS)


@functools.partial(jax.custom_vjp, nondiff_argnums=(2, 3))
def conv_transpose(x: jax.Array, kernel: jax.Array, stride: int, padding: int) -> jax.Array:
  """The transpose of a strided convolution, as torch.nn.functional.conv_transpose2d.

  Its own gradient is needed because XLA's CPU backend is 20 to 60 times too slow for the
  weight gradient of a dilated convolution; the one of the strided convolution is the same sum.

  Args:
    x: [batch, height, width, in_channels].
    kernel: [k, k, out_channels, in_channels], the kernel of the strided convolution that maps
      out_channels to in_channels.
    stride: of that convolution.
    padding: of that convolution, zeros on every side.

  Returns:
    [batch, (height - 1) * stride - 2 * padding + k, likewise width, out_channels].
  """
  k = kernel.shape[0]
  edge = k - 1 - padding
  flipped = jnp.flip(kernel, (0, 1)).swapaxes(2, 3)
  return lax.conv_general_dilated(x, flipped, (1, 1), [(edge, edge)] * 2,
                                  lhs_dilation=(stride, stride), dimension_numbers=_DIMENSIONS)


def _conv_transpose_forward(x, kernel, stride, padding):
  return conv_transpose(x, kernel, stride, padding), (x, kernel)


def _conv_transpose_backward(stride, padding, residuals, gradient):
  x, kernel = residuals
  # <gradient, conv_transpose(x, kernel)> = <strided_conv(gradient, kernel), x>
  x_gradient, pullback = jax.vjp(
      lambda w: _strided_conv(gradient, w, stride, padding), kernel)
  return x_gradient, pullback(x)[0]


conv_transpose.defvjp(_conv_transpose_forward, _conv_transpose_backward)


class ConvTranspose(nnx.Module):
  """Transposed convolution layer, see `conv_transpose`."""

  def __init__(self, in_channels: int, out_channels: int, kernel_size: int, *, stride: int,
               padding: int, use_bias: bool, rngs: nnx.Rngs):
    shape = (kernel_size, kernel_size, out_channels, in_channels)
    self.kernel = nnx.Param(UNIFORM_FAN_IN(rngs.params(), shape))
    self.bias = nnx.Param(jnp.zeros(out_channels)) if use_bias else None
    self.stride = stride
    self.padding = padding

  def __call__(self, x: jax.Array) -> jax.Array:
    y = conv_transpose(x, self.kernel[...], self.stride, self.padding)
    return y if self.bias is None else y + self.bias[...]


class ResizeConv(nnx.Module):
  """Nearest-neighbour enlargement by two, then a 3x3 convolution."""

  def __init__(self, in_channels: int, out_channels: int, *, use_bias: bool, rngs: nnx.Rngs):
    self.conv = conv(in_channels, out_channels, 3, 1, use_bias=use_bias, rngs=rngs)

  def __call__(self, x: jax.Array) -> jax.Array:
    return self.conv(x.repeat(2, axis=1).repeat(2, axis=2))


def conv(in_channels: int, out_channels: int, kernel_size: int, stride: int, *, use_bias: bool,
         rngs: nnx.Rngs) -> nnx.Conv:
  """A square convolution, zero-padded by one pixel on every side.

  Kernels start as PyTorch's do; biases, which the published networks lack, start at 0.
  """
  return nnx.Conv(in_channels, out_channels, (kernel_size, kernel_size), strides=stride,
                  padding=1, use_bias=use_bias, kernel_init=UNIFORM_FAN_IN, rngs=rngs)


def upsample(config: ModelConfig, in_channels: int, out_channels: int, *, use_bias: bool,
             rngs: nnx.Rngs) -> nnx.Module:
  """A layer that doubles height and width, of the kind that the configuration names."""
  if config.upsampling == 'resize':
    return ResizeConv(in_channels, out_channels, use_bias=use_bias, rngs=rngs)
  return ConvTranspose(in_channels, out_channels, 4, stride=2, padding=1, use_bias=use_bias,
                       rngs=rngs)


def norm(config: ModelConfig, channels: int, rngs: nnx.Rngs) -> nnx.Module:
  """A normalisation layer with PyTorch's constants; flax's momentum is one minus PyTorch's."""
  if config.norm == 'batch':
    return nnx.BatchNorm(channels, momentum=BATCH_NORM_MOMENTUM, epsilon=1e-5, rngs=rngs,
                         axis_name=DEVICE_AXIS if config.sync_batch_norm else None)
  if config.norm == 'instance':
    return nnx.InstanceNorm(channels, epsilon=1e-5, use_scale=False, use_bias=False, rngs=rngs)
  return nnx.identity


def use_bias(config: ModelConfig) -> bool:
  """Whether convolutions have a bias: not with batch norm, as in the udacity networks."""
  return config.norm != 'batch'


def activate(config: ModelConfig, x: jax.Array) -> jax.Array:
  """The configured activation; the leaky one has slope 0.2."""
  return nnx.relu(x) if config.activation == 'relu' else nnx.leaky_relu(x, _LEAK)
