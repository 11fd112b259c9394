"""Checks that the settings of a run are in range and fit each other."""

import dataclasses
from typing import Any

from cyclegan_jax import discriminator_sizes, method_validation, normalization, radiometry
from cyclegan_jax.errors import UserError
from cyclegan_jax.option import Bounds, is_size
from cyclegan_jax.settings import Config, DataConfig, format_value, ModelConfig

# The size of the window of SSIM, which validation measures.
SMALLEST_IMAGE = 11
# The layers of the smallest U-Net.
_LEAST_OF_UNET = 3


def validate(config: Config) -> None:
  """Raises UserError, naming the flag, if values are out of range or contradict each other."""
  validate_data(config.data)
  for section in (config.model, config.loss, config.train):
    check_values(section)
  if not (config.train.steps or config.train.epochs):
    raise UserError('--epochs=0 and --steps=0: there is nothing to train. Give one of them.')
  _validate_size(config)
  _validate_losses(config)
  _validate_method(config)
  _validate_schedule(config)


def check_values(section: Any) -> None:
  """Raises UserError, naming the flag, if a value is not among those that its `option` allows."""
  for field in dataclasses.fields(section):
    allowed, value = field.metadata.get('allowed'), getattr(section, field.name)
    if allowed is None:
      continue
    takes_size = isinstance(field.default, tuple)
    if takes_size and not is_size(value):
      raise UserError(f'--{field.name}={value}: expected a height and a width, such as (128, 160).')
    if all(number in allowed for number in (value if takes_size else (value,))):
      continue
    given = f'--{field.name}={format_value(value) if takes_size else value}'
    if isinstance(allowed, Bounds):
      raise UserError(f'{given} must be {"two numbers" if takes_size else "a number"} {allowed}.')
    raise UserError(f'{given} must be one of {", ".join(map(str, allowed))}.')


def validate_data(data: DataConfig) -> None:
  """As `validate`, for the settings that say how examples are drawn."""
  if data.cache_gib != -1 and data.cache_gib not in Bounds(0):
    raise UserError(
      f'--cache_gib={data.cache_gib:g} must be a number of at least 0, or -1: a quarter of the '
      'free memory.'
    )
  check_values(data)
  radiometry.known(data.ir_range, data.ir_span)
  if data.zoom < 1 and data.resize == 'none':
    raise UserError(
      f'--zoom={data.zoom:g} resizes crops, which --resize=none forbids: give only one of them.'
    )
  if data.keep_aspect != 'none' and data.resize == 'none':
    raise UserError(
      f'--keep_aspect={data.keep_aspect} is about resizing, which --resize=none forbids: give only '
      'one of them.'
    )
  if data.load_size != (0, 0):
    if data.resize == 'none':
      raise UserError('--load_size and --resize=none contradict each other: give only one of them.')
    if any(load < crop for load, crop in zip(data.load_size, data.image_size)):
      raise UserError(
        f'The crop is larger than the image: --image_size={format_value(data.image_size)} does '
        f'not fit into --load_size={format_value(data.load_size)}.'
      )
  normalization.parse_ir_band(data.ir_band)
  if data.ir_band != 'paper' and data.normalization != 'spectral_channels':
    raise UserError(
      f'--ir_band={data.ir_band} has no effect with --normalization={data.normalization}. Leave it '
      'out, or choose --normalization=spectral_channels.'
    )


def _validate_size(config: Config) -> None:
  data, model = config.data, config.model
  stride = 2**model.n_downsampling
  if any(side % stride for side in data.image_size):
    raise UserError(
      f'--image_size={format_value(data.image_size)}: both sides must be multiples of {stride}, '
      f'the total stride of --n_downsampling={model.n_downsampling}. {_cure(config, stride)}'
    )
  sides = discriminator_sizes.SIDES[model.discriminator](model)
  if any(side % sides.multiple for side in data.image_size):
    raise UserError(
      f'--image_size={format_value(data.image_size)}: both sides must be multiples of '
      f'{sides.multiple} for {sides.because}.'
    )
  smallest = max(sides.smallest, SMALLEST_IMAGE)
  if min(data.image_size) < smallest:
    cause = sides.because if smallest == sides.smallest else 'SSIM, which validation measures'
    raise UserError(
      f'--image_size={format_value(data.image_size)} is too small for {cause}: at least '
      f'{smallest} pixels a side.'
    )
  if model.generator == 'unet' and model.n_downsampling < _LEAST_OF_UNET:
    raise UserError(
      f'--n_downsampling={model.n_downsampling}: a unet needs at least {_LEAST_OF_UNET}.'
    )
  if model.dropout and model.generator != 'unet':
    raise UserError(f'--dropout={model.dropout:g}: only --generator=unet has dropout.')
  _validate_skips(model)


def _validate_skips(model: ModelConfig) -> None:
  given = f'--unet_skips={model.unet_skips}'
  if model.unet_skips != 'all' and model.generator != 'unet':
    raise UserError(f'{given}: only --generator=unet has skip connections.')
  last = model.n_downsampling - 1
  try:
    known = model.skip_levels <= set(range(1, last + 1))
  except ValueError:
    known = False
  if not known:
    raise UserError(
      f'{given}: expected all, none, or levels from 1 to {last} or from -{last} to -1, such as '
      f'1,2,-1; --n_downsampling={model.n_downsampling} has no others.'
    )


def _cure(config: Config, stride: int) -> str:
  """What makes an image size fit a generator: fewer layers for this size, or another size."""
  size, least = config.data.image_size, _LEAST_OF_UNET if config.model.generator == 'unet' else 1
  fitting = max(
    (n for n in range(least, config.model.n_downsampling) if not any(side % 2**n for side in size)),
    default=0,
  )
  nearest = format_value(tuple(max(1, round(side / stride)) * stride for side in size))
  layers = f'--n_downsampling={fitting}, or ' if fitting else ''
  return f'Give {layers}--image_size={nearest}.'


def _validate_losses(config: Config) -> None:
  data, loss = config.data, config.loss
  if config.model.method == 'pix2pix' and not data.paired:
    raise UserError(
      f'--preset={config.train.preset} (--method=pix2pix) learns from pairs only. Give --paired, '
      'or a preset that learns without them: --preset=udacity, cyclegan, or cut.'
    )
  if (loss.adversarial_weight == 0) != (config.model.discriminator == 'none'):
    raise UserError(
      f'--adversarial_weight={loss.adversarial_weight:g} and --discriminator='
      f'{config.model.discriminator} contradict each other: without an adversarial term there are '
      'no discriminators. Give only one of them, --adversarial_weight=0 for none.'
    )
  supervised = ('supervised_weight', 'ssim_weight', 'gradient_weight', 'sharpness_weight')
  if not loss.adversarial_weight and not any(getattr(loss, name) for name in supervised):
    raise UserError(
      '--adversarial_weight=0 leaves nothing that compares generated IR images with true ones. '
      'Train with --paired, which adds --supervised_weight, or give an --adversarial_weight.'
    )
  of_pairs = [name for name in (*supervised, 'feature_matching_weight') if getattr(loss, name)]
  if of_pairs and not data.paired:
    raise UserError(
      f'--{of_pairs[0]}={getattr(loss, of_pairs[0]):g} compares a generated image with the true '
      'image of the same scene, so it needs --paired. To train without pairs: '
      f'{" ".join(f"--{name}=0" for name in of_pairs)}'
    )
  if loss.class_balance and not (data.paired and loss.supervised_weight):
    cure = 'a --supervised_weight above 0' if data.paired else '--paired'
    raise UserError(
      f'--class_balance={loss.class_balance:g} weighs pixels in the supervised term, so it needs '
      f'{cure}.'
    )
  if loss.identity_weight and data.rgb_channels != data.ir_channels:
    raise UserError(
      f'--identity_weight={loss.identity_weight:g} feeds a generator images of its own '
      f'output domain, so channel counts must be equal; found --rgb_channels={data.rgb_channels} '
      f'and --ir_channels={data.ir_channels}. Give --ir_channels=3, or --identity_weight=0.'
    )


def _validate_method(config: Config) -> None:
  data, loss, method = config.data, config.loss, config.model.method
  method_validation.validate_direction(config)
  method_validation.validate_inputs(config)
  method_validation.validate_output_layers(config)
  method_validation.validate_exemplar(config)
  _validate_patch_nce(config)
  if config.model.condition != 'none' and method not in ('cyclegan', 'pix2pix'):
    raise UserError(
      f'--condition={config.model.condition} is for --method=pix2pix and --method=cyclegan, not '
      f'for {method}. Give --condition=none, or another method.'
    )
  if config.model.condition != 'none' and _forgets_constants(config.model):
    raise UserError(
      f'--condition={config.model.condition} with --norm=instance: the first norm of '
      f'--generator={config.model.generator} removes whatever is the same all over an image, so '
      'that the network would not hear what it is told. Give --norm=batch, or --generator=unet.'
    )
  _validate_base(config)
  if data.condition_jitter and config.model.condition == 'none':
    raise UserError(
      f'--condition_jitter={data.condition_jitter:g} changes IR images, which networks have to be '
      'told: give a --condition, too.'
    )
  if method in ('cyclegan', 'exemplar'):
    return
  for name in ('cycle_weight', 'identity_weight'):
    if getattr(loss, name):
      raise UserError(
        f'--{name}={getattr(loss, name):g}: {method} has one generator and no such '
        f'term. Give --{name}=0, or start from --preset={method}.'
      )


def _validate_base(config: Config) -> None:
  model, loss = config.model, config.loss
  if model.base == 'none':
    if loss.thermal_weight:
      raise UserError(
        f'--thermal_weight={loss.thermal_weight:g} compares bases, which only generators of two '
        'stages make: give a --base, too, or --thermal_weight=0.'
      )
    if model.contrast_base != 'true':
      raise UserError(
        f'--contrast_base={model.contrast_base} is for generators of two stages: give a --base, '
        'too, or --contrast_base=true.'
      )
  elif model.method != 'pix2pix':
    raise UserError(
      f'--base={model.base} is for --method=pix2pix, not for {model.method}. Give --base=none, or '
      'start from --preset=thermalgan.'
    )
  elif loss.nce_weight:
    raise UserError(
      f'--base={model.base} and --nce_weight={loss.nce_weight:g} contradict each other: PatchNCE '
      'is for generators of one stage. Give only one of them.'
    )


def _forgets_constants(model: ModelConfig) -> bool:
  """Whether nothing nonlinear stands between a generator's input and its first instance norm."""
  return model.norm == 'instance' and model.generator != 'unet'


def _validate_patch_nce(config: Config) -> None:
  data, model, loss = config.data, config.model, config.loss
  if bool(loss.nce_weight) != bool(model.projection_width):
    raise UserError(
      f'--nce_weight={loss.nce_weight:g} and --projection_width={model.projection_width} '
      'contradict each other: PatchNCE, and nothing else, needs projection networks. Give only '
      '--nce_weight, 0 for none.'
    )
  if not loss.nce_weight:
    if model.method == 'cut':
      raise UserError(
        '--method=cut has only PatchNCE to keep what an image shows, so --nce_weight must be above '
        '0. Give --nce_weight=1, or start from --preset=cut.'
      )
    for name in ('nce_identity', 'flip_equivariance'):
      if getattr(loss, name):
        raise UserError(f'--{name} is a part of PatchNCE: give an --nce_weight, too.')
    return
  if model.method == 'cyclegan':
    if loss.nce_identity:
      raise UserError(
        '--nce_identity is for methods with one generator. With --method=cyclegan give '
        '--identity_weight, which needs equal channel counts.'
      )
    return
  channels = {'rgb': data.rgb_channels, 'ir': data.ir_channels}
  source, target = channels[model.source], channels[model.target]
  if target not in (1, source):
    raise UserError(
      f'--{model.target}_channels={target}: PatchNCE of --method={model.method} shows '
      f'{model.target.upper()} images to the encoder of {model.source.upper()} ones, which takes '
      f'--{model.source}_channels={source}. Give --{model.target}_channels=1, or equal numbers.'
    )


def _validate_schedule(config: Config) -> None:
  train = config.train
  if train.decay_start and not train.decay_epochs:
    raise UserError(f'--decay_start={train.decay_start} needs --decay_epochs.')
  last = train.decay_start + train.decay_epochs
  if train.decay_epochs and not train.steps and train.epochs > last:
    raise UserError(
      f'--epochs={train.epochs}: the learning rate is 0 after --decay_start + --decay_epochs = '
      f'{last} epochs. Leave these two out, so that they follow --epochs, or raise them.'
    )
  if train.redraw_fakes and train.update_order == 'generators_first':
    raise UserError(
      '--redraw_fakes needs --update_order=discriminators_first. Give --noredraw_fakes.'
    )
