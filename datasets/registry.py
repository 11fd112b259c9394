"""The data sets by name, and the options that only some of them have.

A data set's options are a frozen dataclass of settings (cyclegan_jax/option.py). Those not at their
defaults travel in `DataConfig.options`. Where several data sets share an option, allowed values may
differ, but not the default. Flags are made from this module, so it imports nothing heavy.
"""

from collections.abc import Mapping
import dataclasses
import functools
import types
from typing import Any, ClassVar

from cyclegan_jax import config as config_lib, settings
from cyclegan_jax.errors import UserError
from cyclegan_jax.option import Bounds, option
from cyclegan_jax.settings import Config, DataConfig
from cyclegan_jax.validation import check_values

_option = functools.partial(option, affects='pixels')

_PUBLISHED_SPLITS = (
  'auto, paper: frames at random as in the paper (leaks between neighboring frames); sequence: '
  'whole sequences held out (of aau a scene); location: a place of the cameras held out (osu only).'
)


@dataclasses.dataclass(frozen=True)
class Options:
  """Options of a data set."""

  title: ClassVar[str] = ''  # what the data set is, for people
  # The settings of `DataConfig` that only some data sets use, and this one does.
  uses: ClassVar[frozenset[str]] = frozenset()
  # Its own defaults of such settings, for commands.
  defaults: ClassVar[Mapping[str, Any]] = types.MappingProxyType({})


@dataclasses.dataclass(frozen=True)
class _PublishedOptions(Options):
  """Options of the data sets that the paper used."""

  uses = frozenset({'source_dir', 'mask'})
  allow_unmatched: bool = _option(
    False, 'Continue although files are missing or over 1 % of the frames have no partner.'
  )


@dataclasses.dataclass(frozen=True)
class OsuOptions(_PublishedOptions):
  """Options of OSU Color-Thermal, see datasets/osu."""

  title = 'OSU Color-Thermal'
  split_by: str = _option('auto', _PUBLISHED_SPLITS, ('auto', 'paper', 'sequence', 'location'))


@dataclasses.dataclass(frozen=True)
class AauOptions(_PublishedOptions):
  """Options of AAU VAP Trimodal, see datasets/aau."""

  title = 'AAU VAP Trimodal'
  split_by: str = _option('auto', _PUBLISHED_SPLITS, ('auto', 'paper', 'sequence'))
  skip_scenes: str = _option(
    '', 'Scenes to leave out, such as 2 (its calibration is doubtful) or 1,2.'
  )
  registration: str = _option(
    'none',
    'How thermal frames are brought into the RGB view. none: they are only resized, as the paper '
    'most likely did; plane: as if everything were at --plane_depth; depth: by the depth frames. '
    'plane and depth need the extra aau.',
    ('none', 'plane', 'depth'),
  )
  plane_depth: float = _option(
    1500.0, 'Distance in mm for --registration=plane.', Bounds(0, above=True)
  )


@dataclasses.dataclass(frozen=True)
class FolderOptions(Options):
  """Options of a folder of images, see datasets/folder."""

  title = 'your own images'
  uses = frozenset({'source_dir', 'rgb_dir', 'ir_dir', 'label_dir', 'exclude', 'ir_span'})
  split_by: str = _option(
    'auto',
    'folder: by folder names; list: by train.txt, val.txt and test.txt; hash: by a hash of each '
    'name; sequence: by a hash of the subfolder; auto: list if there are lists, otherwise folder '
    'if there are such folders, otherwise hash.',
    ('auto', 'folder', 'list', 'hash', 'sequence'),
  )
  pairs: str = _option(
    'auto',
    'auto: images of equal names are pairs. none: RGB and IR are two collections of strangers, '
    'whatever their names, which are validated and measured by what needs no pairs.',
    ('auto', 'none'),
  )
  rgb_pattern: str = _option(
    '',
    "What names of RGB files look like, with one * for what both files of a pair share: '*_co.png';"
    r" or a regular expression with one group for it: '_0*(\d+)_W\.'. Goes with --ir_pattern.",
  )
  ir_pattern: str = _option('', 'The same for IR files. Empty: known names are found.')
  side_by_side: str = _option(
    'auto',
    'ab: each image holds RGB in its left half and IR in its right one, as in pix2pix; ba: the '
    'other way around. auto: found out where no names tell the domains.',
    ('auto', 'ab', 'ba'),
  )
  pair_table: str = _option(
    '',
    'File that lists the pairs, below --source_dir or elsewhere: a JSON object from RGB to IR '
    'files, or a CSV file of two columns. Empty: pairs have equal names.',
  )


@dataclasses.dataclass(frozen=True)
class CameraOptions(Options):
  """Options of a folder of radiometric files, see datasets/camera."""

  title = 'radiometric files of thermal cameras'
  uses = frozenset({'source_dir', 'exclude', 'mask', 'ir_span'})
  defaults = types.MappingProxyType({'ir_span': 'auto'})
  split_by: str = _option(
    'auto', 'As with --dataset=folder.', ('auto', 'folder', 'list', 'hash', 'sequence')
  )
  align: str = _option(
    'edges',
    'How photographs lie on thermal images. recorded: as the camera says in each file; edges: the '
    'same, but where edges show for certain that this is wrong, they are moved.',
    ('edges', 'recorded'),
  )


@dataclasses.dataclass(frozen=True)
class _ShardOptions(Options):
  """Options of sets whose images lie in shards, see datasets/shards.py."""

  uses = frozenset({'source_dir', 'exclude', 'ir_span'})
  split_by: str = _option(
    'auto',
    'folder: by train, val, and test in the names of files or folders; hash: by a hash of each '
    'name; auto: folder if all names say a split, otherwise hash.',
    ('auto', 'folder', 'hash'),
  )
  rgb_column: str = _option('', 'Column with the RGB images. Empty: guess it by its name.')
  ir_column: str = _option('', 'Column with the IR images. Empty: guess it by its name.')
  label_column: str = _option(
    '', 'Column with images of class indices. They are measured class by class. Empty: none.'
  )


@dataclasses.dataclass(frozen=True)
class ParquetOptions(_ShardOptions):
  """Options of Parquet files, see datasets/parquet."""

  title = 'Parquet files with pairs, as on Hugging Face'


@dataclasses.dataclass(frozen=True)
class WebDatasetOptions(_ShardOptions):
  """Options of tar archives, see datasets/webdataset."""

  title = 'tar archives with pairs, in the layout of WebDataset'


@dataclasses.dataclass(frozen=True)
class SyntheticOptions(Options):
  """Options of the rendered scenes, see datasets/synthetic."""

  title = 'rendered scenes'
  extra_scenes: int = _option(
    0,
    'Scenes to train on beside the usual 100, four image pairs each. Those to validate and to test '
    'on stay the same.',
    Bounds(0, 100001),
  )
  hidden_kelvin: float = _option(
    0.0,
    'Standard deviation, in kelvin, of an offset of the air temperature that RGB does not show: '
    'what one RGB image leaves open about its IR image. 0: next to nothing.',
    Bounds(0, 20),
  )


DATASETS: Mapping[str, type[Options]] = types.MappingProxyType(
  {
    'osu': OsuOptions,
    'aau': AauOptions,
    'folder': FolderOptions,
    'camera': CameraOptions,
    'parquet': ParquetOptions,
    'webdataset': WebDatasetOptions,
    'synthetic': SyntheticOptions,
  }
)
# Option -> data set -> its field.
_OPTIONS: dict[str, dict[str, dataclasses.Field]] = {}
for _name, _cls in DATASETS.items():
  for _field in dataclasses.fields(_cls):
    _OPTIONS.setdefault(_field.name, {})[_name] = _field
OPTIONS = tuple(_OPTIONS)
# What a preset trains on if no data set is given: the data set, and its options.
OF_PRESET: Mapping[str, tuple[str, Mapping[str, Any]]] = types.MappingProxyType(
  {'demo': ('synthetic', {'extra_scenes': 200}), 'demo_cyclegan': ('synthetic', {})}
)


def declarations(name: str) -> dict[str, dataclasses.Field]:
  """Returns the fields of a setting or option by the data sets that use it; '' stands for all."""
  if name not in settings.fields():
    return _OPTIONS.get(name, {})
  users = [dataset for dataset, cls in DATASETS.items() if name in cls.uses]
  return dict.fromkeys(users or [''], settings.fields()[name][1])


def default(name: str) -> Any:
  """Returns the default of a setting or option."""
  return next(iter(declarations(name).values())).default


def changed(given: Mapping[str, Any]) -> dict[str, Any]:
  """Returns the options that are not at their defaults, as `DataConfig.options` holds them."""
  return {name: value for name, value in given.items() if value != default(name)}


def without_extra(data: DataConfig) -> DataConfig:
  """Returns the settings of the same data without scenes that are there for training only."""
  left = {name: value for name, value in data.options.items() if name != 'extra_scenes'}
  return dataclasses.replace(data, options=left)


def configuration(given: Mapping[str, Any]) -> Config:
  """Returns the configuration of settings and options by name, `preset` among them.

  Without a data set it is the one that the preset trains on, if there is one.

  Raises:
    UserError: there is no such setting, or they do not go together.
  """
  known = {*settings.fields(), 'emsn'}
  if unknown := sorted(given.keys() - known - set(OPTIONS)):
    raise UserError(
      f'{", ".join(unknown)}: there is no such setting. See docs/reference/settings.md.'
    )
  own = {name: value for name, value in given.items() if name in known}
  options = {name: value for name, value in given.items() if name in OPTIONS}
  if 'dataset' not in own:
    own['dataset'], of_preset = OF_PRESET.get(own.get('preset', ''), ('', {}))
    options = {**of_preset, **options}
  if found := DATASETS.get(own['dataset']):
    own = {**found.defaults, **own}
  config = config_lib.make(options=changed(options), **own)
  if config.data.dataset:  # Commands that need one say so.
    resolve(config.data)
  return config


def resolve(config: DataConfig) -> Options:
  """Returns the options of a configuration's data set, validated.

  Raises:
    UserError: the data set is unknown, or does not have or allow what the configuration says.
  """
  name = config.dataset
  if name not in DATASETS:
    found = f'--dataset={name} is unknown' if name else '--dataset is missing'
    raise UserError(f'{found}; there are {", ".join(DATASETS)}.')
  given = {
    field.name: getattr(config, field.name)
    for field in dataclasses.fields(config)
    if field.metadata and getattr(config, field.name) != field.default
  }
  for setting, value in {**given, **config.options}.items():
    known = declarations(setting)
    if not known.keys() & {'', name}:
      owners = f'it is for {" and ".join(known)}. Leave it out.'
      cure = owners if known else 'there is no such option.'
      raise UserError(f'--{setting}={value} has no effect with --dataset={name}; {cure}')
  options = DATASETS[name](**config.options)
  check_values(options)
  if config.mask == 'crop' and config.options.get('registration') == 'depth':
    raise UserError(
      '--mask=crop and --registration=depth contradict each other: depth has holes everywhere. '
      'Use --mask=loss.'
    )
  return options
