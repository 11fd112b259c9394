"""TFDS builder for a user's own folders of RGB and thermal infrared images.

builder = Builder(config=folder_config('/data/my_images'), data_dir='/data/prepared')
builder.download_and_prepare(file_format='array_record')
"""

import io
import itertools
import os
from typing import ClassVar

import numpy as np
import tensorflow_datasets as tfds

from cyclegan_jax.data import images
from cyclegan_jax.errors import UserError
from cyclegan_jax.progress import tracked
from datasets import storing
from datasets.folder import labels as label_lib
from datasets.folder.config import Example, folder_config, FolderConfig, mixed_message
from datasets.frames import sequence_of
from datasets.storing import Examples

__all__ = ['Builder', 'Example', 'FolderConfig', 'folder_config']


class Builder(tfds.core.GeneratorBasedBuilder):
  """Pairs `{rgb, ir, id, sequence}`, perhaps `labels`, or single images `{image, id, sequence}`.

  Pairs are in splits train, validation and test, single images in train_rgb, train_ir,
  validation_rgb and so on. Without TensorFlow the images have to be read with
  `decoders={'rgb': tfds.decode.SkipDecoding(), ...}` and `images.read_image`. With labels,
  `info.metadata` has 'class_names' and 'label_notes'.
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
      features=tfds.features.FeaturesDict(features | text),
      metadata=tfds.core.MetadataDict() if config.labels else None,
    )

  def _split_generators(self, dl_manager: tfds.download.DownloadManager) -> dict[str, Examples]:
    """Decodes all images first, so that a bad one is named before anything is written."""
    del dl_manager  # The files are the user's.
    config = self.builder_config
    examples = list(itertools.chain(*config.examples.values()))
    labels = _labels(config, examples) if config.labels else None
    look = lambda example: _complaints(example, config, labels)
    complaints, highest = zip(*storing.looked_at(examples, look, 'examples'))
    storing.refuse(config.source_dir, list(itertools.chain(*complaints)))
    if labels:
      names = labels.class_names(max(highest))
      assert self.info.metadata is not None
      self.info.metadata.update(class_names=list(names), label_notes=labels.described(names))
    return {
      split: self._generate_examples(chosen, labels) for split, chosen in config.examples.items()
    }

  def _generate_examples(
    self, examples: tuple[Example, ...], labels: label_lib.Labels | None
  ) -> Examples:
    """Yields id and example."""
    config = self.builder_config
    for example in tracked(examples, len(examples), 'Preparing', print, unit='examples'):
      features = {
        domain if config.aligned else 'image': _encoded(path, domain, config)
        for domain, path in example.paths.items()
      }
      if labels:
        indices = _indices(example, labels)[..., np.newaxis]
        features['labels'] = io.BytesIO(storing.encode_png(indices))
      yield example.id, {**features, 'id': example.id, 'sequence': sequence_of(example.id)}


def _load(path: str, domain: str, config: FolderConfig) -> np.ndarray:
  """Reads an image as it is to be stored, [height, width, channels] uint8 or uint16."""
  return images.for_domain(images.read_image(path), domain, config.channels(domain), path)


def _encoded(path: str, domain: str, config: FolderConfig) -> str | io.BytesIO:
  """Returns what TFDS is to store: the file itself if possible, otherwise a lossless PNG."""
  if images.is_plain(path, channels=config.channels(domain)):
    return path
  return io.BytesIO(images.encode_png(_load(path, domain, config)))


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
) -> tuple[list[str], int]:
  """Everything that is wrong with one example, and the highest class index of its labels."""
  complaints, sizes, highest = [], [], -1
  for domain, path in example.paths.items():
    try:
      array = _load(path, domain, config)
    except images.ImageError as error:
      complaints.append(f'{error} (taken for an {domain.upper()} image: {config.layout})')
      continue
    height, width, _ = array.shape
    sizes.append(f'{width}x{height}')
    if array.dtype != config.dtype(domain):
      complaints.append(_mixed(domain, path, array.dtype, config))
  if len(set(sizes)) > 1:
    complaints.append(
      f'{example.rgb} is {sizes[0]} pixels, but its partner {example.ir} is {sizes[1]}; expected '
      'the same size: register or crop the images of a pair first.'
    )
  if labels and not complaints:
    try:
      highest = label_lib.highest(_indices(example, labels))
    except UserError as error:
      complaints.append(str(error))
  return complaints, highest


def _mixed(domain: str, path: str, dtype: np.dtype, config: FolderConfig) -> str:
  """Names this image and one of the domain's usual dtype."""
  usual = (e.paths.get(domain) for split in config.examples.values() for e in split)
  other = next((p for p in usual if p and images.image_header(p).dtype != dtype), path)
  return mixed_message(domain, *((path, other) if dtype == np.uint8 else (other, path)))
