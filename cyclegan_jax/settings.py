"""Every setting of a run, as four frozen dataclasses.

Every field is also a command-line flag of the same name (experiments/flags.py), so a
field's `help` metadata is its documentation. Field names are unique across sections.
This module imports neither JAX nor Flax: `--help` has to be quick.
"""

import dataclasses
import types
from typing import Any

# The weight of the supervised L1 term that `--paired` switches on: the cycle weight.
PAIRED_SUPERVISED_WEIGHT = 10.0


def option(default: Any, help_text: str, choices: tuple[str, ...] = ()) -> Any:
  """A dataclass field with its default, documentation and, for strings, allowed values."""
  return dataclasses.field(default=default, metadata={'help': help_text, 'choices': choices})


@dataclasses.dataclass(frozen=True)
class DataConfig:
  """Which examples are drawn, and how."""

  dataset: str = option('', 'Data set: osu, aau, folder (your own images) or synthetic (rendered).')
  source_dir: str = option('', 'Folder with the raw image files, for osu, aau and folder.')
  data_dir: str = option('', 'Where prepared data sets are kept. Empty: ~/tensorflow_datasets.')
  rgb_dir: str = option('', 'Sub-folder of --source_dir with the RGB images. Empty: look.')
  ir_dir: str = option('', 'Sub-folder of --source_dir with the IR images. Empty: look.')
  split_by: str = option(
    'auto',
    'How the data are split into train, validation and test. folder: by folder names, '
    'by train.txt/val.txt/test.txt (list), by a hash of each name, or by a hash of its '
    'sub-folder (sequence); auto: lists if there are any, else folders, else hash. osu, aau: '
    'frames at random as in the paper (paper, auto; leaks between neighbors), whole sequences '
    'or for aau a scene held out (sequence); osu: a place held out (location).',
    ('auto', 'folder', 'list', 'hash', 'sequence', 'paper', 'location'),
  )
  allow_unmatched: bool = option(
    False, 'osu, aau: go on although files are missing or over 1 % of the frames have no partner.'
  )
  skip_scenes: str = option(
    '', 'aau: scenes that are left out, such as 2 (its calibration is doubtful) or 1,2.'
  )
  registration: str = option(
    'none',
    'aau: how thermal frames are brought into the RGB view. none: resized only, as the '
    'paper most likely did; plane: as if all were at --plane_depth; depth: by the depth frames. '
    'plane and depth need the extra aau.',
    ('none', 'plane', 'depth'),
  )
  plane_depth: float = option(1500.0, 'aau: distance in mm for --registration=plane.')
  paired: bool = option(
    False,
    'Draw RGB and IR of the same scene together and add the supervised L1 term (weight '
    f'{PAIRED_SUPERVISED_WEIGHT:g}, pix2pix 100, unless --supervised_weight says otherwise). '
    'Otherwise two independent orders, and an epoch is one pass over the larger domain.',
  )
  normalization: str = option(
    'plain',
    "Pixel values to network values. plain: each domain onto [-1, 1]; emsn: the paper's "
    'equations (1) and (2), which as printed equal plain up to rounding; spectral_channels: '
    'plain, and generators also see the wavelength of each channel (R 685, G 532.5, B 472.5 nm, '
    'otherwise the middle of the band) on a logarithmic axis from 380 to 14000 nm.',
    ('plain', 'emsn', 'spectral_channels'),
  )
  ir_band: str = option(
    'paper',
    "The IR domain's band for spectral_channels, MIN:MAX in nm, or lwir (7500:14000), mwir "
    "(3000:5000), nir (700:1000), or paper, the paper's 1000:14000.",
  )
  ir_range: str = option(
    '',
    'What the gray levels of the IR images stand for, MIN:MAX,UNIT such as -20:120,degC: '
    'gray level 0, the largest one (255 or 65535), and the unit, linear between. Kept with the '
    'model and written into what it translates; it changes no training. Only for images with one '
    'fixed span; empty: none.',
  )
  rgb_channels: int = option(3, 'Channels of the RGB domain: 3, or 1 for gray.')
  ir_channels: int = option(1, 'Channels of the IR domain: 1, or 3 (kept as they are).')
  image_size: tuple[int, int] = option(
    (128, 128), 'Size the networks are trained and measured at: 128, or HEIGHTxWIDTH.'
  )
  load_size: tuple[int, int] = option(
    (0, 0),
    'Resize to this first, then crop --image_size at random (in evaluation: from '
    'the center). 0: no crop.',
  )
  resize: str = option(
    'area',
    'Filter for resizing, both antialiased; none: keep the pixels and crop.',
    ('area', 'bicubic', 'none'),
  )
  mask: str = option(
    'loss',
    'osu, aau: pixels without thermal data, such as black borders. loss: left out of all '
    'losses and metrics; crop: images are cut to a rectangle without them; none: used like any '
    'other.',
    ('loss', 'crop', 'none'),
  )
  flip: bool = option(False, 'Mirror left-right at random in training (pairs together).')
  cache_gib: float = option(
    -1.0,
    'GiB of memory in which decoded training images are kept; those that do not fit are '
    'decoded each epoch. 0: none; -1: a quarter of the memory that is free at the start. Of '
    'several processes on a machine each keeps its own.',
  )


@dataclasses.dataclass(frozen=True)
class ModelConfig:
  """Which networks there are, and their shape."""

  method: str = option(
    'cyclegan',
    'cyclegan: two generators and two discriminators, with cycle consistency; '
    'pix2pix: one generator, rgb_to_ir, and one discriminator that sees the RGB image too.',
    ('cyclegan', 'pix2pix'),
  )
  generator: str = option(
    'udacity',
    'udacity: 4x4 stride-2 convolutions around residual blocks (udacity); resnet: '
    'reflection padding, 7x7 and 3x3 convolutions (Zhu et al. 2017, after Johnson et al.); '
    'unet: U-Net with dropout (Isola et al. 2017).',
    ('udacity', 'resnet', 'unet'),
  )
  discriminator: str = option(
    'udacity',
    'udacity: stride 2 throughout (udacity); patchgan: one more hidden layer, of '
    'stride 1 (70x70 patches with --discriminator_layers=3).',
    ('udacity', 'patchgan'),
  )
  n_downsampling: int = option(3, 'Down- and upsampling layers of a generator.')
  n_residual_blocks: int = option(6, 'Residual blocks between them; not in a unet.')
  base_width: int = option(
    64, "Channels of the generator's first layer; each next doubles (unet: up to eight times)."
  )
  discriminator_layers: int = option(4, 'Stride-2 layers of a discriminator.')
  discriminator_width: int = option(64, "Channels of the discriminator's first layer.")
  activation: str = option(
    'relu',
    'Activation of generators; leaky_relu has slope 0.2. A unet has its own.',
    ('relu', 'leaky_relu'),
  )
  discriminator_activation: str = option(
    'relu', 'Activation of discriminators.', ('relu', 'leaky_relu')
  )
  norm: str = option('batch', 'Normalization layers.', ('batch', 'instance', 'none'))
  dropout: float = option(
    0.0, 'Dropout rate of a unet in training. Images are always translated without dropout.'
  )
  upsampling: str = option(
    'transposed',
    'Transposed convolution, or nearest-neighbor resize then 3x3 convolution '
    '(fewer checcurboard artifacts).',
    ('transposed', 'resize'),
  )
  initializer: str = option(
    'uniform',
    "Initial weights. uniform: PyTorch's default, U(+-1/sqrt(fan in)), biases alike; "
    'normal: N(0, 0.02), biases 0, scales of batch norm N(1, 0.02).',
    ('uniform', 'normal'),
  )
  precision: str = option(
    'float32',
    'What convolutions compute in; weights, norms, losses and the optimizer are '
    'float32 in any case. bfloat16 is for GPUs (CPUs gain nothing) and for 8-bit images: of '
    '16-bit ones it sees the upper 8 to 9 bits.',
    ('float32', 'bfloat16'),
  )
  sync_batch_norm: bool = option(
    True,
    'Batch statistics over the whole batch of all devices, so that the number of '
    'devices changes nothing; otherwise per device, and their running averages are averaged.',
  )


@dataclasses.dataclass(frozen=True)
class LossConfig:
  """The loss terms and their weights."""

  adversarial_loss: str = option(
    'lsgan',
    'lsgan: squared distance (Mao et al. 2017); vanilla: cross entropy (Goodfellow '
    'et al. 2014); hinge (Lim & Ye 2017).',
    ('lsgan', 'vanilla', 'hinge'),
  )
  discriminator_weight: float = option(
    1.0, "Factor of a discriminator's loss, real + fake terms; 0.5 slows it down."
  )
  cycle_weight: float = option(10.0, 'Weight of the cycle-consistency L1 terms.')
  identity_weight: float = option(
    0.0, 'Weight of the identity L1 terms; needs equal channel counts.'
  )
  supervised_weight: float = option(
    0.0,
    'Weight of the L1 terms between generated and true image; needs --paired. '
    '--paired --supervised_weight=0 is the literal reading of the paper.',
  )
  ssim_weight: float = option(
    0.0,
    'Weight of 1 - SSIM between generated and true image, as in InfraGAN (Özkanoğlu & Özer '
    '2022); needs --paired.',
  )
  gradient_weight: float = option(
    0.0,
    'Weight of the L1 terms between the image gradients of generated and true image, as in '
    "the paper's reference [9] (Qian et al. 2020); needs --paired.",
  )


@dataclasses.dataclass(frozen=True)
class TrainConfig:
  """The optimizers, how long, and what is kept."""

  preset: str = option('udacity', 'The preset that this configuration started from.')
  seed: int = option(0, 'Drives initial weights, order of examples, augmentation, dropout, pools.')
  batch_size: int = option(16, 'Examples in a step, over all devices.')
  accumulate: int = option(
    1,
    'Compute each batch in so many parts one after the other, for the memory of one part, and '
    'average their gradients. Nothing else changes, but with --norm=batch: statistics are those '
    'of a part, and the running ones move once for each part.',
  )
  remat: bool = option(
    False,
    'Keep no activations of a pass for its gradients but compute them again: less memory, '
    'for larger images or batches, and slower steps with the same results up to rounding.',
  )
  epochs: int = option(9, 'Passes over the training split; ignored if --steps is given.')
  steps: int = option(0, 'Training steps; 0: by --epochs.')
  learning_rate: float = option(2e-4, "Adam's learning rate.")
  decay_start: int = option(
    0, 'Epochs at the full learning rate; then it falls linearly over --decay_epochs.'
  )
  decay_epochs: int = option(0, 'Epochs over which the learning rate falls; 0: constant.')
  beta1: float = option(0.5, "Adam's first decay rate.")
  beta2: float = option(0.999, "Adam's second decay rate.")
  update_order: str = option(
    'discriminators_first',
    'Which networks are updated first in a step. The others are judged '
    'by, or shown fakes from, what is then current: generators face updated discriminators; '
    "discriminators see fakes from before the generators' update.",
    ('discriminators_first', 'generators_first'),
  )
  redraw_fakes: bool = option(
    True,
    "With discriminators_first: count the generators' forward pass twice, as udacity does "
    'by repeating it. The images are the same, the running batch statistics move twice.',
  )
  pool_size: int = option(
    0,
    'Discriminators are shown half of the time an earlier fake, out of so many kept '
    '(Shrivastava et al. 2017); 0: always the new ones.',
  )
  ema_decay: float = option(
    0.0,
    "Decay of a moving average of the generators' weights, which then translates and is "
    'measured, such as 0.999; 0: the weights themselves.',
  )
  log_every: int = option(50, 'Steps between progress lines and rows of metrics.csv.')
  checkpoint_every: int = option(
    0, 'Steps between validations, sample grids and checkpoints; 0: once an epoch.'
  )
  best_metric: str = option(
    'psnr',
    'Validation metric (higher is better) that chooses the best checkpoint.',
    ('psnr', 'ssim', 'uqi'),
  )
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


# Settings that say where files are on the machine of a run: of no use elsewhere, and private.
PLACES = frozenset({'source_dir', 'data_dir', 'rgb_dir', 'ir_dir'})

SECTIONS = types.MappingProxyType({f.name: f.type for f in dataclasses.fields(Config)})


def fields() -> dict[str, tuple[str, dataclasses.Field]]:
  """Every setting's section and dataclass field, by its name."""
  return {
    f.name: (section, f) for section, cls in SECTIONS.items() for f in dataclasses.fields(cls)
  }


def flatten(config: Config) -> dict[str, Any]:
  """Every setting's value by its name, in order of definition."""
  return {name: getattr(getattr(config, section), name) for name, (section, _) in fields().items()}


def differences(old: Config, new: Config) -> dict[str, tuple[Any, Any]]:
  """The settings that differ, as {name: (old value, new value)}."""
  a, b = flatten(old), flatten(new)
  return {name: (a[name], b[name]) for name in a if a[name] != b[name]}


def format_value(value: Any) -> str:
  """A setting as it is written on the command line: (128, 160) is 128x160."""
  if isinstance(value, tuple):
    return 'x'.join(str(v) for v in value)
  return f'{value:g}' if isinstance(value, float) else str(value)
