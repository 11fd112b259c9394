"""TFDS builder of OSU Color-Thermal, from the published files.

    config = osu_config('/data/osu')
    builder = Builder(config=config, data_dir='/data/prepared')
    builder.download_and_prepare(file_format='array_record')
"""

import io
from typing import Any, Iterator

import tensorflow_datasets as tfds

from cyclegan_jax import errors
from cyclegan_jax.data import images
from datasets import storing
from datasets.osu import borders as borders_lib
from datasets.osu import checks
from datasets.osu import config as config_lib

Example = config_lib.Example
OsuConfig = config_lib.OsuConfig
osu_config = config_lib.osu_config


class Builder(tfds.core.GeneratorBasedBuilder):
  """Registered pairs of colour and thermal frames with masks of valid thermal pixels.

  Without TensorFlow the images have to be read with
  `decoders={'rgb': tfds.decode.SkipDecoding(), ...}` and `images.read_image`.
  `info.metadata` has 'checksums' (part -> number and SHA-256 of its frames), 'borders'
  (sequence -> top, bottom, left, right) and 'notes'.
  """

  VERSION = tfds.core.Version('1.0.0')
  RELEASE_NOTES = {'1.0.0': 'Initial release.'}
  MANUAL_DOWNLOAD_INSTRUCTIONS = config_lib.MANUAL_INSTRUCTIONS

  builder_config: OsuConfig

  def _info(self) -> tfds.core.DatasetInfo:
    if not isinstance(self.builder_config, OsuConfig):
      raise errors.UserError('the dataset osu needs its published files: make its configuration '
                             f'with osu_config(source_dir).\n{config_lib.MANUAL_INSTRUCTIONS}')
    features = tfds.features.FeaturesDict({
        'rgb': tfds.features.Image(shape=(None, None, 3), doc='Colour frame.'),
        'ir': tfds.features.Image(shape=(None, None, 1), doc='Thermal frame, 8 bits.'),
        'mask': tfds.features.Image(
            shape=(None, None, 1), encoding_format='png',
            doc='255 where the thermal frame has data, 0 in the black borders.'),
        'id': tfds.features.Text(doc='sequence/frame.'),
        'sequence': tfds.features.Text(doc='1 to 6.'),
        'location': tfds.features.Text(doc='Position of the cameras, 1 or 2.'),
    })
    return self.dataset_info_from_configs(
        features=features, supervised_keys=('rgb', 'ir'),
        homepage='http://vcipl-okstate.org/pbvs/bench/',
        metadata=tfds.core.MetadataDict(notes=list(self.builder_config.notes)))

  def _split_generators(
      self, dl_manager: tfds.download.DownloadManager
  ) -> dict[str, Iterator[tuple[str, dict[str, Any]]]]:
    """Checks all frames first, so that a bad one is named before anything is written."""
    del dl_manager  # The files are the user's.
    checked = checks.check(self.builder_config)
    storing.record_checksums(self, self.builder_config.source_dir, checked.checksums)
    self.info.metadata['borders'] = {
        sequence: list(borders) for sequence, borders in checked.borders.items()}
    masks = {
        sequence: images.encode_png(borders_lib.valid_mask(size, checked.borders[sequence]))
        for sequence, size in checked.sizes.items()}
    return {split: self._generate_examples(examples, masks)
            for split, examples in self.builder_config.examples.items()}

  def _generate_examples(
      self, examples: tuple[Example, ...], masks: dict[str, bytes]
  ) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yields id and example."""
    for example, (rgb, ir) in checks.encoded_pairs(examples):
      yield example.id, {
          'rgb': io.BytesIO(rgb),
          'ir': io.BytesIO(ir),
          'mask': io.BytesIO(masks[example.sequence]),
          'id': example.id,
          'sequence': example.sequence,
          'location': config_lib.LOCATIONS[example.sequence],
      }
