"""What the benchmarks of single presets run."""

from typing import Any

import numpy as np

from cyclegan_jax import config as config_lib
from cyclegan_jax.settings import Config

# Presets with a U-Net, and the layers that theirs has.
_U_NETS = {'pix2pix': 8, 'infragan': 9}


def without_data(preset: str, batch: int, size: int, width: int = 0, **overrides: Any) -> Config:
  """The preset without data, at a size that a U-Net may need fewer layers for.

  `width` is the channels of the first layers, 0 for the preset's.
  """
  if width:
    overrides |= {'base_width': width, 'discriminator_width': width}
  depth = (
    {'n_downsampling': min(_U_NETS[preset], size.bit_length() - 1)} if preset in _U_NETS else {}
  )
  return config_lib.make(
    preset,
    dataset='none',
    batch_size=batch,
    image_size=(size, size),
    load_size=(0, 0),
    **depth,
    **overrides,
  )


def noise(config: Config) -> dict[str, np.ndarray]:
  """A batch of noise, [batch, height, width, channels] of network values."""
  rng = np.random.default_rng(0)
  channels = {'rgb': config.data.rgb_channels, 'ir': config.data.ir_channels}
  return {
    name: rng.uniform(-1, 1, (config.train.batch_size, *config.data.image_size, count)).astype(
      np.float32
    )
    for name, count in channels.items()
  }
