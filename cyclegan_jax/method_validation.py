"""Checks of what a method translates: --direction and --inputs."""

from cyclegan_jax.errors import UserError
from cyclegan_jax.settings import Config, ModelConfig

# The methods with one generator, for either direction.
_ONE_WAY = ('pix2pix', 'cut')
# What --inputs may name.
_KINDS = ('rgb', 'depth', 'labels')


def validate_direction(config: Config) -> None:
  """Raises UserError if a method has no such direction, or other settings do not fit it."""
  model, given = config.model, f'--direction={config.model.direction}'
  if model.direction == ModelConfig.direction:
    return
  if model.method not in _ONE_WAY:
    raise UserError(
      f'{given} is for --method=pix2pix and --method=cut. Leave it out with '
      f'--method={model.method}'
      + (
        ', which learns both directions: experiments.translate and experiments.export have a '
        '--direction of their own.'
        if model.method == 'cyclegan'
        else '.'
      )
    )
  if model.condition != 'none':
    raise UserError(
      f'--condition={model.condition} says which IR image is to be made, but {given} makes RGB '
      'images. Give --condition=none.'
    )


def validate_inputs(config: Config) -> None:
  """Raises UserError if inputs are unknown, or the method takes no others than images."""
  model, given = config.model, f'--inputs={config.model.inputs}'
  kinds = model.input_kinds
  if not set(kinds) <= set(_KINDS) or len(set(kinds)) < len(kinds):
    raise UserError(f'{given}: expected some of {",".join(_KINDS)}, each once.')
  if kinds == ('rgb',):
    return
  if model.method != 'pix2pix' or model.direction != ModelConfig.direction:
    raise UserError(
      f'{given}: layers of a scene are for --method=pix2pix with --direction=rgb_to_ir. Give '
      '--inputs=rgb, or start from --preset=pix2pix.'
    )
  if config.loss.nce_weight:
    raise UserError(f'{given}: PatchNCE compares images. Give --nce_weight=0.')
