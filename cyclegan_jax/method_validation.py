"""Checks of what a method translates and by which layers, and of the method exemplar."""

from cyclegan_jax.errors import UserError
from cyclegan_jax.settings import Config, format_value, ModelConfig

# The methods with one generator, for either direction.
_ONE_WAY = ('pix2pix', 'cut')
# What --inputs may name.
_KINDS = ('rgb', 'depth', 'labels')
# Four halvings in an encoder of styles leave a pixel of it.
SMALLEST_STYLED = 16


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


def validate_output_layers(config: Config) -> None:
  """Raises UserError if there are output layers of classes, and the generator sees no labels."""
  model = config.model
  if model.output_layers == 'shared':
    return
  given, cure = f'--output_layers={model.output_layers}', 'Give --output_layers=shared, or'
  if model.method != 'pix2pix' or model.direction != ModelConfig.direction:
    raise UserError(
      f'{given} is for --method=pix2pix with --direction=rgb_to_ir, whose generator can see '
      f'labels. {cure} start from --preset=pix2pix with --inputs=rgb,labels.'
    )
  if 'labels' not in model.input_kinds:
    raise UserError(
      f'{given} takes each pixel from the layer of its class, and --inputs={model.inputs} has no '
      f'labels. {cure} --inputs={model.inputs},labels.'
    )
  if model.base != 'none':
    raise UserError(
      f'{given} and --base={model.base} contradict each other: generators of two stages share '
      'their output layers. Give only one of them.'
    )


def validate_exemplar(config: Config) -> None:
  """Raises UserError if settings do not fit --method=exemplar, or only fit it."""
  data, model, loss = config.data, config.model, config.loss
  if model.method != 'exemplar':
    for name in ('reconstruction_weight', 'code_weight'):
      if getattr(loss, name):
        raise UserError(
          f'--{name}={getattr(loss, name):g} is for --method=exemplar. Give --{name}=0, or start '
          'from --preset=exemplar.'
        )
    return
  if model.generator != 'resnet':
    raise UserError(
      f'--generator={model.generator}: --method=exemplar has encoders and decoders of its own, of '
      'the kind of a resnet. Give --generator=resnet, or start from --preset=exemplar.'
    )
  if data.normalization == 'spectral_channels':
    raise UserError(
      '--normalization=spectral_channels shows networks the wavelengths of a domain, but the '
      'encoder of contents of --method=exemplar is to know no domain. Give '
      '--normalization=plain, or emsn.'
    )
  if min(data.image_size) < SMALLEST_STYLED:
    raise UserError(
      f'--image_size={format_value(data.image_size)} is too small for the styles of '
      f'--method=exemplar: at least {SMALLEST_STYLED} pixels a side.'
    )
  for name in ('identity_weight', 'nce_weight'):
    if getattr(loss, name):
      raise UserError(
        f'--{name}={getattr(loss, name):g}: --method=exemplar has no such term. Give --{name}=0.'
      )
