"""The base class of the builders of sharded sets: checks all images, then stores the pairs."""

from collections.abc import Iterator
import io
from typing import Any

import numpy as np
import tensorflow_datasets as tfds

from cyclegan_jax.data import images
from cyclegan_jax.data.source import SPLITS
from cyclegan_jax.errors import UserError
from cyclegan_jax.progress import tracked
from datasets import storing
from datasets.shards import assigned, Config, DOMAINS, Row, Shard
from datasets.storing import Examples

_MAX_NAMED = 3


class Builder(tfds.core.GeneratorBasedBuilder, skip_registration=True):
  """Pairs `{rgb, ir, id, sequence}`; `info.metadata` has 'notes' on rows that are left out.

  Shards are read as streams, twice or more, with a few rows in memory at a time. The ids begin with
  the name of the shard. Without TensorFlow the images have to be read with `SkipDecoding`, see
  datasets/folder.
  """

  # TFDS's property returns what the builder was made with.
  builder_config: Config

  def _info(self) -> tfds.core.DatasetInfo:
    config = self.builder_config
    if not isinstance(config, Config):
      raise UserError(
        f'The data set {self.name} needs a source folder: make its configuration with '
        f'{self.name}_config(source_dir).'
      )
    features: dict[str, Any] = {
      domain: tfds.features.Image(
        shape=(None, None, config.channels(domain)), dtype=np.dtype(config.dtype(domain)).type
      )
      for domain in DOMAINS
    }
    text = {'id': tfds.features.Text(), 'sequence': tfds.features.Text()}
    return self.dataset_info_from_configs(
      features=tfds.features.FeaturesDict(features | text), metadata=tfds.core.MetadataDict()
    )

  def _split_generators(self, dl_manager: tfds.download.DownloadManager) -> dict[str, Examples]:
    """Decodes all images first, so that a bad one is named before anything is written."""
    del dl_manager  # The files are the user's.
    config = self.builder_config
    ids, notes = _checked(config)
    chosen = assigned(config, ids)
    if flagged := sum(len(own) for own in ids.values()) - len(chosen):
      notes.append(f'{flagged} flagged pairs are left out (--exclude).')
    assert self.info.metadata is not None
    self.info.metadata.update(notes=notes)
    places = {
      split: [shard for shard, own in ids.items() if any(chosen.get(id_) == split for id_ in own)]
      for split in SPLITS
    }
    return {
      split: self._generate_examples(split, shards, chosen)
      for split, shards in places.items()
      if shards
    }

  def _generate_examples(self, split: str, shards: list[Shard], chosen: dict[str, str]) -> Examples:
    """Yields id and example."""
    config = self.builder_config
    rows = (row for shard in shards for row in config.rows(shard) if chosen.get(row.id) == split)
    total = sum(found == split for found in chosen.values())
    made = storing.made_ahead(rows, lambda row: _encoded(row, config))
    for row, features in tracked(made, total, 'Preparing', print, unit='examples'):
      yield row.id, {**features, 'id': row.id, 'sequence': ''}


def _checked(config: Config) -> tuple[dict[Shard, set[str]], list[str]]:
  """Decodes all images; returns the ids of all pairs by shard, and sentences on what is left out.

  Raises:
    UserError: an image is unusable, a shard cannot be read, or most rows lack an image.
  """
  ids, complaints, alone = {shard: set() for shard in config.shards}, [], []
  rows = ((shard, row) for shard in config.shards for row in config.rows(shard))
  looked = storing.made_ahead(rows, lambda place: _complaints(place[1], config))
  for (shard, row), found in tracked(looked, None, 'Checking images', print, unit='examples'):
    complaints += found
    if not row.is_whole:
      alone.append(row.shown)
    elif row.id in ids[shard]:
      complaints.append(f'{row.shown}: a second example of this name; rename one.')
    else:
      ids[shard].add(row.id)
  n = sum(map(len, ids.values()))
  if len(alone) > n:
    complaints.append(
      f'{len(alone)} of {n + len(alone)} rows, more than half, lack one of the images '
      f'({config.layout}), such as {storing.some(alone, _MAX_NAMED)}. If these are the wrong '
      'columns, name others with --rgb_column and --ir_column.'
    )
  storing.refuse(config.source_dir, complaints)
  named = storing.some(alone, _MAX_NAMED)
  return ids, [f'{len(alone)} rows lack an image and are left out: {named}.'] if alone else []


def _images(row: Row, config: Config) -> Iterator[tuple[str, bytes, str]]:
  """Yields domain, content, and name for messages, of the images that a row has."""
  for domain, data in zip(DOMAINS, (row.rgb, row.ir)):
    if data is not None:
      yield domain, data, f'{row.shown} ({config.columns[domain]})'


def _load(domain: str, data: bytes, name: str, config: Config) -> np.ndarray:
  """Decodes an image as it is to be stored, [height, width, channels] uint8 or uint16."""
  return images.for_domain(images.read_image(data, name), domain, config.channels(domain), name)


def _complaints(row: Row, config: Config) -> list[str]:
  """Everything that is wrong with one row."""
  complaints, sizes = [], []
  try:
    row.id.encode()
  except UnicodeEncodeError:
    return [f'{row.shown!r}: the name is not valid UTF-8; rename it.']
  for domain, data, name in _images(row, config):
    try:
      array = _load(domain, data, name, config)
    except images.ImageError as error:
      complaints.append(f'{error} (taken for an {domain.upper()} image: {config.layout})')
      continue
    sizes.append(f'{array.shape[1]}x{array.shape[0]}')
    if array.dtype != config.dtype(domain):
      complaints.append(
        f'{name} has {8 * array.dtype.itemsize} bits, but the first {domain.upper()} image '
        f'{8 * np.dtype(config.dtype(domain)).itemsize}. Expected one kind throughout: convert one '
        'into the other, knowing what its range means.'
      )
  if len(set(sizes)) > 1:
    complaints.append(
      f'{row.shown}: RGB is {sizes[0]} pixels, but IR is {sizes[1]}; expected the same size: '
      'register or crop the images of a pair first.'
    )
  return complaints


def _encoded(row: Row, config: Config) -> dict[str, io.BytesIO]:
  """Returns what TFDS is to store: the files themselves if possible, otherwise lossless PNG."""
  features = {}
  for domain, data, name in _images(row, config):
    if not images.is_plain(data, name, channels=config.channels(domain)):
      data = images.encode_png(_load(domain, data, name, config))
    features[domain] = io.BytesIO(data)
  return features
