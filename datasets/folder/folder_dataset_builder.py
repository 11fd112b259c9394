"""TFDS builder for a user's own folders of RGB and thermal infrared images.

config = folder_config('/data/my_images')
builder = Builder(config=config, data_dir='/data/prepared')
builder.download_and_prepare(file_format='array_record')
source = builder.as_data_source('train', decoders=SKIP_DECODING)
rgb = images.read_image(source[0]['rgb'])
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
import tensorflow_datasets as tfds

from cyclegan_jax import errors
from cyclegan_jax.progress import tracked
from datasets.folder import checks, config as config_lib, splits

Example = config_lib.Example
FolderConfig = config_lib.FolderConfig
folder_config = config_lib.folder_config


class Builder(tfds.core.GeneratorBasedBuilder):
  """Pairs `{rgb, ir, id, sequence}`, or single images `{image, id, sequence}`.

  Pairs are in splits train, validation and test, single images in train_rgb, train_ir,
  validation_rgb and so on. Without TensorFlow the images have to be read with
  `decoders={'rgb': tfds.decode.SkipDecoding(), ...}` and `images.read_image`.
  """

  VERSION = tfds.core.Version('1.0.0')
  RELEASE_NOTES = {'1.0.0': 'Initial release.'}

  builder_config: FolderConfig

  def _info(self) -> tfds.core.DatasetInfo:
    config = self.builder_config
    if not isinstance(config, FolderConfig):
      raise errors.UserError(
        'the dataset folder needs a source folder: make its configuration '
        'with folder_config(source_dir).'
      )
    text = {'id': tfds.features.Text(), 'sequence': tfds.features.Text()}
    return self.dataset_info_from_configs(
      features=tfds.features.FeaturesDict(self._image_features() | text)
    )

  def _image_features(self) -> dict[str, tfds.features.Image]:
    config = self.builder_config
    if config.aligned:
      return {
        domain: _image_feature(config.channels(domain), config.dtype(domain))
        for domain in ('rgb', 'ir')
      }
    same_channels = config.rgb_channels == config.ir_channels
    wider = max(config.rgb_dtype, config.ir_dtype, key=('uint8', 'uint16').index)
    return {'image': _image_feature(config.rgb_channels if same_channels else None, wider)}

  def _split_generators(
    self, dl_manager: tfds.download.DownloadManager
  ) -> dict[str, Iterator[tuple[str, dict[str, Any]]]]:
    """Checks all images first, so that a bad one is named before anything is written."""
    del dl_manager  # The files are the user's.
    checks.check(self.builder_config)
    return {
      split: self._generate_examples(examples)
      for split, examples in self.builder_config.examples.items()
    }

  def _generate_examples(
    self, examples: tuple[Example, ...]
  ) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yields id and example."""
    for example in tracked(examples, len(examples), 'Preparing', print, unit='examples'):
      paths = {'rgb': example.rgb, 'ir': example.ir}
      features = {
        domain if self.builder_config.aligned else 'image': checks.encoded(
          path, domain, self.builder_config
        )
        for domain, path in paths.items()
        if path
      }
      yield example.id, {**features, 'id': example.id, 'sequence': splits.sequence_of(example.id)}


def _image_feature(channels: int | None, dtype: str) -> tfds.features.Image:
  return tfds.features.Image(shape=(None, None, channels), dtype=np.dtype(dtype).type)
