"""Layers that Flax does not have, or not in the form that these networks need."""

import functools
from typing import Any

from flax import nnx
import jax
from jax import lax
import jax.numpy as jnp

from cyclegan_jax.settings import ModelConfig

# Name of the pmap axis; batch statistics are averaged over it.
DEVICE_AXIS = 'devices'
# PyTorch's default, U(+-1/sqrt(fan_in)), for ordinary and transposed convolutions.
_UNIFORM_FAN_IN = nnx.initializers.variance_scaling(1 / 3, 'fan_in', 'uniform')
_NORMAL = nnx.initializers.normal(0.02)
_DIMENSIONS = ('NHWC', 'HWIO', 'NHWC')
BATCH_NORM_MOMENTUM = 0.9
LEAK = 0.2


def _strided_conv(x: jax.Array, kernel: jax.Array, stride: int, padding: int) -> jax.Array:
  return lax.conv_general_dilated(x, kernel, (stride, stride), [(padding, padding)] * 2,
                                  dimension_numbers=_DIMENSIONS)


@functools.partial(jax.custom_vjp, nondiff_argnums=(2, 3, 4))
def conv_transpose(x: jax.Array, kernel: jax.Array, stride: int, padding: int,
                   output_padding: int = 0) -> jax.Array:
  """The transpose of a strided convolution, as torch.nn.functional.conv_transpose2d.

  Its own gradient is needed because XLA's CPU backend is 20 to 60 times too slow for the
  weight gradient of a dilated convolution; the one of the strided convolution is the same sum.

  Args:
    x: [batch, height, width, in_channels].
    kernel: [k, k, out_channels, in_channels], the kernel of the strided convolution that maps
      out_channels to in_channels.
    stride: of that convolution.
    padding: of that convolution, zeros on every side.
    output_padding: rows and columns more at the lower and right ends.

  Returns:
    [batch, (height - 1) * stride - 2 * padding + k + output_padding, likewise width,
    out_channels].
  """
  k = kernel.shape[0]
  edge = k - 1 - padding
  flipped = jnp.flip(kernel, (0, 1)).swapaxes(2, 3)
  return lax.conv_general_dilated(
      x, flipped, (1, 1), [(edge, edge + output_padding)] * 2, lhs_dilation=(stride, stride),
      dimension_numbers=_DIMENSIONS)


def _conv_transpose_forward(x, kernel, stride, padding, output_padding):
  return conv_transpose(x, kernel, stride, padding, output_padding), (x, kernel)


def _conv_transpose_backward(stride, padding, output_padding, residuals, gradient):
  del output_padding  # The strided convolution ends before it would need further rows.
  x, kernel = residuals
  # <gradient, conv_transpose(x, kernel)> = <strided_conv(gradient, kernel), x>
  x_gradient, pullback = jax.vjp(
      lambda w: _strided_conv(gradient, w, stride, padding), kernel)
  return x_gradient, pullback(x)[0]


conv_transpose.defvjp(_conv_transpose_forward, _conv_transpose_backward)


class ConvTranspose(nnx.Module):
  """Transposed convolution layer that doubles height and width, see `conv_transpose`."""

  def __init__(self, config: ModelConfig, in_channels: int, out_channels: int, kernel_size: int,
               *, use_bias: bool, rngs: nnx.Rngs):
    shape = (kernel_size, kernel_size, out_channels, in_channels)
    self.kernel = nnx.Param(_kernel_init(config)(rngs.params(), shape))
    # PyTorch takes the fan in of a transposed convolution from its output.
    bias = _bias_init(config, out_channels * kernel_size ** 2)
    self.bias = nnx.Param(bias(rngs.params(), (out_channels,))) if use_bias else None
    self.output_padding = kernel_size % 2

  def __call__(self, x: jax.Array) -> jax.Array:
    y = conv_transpose(x, self.kernel[...], 2, 1, self.output_padding)
    return y if self.bias is None else y + self.bias[...]


class ResizeConv(nnx.Module):
  """Nearest-neighbour enlargement by two, then a 3x3 convolution."""

  def __init__(self, config: ModelConfig, in_channels: int, out_channels: int, *, use_bias: bool,
               rngs: nnx.Rngs):
    self.conv = conv(config, in_channels, out_channels, 3, 1, use_bias=use_bias, rngs=rngs)

  def __call__(self, x: jax.Array) -> jax.Array:
    return self.conv(x.repeat(2, axis=1).repeat(2, axis=2))


class BatchNorm(nnx.BatchNorm):
  """Batch norm whose running variance is that of PyTorch: unbiased, over n - 1 elements.

  Outputs in training do not depend on it; those in evaluation do, for small batches.
  """

  def __call__(self, x: jax.Array) -> jax.Array:
    before = self.var[...]
    y = super().__call__(x)
    if not self.use_running_average:
      n = x.size // x.shape[-1]
      n *= lax.axis_size(self.axis_name) if self.axis_name else 1
      kept = self.momentum * before
      self.var[...] = kept + (self.var[...] - kept) * (n / max(n - 1, 1))
    return y


def conv(config: ModelConfig, in_channels: int, out_channels: int, kernel_size: int, stride: int,
         *, use_bias: bool, rngs: nnx.Rngs, padding: int = 1) -> nnx.Conv:
  """A square convolution, zero-padded on every side as PyTorch does it."""
  return nnx.Conv(
      in_channels, out_channels, (kernel_size, kernel_size), strides=stride, padding=padding,
      use_bias=use_bias, kernel_init=_kernel_init(config),
      bias_init=_bias_init(config, in_channels * kernel_size ** 2), rngs=rngs)


def reflect(x: jax.Array, width: int) -> jax.Array:
  """[batch, height, width, channels] with so many mirrored rows and columns on every side."""
  return jnp.pad(x, ((0, 0), (width, width), (width, width), (0, 0)), 'reflect')


def upsample(config: ModelConfig, in_channels: int, out_channels: int, kernel_size: int, *,
             use_bias: bool, rngs: nnx.Rngs) -> nnx.Module:
  """A layer that doubles height and width, of the kind that the configuration names."""
  if config.upsampling == 'resize':
    return ResizeConv(config, in_channels, out_channels, use_bias=use_bias, rngs=rngs)
  return ConvTranspose(config, in_channels, out_channels, kernel_size, use_bias=use_bias,
                       rngs=rngs)


def norm(config: ModelConfig, channels: int, rngs: nnx.Rngs) -> nnx.Module:
  """A normalisation layer with PyTorch's constants; flax's momentum is one minus PyTorch's."""
  if config.norm == 'batch':
    return BatchNorm(
        channels, momentum=BATCH_NORM_MOMENTUM, epsilon=1e-5, rngs=rngs,
        scale_init=_near_one if config.initialiser == 'normal' else nnx.initializers.ones,
        axis_name=DEVICE_AXIS if config.sync_batch_norm else None)
  if config.norm == 'instance':
    return nnx.InstanceNorm(channels, epsilon=1e-5, use_scale=False, use_bias=False, rngs=rngs)
  return nnx.identity


def dropout(x: jax.Array, rate: float, keys: jax.Array, layer: int) -> jax.Array:
  """Sets elements to 0 with probability `rate` and scales the others by 1 / (1 - rate).

  Args:
    x: [batch, height, width, channels].
    rate: from 0 to below 1.
    keys: one random key for each image, so that an image's draws do not depend on the devices
      that the batch is shared out to.
    layer: number of the layer; each draws for itself.
  """
  keep = jax.vmap(lambda key: jax.random.bernoulli(
      jax.random.fold_in(key, layer), 1 - rate, x.shape[1:]))(keys)
  return jnp.where(keep, x / (1 - rate), 0)


def use_bias(config: ModelConfig) -> bool:
  """Whether convolutions before a norm have a bias: not with batch norm, which has its own."""
  return config.norm != 'batch'


def activate(kind: str, x: jax.Array) -> jax.Array:
  """'relu', or 'leaky_relu' of slope 0.2."""
  return nnx.relu(x) if kind == 'relu' else nnx.leaky_relu(x, LEAK)


def _kernel_init(config: ModelConfig) -> nnx.Initializer:
  return _NORMAL if config.initialiser == 'normal' else _UNIFORM_FAN_IN


def _bias_init(config: ModelConfig, fan_in: int) -> nnx.Initializer:
  if config.initialiser == 'normal':
    return nnx.initializers.zeros
  return lambda key, shape, *rest: jax.random.uniform(
      key, shape, *rest, minval=-fan_in ** -0.5, maxval=fan_in ** -0.5)


def _near_one(key: jax.Array, shape: tuple[int, ...], *rest: Any) -> jax.Array:
  return 1 + _NORMAL(key, shape, *rest)
