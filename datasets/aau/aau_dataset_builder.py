"""TFDS builder of AAU VAP Trimodal, from the published files.

config = aau_config('/data/aau', registration='depth')
builder = Builder(config=config, data_dir='/data/prepared')
builder.download_and_prepare()
"""

from collections.abc import Iterator
import io
from typing import Any, ClassVar

import numpy as np
import tensorflow_datasets as tfds

from cyclegan_jax.progress import tracked
from datasets import leftovers, published
from datasets.aau import checks, encoding
from datasets.aau.config import aau_config, AauConfig, Example, MANUAL_INSTRUCTIONS


class Builder(published.Builder):
  """Pairs of RGB and thermal frames with masks of valid thermal pixels and of people.

  The configurations 'paper' and 'sequence' are ways to split; their files are looked for in TFDS's
  manual_dir when they are prepared. The format is array_record unless another one is asked for.

  `info.metadata` has 'checksums' (part, such as '1/SyncRGB' -> number and SHA-256 of its files) and
  'notes'.
  """

  VERSION = tfds.core.Version('1.1.0')
  RELEASE_NOTES: ClassVar = {
    '1.0.0': 'Initial release.',
    '1.1.0': "Reads calibVars.yml and the depth images as the publishers' program does.",
  }
  MANUAL_DOWNLOAD_INSTRUCTIONS = MANUAL_INSTRUCTIONS
  BUILDER_CONFIGS: ClassVar = [
    AauConfig(name=method, split_by=method, description=f'{how}, from manual_dir; not registered.')
    for method, how in (('paper', 'Frames divided at random'), ('sequence', 'Scene 3 for testing'))
  ]

  # TFDS's property returns what the builder was made with.
  builder_config: AauConfig

  def _info(self) -> tfds.core.DatasetInfo:
    def image(channels: int, doc: str, encoding_format: str | None = None) -> tfds.features.Image:
      return tfds.features.Image(
        shape=(None, None, channels), encoding_format=encoding_format, doc=doc
      )

    features = {
      'rgb': image(3, 'Color frame.'),
      'ir': image(1, 'Thermal frame, 8 bits, of the size of rgb; registered to it or not.'),
      'mask': image(1, '255 where ir has data that are registered, else 0.', 'png'),
      'rgb_people': image(1, 'Labels of people in rgb, 0 for none.', 'png'),
      'ir_people': image(1, 'Labels of people in ir, 0 for none.', 'png'),
      'annotated': tfds.features.Scalar(
        np.bool_, doc='Whether there are labels; without, they are all 0.'
      ),
      'id': tfds.features.Text(doc='scene/frame.'),
      'sequence': tfds.features.Text(doc='The scene, 1 to 3.'),
    }
    return self.dataset_info_from_configs(
      features=tfds.features.FeaturesDict(features),
      supervised_keys=('rgb', 'ir'),
      homepage='https://www.kaggle.com/datasets/aalborguniversity/trimodal-people-segmentation',
      metadata=tfds.core.MetadataDict(),
    )

  def _split_generators(
    self, dl_manager: tfds.download.DownloadManager
  ) -> dict[str, Iterator[tuple[str, dict[str, Any]]]]:
    """Checks all files first, so that a bad one is named before anything is written."""
    leftovers.remove_preparations(self)
    config = self.builder_config
    if not config.pairs:
      config = aau_config(
        config.source_dir or dl_manager.manual_dir,
        config.split_by,
        config.registration,
        config.plane_depth,
        config.skip_scenes,
        config.allow_unmatched,
      )
    self._record(config, checks.check(config))
    return {
      split: self._generate_examples(config, examples)
      for split, examples in config.examples.items()
    }

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
