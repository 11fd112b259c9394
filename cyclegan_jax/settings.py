"""Every setting of a run, as four frozen dataclasses: data, model, loss, train.

Every field is also a command-line flag of the same name (experiments/flags.py). Field names are
unique across sections; within a section the most used come first. This module imports neither JAX
nor Flax, because `--help` has to be quick.
"""

from collections.abc import Mapping
import dataclasses
import types
from typing import Any

from cyclegan_jax import radiometry
from cyclegan_jax.data_settings import DataConfig
from cyclegan_jax.option import Bounds, option
from cyclegan_jax.training_settings import LossConfig, TrainConfig


@dataclasses.dataclass(frozen=True)
class ModelConfig:
  """The networks and their shape."""

  method: str = option(
    'cyclegan',
    'cyclegan: two generators and two discriminators, with cycle consistency; '
    'pix2pix: one generator, and one discriminator that sees the source image, too; '
    'cut: one generator and one discriminator, with PatchNCE instead of cycle consistency; '
    'exemplar: images are taken apart into content and style, and IR images are made in the style '
    'of others (Wang et al. 2020; docs/how-to/by-example.md).',
    ('cyclegan', 'pix2pix', 'cut', 'exemplar'),
  )
  direction: str = option(
    'rgb_to_ir',
    'What the one generator of --method=pix2pix or cut does. cyclegan learns both directions, and '
    'is measured in the default one.',
    ('rgb_to_ir', 'ir_to_rgb'),
    affects='pixels',
  )
  generator: str = option(
    'udacity',
    "udacity: 4x4 stride-2 convolutions around residual blocks (Udacity's CycleGAN exercise); "
    'resnet: reflection padding, 7x7 and 3x3 convolutions (Zhu et al. 2017, after Johnson et '
    'al.); unet: U-Net with dropout (Isola et al. 2017).',
    ('udacity', 'resnet', 'unet'),
  )
  discriminator: str = option(
    'udacity',
    'udacity: stride 2 throughout; patchgan: one more hidden layer, of stride 1 (70x70 patches '
    'with --discriminator_layers=3); multiscale: patchgans at several scales (Wang et al. 2018, '
    'pix2pixHD); unet: a U-Net that judges the image and each pixel (Özkanoğlu & Ozer 2022, '
    'InfraGAN); none: without an adversarial term.',
    ('udacity', 'patchgan', 'multiscale', 'unet', 'none'),
    follows='none with --adversarial_weight=0',
  )
  inputs: str = option(
    'rgb',
    'What networks see of a scene, some of rgb,depth,labels: depth,labels is a scene without its '
    'colors, as simulators have it. Depth is one more channel, labels are one for each class. '
    'Other inputs than rgb are for --method=pix2pix, and need data with these layers. See '
    'docs/how-to/layers.md.',
  )
  condition: str = option(
    'none',
    'What the networks of IR images are told beside the RGB image, so that one RGB image has many '
    'IR images. class_temperatures: the mean IR value of each class (needs labels in training, not '
    'to translate); quantiles: the median and the 95th percentile of the IR image. See '
    'docs/how-to/temperature.md.',
    ('none', 'class_temperatures', 'quantiles'),
  )
  base: str = option(
    'none',
    'Make IR images in two stages: first a base, which alone is told the --condition, then the '
    'contrasts on it (Kniaz et al. 2018, ThermalGAN); with --method=pix2pix. class_means: in a '
    'base, each pixel has the mean IR value of its class (needs labels in training, not to '
    'translate); lowpass: a base is the blurred IR image.',
    ('none', 'class_means', 'lowpass'),
  )
  contrast_base: str = option(
    'true',
    'With --base, the bases that the second stage sees in training. true: true ones; generated: '
    'those of the first stage, as in translation.',
    ('true', 'generated'),
  )
  output_layers: str = option(
    'shared',
    'Whether classes share the last layer of a generator. classes: each class has an output layer '
    'of its own, and labels say which one a pixel is from; needs labels among the --inputs. See '
    'docs/how-to/layers.md.',
    ('shared', 'classes'),
  )
  base_width: int = option(
    64,
    "Channels of the generator's first layer. Each downsampling doubles them (unet: up to eight "
    'times as many).',
    Bounds(1),
  )
  n_downsampling: int = option(
    3, 'Downsampling layers of a generator; as many upsampling.', Bounds(1)
  )
  n_residual_blocks: int = option(6, 'Residual blocks between them. A unet has none.', Bounds(0))
  discriminator_width: int = option(64, "Channels of the discriminator's first layer.", Bounds(1))
  discriminator_layers: int = option(
    4, 'Stride-2 layers of a discriminator; of a unet, how often it halves the image.', Bounds(1)
  )
  discriminator_scales: int = option(
    2, 'Scales of a multiscale discriminator, each half as large as the one before.', Bounds(1)
  )
  spectral_norm: bool = option(
    False,
    'Discriminators divide each kernel by its largest singular value (Miyato et al. 2018), and '
    'have no normalization layers.',
  )
  norm: str = option(
    'batch', 'Normalization layers. A unet discriminator has none.', ('batch', 'instance', 'none')
  )
  activation: str = option(
    'relu',
    'Activation of generators; leaky_relu has slope 0.2. A unet has its own.',
    ('relu', 'leaky_relu'),
  )
  discriminator_activation: str = option(
    'relu', 'Activation of discriminators.', ('relu', 'leaky_relu')
  )
  upsampling: str = option(
    'transposed',
    'transposed: transposed convolutions; resize: nearest-neighbor resize, then a 3x3 convolution '
    '(fewer checkerboard artifacts); bilinear: bilinear resize, then a 3x3 convolution (Park et '
    'al. 2020).',
    ('transposed', 'resize', 'bilinear'),
  )
  antialias: bool = option(
    False,
    'Blur before each halving (Zhang 2019): a convolution of stride 1, then a filter of stride 2. '
    'udacity and unet generators and unet discriminators keep their strides.',
  )
  dropout: float = option(
    0.0, 'Dropout rate of a unet in training. Translation uses no dropout.', Bounds(0, 1)
  )
  unet_skips: str = option(
    'all',
    'Levels of a unet generator that have skip connections: all, none, or numbers such as 1,2,-1. '
    '1 is the outermost level, and -1 the innermost.',
  )
  initializer: str = option(
    'uniform',
    "Initial weights. uniform: PyTorch's default, U(+-1/sqrt(fan in)), biases alike; "
    'normal: N(0, 0.02), biases 0, scales of batch norm N(1, 0.02); xavier: as normal, but '
    'N(0, 0.02 * sqrt(2 / (fan in + fan out))) (Glorot & Bengio 2010, times 0.02).',
    ('uniform', 'normal', 'xavier'),
  )
  projection_width: int = option(
    0,
    'Channels of the projection networks, which learn with the generators what PatchNCE compares. '
    '0: none.',
    Bounds(0),
    follows='256 with --nce_weight, otherwise 0',
  )
  nce_pixels: bool = option(
    True,
    'PatchNCE also compares the pixels themselves, before the first layer of the generator, as '
    'Park et al. 2020 do.',
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
    'Compute batch statistics over the batch of all devices, so that the number of devices '
    'changes nothing. Otherwise each device has its own, and their running averages are averaged.',
  )

  @property
  def source(self) -> str:
    """The domain, 'rgb' or 'ir', whose images are translated and measured; see `direction`."""
    return self.direction.partition('_to_')[0]

  @property
  def target(self) -> str:
    """The domain of their translations."""
    return self.direction.partition('_to_')[2]

  @property
  def input_kinds(self) -> tuple[str, ...]:
    """What `inputs` names."""
    return tuple(kind.strip() for kind in self.inputs.split(','))

  @property
  def skip_levels(self) -> frozenset[int]:
    """The levels of a U-Net that have skip connections; ValueError if they are no numbers."""
    if self.unet_skips == 'all':
      return frozenset(range(1, self.n_downsampling))
    numbers = map(int, self.unet_skips.split(',') if self.unet_skips != 'none' else ())
    return frozenset(n + self.n_downsampling if n < 0 else n for n in numbers)


@dataclasses.dataclass(frozen=True)
class Config:
  """One run, completely: a run folder's config.json is this."""

  data: DataConfig = dataclasses.field(default_factory=DataConfig)
  model: ModelConfig = dataclasses.field(default_factory=ModelConfig)
  loss: LossConfig = dataclasses.field(default_factory=LossConfig)
  train: TrainConfig = dataclasses.field(default_factory=TrainConfig)

  @property
  def labeled(self) -> bool:
    """Whether training steps need labels or depth; they go to the devices only then."""
    seen = self.model.inputs != ModelConfig.inputs
    return self.loss.class_balance > 0 or self.model.base == 'class_means' or seen

  @property
  def reads_labels(self) -> bool:
    """Whether training needs labels, in its steps or to tell the condition of images."""
    return self.labeled or self.model.condition == 'class_temperatures'


SECTIONS: Mapping[str, Any] = types.MappingProxyType(
  {f.name: f.type for f in dataclasses.fields(Config)}
)


def fields() -> dict[str, tuple[str, dataclasses.Field]]:
  """Returns every setting's section and dataclass field, by its name."""
  return {
    f.name: (section, f)
    for section, cls in SECTIONS.items()
    for f in dataclasses.fields(cls)
    if f.name != 'options'
  }


def named(**metadata: Any) -> frozenset[str]:
  """Returns the settings whose metadata have these values; see `option`."""
  return frozenset(
    name
    for name, (_, field) in fields().items()
    if all(field.metadata[key] == value for key, value in metadata.items())
  )


# Settings that say where files are on the machine of a run: of no use elsewhere, and private.
PLACES = named(place=True)


def affects(name: str) -> str:
  """Returns what a setting affects, see `option`; an option of a data set affects pixels."""
  known = fields()
  return known[name][1].metadata['affects'] if name in known else 'pixels'


def flatten(config: Config) -> dict[str, Any]:
  """Returns every setting's value by its name, then those options of the data set that are set."""
  values = {
    name: getattr(getattr(config, section), name) for name, (section, _) in fields().items()
  }
  return {**values, **config.data.options}


def differences(old: Config, new: Config) -> dict[str, tuple[Any, Any]]:
  """Returns the settings that differ, as {name: (old value, new value)}; None: not set.

  --ir_span=auto does not differ from a span: it is what becomes of it when data are prepared.
  """
  a, b = flatten(old), flatten(new)
  found = {name: (a.get(name), b.get(name)) for name in a | b if a.get(name) != b.get(name)}
  return {
    name: values
    for name, values in found.items()
    if name != 'ir_span' or not radiometry.same_span(*map(str, values))
  }


def format_value(value: Any) -> str:
  """Formats a setting as on the command line: (128, 160) is 128x160; None is (default)."""
  if value is None:
    return '(default)'
  if isinstance(value, tuple):
    return 'x'.join(str(v) for v in value)
  return f'{value:g}' if isinstance(value, float) else str(value)


def as_flag(name: str, value: Any) -> str:
  """Writes a flag as one types it: --image_size=128x160, --paired, --nopaired."""
  if isinstance(value, bool):
    return f'--{"" if value else "no"}{name}'
  return f'--{name}={format_value(value)}'
