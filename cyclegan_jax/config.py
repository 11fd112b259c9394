"""What a run is: four frozen dataclasses, the presets, validation, and JSON both ways.

Every field is also a command-line flag of the same name (experiments/flags.py), so a
field's `help` metadata is its documentation. Field names are unique across sections.
This module imports neither JAX nor Flax: `--help` has to be quick.
"""

import dataclasses
import json
import math
import types
from typing import Any

from cyclegan_jax.errors import UserError

# The weight of the supervised L1 term that `--paired` switches on: the cycle weight.
PAIRED_SUPERVISED_WEIGHT = 10.0
# The window of SSIM, which validation measures.
SMALLEST_IMAGE = 11


def option(default: Any, help_text: str, choices: tuple[str, ...] = ()) -> Any:
  """A dataclass field with its default, documentation and, for strings, allowed values."""
  return dataclasses.field(default=default, metadata={'help': help_text, 'choices': choices})


@dataclasses.dataclass(frozen=True)
class DataConfig:
  """Which examples are drawn, and how."""
  dataset: str = option(
      '', 'Data set: osu, aau, folder (your own images) or synthetic (rendered).')
  source_dir: str = option('', 'Folder with the raw image files, for osu, aau and folder.')
  data_dir: str = option(
      '', 'Where prepared data sets are kept. Empty: ~/tensorflow_datasets.')
  rgb_dir: str = option('', 'Sub-folder of --source_dir with the RGB images. Empty: look.')
  ir_dir: str = option('', 'Sub-folder of --source_dir with the IR images. Empty: look.')
  split_by: str = option(
      'auto', 'How the data are split into train, validation and test. folder: by folder names, '
      'by train.txt/val.txt/test.txt (list), by a hash of each name, or by a hash of its '
      'sub-folder (sequence); auto: lists if there are any, else folders, else hash. osu, aau: '
      'frames at random as in the paper (paper, auto; leaks between neighbours), whole sequences '
      'or for aau a scene held out (sequence); osu: a place held out (location).',
      ('auto', 'folder', 'list', 'hash', 'sequence', 'paper', 'location'))
  allow_unmatched: bool = option(
      False, 'osu, aau: go on although files are missing or over 1 % of the frames have no '
      'partner.')
  skip_scenes: str = option(
      '', 'aau: scenes that are left out, such as 2 (its calibration is doubtful) or 1,2.')
  registration: str = option(
      'none', 'aau: how thermal frames are brought into the RGB view. none: resized only, as the '
      'paper most likely did; plane: as if all were at --plane_depth; depth: by the depth frames. '
      'plane and depth need the extra aau.', ('none', 'plane', 'depth'))
  plane_depth: float = option(1500.0, 'aau: distance in mm for --registration=plane.')
  paired: bool = option(
      False, 'Draw RGB and IR of the same scene together and add the supervised L1 term '
      f'(weight {PAIRED_SUPERVISED_WEIGHT:g} unless --supervised_weight says otherwise). '
      'Otherwise two independent orders, and an epoch is one pass over the larger domain.')
  emsn: bool = option(
      False, "The paper's electromagnetic-spectrum normalisation, equations (1) and (2). "
      'As printed it equals the plain scaling to [-1, 1] up to rounding.')
  rgb_channels: int = option(3, 'Channels of the RGB domain: 3, or 1 for grey.')
  ir_channels: int = option(1, 'Channels of the IR domain: 1, or 3 (kept as they are).')
  image_size: tuple[int, int] = option(
      (128, 128), 'Size the networks are trained and measured at: 128, or HEIGHTxWIDTH.')
  load_size: tuple[int, int] = option(
      (0, 0), 'Resize to this first, then crop --image_size at random (in evaluation: from '
      'the centre). 0: no crop.')
  resize: str = option(
      'area', 'Filter for resizing, both antialiased; none: keep the pixels and crop.',
      ('area', 'bicubic', 'none'))
  mask: str = option(
      'loss', 'osu, aau: pixels without thermal data, such as black borders. loss: left out of all '
      'losses and metrics; crop: images are cut to a rectangle without them; none: used like any '
      'other.', ('loss', 'crop', 'none'))
  flip: bool = option(False, 'Mirror left-right at random in training (pairs together).')


@dataclasses.dataclass(frozen=True)
class ModelConfig:
  """Shape of the two generators and the two discriminators."""
  n_downsampling: int = option(3, 'Down- and upsampling layers of a generator, 4x4 stride 2.')
  n_residual_blocks: int = option(6, 'Residual blocks between them.')
  base_width: int = option(64, "Channels of the generator's first layer; each next doubles.")
  discriminator_layers: int = option(4, 'Stride-2 layers of a discriminator.')
  discriminator_width: int = option(64, "Channels of the discriminator's first layer.")
  activation: str = option('relu', 'Activation in all networks.', ('relu', 'leaky_relu'))
  norm: str = option('batch', 'Normalisation layers.', ('batch', 'instance', 'none'))
  upsampling: str = option(
      'transposed', 'Transposed convolution, or nearest-neighbour resize then 3x3 convolution '
      '(fewer checkerboard artefacts).', ('transposed', 'resize'))
  sync_batch_norm: bool = option(
      True, 'Batch statistics over the whole batch of all devices, so that the number of '
      'devices changes nothing; otherwise per device, and their running averages are averaged.')


@dataclasses.dataclass(frozen=True)
class LossConfig:
  """Weights of the loss terms."""
  cycle_weight: float = option(10.0, 'Weight of the cycle-consistency L1 terms.')
  identity_weight: float = option(
      0.0, 'Weight of the identity L1 terms; needs equal channel counts.')
  supervised_weight: float = option(
      0.0, 'Weight of the L1 terms between generated and true image; needs --paired. '
      '--paired --supervised_weight=0 is the literal reading of the paper.')


@dataclasses.dataclass(frozen=True)
class TrainConfig:
  """The optimisers, how long, and what is kept."""
  preset: str = option('udacity', 'The preset that this configuration started from.')
  seed: int = option(0, 'Drives initial weights, order of examples and augmentation.')
  batch_size: int = option(16, 'Examples in a step, over all devices.')
  epochs: int = option(9, 'Passes over the training split; ignored if --steps is given.')
  steps: int = option(0, 'Training steps; 0: by --epochs.')
  learning_rate: float = option(2e-4, "Adam's learning rate, constant.")
  beta1: float = option(0.5, "Adam's first decay rate.")
  beta2: float = option(0.999, "Adam's second decay rate.")
  log_every: int = option(50, 'Steps between progress lines and rows of metrics.csv.')
  checkpoint_every: int = option(
      0, 'Steps between validations, sample grids and checkpoints; 0: once an epoch.')
  best_metric: str = option(
      'psnr', 'Validation metric (higher is better) that chooses the best checkpoint.',
      ('psnr', 'ssim', 'uqi'))
  keep_checkpoints: int = option(2, 'How many of the latest checkpoints to keep.')
  n_samples: int = option(6, 'Rows of a sample grid.')
  tensorboard: bool = option(False, 'Also write TensorBoard events (extra: tensorboard).')


@dataclasses.dataclass(frozen=True)
class Config:
  """One run, completely: a run folder's config.json is this."""
  data: DataConfig = DataConfig()
  model: ModelConfig = ModelConfig()
  loss: LossConfig = LossConfig()
  train: TrainConfig = TrainConfig()


SECTIONS = types.MappingProxyType({f.name: f.type for f in dataclasses.fields(Config)})

# udacity: the implementation that the paper modified (its reference [1]), at the paper's
#   9 epochs. `python -m experiments.train --dataset=osu --paired --emsn`.
# demo: narrow and shallow relatives of these that learn the synthetic scenes within minutes on
#   two CPU cores. Not meant for comparison with anything published.
PRESETS = types.MappingProxyType({
    'udacity': {},
    'demo': dict(
        dataset='synthetic', paired=True, emsn=True, supervised_weight=PAIRED_SUPERVISED_WEIGHT,
        image_size=(64, 64), flip=True, base_width=24, n_residual_blocks=3, n_downsampling=2,
        discriminator_width=24, discriminator_layers=3, batch_size=8, epochs=16, log_every=50,
        checkpoint_every=200, upsampling='resize', learning_rate=5e-4),
})


def fields() -> dict[str, tuple[str, dataclasses.Field]]:
  """Every setting's section and dataclass field, by its name."""
  return {f.name: (section, f) for section, cls in SECTIONS.items()
          for f in dataclasses.fields(cls)}


def make(preset: str = 'udacity', **overrides: Any) -> Config:
  """The configuration of a preset with single fields replaced, validated.

  Args:
    preset: a name in PRESETS.
    **overrides: values by field name; they win over the preset.

  Raises:
    UserError: unknown preset, or values that do not fit (see `validate`).
  """
  if preset not in PRESETS:
    raise UserError(f'--preset={preset} is unknown; there are {", ".join(PRESETS)}.')
  values = {**PRESETS[preset], 'preset': preset, **overrides}
  if 'supervised_weight' not in overrides and 'paired' in overrides:
    values['supervised_weight'] = PAIRED_SUPERVISED_WEIGHT if overrides['paired'] else 0.0
  by_section = {section: {} for section in SECTIONS}
  for name, value in values.items():
    by_section[fields()[name][0]][name] = value
  config = Config(**{s: cls(**by_section[s]) for s, cls in SECTIONS.items()})
  validate(config)
  return config


def validate(config: Config) -> None:
  """Raises UserError, naming the flag, if values are out of range or contradict each other."""
  validate_data(config.data)
  for section in (config.model, config.loss, config.train):
    _validate_choices(section)
  flat = flatten(config)
  for name in ('n_downsampling', 'base_width', 'discriminator_layers', 'discriminator_width',
               'batch_size', 'log_every', 'keep_checkpoints', 'n_samples', 'learning_rate'):
    if not 0 < flat[name] < math.inf:
      raise UserError(f'--{name}={flat[name]} must be a number greater than 0.')
  for name in ('n_residual_blocks', 'steps', 'epochs', 'checkpoint_every', 'cycle_weight',
               'identity_weight', 'supervised_weight'):
    if not 0 <= flat[name] < math.inf:
      raise UserError(f'--{name}={flat[name]} must be a number of at least 0.')
  for name in ('beta1', 'beta2'):
    if not 0 <= flat[name] < 1:
      raise UserError(f'--{name}={flat[name]} must be at least 0 and less than 1.')
  if not 0 <= config.train.seed < 2 ** 32:
    raise UserError(f'--seed={config.train.seed} must be from 0 to {2 ** 32 - 1}.')
  if not (config.train.steps or config.train.epochs):
    raise UserError('--epochs=0 and --steps=0: nothing to train. Give one of them.')
  _validate_size(config)
  _validate_losses(config)


def validate_data(data: DataConfig) -> None:
  """As `validate`, for the settings that say how examples are drawn."""
  _validate_choices(data)
  for name in ('rgb_channels', 'ir_channels'):
    if getattr(data, name) not in (1, 3):
      raise UserError(f'--{name}={getattr(data, name)}: 1 or 3 are possible.')
  for name in ('image_size', 'load_size'):
    size = getattr(data, name)
    if not (isinstance(size, tuple) and len(size) == 2 and min(size) >= 0):
      raise UserError(f'--{name}={size}: expected a height and a width, such as (128, 160).')
  if min(data.image_size) < 1:
    raise UserError(f'--image_size={format_value(data.image_size)} must be at least 1 pixel.')
  if data.mask == 'crop' and data.registration == 'depth':
    raise UserError('--mask=crop and --registration=depth contradict each other: depth has holes '
                    'everywhere. Use --mask=loss.')
  if data.load_size != (0, 0) and data.resize == 'none':
    raise UserError('--load_size and --resize=none contradict each other: give one of them.')
  if data.load_size != (0, 0) and any(
      load < crop for load, crop in zip(data.load_size, data.image_size)):
    raise UserError(
        f'The crop is larger than the image: --image_size={format_value(data.image_size)} does '
        f'not fit into --load_size={format_value(data.load_size)}.')


def _validate_choices(section: Any) -> None:
  for field in dataclasses.fields(section):
    choices, value = field.metadata['choices'], getattr(section, field.name)
    if choices and value not in choices:
      raise UserError(f'--{field.name}={value} is unknown; there are {", ".join(choices)}.')


def _validate_size(config: Config) -> None:
  data, model = config.data, config.model
  stride = 2 ** model.n_downsampling
  if any(side % stride for side in data.image_size):
    raise UserError(
        f'--image_size={format_value(data.image_size)}: both sides must be multiples of {stride}, '
        f'the total stride of --n_downsampling={model.n_downsampling}.')
  smallest = max(2 ** (model.discriminator_layers + 1), SMALLEST_IMAGE)
  if min(data.image_size) < smallest:
    raise UserError(
        f'--image_size={format_value(data.image_size)} is too small for '
        f'--discriminator_layers={model.discriminator_layers}: at least {smallest} pixels a side.')


def _validate_losses(config: Config) -> None:
  if config.loss.supervised_weight and not config.data.paired:
    raise UserError(f'--supervised_weight={config.loss.supervised_weight:g} compares a generated '
                    'image with the true one of the same scene: it needs --paired.')
  if config.loss.identity_weight and config.data.rgb_channels != config.data.ir_channels:
    raise UserError(
        f'--identity_weight={config.loss.identity_weight:g} feeds a generator images of its own '
        'output domain, which needs equal channel counts, found --rgb_channels='
        f'{config.data.rgb_channels} and --ir_channels={config.data.ir_channels}. Set '
        '--ir_channels=3, or --identity_weight=0.')


def flatten(config: Config) -> dict[str, Any]:
  """Every setting's value by its name, in order of definition."""
  return {name: getattr(getattr(config, section), name)
          for name, (section, _) in fields().items()}


def differences(old: Config, new: Config) -> dict[str, tuple[Any, Any]]:
  """The settings that differ, as {name: (old value, new value)}."""
  a, b = flatten(old), flatten(new)
  return {name: (a[name], b[name]) for name in a if a[name] != b[name]}


def format_value(value: Any) -> str:
  """A setting as it is written on the command line: (128, 160) is 128x160."""
  if isinstance(value, tuple):
    return 'x'.join(str(v) for v in value)
  return f'{value:g}' if isinstance(value, float) else str(value)


def describe(config: Config) -> str:
  """The resolved configuration as text, a line each; * marks what differs from the preset."""
  changed = differences(make(config.train.preset), config)
  lines = [f'Configuration (preset {config.train.preset}; * marks what you changed):']
  for name, value in flatten(config).items():
    mark = '*' if name in changed else ' '
    shown = format_value(value) if value != '' else '-'
    lines.append(f'  {mark} {name:<22}{shown}')
  return '\n'.join(lines)


def to_json(config: Config) -> str:
  """The configuration as JSON text; `from_json` is its inverse."""
  return json.dumps(dataclasses.asdict(config), indent=2) + '\n'


def from_json(text: str, name: str) -> Config:
  """Reads what `to_json` wrote.

  Raises:
    UserError: `name` (the file) is not valid JSON or has other settings than this version.
  """
  try:
    tree = json.loads(text)
    config = Config(**{section: cls(**{k: tuple(v) if isinstance(v, list) else v
                                       for k, v in tree[section].items()})
                       for section, cls in SECTIONS.items()})
    validate(config)
  except (ValueError, TypeError, KeyError, AttributeError) as error:
    raise UserError(f'{name} is not a configuration that this version can read: {error}') from error
  return config
