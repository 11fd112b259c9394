"""The base class of the builders of sharded sets: checks all images, then stores the pairs."""

from collections.abc import Iterator, Set
import dataclasses
import io
from typing import Any

import numpy as np
import tensorflow_datasets as tfds

from cyclegan_jax import radiometry
from cyclegan_jax.data import labels as label_lib
from cyclegan_jax.data.source import SPLITS
from cyclegan_jax.errors import UserError
from cyclegan_jax.image_files import images
from cyclegan_jax.progress import tracked
from datasets import pixels, storing
from datasets.folder import pixel_types
from datasets.shards import assigned, Config, DOMAINS, Row, Shard
from datasets.storing import Examples

_MAX_NAMED = 3


class Builder(tfds.core.GeneratorBasedBuilder, skip_registration=True):
  """Pairs `{rgb, ir, id, sequence}`, perhaps `labels`, and `mask` of floating-point IR images.

  `info.metadata` has 'notes' on rows that are left out, 'pixel_notes' and, with --ir_span,
  'ir_span'; with labels, 'class_names'.

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
    for name, there in (('labels', 'labels' in config.columns), ('mask', config.has_mask)):
      if there:
        features[name] = tfds.features.Image(shape=(None, None, 1), encoding_format='png')
    text = {'id': tfds.features.Text(), 'sequence': tfds.features.Text()}
    return self.dataset_info_from_configs(
      features=tfds.features.FeaturesDict(features | text), metadata=tfds.core.MetadataDict()
    )

  def _split_generators(self, dl_manager: tfds.download.DownloadManager) -> dict[str, Examples]:
    """Decodes all images first, so that a bad one is named before anything is written."""
    del dl_manager  # The files are the user's.
    config = self.builder_config
    checked = _checked(config)
    span, noted = pixels.noted(checked.images, config, checked.complaints)
    storing.refuse(config.source_dir, checked.complaints)
    chosen, plain = assigned(config, checked.ids), pixels.plain(checked.images)
    notes = checked.notes()
    if flagged := sum(len(own) for own in checked.ids.values()) - len(chosen):
      notes.append(f'{flagged} flagged pairs are left out (--exclude).')
    if 'labels' in config.columns:
      noted['class_names'] = [f'class {i}' for i in range(checked.highest + 1)]
    assert self.info.metadata is not None
    self.info.metadata.update(notes=notes, **noted)
    places = {
      split: [
        shard for shard, own in checked.ids.items() if any(chosen.get(id_) == split for id_ in own)
      ]
      for split in SPLITS
    }
    return {
      split: self._generate_examples(split, shards, chosen, span, plain)
      for split, shards in places.items()
      if shards
    }

  def _generate_examples(
    self,
    split: str,
    shards: list[Shard],
    chosen: dict[str, str],
    span: radiometry.Range | None,
    plain: Set[str],
  ) -> Examples:
    """Yields id and example."""
    config = self.builder_config
    rows = (row for shard in shards for row in config.rows(shard) if chosen.get(row.id) == split)
    total = sum(found == split for found in chosen.values())
    made = storing.made_ahead(rows, lambda row: _encoded(row, config, span, plain))
    for row, features in tracked(made, total, 'Preparing', print, unit='examples'):
      yield row.id, {**features, 'id': row.id, 'sequence': ''}


@dataclasses.dataclass
class _Checked:
  """What was found in all rows.

  Attributes:
    ids: the ids of all pairs, by shard.
    images: what is known of their images.
    alone: names of rows that lack an image, unlabeled: of pairs that lack labels.
    highest: the highest class index.
    complaints: what is wrong.
  """

  ids: dict[Shard, set[str]]
  images: list[pixels.Looked] = dataclasses.field(default_factory=list)
  alone: list[str] = dataclasses.field(default_factory=list)
  unlabeled: list[str] = dataclasses.field(default_factory=list)
  highest: int = -1
  complaints: list[str] = dataclasses.field(default_factory=list)

  def notes(self) -> list[str]:
    """Sentences on what is left out."""
    notes = []
    if self.alone:
      named = storing.some(self.alone, _MAX_NAMED)
      notes.append(f'{len(self.alone)} rows lack an image and are left out: {named}.')
    if self.unlabeled:
      named = storing.some(self.unlabeled, _MAX_NAMED)
      notes.append(f'{len(self.unlabeled)} pairs have no labels and count as not labeled: {named}.')
    return notes


def _checked(config: Config) -> _Checked:
  """Decodes all images; UserError if a shard cannot be read."""
  checked = _Checked({shard: set() for shard in config.shards})
  rows = ((shard, row) for shard in config.shards for row in config.rows(shard))
  looked = storing.made_ahead(rows, lambda place: _look(place[1], config))
  for (shard, row), found in tracked(looked, None, 'Checking images', print, unit='examples'):
    checked.complaints += found.complaints
    if not row.is_whole:
      checked.alone.append(row.shown)
    elif row.id in checked.ids[shard]:
      checked.complaints.append(f'{row.shown}: a second example of this name; rename one.')
    else:
      checked.ids[shard].add(row.id)
      checked.images += found.images
      checked.highest = max(checked.highest, found.highest)
      if row.labels is None and 'labels' in config.columns:
        checked.unlabeled.append(row.shown)
  n = sum(map(len, checked.ids.values()))
  if len(checked.alone) > n:
    checked.complaints.append(
      f'{len(checked.alone)} of {n + len(checked.alone)} rows, more than half, lack one of the '
      f'images ({config.layout}), such as {storing.some(checked.alone, _MAX_NAMED)}. If these are '
      'the wrong columns, name others with --rgb_column and --ir_column.'
    )
  if 'labels' in config.columns and checked.highest < 1 and not checked.complaints:
    checked.complaints.append(
      f'--label_column={config.columns["labels"]}: its images have {label_lib.ONE_CLASS}'
    )
  return checked


def _name(row: Row, key: str, config: Config) -> str:
  """The name of an image for messages; `key` is a domain, or 'labels'."""
  return f'{config.source_dir}/{row.shown} ({config.columns[key]})'


def _images(row: Row, config: Config) -> Iterator[tuple[str, bytes, str]]:
  """Yields domain, content, and name for messages, of the images that a row has."""
  for domain, data in zip(DOMAINS, (row.rgb, row.ir)):
    if data is not None:
      yield domain, data, _name(row, domain, config)


@dataclasses.dataclass
class _Looked:
  """What is wrong with a row, its images, and the highest class index of its labels."""

  complaints: list[str] = dataclasses.field(default_factory=list)
  images: list[pixels.Looked] = dataclasses.field(default_factory=list)
  highest: int = -1


def _look(row: Row, config: Config) -> _Looked:
  try:
    row.id.encode()
  except UnicodeEncodeError:
    return _Looked([f'{row.shown!r}: the name is not valid UTF-8; rename it.'])
  looked = _Looked()
  for domain, data, name in _images(row, config):
    try:
      image = pixels.look(data, name, domain, config)
    except images.ImageError as error:
      looked.complaints.append(f'{error} (taken for an {domain.upper()} image: {config.layout})')
      continue
    looked.images.append(image)
    if image.values.dtype != config.file_dtype(domain):
      looked.complaints.append(
        f'{name} has {pixel_types.bits(image.values.dtype)}, but the first {domain.upper()} image '
        f'{pixel_types.bits(config.file_dtype(domain))}. Expected one kind throughout: convert one '
        'into the other, knowing what its range means.'
      )
  sizes = [f'{width}x{height}' for height, width in (image.shape for image in looked.images)]
  if len(set(sizes)) > 1:
    looked.complaints.append(
      f'{row.shown}: RGB is {sizes[0]} pixels, but IR is {sizes[1]}; expected the same size: '
      'register or crop the images of a pair first.'
    )
  if row.labels is not None and row.is_whole and not looked.complaints:
    _look_at_labels(row, config, looked)
  return looked


def _look_at_labels(row: Row, config: Config, looked: _Looked) -> None:
  assert row.labels is not None
  name, shape = _name(row, 'labels', config), looked.images[0].shape
  try:
    indices = images.read_indices(row.labels, name)
  except images.ImageError as error:
    looked.complaints.append(str(error))
    return
  if indices.shape != shape:
    looked.complaints.append(
      f'{name} is {indices.shape[1]}x{indices.shape[0]} pixels, but the images are '
      f'{shape[1]}x{shape[0]}. Expected one class index for each pixel.'
    )
  looked.highest = label_lib.highest(indices)


def _encoded(
  row: Row, config: Config, span: radiometry.Range | None, plain: Set[str]
) -> dict[str, Any]:
  """Returns what TFDS is to store: the files themselves if possible, otherwise lossless PNG."""
  features = {}
  for domain, data, name in _images(row, config):
    found = pixels.stored(data, name, domain, config, span, plain)
    features[domain] = found['image']
    if 'mask' in found:  # That of IR comes last.
      features['mask'] = found['mask']
  if 'labels' in config.columns:
    if row.labels is None:
      assert row.rgb is not None
      header = images.image_header(row.rgb, row.shown)
      labels = storing.constant_png(label_lib.UNLABELED, header.height, header.width)
    else:
      indices = images.read_indices(row.labels, _name(row, 'labels', config))
      labels = storing.encode_png(indices[..., np.newaxis])
    features['labels'] = io.BytesIO(labels)
  return features
