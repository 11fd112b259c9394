"""TFDS builder of AAU VAP Trimodal, from the published files.

config = aau_config('/data/aau', registration='depth')
builder = Builder(config=config, data_dir='/data/prepared')
builder.download_and_prepare()
"""

from collections.abc import Iterator
import io
from typing import Any

import numpy as np
import tensorflow_datasets as tfds

from cyclegan_jax.progress import tracked
from datasets import leftovers, storing
from datasets.aau import checks, config as config_lib, encoding

Example = config_lib.Example
AauConfig = config_lib.AauConfig
aau_config = config_lib.aau_config
MANUAL_INSTRUCTIONS = config_lib.MANUAL_INSTRUCTIONS


class Builder(tfds.core.GeneratorBasedBuilder):
  """Pairs of RGB and thermal frames with masks of valid thermal pixels and of people.

  The configurations 'paper' and 'sequence' are ways to split; their files are looked for in
  TFDS's manual_dir when they are prepared. The format is array_record unless another one is
  asked for.

  `info.metadata` has 'checksums' (part, such as '1/SyncRGB' -> number and SHA-256 of its
  files) and 'notes'.
  """

  VERSION = tfds.core.Version('1.0.0')
  RELEASE_NOTES = {'1.0.0': 'Initial release.'}
  MANUAL_DOWNLOAD_INSTRUCTIONS = MANUAL_INSTRUCTIONS
  BUILDER_CONFIGS = [
    AauConfig(
      name='paper',
      split_by='paper',
      description='Frames divided at random, from manual_dir; not registered.',
    ),
    AauConfig(
      name='sequence',
      split_by='sequence',
      description='Scene 3 for testing, from manual_dir; not registered.',
    ),
  ]

  builder_config: AauConfig

  def __init__(self, *, file_format: str | tfds.core.FileFormat | None = None, **kwargs):
    # TFDS's own default can neither be written nor read without TensorFlow.
    super().__init__(file_format=file_format or 'array_record', **kwargs)

  def _info(self) -> tfds.core.DatasetInfo:
    def image(channels: int, doc: str, **kwargs: str) -> tfds.features.Image:
      return tfds.features.Image(shape=(None, None, channels), doc=doc, **kwargs)

    features = tfds.features.FeaturesDict(
      {
        'rgb': image(3, 'Color frame.'),
        'ir': image(1, 'Thermal frame, 8 bits, of the size of rgb; registered to it or not.'),
        'mask': image(
          1, '255 where ir has data that are registered, else 0.', encoding_format='png'
        ),
        'rgb_people': image(1, 'Labels of people in rgb, 0 for none.', encoding_format='png'),
        'ir_people': image(1, 'Labels of people in ir, 0 for none.', encoding_format='png'),
        'annotated': tfds.features.Scalar(
          np.bool_, doc='Whether there are labels; without, they are all 0.'
        ),
        'id': tfds.features.Text(doc='scene/frame.'),
        'sequence': tfds.features.Text(doc='The scene, 1 to 3.'),
      }
    )
    return self.dataset_info_from_configs(
      features=features,
      supervised_keys=('rgb', 'ir'),
      homepage='https://www.kaggle.com/datasets/aalborguniversity/trimodal-people-segmentation',
      metadata=tfds.core.MetadataDict(),
    )

  def _split_generators(
    self, dl_manager: tfds.download.DownloadManager
  ) -> dict[str, Iterator[tuple[str, dict[str, Any]]]]:
    """Checks all files first, so that a bad one is named before anything is written."""
    leftovers.remove_preparations(self)
    config = self._found(dl_manager)
    checksums = checks.check(config)
    storing.record_checksums(self, config.source_dir, checksums)
    self.info.metadata['notes'] = list(config.notes)
    return {
      split: self._generate_examples(config, examples)
      for split, examples in config.examples.items()
    }

  def _found(self, dl_manager: tfds.download.DownloadManager) -> AauConfig:
    """The configuration with its pairs: they are looked for unless they are known."""
    config = self.builder_config
    if config.pairs:
      return config
    return aau_config(
      config.source_dir or dl_manager.manual_dir,
      config.split_by,
      config.registration,
      config.plane_depth,
      config.skip_scenes,
      config.allow_unmatched,
    )

  def _generate_examples(
    self, config: AauConfig, examples: tuple[Example, ...]
  ) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yields id and example."""
    pairs = encoding.encoded_pairs(config, examples)
    for example, encoded in tracked(pairs, len(examples), 'Preparing', print, unit='pairs'):
      yield (
        example.id,
        {
          **{feature: io.BytesIO(data) for feature, data in encoded.items()},
          'annotated': example.rgb_mask is not None,
          'id': example.id,
          'sequence': example.sequence,
        },
      )
