"""Whether the settings of a run are in range and fit each other."""

import dataclasses
import math
from typing import Any

from cyclegan_jax import normalization, radiometry
from cyclegan_jax.errors import UserError
from cyclegan_jax.settings import Config, DataConfig, flatten, format_value

# The window of SSIM, which validation measures.
SMALLEST_IMAGE = 11


def validate(config: Config) -> None:
  """Raises UserError, naming the flag, if values are out of range or contradict each other."""
  validate_data(config.data)
  for section in (config.model, config.loss, config.train):
    _validate_choices(section)
  _validate_numbers(flatten(config))
  if not (config.train.steps or config.train.epochs):
    raise UserError('--epochs=0 and --steps=0: nothing to train. Give one of them.')
  _validate_size(config)
  _validate_losses(config)
  _validate_schedule(config)


def _validate_numbers(flat: dict[str, Any]) -> None:
  for name in (
    'n_downsampling',
    'base_width',
    'discriminator_layers',
    'discriminator_width',
    'batch_size',
    'accumulate',
    'log_every',
    'keep_checkpoints',
    'n_samples',
    'learning_rate',
  ):
    if not 0 < flat[name] < math.inf:
      raise UserError(f'--{name}={flat[name]} must be a number greater than 0.')
  for name in (
    'n_residual_blocks',
    'steps',
    'epochs',
    'checkpoint_every',
    'pool_size',
    'decay_start',
    'decay_epochs',
    'discriminator_weight',
    'cycle_weight',
    'identity_weight',
    'supervised_weight',
    'ssim_weight',
    'gradient_weight',
  ):
    if not 0 <= flat[name] < math.inf:
      raise UserError(f'--{name}={flat[name]} must be a number of at least 0.')
  for name in ('beta1', 'beta2', 'ema_decay', 'dropout'):
    if not 0 <= flat[name] < 1:
      raise UserError(f'--{name}={flat[name]} must be at least 0 and less than 1.')
  if not 0 <= flat['seed'] < 2**32:
    raise UserError(f'--seed={flat["seed"]} must be from 0 to {2**32 - 1}.')


def validate_data(data: DataConfig) -> None:
  """As `validate`, for the settings that say how examples are drawn."""
  _validate_choices(data)
  for name in ('rgb_channels', 'ir_channels'):
    if getattr(data, name) not in (1, 3):
      raise UserError(f'--{name}={getattr(data, name)}: 1 or 3 are possible.')
  _validate_band(data)
  radiometry.parse(data.ir_range)
  for name in ('image_size', 'load_size'):
    size = getattr(data, name)
    if not (
      isinstance(size, tuple)
      and len(size) == 2
      and all(isinstance(side, int) and side >= 0 for side in size)
    ):
      raise UserError(f'--{name}={size}: expected a height and a width, such as (128, 160).')
  if min(data.image_size) < 1:
    raise UserError(f'--image_size={format_value(data.image_size)} must be at least 1 pixel.')
  if data.cache_gib != -1 and not 0 <= data.cache_gib < math.inf:
    raise UserError(
      f'--cache_gib={data.cache_gib:g} must be a number of at least 0, or -1: a '
      'quarter of the memory that is free.'
    )
  if data.mask == 'crop' and data.registration == 'depth':
    raise UserError(
      '--mask=crop and --registration=depth contradict each other: depth has holes '
      'everywhere. Use --mask=loss.'
    )
  if data.load_size != (0, 0) and data.resize == 'none':
    raise UserError('--load_size and --resize=none contradict each other: give one of them.')
  if data.load_size != (0, 0) and any(
    load < crop for load, crop in zip(data.load_size, data.image_size)
  ):
    raise UserError(
      f'The crop is larger than the image: --image_size={format_value(data.image_size)} does '
      f'not fit into --load_size={format_value(data.load_size)}.'
    )


def _validate_band(data: DataConfig) -> None:
  normalization.parse_ir_band(data.ir_band)
  if data.ir_band != 'paper' and data.normalization != 'spectral_channels':
    raise UserError(
      f'--ir_band={data.ir_band} has no effect with --normalization={data.normalization}. Leave it '
      'out, or choose --normalization=spectral_channels.'
    )


def _validate_choices(section: Any) -> None:
  for field in dataclasses.fields(section):
    choices, value = field.metadata['choices'], getattr(section, field.name)
    if choices and value not in choices:
      raise UserError(f'--{field.name}={value} is unknown; there are {", ".join(choices)}.')


def _validate_size(config: Config) -> None:
  data, model = config.data, config.model
  stride = 2**model.n_downsampling
  if any(side % stride for side in data.image_size):
    raise UserError(
      f'--image_size={format_value(data.image_size)}: both sides must be multiples of {stride}, '
      f'the total stride of --n_downsampling={model.n_downsampling}.'
    )
  # PyTorch's 4x4 convolutions of stride 1 and padding 1 each take a row away.
  last = 2 if model.discriminator == 'udacity' else 3
  smallest = max(last * 2**model.discriminator_layers, SMALLEST_IMAGE)
  if min(data.image_size) < smallest:
    raise UserError(
      f'--image_size={format_value(data.image_size)} is too small for '
      f'--discriminator_layers={model.discriminator_layers}: at least {smallest} pixels a side.'
    )
  if model.generator == 'unet' and model.n_downsampling < 3:
    raise UserError(f'--n_downsampling={model.n_downsampling}: a unet has at least 3.')
  if model.dropout and model.generator != 'unet':
    raise UserError(f'--dropout={model.dropout:g}: only --generator=unet has dropout.')


def _validate_losses(config: Config) -> None:
  data, loss = config.data, config.loss
  for name in ('supervised_weight', 'ssim_weight', 'gradient_weight'):
    if getattr(loss, name) and not data.paired:
      raise UserError(
        f'--{name}={getattr(loss, name):g} compares a generated image with the true '
        'one of the same scene: it needs --paired.'
      )
  if loss.identity_weight and data.rgb_channels != data.ir_channels:
    raise UserError(
      f'--identity_weight={loss.identity_weight:g} feeds a generator images of its own '
      'output domain, which needs equal channel counts, found --rgb_channels='
      f'{data.rgb_channels} and --ir_channels={data.ir_channels}. Set --ir_channels=3, or '
      '--identity_weight=0.'
    )
  if config.model.method != 'pix2pix':
    return
  if not data.paired:
    raise UserError('--method=pix2pix learns from pairs alone: it needs --paired.')
  for name in ('cycle_weight', 'identity_weight'):
    if getattr(loss, name):
      raise UserError(
        f'--{name}={getattr(loss, name):g}: pix2pix has one generator, and no such '
        f'term. Give --{name}=0, or start from --preset=pix2pix.'
      )


def _validate_schedule(config: Config) -> None:
  train = config.train
  if train.decay_start and not train.decay_epochs:
    raise UserError(f'--decay_start={train.decay_start} needs --decay_epochs.')
  last = train.decay_start + train.decay_epochs
  if train.decay_epochs and not train.steps and train.epochs > last:
    raise UserError(
      f'--epochs={train.epochs}: the learning rate is 0 after --decay_start + --decay_epochs = '
      f'{last} epochs. Change these too, and start anew in another --workdir: a finished run '
      'cannot be made longer.'
    )
  if train.redraw_fakes and train.update_order == 'generators_first':
    raise UserError(
      '--redraw_fakes belongs to --update_order=discriminators_first; give --noredraw_fakes.'
    )
