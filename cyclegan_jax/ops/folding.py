"""4x4 convolutions of stride 2 as 2x2 ones of stride 1: of images whose 2x2 blocks are channels.

Images are [batch, height, width, channels], kernels [k, k, in_channels, out_channels].
"""

import jax


def fold(x: jax.Array) -> jax.Array:
  """[batch, height, width, channels] to [batch, height / 2, width / 2, 4 * channels]."""
  batch, height, width, channels = x.shape
  blocks = x.reshape(batch, height // 2, 2, width // 2, 2, channels).transpose(0, 1, 3, 2, 4, 5)
  return blocks.reshape(batch, height // 2, width // 2, 4 * channels)


def unfold(x: jax.Array) -> jax.Array:
  """[batch, height, width, 4 * channels] to [batch, 2 * height, 2 * width, channels]."""
  batch, height, width, channels = x.shape
  blocks = x.reshape(batch, height, width, 2, 2, channels // 4).transpose(0, 1, 3, 2, 4, 5)
  return blocks.reshape(batch, 2 * height, 2 * width, channels // 4)


def fold_kernel(kernel: jax.Array) -> jax.Array:
  """[4, 4, in_channels, out_channels] to [2, 2, 4 * in_channels, out_channels]."""
  _, _, inputs, outputs = kernel.shape
  blocks = kernel.reshape(2, 2, 2, 2, inputs, outputs).transpose(0, 2, 1, 3, 4, 5)
  return blocks.reshape(2, 2, 4 * inputs, outputs)


def unfold_kernel(kernel: jax.Array) -> jax.Array:
  """[2, 2, 4 * in_channels, out_channels] to [4, 4, in_channels, out_channels]."""
  _, _, inputs, outputs = kernel.shape
  blocks = kernel.reshape(2, 2, 2, 2, inputs // 4, outputs).transpose(0, 2, 1, 3, 4, 5)
  return blocks.reshape(4, 4, inputs // 4, outputs)
