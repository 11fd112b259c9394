"""TFDS builder for folders of radiometric JPEG files of thermal cameras.

builder = Builder(config=camera_config('/data/photos'), data_dir='/data/prepared')
builder.download_and_prepare(file_format='array_record')
"""

import hashlib
import io
import pathlib
import shlex
from typing import ClassVar

import numpy as np
import tensorflow_datasets as tfds

from cyclegan_jax.errors import UserError
from cyclegan_jax.progress import tracked
from datasets import storing
from datasets.camera import examples, parameters, survey
from datasets.camera.config import camera_config, CameraConfig
from datasets.camera.survey import Finding, Survey
from datasets.folder import splits
from datasets.frames import sequence_of
from datasets.storing import Examples

__all__ = ['Builder', 'CameraConfig', 'camera_config']

# The split of IR images without a photograph; its RGB images are black.
_ALONE = 'train_ir'


class Builder(tfds.core.GeneratorBasedBuilder):
  """Pairs `{rgb, ir, mask, id, sequence}` on the grid of the thermal image; IR in 16 bits.

  Besides train, validation and test there may be the split train_ir, of IR images that have no RGB
  image. `info.metadata` has 'ir_span', the temperatures of gray levels 0 and 65535 as in
  --ir_span; 'notes', sentences about the files; and 'identity', a digest of ids and splits.
  """

  VERSION = tfds.core.Version('1.0.0')
  RELEASE_NOTES: ClassVar = {'1.0.0': 'Initial release.'}

  # TFDS's property returns what the builder was made with.
  builder_config: CameraConfig

  def _info(self) -> tfds.core.DatasetInfo:
    if not isinstance(self.builder_config, CameraConfig):
      raise UserError(
        'The data set camera needs a source folder: make its configuration with '
        'camera_config(source_dir).'
      )
    image = tfds.features.Image
    features = {
      'rgb': image(shape=(None, None, 3), encoding_format='png', doc='The photograph.'),
      'ir': image(shape=(None, None, 1), dtype=np.uint16, encoding_format='png', doc='Degrees.'),
      'mask': image(shape=(None, None, 1), encoding_format='png', doc='255 where there are data.'),
      'id': tfds.features.Text(doc='The path without the extension.'),
      'sequence': tfds.features.Text(doc='The folders of the path.'),
    }
    return self.dataset_info_from_configs(
      features=tfds.features.FeaturesDict(features), metadata=tfds.core.MetadataDict()
    )

  def _split_generators(self, dl_manager: tfds.download.DownloadManager) -> dict[str, Examples]:
    """Reads all files first, so that a bad one is named before anything is written."""
    del dl_manager  # The files are the user's.
    config = self.builder_config
    found = survey.survey(config.source_dir, config.files, config.ir_span, config.align)
    split_of = _splits(config, found)
    chosen: dict[str, list[Finding]] = {}
    for one in found.files:
      if one.file.id in split_of:
        chosen.setdefault(split_of[one.file.id], []).append(one)
    identity = [f'{split} {id_}' for id_, split in sorted(split_of.items())]
    assert self.info.metadata is not None
    self.info.metadata.update(
      ir_span=found.span.text,
      notes=[survey.summary(found), *survey.notes(found), *parameters.disagreements(found.files)],
      identity=hashlib.sha256('\n'.join(identity).encode()).hexdigest(),
    )
    # While it is prepared, the copy is in another folder, which is then renamed.
    table = pathlib.Path(self.data_dir) / parameters.CSV
    parameters.write(table, found.files, split_of, found.span)
    return {split: self._generate_examples(ones, found) for split, ones in chosen.items()}

  def _generate_examples(self, chosen: list[Finding], found: Survey) -> Examples:
    """Yields id and example; encodes a few ahead."""
    made = storing.made_ahead(chosen, lambda one: _encoded(one, found))
    for one, images in tracked(made, len(chosen), 'Preparing', print, unit='files'):
      features = {name: io.BytesIO(data) for name, data in images.items()}
      yield one.file.id, {**features, 'id': one.file.id, 'sequence': sequence_of(one.file.id)}


def _encoded(one: Finding, found: Survey) -> dict[str, bytes]:
  """The images of a file as PNG."""
  made = examples.read(one, found.span)
  images = {'rgb': storing.encode_png(made.rgb), 'ir': storing.encode_png(made.ir)}
  return {**images, 'mask': storing.encode_mask(made.mask)}


def _splits(config: CameraConfig, found: Survey) -> dict[str, str]:
  """Id -> split; without files that are left out.

  Raises:
    UserError: there are no pairs, or see `splits.assign`.
  """
  pairs = {one.file.id: [one.file.relative] for one in found.pairs}
  if not pairs:
    source_dir = shlex.quote(f'--source_dir={config.source_dir}')
    raise UserError(
      f'{config.source_dir}: none of {len(found.files)} radiometric files has a photograph that '
      'belongs to its thermal image, so there are no pairs. To train without pairs, write the IR '
      f'images with python -m experiments.camera {source_dir} --output=DIR, '
      'put RGB images of your own into DIR/rgb, and train with --dataset=folder --nopaired.'
    )
  alone = {one.file.id: [one.file.relative] for one in found.files if not one.is_pair}
  source = pathlib.Path(config.source_dir)
  if config.split_by == 'hash':
    # Only pairs can be measured on.
    (chosen,) = splits.assign(source, [pairs], 'hash')
    chosen = chosen | dict.fromkeys(alone, 'train')
  elif config.split_by == 'sequence':
    (chosen,) = splits.assign(source, [{**pairs, **alone}], 'sequence')
  else:
    by_kind = splits.assign(source, [pairs, alone], config.split_by)
    chosen = by_kind[0] | by_kind[1]
  chosen |= {id_: _ALONE for id_ in alone if chosen.get(id_) == 'train'}
  unused = {id_ for id_ in alone if chosen.get(id_) != _ALONE} | set(config.left_out)
  return {id_: split for id_, split in chosen.items() if id_ not in unused}
