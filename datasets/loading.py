"""Opens data sets by name: prepares them on disk at the first call, then reads what is there."""

from collections.abc import Callable, Iterable, Mapping
import dataclasses
import functools
import hashlib
import os
import pathlib
from typing import Any

import grain
import numpy as np
import tensorflow_datasets as tfds
from tensorflow_datasets.core import constants

from cyclegan_jax import config as config_lib, files, radiometry
from cyclegan_jax.data import pipeline
from cyclegan_jax.data.source import Dataset, make_domains, Split, SPLITS
from cyclegan_jax.errors import UserError
from cyclegan_jax.settings import DataConfig
from cyclegan_jax.validation import validate_data
from datasets import checksums, copies, leaks, preparing, records, registry, shards
from datasets.aau import aau_dataset_builder as aau
from datasets.camera import opening as camera
from datasets.folder import opening as folder
from datasets.osu import download, osu_dataset_builder as osu
from datasets.parquet import parquet_dataset_builder as parquet
from datasets.synthetic import synthetic_dataset_builder as synthetic
from datasets.webdataset import webdataset_dataset_builder as webdataset

_EIGHT_BITS = {'rgb': 255, 'ir': 255}


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
  """Returns the normalized examples of a named data set, prepared on disk at the first call.

  Args:
    name: one of registry.DATASETS.
    split: 'train', 'validation' or 'test'.
    paired: RGB and IR of one scene together; otherwise two independent orders.
    emsn: True is short for normalization='emsn', the paper's; see `config.without_shorthand`.
    source_dir: the folder with the raw files, where the data set needs one.
    data_dir: where prepared data sets are kept, TFDS's default if empty; one copy serves
      paired and unpaired.
    shuffle: endless, in a new order each epoch, cropped and flipped at random, decoded images kept
      in memory up to the option cache_gib; always so if not paired. Otherwise one pass as stored.
    seed: drives order, crops and flips.
    **options: further fields of `DataConfig`, such as image_size=(128, 128), and options of the
      data set, such as split_by='sequence'.

  Returns:
    A Grain dataset of dicts, see `pipeline.examples`.

  Raises:
    UserError: the name, an option or the split is unknown, or files are missing or unusable.
  """
  known = {field.name for field in dataclasses.fields(DataConfig)}.union(registry.OPTIONS)
  if unknown := options.keys() - known:
    raise UserError(
      f'load() does not know {", ".join(sorted(unknown))}; there are {", ".join(sorted(known))}.'
    )
  own = {key: options.pop(key) for key in registry.OPTIONS if key in options}
  config = DataConfig(
    dataset=name,
    paired=paired,
    source_dir=source_dir,
    data_dir=data_dir,
    options=registry.changed(own),
    **config_lib.without_shorthand({**options, 'emsn': emsn}),
  )
  validate_data(config)
  if not 0 <= seed < 2**32:
    raise UserError(f'seed={seed} must be from 0 to {2**32 - 1}.')
  dataset = open_dataset(config)
  pipeline.check_crop(dataset, config)
  return pipeline.examples(dataset, split, config, seed=seed, train=shuffle or not paired)


def open_dataset(config: DataConfig, prepared: str = '') -> Dataset:
  """Opens the data set that a configuration names, and prepares it if need be.

  Args:
    config: names the data set, and says where it is.
    prepared: of a run, the name of the copy that it used, see `Dataset.prepared`. If the source
      folder is gone, this copy is opened.

  Raises:
    UserError: see `load`.
  """
  options = dataclasses.asdict(registry.resolve(config))
  data_dir = _data_dir(config.data_dir)
  with checksums.naming():
    if prepared and config.source_dir and not os.path.isdir(config.source_dir):
      dataset = _open_copy(config, data_dir, prepared)
    else:
      dataset = _OPENERS[config.dataset](config, options, data_dir)
  return dataset.with_train_pairs(config.train_pairs)


def _data_dir(given: str) -> str | None:
  """Returns the folder for prepared data sets, None for TFDS's own; UserError if it is unknown."""
  if given:
    return str(files.expanded(given))
  try:
    files.expanded(constants.DATA_DIR)
  except UserError as error:
    raise UserError(f'{error} Or give the folder for prepared data sets, --data_dir.') from error
  return None


def _open_synthetic(config: DataConfig, options: dict[str, Any], data_dir: str | None) -> Dataset:
  rendered = synthetic.synthetic_config(**options)
  builder = preparing.prepared(lambda: synthetic.Builder(config=rendered, data_dir=data_dir))
  # Version 1.1.0 has the same images, so that runs of earlier data stay valid.
  identity = ['1.0.0', str(sorted(builder.builder_config.parameters().items()))]
  summary = 'synthetic: rendered scenes; whole sequences belong to one split.'
  return _read(builder, config, [summary], identity)


def _open_osu(config: DataConfig, options: dict[str, Any], data_dir: str | None) -> Dataset:
  source = config.source_dir or download.default_source(data_dir)
  found = osu.osu_config(source, **_published(options))
  return _open_published(osu.Builder, found, config, data_dir)


def _open_aau(config: DataConfig, options: dict[str, Any], data_dir: str | None) -> Dataset:
  if not config.source_dir:
    raise UserError(
      '--dataset=aau needs --source_dir, the folder with its files.\n' + aau.MANUAL_INSTRUCTIONS
    )
  found = aau.aau_config(config.source_dir, **_published(options))
  return _open_published(aau.Builder, found, config, data_dir)


def _published(options: dict[str, Any]) -> dict[str, Any]:
  return {**options, 'split_by': options['split_by'].replace('auto', 'paper')}


def _open_published(
  make: type[tfds.core.DatasetBuilder], found: Any, config: DataConfig, data_dir: str | None
) -> Dataset:
  """Opens a data set of the paper, by the configuration that describes the files found."""
  builder = preparing.prepared(lambda: make(config=found, data_dir=data_dir))
  summary = f'{builder.name} {found.source_dir}: {found.description}'
  # The name stands for the options, too, such as how thermal frames are registered.
  identity = [found.name.rpartition('-')[0], *_identity(found.examples)]
  return _read(builder, config, [summary, *found.notes], identity)


def _open_folder(config: DataConfig, options: dict[str, Any], data_dir: str | None) -> Dataset:
  builder, found = folder.opened(config, options, data_dir)
  summary = f'folder {config.source_dir}: {found.layout}; split by {found.split_by}.'
  metadata = builder.info.metadata or {}
  prepared = [*metadata.get('label_notes', []), *metadata.get('size_notes', [])]
  notes, identity = [summary, *found.notes, *prepared], _identity(found.examples)
  dataset = _read(builder, config, notes, identity, _highest(found))
  return dataclasses.replace(dataset, rgb_only=found.rgb_only)


def _open_camera(config: DataConfig, options: dict[str, Any], data_dir: str | None) -> Dataset:
  found = camera.opened(config, options, data_dir)
  return _read(found.builder, config, found.notes, found.identity, camera.MAX_VALUES)


def _open_shards(
  find: Callable[..., shards.Config],
  make: type[tfds.core.DatasetBuilder],
  config: DataConfig,
  options: dict[str, Any],
  data_dir: str | None,
) -> Dataset:
  """Opens a set of shards, by the function that looks for them."""
  if not config.source_dir:
    raise UserError(f'--dataset={config.dataset} needs --source_dir, the folder with the files.')
  found = find(
    config.source_dir,
    rgb_channels=config.rgb_channels,
    ir_channels=config.ir_channels,
    exclude=config.exclude,
    **options,
  )
  make_it = lambda found: make(config=found, data_dir=data_dir)
  builder = preparing.with_span(make_it, found, config.ir_span)
  summary = f'{config.dataset} {config.source_dir}: {found.layout}; split by {found.split_by}.'
  notes = [summary, *(builder.info.metadata or {}).get('notes', [])]
  return _read(builder, config, notes, found.identity, _highest(builder.builder_config))


def _highest(found: Any) -> dict[str, int]:
  """The largest pixel value of each domain of a configuration."""
  return {domain: np.iinfo(found.dtype(domain)).max for domain in ('rgb', 'ir')}


def _open_copy(config: DataConfig, data_dir: str | None, prepared: str) -> Dataset:
  """Opens a prepared copy without its source."""
  folder = files.expanded(data_dir or tfds.core.constants.DATA_DIR) / prepared
  facts = copies.read(config.source_dir, folder)
  checksums.check(folder)
  builder = tfds.builder_from_directory(folder)
  summary = f'{config.source_dir} is gone; its prepared copy {folder} is used.'
  dataset = _read(builder, config, [summary], [], facts['max_values'])
  return dataclasses.replace(dataset, fingerprint=facts['fingerprint'], prepared=prepared)


_OPENERS: Mapping[str, Callable[[DataConfig, dict[str, Any], str | None], Dataset]] = {
  'osu': _open_osu,
  'aau': _open_aau,
  'folder': _open_folder,
  'camera': _open_camera,
  'parquet': functools.partial(_open_shards, parquet.parquet_config, parquet.Builder),
  'webdataset': functools.partial(_open_shards, webdataset.webdataset_config, webdataset.Builder),
  'synthetic': _open_synthetic,
}


def _identity(examples: Mapping[str, Iterable[Any]]) -> list[str]:
  return [
    f'{split} {example.id}' for split, chosen in sorted(examples.items()) for example in chosen
  ]


def _read(
  builder: tfds.core.DatasetBuilder,
  config: DataConfig,
  notes: list[str],
  identity: list[str],
  max_values: Mapping[str, int] = _EIGHT_BITS,
) -> Dataset:
  """Returns a prepared data set as the library takes it, checked for leaks between splits.

  `notes` are the lines of its description, `identity` is what its fingerprint is made of.
  """
  domains, splits = make_domains(config, max_values), {}
  metadata = builder.info.metadata or {}
  notes = [
    *notes,
    *metadata.get('pixel_notes', []),
    f'Prepared copy: {builder.data_path} (--data_dir).',
  ]
  for split in SPLITS:
    if split in builder.info.splits:
      pairs = records.of_split(builder, split)
      splits[split] = Split(split, pairs, pairs, aligned=True)
      if not config.paired and f'{split}_ir' in builder.info.splits:
        # IR images that have no partner.
        ir = records.Joined((pairs, records.of_split(builder, f'{split}_ir')))
        splits[split] = Split(split, pairs, ir, aligned=False)
    elif {f'{split}_rgb', f'{split}_ir'} <= builder.info.splits.keys():
      # Collections that are not pairs have splits of their own.
      rgb, ir = (
        records.Renamed(records.of_split(builder, f'{split}_{key}'), key) for key in domains
      )
      splits[split] = Split(split, rgb, ir, aligned=False)
  fingerprint = hashlib.sha256('\n'.join(identity).encode()).hexdigest()
  leak, near_duplicates = leaks.check(splits, pathlib.Path(builder.data_path))
  if leak:
    notes = [*notes, f'Leak check: {leak}']
  if identity:
    facts = {'fingerprint': fingerprint, 'max_values': {k: int(v) for k, v in max_values.items()}}
    copies.note(pathlib.Path(builder.data_path), facts)
  return Dataset(
    config.dataset,
    '\n  '.join(notes),
    fingerprint,
    domains,
    splits,
    has_mask='mask' in builder.info.features,
    class_names=tuple(metadata.get('class_names', ())),
    has_depth='depth' in builder.info.features,
    prepared=builder.info.full_name,
    near_duplicates=near_duplicates,
    ir_span=radiometry.parse_span(metadata.get('ir_span', '')),
  )
