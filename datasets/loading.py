"""Opens data sets by name: prepares them once, then hands out records and examples."""

from collections.abc import Callable, Iterable, Iterator, Mapping
import contextlib
import dataclasses
import fcntl
import hashlib
import os
import pathlib
from typing import Any

import grain
import tensorflow_datasets as tfds

from cyclegan_jax import config as config_lib, normalization as emsn_lib
from cyclegan_jax.data import pipeline
from cyclegan_jax.data.source import Dataset, Domain, Records, Split, SPLITS
from cyclegan_jax.errors import UserError
from cyclegan_jax.settings import DataConfig
from cyclegan_jax.validation import validate_data
from datasets import leaks
from datasets.aau import aau_dataset_builder as aau
from datasets.folder import folder_dataset_builder as folder
from datasets.osu import download, osu_dataset_builder as osu
from datasets.synthetic import synthetic_dataset_builder as synthetic


def load(
  name: str,
  split: str = 'train',
  *,
  paired: bool = True,
  emsn: bool | None = None,
  source_dir: str = '',
  data_dir: str = '',
  shuffle: bool = False,
  seed: int = 0,
  **options: Any,
) -> grain.MapDataset:
  """Normalized examples of a named data set, prepared on disk at the first call.

  Args:
    name: one of NAMES.
    split: 'train', 'validation' or 'test'.
    paired: RGB and IR of one scene together; otherwise two independent orders.
    emsn: True is short for normalization='emsn', the paper's; see `config.without_shorthand`.
    source_dir: the folder with the raw files, where the data set needs one.
    data_dir: where prepared data sets are kept; TFDS's default if empty. One prepared copy
      serves paired and unpaired.
    shuffle: endless, in a new order each epoch, cropped and flipped at random, decoded images
      kept in memory up to the option cache_gib; always so if not paired. Otherwise one pass in
      stored order.
    seed: drives order, crops and flips.
    **options: further fields of `DataConfig`, such as image_size=(128, 128).

  Returns:
    A Grain dataset of dicts, see `pipeline.examples`.

  Raises:
    UserError: unknown name, missing or unusable files, split not there.
  """
  known = {field.name for field in dataclasses.fields(DataConfig)}
  if unknown := set(options) - known:
    raise UserError(
      f'load() does not know {", ".join(sorted(unknown))}; there are {", ".join(sorted(known))}.'
    )
  config = DataConfig(
    dataset=name,
    paired=paired,
    source_dir=source_dir,
    data_dir=data_dir,
    **config_lib.without_shorthand({**options, 'emsn': emsn}),
  )
  validate_data(config)
  if not 0 <= seed < 2**32:
    raise UserError(f'seed={seed} must be from 0 to {2**32 - 1}.')
  dataset = open_dataset(config)
  pipeline.check_crop(dataset, config)
  return pipeline.examples(dataset, split, config, seed=seed, train=shuffle or not paired)


def open_dataset(config: DataConfig) -> Dataset:
  """The data set that a configuration names, prepared if it is not yet.

  Raises:
    UserError: see `load`.
  """
  if config.dataset not in _OPENERS:
    found = f'--dataset={config.dataset} is unknown' if config.dataset else '--dataset is missing'
    raise UserError(f'{found}; there are {", ".join(NAMES)}.')
  _check_settings(config)
  data_dir = os.path.expanduser(config.data_dir) or None
  return _OPENERS[config.dataset](config, data_dir)


def _check_settings(config: DataConfig) -> None:
  """Refuses settings that this data set would pass over without a word."""
  for field in dataclasses.fields(DataConfig):
    owners, value = _OWNERS.get(field.name), getattr(config, field.name)
    if owners and config.dataset not in owners and value != field.default:
      raise UserError(
        f'--{field.name}={value} says nothing to --dataset={config.dataset}; it is '
        f'for {" and ".join(owners)}. Leave it out.'
      )


def _open_synthetic(config: DataConfig, data_dir: str | None) -> Dataset:
  if config.source_dir:
    raise UserError(
      '--dataset=synthetic renders its images and reads none: leave out '
      '--source_dir, or say --dataset=folder.'
    )
  builder = _prepared(lambda: synthetic.Builder(data_dir=data_dir))
  description = 'synthetic: rendered scenes; whole sequences belong to one split.'
  identity = [str(builder.version), str(sorted(builder.builder_config.parameters().items()))]
  return _dataset(
    'synthetic',
    description,
    identity,
    builder,
    config,
    aligned=True,
    max_values={'rgb': 255, 'ir': 255},
  )


def _open_osu(config: DataConfig, data_dir: str | None) -> Dataset:
  source = config.source_dir or download.default_source(data_dir)
  found = osu.osu_config(source, _published_split(config), config.allow_unmatched)
  return _open_published(osu.Builder, found, config, data_dir)


def _open_aau(config: DataConfig, data_dir: str | None) -> Dataset:
  if not config.source_dir:
    raise UserError(
      '--dataset=aau needs --source_dir, the folder with its files.\n' + aau.MANUAL_INSTRUCTIONS
    )
  found = aau.aau_config(
    config.source_dir,
    _published_split(config),
    config.registration,
    config.plane_depth,
    config.skip_scenes,
    config.allow_unmatched,
  )
  return _open_published(aau.Builder, found, config, data_dir)


def _published_split(config: DataConfig) -> str:
  return 'paper' if config.split_by == 'auto' else config.split_by


def _open_published(
  make: type[tfds.core.DatasetBuilder], found: Any, config: DataConfig, data_dir: str | None
) -> Dataset:
  """A data set of the paper's, by the configuration that describes the files found."""
  builder = _prepared(lambda: make(config=found, data_dir=data_dir))
  description = '\n  '.join(
    [f'{builder.name} {found.source_dir}: {found.description}', *found.notes]
  )
  # The name stands for the options too, such as how thermal frames are registered.
  identity = [found.name.rpartition('-')[0], *_identity(found.examples)]
  return _dataset(
    builder.name,
    description,
    identity,
    builder,
    config,
    aligned=True,
    max_values={'rgb': 255, 'ir': 255},
  )


def _open_folder(config: DataConfig, data_dir: str | None) -> Dataset:
  if not config.source_dir:
    raise UserError('--dataset=folder needs --source_dir, the folder with your images.')
  found = folder.folder_config(
    config.source_dir,
    config.rgb_dir,
    config.ir_dir,
    config.split_by,
    rgb_channels=config.rgb_channels,
    ir_channels=config.ir_channels,
    paired=config.paired,
  )
  builder = _prepared(lambda: folder.Builder(config=found, data_dir=data_dir))
  description = '\n  '.join(
    [f'folder {config.source_dir}: {found.layout}; split by {found.split_by}.', *found.notes]
  )
  max_values = {name: 255 if found.dtype(name) == 'uint8' else 65535 for name in ('rgb', 'ir')}
  return _dataset(
    'folder', description, _identity(found.examples), builder, config, found.aligned, max_values
  )


_OPENERS = {
  'osu': _open_osu,
  'aau': _open_aau,
  'folder': _open_folder,
  'synthetic': _open_synthetic,
}
NAMES = tuple(_OPENERS)
# The settings that only some data sets have.
_OWNERS = {
  'rgb_dir': ('folder',),
  'ir_dir': ('folder',),
  'allow_unmatched': ('osu', 'aau'),
  'mask': ('osu', 'aau'),
  'skip_scenes': ('aau',),
  'registration': ('aau',),
  'plane_depth': ('aau',),
  'split_by': ('osu', 'aau', 'folder'),
}


def _identity(examples: Mapping[str, Iterable[Any]]) -> list[str]:
  return [
    f'{split} {example.id}' for split, chosen in sorted(examples.items()) for example in chosen
  ]


def _prepared(make: Callable[[], tfds.core.DatasetBuilder]) -> tfds.core.DatasetBuilder:
  """A builder whose copy is there; of several processes one prepares it and the others wait.

  TFDS writes beside the copy and renames, so it is whole or absent.
  """
  tfds.disable_progress_bar()  # Builders log progress in whole lines.
  builder = make()
  if not builder.info.splits:  # When it was made there was no copy.
    folder = pathlib.Path(builder.data_path).parent
    try:
      with _alone(folder.parent):
        # TFDS looks once, when a builder is made: another process may have been quicker.
        builder = make()
        builder.download_and_prepare(file_format='array_record')
    except OSError as error:
      raise UserError(
        f'The data set cannot be prepared in {folder}: {error}. Choose another place '
        'with --data_dir.'
      ) from error
    finally:
      with contextlib.suppress(OSError):
        folder.rmdir()  # If nothing was written.
  for split in builder.info.splits.values():
    for file in split.filepaths:
      if not file.exists():
        raise UserError(
          f'The prepared data set {builder.data_path} is not complete: {file.name} '
          'is missing. Delete that folder; it is then prepared anew.'
        )
  return builder


@contextlib.contextmanager
def _alone(folder: pathlib.Path) -> Iterator[None]:
  """Waits until no other process prepares in this folder, where the file system has locks."""
  folder.mkdir(parents=True, exist_ok=True)
  with open(folder / '.lock', 'a') as file:
    with contextlib.suppress(OSError):
      fcntl.flock(file, fcntl.LOCK_EX)
    yield


def _dataset(
  name: str,
  description: str,
  identity: list[str],
  builder: tfds.core.DatasetBuilder,
  config: DataConfig,
  aligned: bool,
  max_values: Mapping[str, int],
) -> Dataset:
  channels = {'rgb': config.rgb_channels, 'ir': config.ir_channels}
  domains = {
    key: Domain(key, channels[key], emsn_lib.normalization(key, config, float(max_values[key])))
    for key in channels
  }
  splits = {}
  for split in SPLITS:
    if aligned and split in builder.info.splits:
      records = _records(builder, split)
      splits[split] = Split(split, records, records, aligned=True)
    elif f'{split}_rgb' in builder.info.splits and f'{split}_ir' in builder.info.splits:
      rgb, ir = (_Renamed(_records(builder, f'{split}_{key}'), key) for key in channels)
      splits[split] = Split(split, rgb, ir, aligned=False)
  fingerprint = hashlib.sha256('\n'.join(identity).encode()).hexdigest()
  leak = leaks.check(splits, builder.data_path)
  description = '\n  '.join([description, *([f'Leak check: {leak}'] if leak else [])])
  return Dataset(
    name, description, fingerprint, domains, splits, has_mask='mask' in builder.info.features
  )


def _records(builder: tfds.core.DatasetBuilder, split: str) -> Records:
  """Undecoded records: the pipeline decodes what it needs, 16-bit images included."""
  skip = {feature: tfds.decode.SkipDecoding() for feature in builder.info.features}
  try:
    source = builder.as_data_source(split, decoders=skip)
    if len(source):
      source[0]  # Opens the files.
    return source
  except RuntimeError as error:
    raise UserError(
      f'The prepared data set {builder.data_path} is damaged ({error}). Delete that '
      'folder; it is then prepared anew.'
    ) from error


@dataclasses.dataclass(frozen=True)
class _Renamed:
  """Records of single images, seen as records of one domain."""

  records: Records
  domain: str

  def __len__(self) -> int:
    return len(self.records)

  def __getitem__(self, index: int) -> Mapping[str, Any]:
    record = self.records[index]
    return {self.domain: record['image'], 'id': record['id'], 'sequence': record['sequence']}
