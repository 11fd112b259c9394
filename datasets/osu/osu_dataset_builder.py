"""TFDS builder of OSU Color-Thermal, from the published files.

From a folder that has them:

    builder = Builder(config=osu_config('/data/osu'), data_dir='/data/prepared')
    builder.download_and_prepare()

Or by name, from TFDS's manual folder or else downloaded:

    train = tfds.data_source('osu/sequence', split='train', data_dir='/data/prepared')
"""

from collections.abc import Iterator
import io
import pathlib
from typing import Any, ClassVar

import tensorflow_datasets as tfds

from cyclegan_jax.progress import tracked
from datasets import leftovers, published
from datasets.osu import checks, download, files
from datasets.osu.config import (
  Example,
  LOCATIONS,
  MANUAL_INSTRUCTIONS,
  METHODS,
  osu_config,
  OsuConfig,
)


class Builder(published.Builder):
  """Registered pairs of color and thermal frames with masks of valid thermal pixels.

  The configurations 'paper', 'sequence' and 'location' are ways to split; their files are looked
  for when they are prepared. The format is array_record unless another one is asked for.

  `info.metadata` has 'checksums' (part -> number and SHA-256 of its frames), 'borders' (sequence ->
  top, bottom, left, right) and 'notes'.
  """

  VERSION = tfds.core.Version('1.0.0')
  RELEASE_NOTES: ClassVar = {'1.0.0': 'Initial release.'}
  MANUAL_DOWNLOAD_INSTRUCTIONS = MANUAL_INSTRUCTIONS
  BUILDER_CONFIGS: ClassVar = [
    OsuConfig(name=method, split_by=method, description=f'Split by {method}, see README.md.')
    for method in METHODS
  ]

  # TFDS's property returns what the builder was made with.
  builder_config: OsuConfig

  def _info(self) -> tfds.core.DatasetInfo:
    features = {
      'rgb': tfds.features.Image(shape=(None, None, 3), doc='Color frame.'),
      'ir': tfds.features.Image(shape=(None, None, 1), doc='Thermal frame, 8 bits.'),
      'mask': tfds.features.Image(
        shape=(None, None, 1),
        encoding_format='png',
        doc='255 where the thermal frame has data, 0 in the black borders.',
      ),
      'id': tfds.features.Text(doc='sequence/frame.'),
      'sequence': tfds.features.Text(doc='1 to 6.'),
      'location': tfds.features.Text(doc='Position of the cameras, 1 or 2.'),
    }
    return self.dataset_info_from_configs(
      features=tfds.features.FeaturesDict(features),
      supervised_keys=('rgb', 'ir'),
      homepage='http://vcipl-okstate.org/pbvs/bench/',
      metadata=tfds.core.MetadataDict(),
    )

  def _split_generators(
    self, dl_manager: tfds.download.DownloadManager
  ) -> dict[str, Iterator[tuple[str, dict[str, Any]]]]:
    """Checks all frames first, so that a bad one is named before anything is written."""
    leftovers.remove_preparations(self)
    config = self.builder_config
    if not config.pairs:
      source = config.source_dir or _source(dl_manager)
      config = osu_config(source, config.split_by, config.allow_unmatched)
    checked = checks.check(config)
    borders = {sequence: list(found) for sequence, found in checked.borders.items()}
    self._record(config, checked.checksums, borders=borders)
    return {
      split: self._generate_examples(examples, checked.masks)
      for split, examples in config.examples.items()
    }

  def _generate_examples(
    self, examples: tuple[Example, ...], masks: dict[str, bytes]
  ) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yields id and example."""
    pairs = checks.encoded_pairs(examples)
    for example, encoded in tracked(pairs, len(examples), 'Preparing', print, unit='pairs'):
      yield (
        example.id,
        {
          **{domain: io.BytesIO(data) for domain, data in encoded.items()},
          'mask': io.BytesIO(masks[example.sequence]),
          'id': example.id,
          'sequence': example.sequence,
          'location': LOCATIONS[example.sequence],
        },
      )


def _source(dl_manager: tfds.download.DownloadManager) -> pathlib.Path:
  """Returns TFDS's manual folder if it has usable files, else its download folder, completed."""
  try:
    manual = pathlib.Path(dl_manager.manual_dir)
  except AssertionError:  # So TFDS says that it is missing or empty.
    manual = None
  if manual and files.scan(manual).parts:
    return manual
  return download.fetch(pathlib.Path(dl_manager.download_dir) / 'osu')
