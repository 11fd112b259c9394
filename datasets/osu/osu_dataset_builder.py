"""TFDS builder of OSU Color-Thermal, from the published files.

From a folder that has them:

    builder = Builder(config=osu_config('/data/osu'), data_dir='/data/prepared')
    builder.download_and_prepare()

Or by name, from TFDS's manual folder or else downloaded:

    train = tfds.data_source('osu/sequence', split='train', data_dir='/data/prepared')
"""

import functools
import pathlib
from typing import Any, ClassVar

import numpy as np
import tensorflow_datasets as tfds

from cyclegan_jax.image_files import images
from datasets import published_builder, storing
from datasets.archives import Reader
from datasets.osu import borders as borders_lib, download, files
from datasets.osu.config import MANUAL_INSTRUCTIONS, METHODS, osu_config, OsuConfig, other
from datasets.published import Pair

# The number of frames from which a sequence's borders are found.
_BORDER_FRAMES = 32


class Builder(published_builder.Builder):
  """Registered pairs of color and thermal frames with masks of valid thermal pixels.

  The configurations 'paper', 'sequence' and 'location' are ways to split; their files are looked
  for when they are prepared.

  `info.metadata` also has 'borders' (sequence -> top, bottom, left, right).
  """

  VERSION = tfds.core.Version('1.0.0')
  RELEASE_NOTES: ClassVar = {'1.0.0': 'Initial release.'}
  MANUAL_DOWNLOAD_INSTRUCTIONS = MANUAL_INSTRUCTIONS
  BUILDER_CONFIGS: ClassVar = [
    OsuConfig(name=method, split_by=method, description=f'Split by {method}, see README.md.')
    for method in METHODS
  ]

  partners: ClassVar = {'rgb': ('ir', 'partner')}
  constant: ClassVar = ('rgb',)

  def _info(self) -> tfds.core.DatasetInfo:
    return self._described(
      'http://vcipl-okstate.org/pbvs/bench/',
      {
        'rgb': (3, 'Color frame.'),
        'ir': (1, 'Thermal frame, 8 bits.'),
        'mask': (1, '255 where the thermal frame has data, 0 in the black borders.'),
      },
      {
        'id': tfds.features.Text(doc='sequence/frame.'),
        'sequence': tfds.features.Text(doc='1 to 6.'),
        'location': tfds.features.Text(doc='Position of the cameras, 1 or 2.'),
      },
    )

  def _find(self, dl_manager: tfds.download.DownloadManager) -> OsuConfig:
    config = self.builder_config
    source = config.source_dir or _source(dl_manager)
    return osu_config(source, config.split_by, config.allow_unmatched)

  def _check(self, config: OsuConfig, reader: Reader) -> tuple[dict[str, str], dict[str, Any]]:
    complaints, digests, _ = self._look_at(config.pairs, reader)
    storing.refuse(config.source_dir, complaints)
    letters = {s: {'ir': letter, 'rgb': other(letter)} for s, letter in config.thermal.items()}
    checksums = storing.checksums(
      (pair.sequence + letters[pair.sequence][domain], pair.id, digest)
      for pair, domain, digest in digests
    )
    borders = {}
    for sequence in sorted({pair.sequence for pair in config.pairs}):
      thermal = [pair.ir for pair in config.pairs if pair.sequence == sequence]
      sample = files.sample(thermal, _BORDER_FRAMES)
      arrays = [self._load('ir', reader.read(frame), frame.shown) for frame in sample]
      borders[sequence] = list(borders_lib.find_borders(arrays))
    return checksums, {'borders': borders}

  def _load(self, kind: str, data: bytes, name: str) -> np.ndarray:
    return published_builder.frame(kind, images.read_image(data, name), name)

  def _features(
    self, config: OsuConfig, pair: Pair, arrays: dict[str, np.ndarray]
  ) -> dict[str, Any]:
    assert self.info.metadata is not None
    borders = borders_lib.Borders(*self.info.metadata['borders'][pair.sequence])
    mask = _mask_file(arrays['ir'].shape[:2], borders)
    return {**arrays, 'mask': mask, 'location': '1' if pair.sequence in '123' else '2'}


@functools.lru_cache(maxsize=16)
def _mask_file(size: published_builder.Size, borders: borders_lib.Borders) -> bytes:
  return storing.encode_png(borders_lib.valid_mask(size, borders))


def _source(dl_manager: tfds.download.DownloadManager) -> pathlib.Path:
  """Returns TFDS's manual folder if it has usable files, else its download folder, completed."""
  try:
    manual = pathlib.Path(dl_manager.manual_dir)
  except AssertionError:  # So TFDS says that it is missing or empty.
    manual = None
  if manual and files.scan(manual).parts:
    return manual
  return download.fetch(pathlib.Path(dl_manager.download_dir) / 'osu')
