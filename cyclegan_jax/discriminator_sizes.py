"""The image sizes that discriminators take, by --discriminator.

They are beside models/ and not in it, so that settings are validated before JAX is imported.
"""

from collections.abc import Callable, Mapping
from typing import NamedTuple

from cyclegan_jax.settings import ModelConfig


class Sides(NamedTuple):
  """What both sides of an image must be.

  Attributes:
    smallest: In pixels.
    multiple: Both are multiples of this.
    because: The settings that say so, as flags.
  """

  smallest: int
  multiple: int
  because: str


def _convolutions(model: ModelConfig, rows: int) -> Sides:
  """Of stride-2 layers, and then of convolutions that need so many rows."""
  layers = model.discriminator_layers
  return Sides(rows * 2**layers, 1, f'--discriminator_layers={layers}')


def _multiscale(model: ModelConfig) -> Sides:
  # Two zeros on each side keep a row; two are needed so that an instance norm leaves something.
  scales = model.discriminator_scales
  return Sides(2**scales, 1, f'--discriminator_scales={scales}')


def _unet(model: ModelConfig) -> Sides:
  stride = 2**model.discriminator_layers
  because = f'--discriminator=unet with --discriminator_layers={model.discriminator_layers}'
  return Sides(stride, stride, because)


SIDES: Mapping[str, Callable[[ModelConfig], Sides]] = {
  # Each of PyTorch's 4x4 convolutions of stride 1 and padding 1 removes a row.
  'udacity': lambda model: _convolutions(model, 2),
  'patchgan': lambda model: _convolutions(model, 3),
  'multiscale': _multiscale,
  'unet': _unet,
  'none': lambda model: Sides(1, 1, ''),
}
