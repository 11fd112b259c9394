"""TFDS builder for a user's own folders of RGB and thermal infrared images.

builder = Builder(config=folder_config('/data/my_images'), data_dir='/data/prepared')
builder.download_and_prepare(file_format='array_record')
"""

from collections.abc import Mapping, Set
import io
import itertools
import os
from typing import Any, ClassVar, NamedTuple

import numpy as np
import tensorflow_datasets as tfds

from cyclegan_jax import radiometry
from cyclegan_jax.data import labels as indices_lib
from cyclegan_jax.errors import UserError
from cyclegan_jax.image_files import images
from cyclegan_jax.progress import tracked
from datasets import pixels as pixel_lib, storing
from datasets.folder import labels as label_lib, pixel_types, sizes
from datasets.folder.config import Example, folder_config, FolderConfig
from datasets.frames import sequence_of
from datasets.storing import Examples

__all__ = ['Builder', 'Example', 'FolderConfig', 'folder_config']


class Builder(tfds.core.GeneratorBasedBuilder):
  """Pairs `{rgb, ir, id, sequence}`, perhaps `labels`, or single images `{image, id, sequence}`.

  Pairs are in splits train, validation and test, single images in train_rgb, train_ir,
  validation_rgb and so on. Without TensorFlow the images have to be read with
  `decoders={'rgb': tfds.decode.SkipDecoding(), ...}` and `images.read_image`. Floating-point IR
  files have a `mask` too, see cyclegan_jax/data/masks.py. `info.metadata` has 'pixel_notes' and,
  with --ir_span, 'ir_span'; with labels, 'class_names' and 'label_notes'; 'size_notes' if pairs
  have two resolutions.
  """

  VERSION = tfds.core.Version('1.1.0')
  RELEASE_NOTES: ClassVar = {
    '1.0.0': 'Initial release.',
    '1.1.0': 'Notes the values that IR files use; refuses TIFF files with several extra bands.',
  }

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
    for name, doc in (
      ('labels', 'Class indices; 255: no label.' if config.labels else ''),
      ('mask', '255 where ir has data, else 0.' if config.has_mask else ''),
    ):
      if doc:
        features[name] = tfds.features.Image(shape=(None, None, 1), encoding_format='png', doc=doc)
    return self.dataset_info_from_configs(
      features=tfds.features.FeaturesDict(features | text), metadata=tfds.core.MetadataDict()
    )

  def _split_generators(self, dl_manager: tfds.download.DownloadManager) -> dict[str, Examples]:
    """Decodes all images first, so that a bad one is named before anything is written."""
    del dl_manager  # The files are the user's.
    config = self.builder_config
    examples = list(itertools.chain(*config.examples.values()))
    labels = _labels(config, examples) if config.labels else None
    look = lambda example: _look(example, config, labels)
    found = storing.looked_at(examples, look, 'examples')
    complaints = list(itertools.chain(*(one.complaints for one in found)))
    images_found = [image for one in found for image in one.images]
    span, noted = pixel_lib.noted(images_found, config, complaints)
    storing.refuse(config.source_dir, complaints)
    self.metadata.update(noted)
    unequal = {
      example.id: (one.images[0].shape, one.images[1].shape)
      for example, one in zip(examples, found)
      if len({image.shape for image in one.images}) > 1
    }
    if unequal:
      self.metadata['size_notes'] = [sizes.note(list(unequal.values()), len(examples))]
    smaller = {id_: sizes.common(*both) for id_, both in unequal.items()}
    plain = pixel_lib.plain(images_found)
    if labels:
      names = labels.class_names(max(one.highest for one in found))
      self.metadata.update(class_names=list(names), label_notes=labels.described(names))
    return {
      split: self._generate_examples(chosen, labels, span, plain, smaller)
      for split, chosen in config.examples.items()
    }

  @property
  def metadata(self) -> dict[str, Any]:
    """The metadata of the copy."""
    assert self.info.metadata is not None
    return self.info.metadata

  def _generate_examples(
    self,
    examples: tuple[Example, ...],
    labels: label_lib.Labels | None,
    span: radiometry.Range | None,
    plain: Set[str],
    smaller: Mapping[str, tuple[int, int] | None],
  ) -> Examples:
    """Yields id and example.

    `plain` are the files that are stored as they are, and `smaller` has the sizes of pairs of two
    resolutions by id.
    """
    config = self.builder_config
    for example in tracked(examples, len(examples), 'Preparing', print, unit='examples'):
      features: dict[str, Any] = {}
      size = smaller.get(example.id)
      for domain, path in example.paths.items():
        found = pixel_lib.stored(path, path, domain, config, span, plain, size)
        features[domain if config.aligned else 'image'] = found['image']
        if 'mask' in found:  # That of IR, if there is one, comes last.
          features['mask'] = found['mask']
      if labels:
        indices = _indices(example, labels)
        indices = indices_lib.resize(indices, size or indices.shape)[..., np.newaxis]
        features['labels'] = io.BytesIO(storing.encode_png(indices))
      yield example.id, {**features, 'id': example.id, 'sequence': sequence_of(example.id)}


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


class _Looked(NamedTuple):
  """What is wrong with an example, its images, and the highest class index of its labels."""

  complaints: list[str]
  images: list[pixel_lib.Looked]
  highest: int


def _look(example: Example, config: FolderConfig, labels: label_lib.Labels | None) -> _Looked:
  complaints, found, highest = [], [], -1
  for domain, path in example.paths.items():
    try:
      image = pixel_lib.look(path, path, domain, config)
    except images.ImageError as error:
      complaints.append(f'{error} (taken for an {domain.upper()} image: {config.layout})')
      continue
    found.append(image)
    if image.values.dtype != config.file_dtype(domain):
      complaints.append(_mixed(domain, path, image.values.dtype, config))
  shapes = [image.shape for image in found]
  if len(shapes) == 2 and not sizes.common(*shapes):
    complaints.append(sizes.complaint(example.rgb, example.ir, *shapes))
  if labels and not complaints:
    try:
      highest = indices_lib.highest(_indices(example, labels))
    except UserError as error:
      complaints.append(str(error))
  return _Looked(complaints, found, highest)


def _mixed(domain: str, path: str, dtype: str, config: FolderConfig) -> str:
  """Names this image and one of the domain's usual dtype."""
  usual = config.file_dtype(domain)
  paths = (e.paths.get(domain) for split in config.examples.values() for e in split)
  other = next((p for p in paths if p and pixel_types.of_file(domain, p) == usual), path)
  return pixel_types.mixed(domain, {dtype: path, usual: other})
