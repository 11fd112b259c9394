"""TFDS builder for a user's own folders of RGB and thermal infrared images.

builder = Builder(config=folder_config('/data/my_images'), data_dir='/data/prepared')
builder.download_and_prepare(file_format='array_record')
"""

from collections.abc import Mapping
import io
import itertools
import os
from typing import ClassVar

import numpy as np
import tensorflow_datasets as tfds

from cyclegan_jax.data import images
from cyclegan_jax.data.labels import resize as resize_labels
from cyclegan_jax.errors import UserError
from cyclegan_jax.progress import tracked
from datasets import storing
from datasets.folder import labels as label_lib, side_by_side, sizes
from datasets.folder.config import Example, folder_config, FolderConfig, mixed_message
from datasets.frames import sequence_of
from datasets.storing import Examples

__all__ = ['Builder', 'Example', 'FolderConfig', 'folder_config']


class Builder(tfds.core.GeneratorBasedBuilder):
  """Pairs `{rgb, ir, id, sequence}`, perhaps `labels`, or single images `{image, id, sequence}`.

  Pairs are in splits train, validation and test, single images in train_rgb, train_ir,
  validation_rgb and so on. Without TensorFlow the images have to be read with
  `decoders={'rgb': tfds.decode.SkipDecoding(), ...}` and `images.read_image`. With labels,
  `info.metadata` has 'class_names' and 'label_notes'; 'size_notes' if pairs have two resolutions.
  """

  VERSION = tfds.core.Version('1.0.0')
  RELEASE_NOTES: ClassVar = {'1.0.0': 'Initial release.'}

  # TFDS's property returns what the builder was made with.
  builder_config: FolderConfig

  def _info(self) -> tfds.core.DatasetInfo:
    config = self.builder_config
    if not isinstance(config, FolderConfig):
      raise UserError(
        'The data set folder needs a source folder: make its configuration with '
        'folder_config(source_dir).'
      )
    kinds = {domain: (config.channels(domain), config.dtype(domain)) for domain in ('rgb', 'ir')}
    if not config.aligned:
      channels = {channels for channels, _ in kinds.values()}
      wider = max((dtype for _, dtype in kinds.values()), key=('uint8', 'uint16').index)
      kinds = {'image': (channels.pop() if len(channels) == 1 else None, wider)}
    features = {
      name: tfds.features.Image(shape=(None, None, channels), dtype=np.dtype(dtype).type)
      for name, (channels, dtype) in kinds.items()
    }
    text = {'id': tfds.features.Text(), 'sequence': tfds.features.Text()}
    if config.labels:
      features['labels'] = tfds.features.Image(
        shape=(None, None, 1), encoding_format='png', doc='Class indices; 255: no label.'
      )
    return self.dataset_info_from_configs(
      features=tfds.features.FeaturesDict(features | text), metadata=tfds.core.MetadataDict()
    )

  def _split_generators(self, dl_manager: tfds.download.DownloadManager) -> dict[str, Examples]:
    """Decodes all images first, so that a bad one is named before anything is written."""
    del dl_manager  # The files are the user's.
    config = self.builder_config
    examples = list(itertools.chain(*config.examples.values()))
    labels = _labels(config, examples) if config.labels else None
    look = lambda example: _complaints(example, config, labels)
    complaints, highest, shapes = zip(*storing.looked_at(examples, look, 'examples'))
    storing.refuse(config.source_dir, list(itertools.chain(*complaints)))
    assert self.info.metadata is not None
    unequal = {e.id: both for e, both in zip(examples, shapes) if len(set(both)) > 1}
    if unequal:
      notes = [sizes.note(list(unequal.values()), len(examples))]
      self.info.metadata['size_notes'] = notes
    smaller = {id_: sizes.common(*both) for id_, both in unequal.items()}
    if labels:
      names = labels.class_names(max(highest))
      self.info.metadata.update(class_names=list(names), label_notes=labels.described(names))
    return {
      split: self._generate_examples(chosen, labels, smaller)
      for split, chosen in config.examples.items()
    }

  def _generate_examples(
    self,
    examples: tuple[Example, ...],
    labels: label_lib.Labels | None,
    smaller: Mapping[str, tuple[int, int] | None],
  ) -> Examples:
    """Yields id and example; `smaller` has the sizes of pairs of two resolutions by id."""
    config = self.builder_config
    for example in tracked(examples, len(examples), 'Preparing', print, unit='examples'):
      size = smaller.get(example.id)
      features = {
        domain if config.aligned else 'image': _encoded(path, domain, config, size)
        for domain, path in example.paths.items()
      }
      if labels:
        indices = _indices(example, labels)
        indices = resize_labels(indices, size or indices.shape)[..., np.newaxis]
        features['labels'] = io.BytesIO(storing.encode_png(indices))
      yield example.id, {**features, 'id': example.id, 'sequence': sequence_of(example.id)}


def _load(path: str, domain: str, config: FolderConfig) -> np.ndarray:
  """Reads an image as it is to be stored, [height, width, channels] uint8 or uint16."""
  array, channels = images.read_image(path), config.channels(domain)
  if config.side_by_side:
    return side_by_side.for_domain(array, domain, channels, config.side_by_side, path)
  return images.for_domain(array, domain, channels, path)


def _encoded(
  path: str, domain: str, config: FolderConfig, size: tuple[int, int] | None
) -> str | io.BytesIO:
  """Returns what TFDS is to store: the file itself if possible, otherwise a lossless PNG."""
  as_is = not size and not config.side_by_side
  if as_is and images.is_plain(path, channels=config.channels(domain)):
    return path
  array = _load(path, domain, config)
  return io.BytesIO(images.encode_png(images.resize(array, size) if size else array))


def _labels(config: FolderConfig, examples: list[Example]) -> label_lib.Labels:
  assert config.labels is not None
  relative = {
    example.id: [os.path.relpath(path, config.source_dir) for path in example.paths.values()]
    for example in examples
  }
  return label_lib.read(config.labels, relative)


def _indices(example: Example, labels: label_lib.Labels) -> np.ndarray:
  """The class indices of an example, uint8 [height, width]."""
  header = images.image_header(example.rgb)
  return labels.draw(example.id, (header.height, header.width), example.rgb)


def _complaints(
  example: Example, config: FolderConfig, labels: label_lib.Labels | None
) -> tuple[list[str], int, list[tuple[int, int]]]:
  """What is wrong with one example, the highest class index of its labels, its images' sizes."""
  complaints, shapes, highest = [], [], -1
  for domain, path in example.paths.items():
    try:
      array = _load(path, domain, config)
    except images.ImageError as error:
      complaints.append(f'{error} (taken for an {domain.upper()} image: {config.layout})')
      continue
    shapes.append(array.shape[:2])
    if array.dtype != config.dtype(domain):
      complaints.append(_mixed(domain, path, array.dtype, config))
  if len(shapes) == 2 and not sizes.common(*shapes):
    complaints.append(sizes.complaint(example.rgb, example.ir, *shapes))
  if labels and not complaints:
    try:
      highest = label_lib.highest(_indices(example, labels))
    except UserError as error:
      complaints.append(str(error))
  return complaints, highest, shapes


def _mixed(domain: str, path: str, dtype: np.dtype, config: FolderConfig) -> str:
  """Names this image and one of the domain's usual dtype."""
  usual = (e.paths.get(domain) for split in config.examples.values() for e in split)
  other = next((p for p in usual if p and images.image_header(p).dtype != dtype), path)
  return mixed_message(domain, *((path, other) if dtype == np.uint8 else (other, path)))
