"""TFDS builder of AAU VAP Trimodal, from the published files.

config = aau_config('/data/aau', registration='depth')
builder = Builder(config=config, data_dir='/data/prepared')
builder.download_and_prepare()
"""

from collections.abc import Iterator
import hashlib
from typing import Any, ClassVar

import numpy as np
import tensorflow_datasets as tfds

from cyclegan_jax.data import labels
from cyclegan_jax.image_files import images
from datasets import published_builder, storing
from datasets.aau import files, registration
from datasets.aau.config import aau_config, AauConfig, MANUAL_INSTRUCTIONS, TITLES
from datasets.archives import Reader
from datasets.published import Pair

# Of `labels`.
_CLASSES = ('background', 'person')


class Builder(published_builder.Builder):
  """Pairs of RGB and thermal frames with masks of valid thermal pixels and of people.

  The configurations 'paper' and 'sequence' are ways to split; their files are looked for in TFDS's
  manual_dir when they are prepared.
  """

  VERSION = tfds.core.Version('1.3.0')
  RELEASE_NOTES: ClassVar = {
    '1.0.0': 'Initial release.',
    '1.1.0': "Reads calibVars.yml and the depth images as the publishers' program does.",
    '1.2.0': 'Stores labels, the classes of the pixels.',
    '1.3.0': 'Stores depth with --registration=depth; all else is as before.',
  }
  MANUAL_DOWNLOAD_INSTRUCTIONS = MANUAL_INSTRUCTIONS
  BUILDER_CONFIGS: ClassVar = [
    AauConfig(name=method, split_by=method, description=f'{how}, from manual_dir; not registered.')
    for method, how in (('paper', 'Frames divided at random'), ('sequence', 'Scene 3 for testing'))
  ]

  partners: ClassVar = {'rgb_mask': ('rgb', 'frame'), 'ir_mask': ('ir', 'frame')}
  constant: ClassVar = TITLES
  builder_config: AauConfig

  def _info(self) -> tfds.core.DatasetInfo:
    depth = tfds.features.Tensor(
      shape=(None, None),
      dtype=np.uint16,
      encoding='zlib',
      doc='Hundredths of a meter along the axis of the RGB camera, of rgb; 0: not known.',
    )
    return self._described(
      'https://www.kaggle.com/datasets/aalborguniversity/trimodal-people-segmentation',
      {
        'rgb': (3, 'Color frame.'),
        'ir': (1, 'Thermal frame, 8 bits, of the size of rgb; registered to it or not.'),
        'mask': (1, '255 where ir has data that are registered, else 0.'),
        'rgb_people': (1, 'Labels of people in rgb, 0 for none.'),
        'ir_people': (1, 'Labels of people in ir, 0 for none.'),
        'labels': (1, '0 background, 1 person, of ir; 255 if not annotated or mask is 0.'),
      },
      {
        'annotated': tfds.features.Scalar(
          np.bool_, doc='Whether there are labels; without, they are all 0.'
        ),
        'id': tfds.features.Text(doc='scene/frame.'),
        'sequence': tfds.features.Text(doc='The scene, 1 to 3.'),
        **({'depth': depth} if self.builder_config.registration == 'depth' else {}),
      },
    )

  def _find(self, dl_manager: tfds.download.DownloadManager) -> AauConfig:
    config = self.builder_config
    return aau_config(
      config.source_dir or dl_manager.manual_dir,
      config.split_by,
      config.registration,
      config.plane_depth,
      config.skip_scenes,
      config.allow_unmatched,
    )

  def _check(self, config: AauConfig, reader: Reader) -> tuple[dict[str, str], dict[str, Any]]:
    complaints, found, sizes = self._look_at(config.pairs, reader)
    storing.refuse(config.source_dir, [*complaints, *_uncalibrated(config, sizes)])
    digests = [
      (f'{pair.sequence}/{files.FOLDERS[kind]}', pair.id, sha) for pair, kind, sha in found
    ]
    for scene, file in config.tables.items():
      sha = hashlib.sha256(reader.read(file)).hexdigest()
      digests.append((f'{scene}/{files.CALIBRATION}', files.CALIBRATION, sha))
    annotated = any(pair.ir_mask for pair in config.pairs)
    return storing.checksums(digests), {'class_names': list(_CLASSES)} if annotated else {}

  def _load(self, kind: str, data: bytes, name: str) -> np.ndarray:
    """Decodes a file; depth as raw values, uint16 [height, width, 1]."""
    array = images.read_image(data, name)
    if kind == 'depth':
      if array.dtype != np.uint16 or array.shape[-1] != 1:
        raise images.ImageError(
          f'{name}: {array.shape[-1]} channel(s) of {8 * array.itemsize} bits, expected a depth '
          'image: one channel of 16 bits.'
        )
      return array
    if kind in self.partners and not published_builder.equal_channels(array):
      raise images.ImageError(
        f'{name}: a mask in color, expected labels in gray; without the folder '
        f'{files.FOLDERS[kind]} frames are prepared as not annotated.'
      )
    return published_builder.frame(kind, array, name)

  def _features(
    self, config: AauConfig, pair: Pair, arrays: dict[str, np.ndarray]
  ) -> dict[str, Any]:
    """All images have the size of the RGB frame."""
    height, width = arrays['rgb'].shape[:2]
    found = registration.register(
      arrays['ir'],
      config.calibrations.get(pair.sequence),
      config.registration,
      arrays.get('depth'),
      labels=arrays.get('ir_mask'),
      size=(height, width),
      depth_mm=config.plane_depth,
    )
    nobody = storing.constant_png(0, height, width)
    unlabeled = storing.constant_png(labels.UNLABELED, height, width)
    return {
      'rgb': arrays['rgb'],
      'ir': found.image,
      'mask': storing.encode_mask(found.mask),
      'rgb_people': arrays.get('rgb_mask', nobody),
      'ir_people': nobody if found.labels is None else found.labels,
      'labels': unlabeled if found.labels is None else _classes(found.labels, found.mask),
      'annotated': pair.rgb_mask is not None,
      **({} if found.depth is None else {'depth': found.depth}),
    }


def _uncalibrated(config: AauConfig, sizes: published_builder.Sizes) -> Iterator[str]:
  """Scenes whose frames do not have the size that their calibration holds for."""
  for (scene, kind), size in sizes.items():
    calibration = config.calibrations.get(scene)
    if calibration and size != (calibration.height, calibration.width):
      yield (
        f'Scene {scene}: the {TITLES[kind]} frames are {published_builder.size_text(size)} '
        f'pixels, but {config.tables[scene].shown} holds for '
        f'{calibration.width}x{calibration.height}. Use the files as published, or '
        '--registration=none.'
      )


def _classes(people: np.ndarray, valid: np.ndarray) -> np.ndarray:
  """Class indices of pixels, given who is there, 0 for nobody, and where there are data."""
  return np.where(valid, (people > 0).astype(np.uint8), np.uint8(labels.UNLABELED))
