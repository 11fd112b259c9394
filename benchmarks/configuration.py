"""What the benchmarks of single presets run."""

from typing import Any

from cyclegan_jax import config as config_lib
from cyclegan_jax.settings import Config


def without_data(preset: str, batch: int, size: int, **overrides: Any) -> Config:
  """The preset without data, at a size that a U-Net may need fewer layers for."""
  depth = {'n_downsampling': min(8, size.bit_length() - 1)} if preset == 'pix2pix' else {}
  return config_lib.make(
    preset,
    dataset='none',
    batch_size=batch,
    image_size=(size, size),
    load_size=(0, 0),
    **depth,
    **overrides,
  )
