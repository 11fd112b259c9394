"""Layers that Flax does not have, or not in the form that these networks need."""

from collections.abc import Callable
import functools
import math
from typing import Any

from flax import nnx
from flax.nnx.nn import dtypes
import jax
from jax import lax
import jax.numpy as jnp
import numpy as np

from cyclegan_jax.devices import DEVICE_AXIS
from cyclegan_jax.models import initializers
from cyclegan_jax.models.spectral_norm import SpectralNorm
from cyclegan_jax.ops import convolutions
from cyclegan_jax.settings import ModelConfig

BATCH_NORM_MOMENTUM = 0.9
# A border of one pixel.
BORDER = ((0, 0), (1, 1), (1, 1), (0, 0))
LEAK = 0.2


class _Convolution(nnx.Module):
  """Kernel and bias of a square convolution, and what it computes in."""

  def __init__(
    self,
    config: ModelConfig,
    shape: tuple[int, int, int, int],
    out_channels: int,
    use_bias: bool,
    rngs: nnx.Rngs,
    spectral_norm: bool = False,
  ):
    self.kernel = nnx.Param(initializers.KERNELS[config.initializer](rngs.params(), shape))
    # Of a transposed convolution, too: PyTorch takes its fan in from its output, the third axis.
    bias = initializers.bias(config, math.prod(shape[:-1]))
    self.bias = nnx.Param(bias(rngs.params(), (out_channels,))) if use_bias else None
    self.spectral_norm = SpectralNorm(shape, rngs) if spectral_norm else None
    self.dtype = jnp.bfloat16 if config.precision == 'bfloat16' else None

  def apply(self, operation: Callable[..., jax.Array], x: jax.Array) -> jax.Array:
    """operation(x, kernel), plus the bias if there is one."""
    kernel = self.kernel[...]
    if self.spectral_norm is not None:
      kernel = self.spectral_norm(kernel)
    y = operation(*dtypes.promote_dtype((x, kernel), dtype=self.dtype))
    if self.bias is None:
      return y
    # Spread before it is rounded: then its gradient is summed up before it is rounded, too.
    return y + jnp.broadcast_to(self.bias[...], y.shape).astype(y.dtype)


class Conv(_Convolution):
  """A convolution with a border of `padding` zeros, as PyTorch does it.

  With `reflect`, of stride 1 and odd size, the border is the mirrored image, as wide as it takes
  to keep height and width.
  """

  def __init__(
    self,
    config: ModelConfig,
    in_channels: int,
    out_channels: int,
    kernel_size: int,
    stride: int,
    *,
    use_bias: bool,
    rngs: nnx.Rngs,
    padding: int = 1,
    reflect: bool = False,
    spectral_norm: bool = False,
  ):
    super().__init__(
      config,
      (kernel_size, kernel_size, in_channels, out_channels),
      out_channels,
      use_bias,
      rngs,
      spectral_norm,
    )
    self.stride = stride
    self.width = kernel_size // 2 if reflect else 0
    self.padding = 0 if reflect else padding

  def __call__(self, x: jax.Array) -> jax.Array:
    """Convolves [batch, height, width, in_channels]."""
    return self.apply(
      functools.partial(convolutions.strided, stride=self.stride, padding=self.padding), self.pad(x)
    )

  def pad(self, x: jax.Array) -> jax.Array:
    """An image with the border that it mirrors, as `reflect` says."""
    border = ((0, 0), (self.width, self.width), (self.width, self.width), (0, 0))
    return jnp.pad(x, border, 'reflect') if self.width else x


class ConvTranspose(_Convolution):
  """Transposed convolution layer that doubles height and width, see `convolutions.transposed`."""

  def __init__(
    self,
    config: ModelConfig,
    in_channels: int,
    out_channels: int,
    kernel_size: int,
    *,
    use_bias: bool,
    rngs: nnx.Rngs,
  ):
    super().__init__(
      config, (kernel_size, kernel_size, out_channels, in_channels), out_channels, use_bias, rngs
    )
    self.output_padding = kernel_size % 2

  def __call__(self, x: jax.Array) -> jax.Array:
    """Convolves [batch, height, width, in_channels] to twice the height and width."""
    return self.apply(
      functools.partial(
        convolutions.transposed, stride=2, padding=1, output_padding=self.output_padding
      ),
      x,
    )


class ResizeConv(nnx.Module):
  """Nearest-neighbor enlargement by two, then a 3x3 convolution, or another; see `Conv`."""

  def __init__(
    self,
    config: ModelConfig,
    in_channels: int,
    out_channels: int,
    *,
    use_bias: bool,
    rngs: nnx.Rngs,
    kernel_size: int = 3,
    reflect: bool = False,
  ):
    self.conv = Conv(
      config,
      in_channels,
      out_channels,
      kernel_size,
      1,
      use_bias=use_bias,
      rngs=rngs,
      reflect=reflect,
    )

  def __call__(self, x: jax.Array) -> jax.Array:
    """Convolves [batch, height, width, in_channels] to twice the height and width."""
    return self.conv(self.enlarge(x))

  def enlarge(self, x: jax.Array) -> jax.Array:
    """An image of twice the height and width."""
    return x.repeat(2, axis=1).repeat(2, axis=2)


class BilinearConv(ResizeConv):
  """Bilinear enlargement by two, then a 3x3 convolution.

  The enlargement is the filter [1, 3, 3, 1] / 4 of stride 1/2 on an image whose border is repeated.
  """

  def enlarge(self, x: jax.Array) -> jax.Array:
    """An image of twice the height and width."""
    x = jnp.pad(x, BORDER, 'edge')
    for axis in (1, 2):
      n = x.shape[axis] - 2
      before, here, after = (lax.slice_in_dim(x, i, n + i, axis=axis) for i in range(3))
      # What lies a quarter of a pixel before its center, and after it.
      pair = jnp.stack([0.25 * before + 0.75 * here, 0.75 * here + 0.25 * after], axis + 1)
      x = pair.reshape(*x.shape[:axis], 2 * n, *x.shape[axis + 1 :])
    return x


class Statistic(nnx.BatchStat):
  """A running statistic, which is only ever replaced as a whole.

  Flax would look at the new value's sharding. A traced value has none, and JAX takes long to
  explain that: three quarters of the time that tracing a training step took.
  """

  def __setitem__(self, key: Any, value: jax.Array) -> None:
    del key  # It is `...`.
    self.set_value(value)


class BatchNorm(nnx.BatchNorm):
  """Batch norm whose running variance is that of PyTorch: unbiased, over n - 1 elements.

  Outputs in training do not depend on it; those in evaluation do, for small batches. Computes in
  float32 at least; the output has the input's dtype.
  """

  def __init__(self, channels: int, **options: Any):
    super().__init__(channels, **options)
    self.mean = Statistic(np.zeros(channels, np.float32))  # pyrefly: ignore[bad-override-mutable-attribute]
    self.var = Statistic(np.ones(channels, np.float32))  # pyrefly: ignore[bad-override-mutable-attribute]

  def __call__(self, x: jax.Array) -> jax.Array:
    """Normalizes [batch, height, width, channels]; training updates the running statistics."""
    before = self.var[...]
    y = super().__call__(x).astype(x.dtype)
    if not self.use_running_average:
      n = x.size // x.shape[-1]
      n *= lax.axis_size(self.axis_name) if self.axis_name else 1
      kept = self.momentum * before
      self.var[...] = kept + (self.var[...] - kept) * (n / max(n - 1, 1))
    return y


def move_statistics_again(now: Any, before: Any, once: Any) -> Any:
  """Moves a network's running statistics by the same batch statistics a second time.

  Flax computes new = m * old + (1 - m) * batch, so once - m * before is the batch's share.
  """
  m = BATCH_NORM_MOMENTUM
  return jax.tree.map(lambda now, before, once: m * now + (once - m * before), now, before, once)


def upsample(
  config: ModelConfig,
  in_channels: int,
  out_channels: int,
  kernel_size: int,
  *,
  use_bias: bool,
  rngs: nnx.Rngs,
) -> nnx.Module:
  """A layer that doubles height and width, of the kind that the configuration names."""
  if config.upsampling != 'transposed':
    layer = {'resize': ResizeConv, 'bilinear': BilinearConv}[config.upsampling]
    return layer(config, in_channels, out_channels, use_bias=use_bias, rngs=rngs)
  return ConvTranspose(config, in_channels, out_channels, kernel_size, use_bias=use_bias, rngs=rngs)


def norm(config: ModelConfig, channels: int, rngs: nnx.Rngs) -> Callable[[jax.Array], jax.Array]:
  """A normalization layer with PyTorch's constants; flax's momentum is one minus PyTorch's."""
  if config.norm == 'batch':
    return BatchNorm(
      channels,
      momentum=BATCH_NORM_MOMENTUM,
      epsilon=1e-5,
      rngs=rngs,
      scale_init=initializers.scale(config),
      bias_init=initializers.zeros,
      axis_name=DEVICE_AXIS if config.sync_batch_norm else None,
    )
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
  keep = jax.vmap(
    lambda key: jax.random.bernoulli(jax.random.fold_in(key, layer), 1 - rate, x.shape[1:])
  )(keys)
  return jnp.where(keep, x / (1 - rate), 0)


def use_bias(config: ModelConfig) -> bool:
  """Returns True if convolutions before a norm have a bias: batch norm has its own."""
  return config.norm != 'batch'


def activate(kind: str, x: jax.Array) -> jax.Array:
  """'relu', or 'leaky_relu' of slope 0.2."""
  return nnx.relu(x) if kind == 'relu' else nnx.leaky_relu(x, LEAK)
