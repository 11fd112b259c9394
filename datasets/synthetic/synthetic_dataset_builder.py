"""TFDS builder of `synthetic`, a data set that renders itself."""

from collections.abc import Collection, Iterator
import dataclasses
import io
from typing import Any, ClassVar

import numpy as np
from PIL import Image
import tensorflow_datasets as tfds

from cyclegan_jax.errors import UserError
from cyclegan_jax.progress import tracked
from datasets.synthetic import camera, layout, materials, render

_SIDES = (16, 4096)
_COUNTS = (1, 10**6)
_LIMITS = {
  'seed': (0, 2**32 - 1),
  'height': _SIDES,
  'width': _SIDES,
  'train_sequences': _COUNTS,
  'validation_sequences': _COUNTS,
  'test_sequences': _COUNTS,
  'frames_per_sequence': _COUNTS,
}


@dataclasses.dataclass
class SyntheticConfig(tfds.core.BuilderConfig):
  """Sequences and images to render.

  A sequence is one place at one moment, seen in a few frames. It depends only on `seed` and its
  number: changing the sizes of splits or the number of frames does not change the other frames.

  Attributes:
    seed: 0 to 2**32 - 1.
    height: image height in pixels, 16 to 4096.
    width: image width in pixels, 16 to 4096.
    train_sequences: sequences in the split `train`, numbered from 0.
    validation_sequences: sequences in `validation`, numbered on from `train`.
    test_sequences: sequences in `test`, numbered on from `validation`.
    frames_per_sequence: image pairs of each sequence.
  """

  seed: int = 0
  height: int = 128
  width: int = 160
  train_sequences: int = 100
  validation_sequences: int = 20
  test_sequences: int = 20
  frames_per_sequence: int = 4

  def __post_init__(self) -> None:
    for field, (low, high) in _LIMITS.items():
      value = getattr(self, field)
      if not isinstance(value, int) or not low <= value <= high:
        raise UserError(
          f'synthetic config {self.name!r}: {field} is {value!r}, expected an int '
          f'from {low} to {high}. Change {field}.'
        )

  def parameters(self) -> dict[str, int]:
    """Returns the fields that decide what is rendered."""
    return {field: getattr(self, field) for field in _LIMITS}


class Builder(tfds.core.GeneratorBasedBuilder):
  """Renders pairs of RGB and thermal infrared images; downloads nothing."""

  VERSION = tfds.core.Version('1.0.0')
  RELEASE_NOTES: ClassVar = {'1.0.0': 'Initial release.'}
  BUILDER_CONFIGS: ClassVar = [
    SyntheticConfig(
      name='default', description='400, 80 and 80 pairs of 128 x 160 pixels, 4 frames a sequence.'
    )
  ]

  # TFDS's property returns what the builder was made with.
  builder_config: SyntheticConfig

  def __init__(self, **kwargs: Any):
    super().__init__(**kwargs)
    # TFDS finds prepared data by the config's name alone.
    stored, asked = (self.info.metadata or {})['config'], self.builder_config.parameters()
    if stored != asked:
      raise UserError(
        f'{self.data_dir} holds a config named {self.builder_config.name!r} with {stored}, but '
        f'{asked} was asked for. Give the config another name, or delete that folder.'
      )

  def _info(self) -> tfds.core.DatasetInfo:
    size = (self.builder_config.height, self.builder_config.width)

    def image(channels: int, doc: str) -> tfds.features.Image:
      return tfds.features.Image(shape=(None, None, channels), encoding_format='png', doc=doc)

    def pixels(dtype: Any, doc: str) -> tfds.features.Tensor:
      return tfds.features.Tensor(shape=size, dtype=dtype, encoding='zlib', doc=doc)

    def number(doc: str) -> tfds.features.Scalar:
      return tfds.features.Scalar(np.float32, doc=doc)

    classes = ', '.join(f'{index} {name}' for index, name in enumerate(materials.CLASS_NAMES))
    features = {
      'rgb': image(3, 'Color image.'),
      'ir': image(1, 'Radiance from 8 to 14 micrometers on one scale for all images.'),
      'id': tfds.features.Text(doc='Unique name of the pair.'),
      'sequence': tfds.features.Text(doc='Name of the place, within one split.'),
      'temperature': pixels(np.uint16, 'Temperature in hundredths of a kelvin.'),
      'labels': pixels(np.uint8, f'Class of each pixel: {classes}'),
      'is_night': tfds.features.Scalar(np.bool_, doc='Whether the sun is down.'),
      'air_temperature': number('Kelvin.'),
      'cloud_cover': number('0 (clear) to 1 (overcast).'),
      'sun_elevation': number('Degrees above the horizon, negative at night.'),
    }
    metadata = tfds.core.MetadataDict(
      config=self.builder_config.parameters(),
      class_names=list(materials.CLASS_NAMES),
      ir_span_kelvin=list(camera.IR_SPAN),
    )
    return self.dataset_info_from_configs(
      features=tfds.features.FeaturesDict(features),
      supervised_keys=('rgb', 'ir'),
      metadata=metadata,
    )

  def _split_generators(
    self, dl_manager: tfds.download.DownloadManager
  ) -> dict[str, Iterator[tuple[str, dict[str, Any]]]]:
    del dl_manager  # There is nothing to download.
    generators, start = {}, 0
    for split in ('train', 'validation', 'test'):
      stop = start + getattr(self.builder_config, f'{split}_sequences')
      generators[split] = self._generate_examples(range(start, stop))
      start = stop
    return generators

  def _generate_examples(self, sequences: Collection[int]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yields id and example."""
    config = self.builder_config
    each = config.frames_per_sequence
    for sequence in tracked(sequences, each * len(sequences), 'Rendering', print, each, 'pairs'):
      scene = layout.random_scene(config.seed, sequence)
      for frame in range(config.frames_per_sequence):
        rendering = render.render(scene, config.seed, sequence, frame, config.height, config.width)
        id_ = f'synthetic_{sequence:04d}_{frame:02d}'
        yield (
          id_,
          {
            'rgb': _png(rendering.rgb),
            'ir': _png(rendering.ir[..., 0]),
            'id': id_,
            'sequence': f'synthetic_{sequence:04d}',
            'temperature': np.round(100 * rendering.temperature).astype(np.uint16),
            'labels': rendering.labels,
            'is_night': scene.conditions.is_night,
            'air_temperature': scene.conditions.air_temperature,
            'cloud_cover': scene.conditions.cloud_cover,
            'sun_elevation': scene.conditions.sun_elevation,
          },
        )


def _png(image: np.ndarray) -> io.BytesIO:
  # TFDS encodes arrays with TensorFlow, which this project does without.
  buffer = io.BytesIO()
  Image.fromarray(image).save(buffer, format='PNG', compress_level=1)
  buffer.seek(0)
  return buffer
