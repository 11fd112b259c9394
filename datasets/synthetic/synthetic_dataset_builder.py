"""TFDS builder of `synthetic`, a dataset that renders itself."""

import dataclasses
import io

import numpy as np
from PIL import Image
import tensorflow_datasets as tfds

from cyclegan_jax import errors
from cyclegan_jax.progress import tracked
from datasets.synthetic import camera, layout, materials, render

_MIN_SIDE = 16
_MAX_SIDE = 4096


@dataclasses.dataclass
class SyntheticConfig(tfds.core.BuilderConfig):
  """What to render.

  A sequence is one place at one moment, seen in a few frames. It depends only on
  `seed` and its number: changing the sizes of splits or the number of frames
  leaves the other frames of a sequence as they are.

  Attributes:
    seed: 0 to 2**32 - 1.
    height: image height in pixels.
    width: image width in pixels.
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

  def __post_init__(self):
    limits = {
      'seed': (0, 2**32 - 1),
      'height': (_MIN_SIDE, _MAX_SIDE),
      'width': (_MIN_SIDE, _MAX_SIDE),
      'train_sequences': (1, 10**6),
      'validation_sequences': (1, 10**6),
      'test_sequences': (1, 10**6),
      'frames_per_sequence': (1, 10**6),
    }
    for field, (low, high) in limits.items():
      value = getattr(self, field)
      if not isinstance(value, int) or not low <= value <= high:
        raise errors.UserError(
          f'synthetic config {self.name!r}: {field} is {value!r}, expected an int '
          f'from {low} to {high}. Change {field}.'
        )

  def parameters(self):
    """The fields that decide what is rendered, as a dict."""
    inherited = {field.name for field in dataclasses.fields(tfds.core.BuilderConfig)}
    return {
      name: value for name, value in dataclasses.asdict(self).items() if name not in inherited
    }


class Builder(tfds.core.GeneratorBasedBuilder):
  """Renders pairs of RGB and thermal-infrared images; downloads nothing."""

  VERSION = tfds.core.Version('1.0.0')
  RELEASE_NOTES = {'1.0.0': 'Initial release.'}
  BUILDER_CONFIGS = [
    SyntheticConfig(
      name='default', description='400, 80 and 80 pairs of 128 x 160 pixels, 4 frames a sequence.'
    )
  ]

  def __init__(self, **kwargs):
    super().__init__(**kwargs)
    # TFDS finds prepared data by the config's name alone.
    stored = self.info.metadata['config']
    if stored != self.builder_config.parameters():
      raise errors.UserError(
        f'{self.data_dir} holds a config named {self.builder_config.name!r} with '
        f'{stored}, but {self.builder_config.parameters()} was asked for. Give the '
        'config another name, or delete that folder.'
      )

  def _info(self):
    config = self.builder_config
    shape = (config.height, config.width)
    features = tfds.features.FeaturesDict(
      {
        'rgb': tfds.features.Image(
          shape=(None, None, 3), encoding_format='png', doc='Color image.'
        ),
        'ir': tfds.features.Image(
          shape=(None, None, 1),
          encoding_format='png',
          doc='Radiance from 8 to 14 micrometers on one scale for all images.',
        ),
        'id': tfds.features.Text(doc='Unique name of the pair.'),
        'sequence': tfds.features.Text(doc='Name of the place, within one split.'),
        'temperature': tfds.features.Tensor(
          shape=shape,
          dtype=np.uint16,
          encoding='zlib',
          doc='Temperature in hundredths of a kelvin.',
        ),
        'labels': tfds.features.Tensor(
          shape=shape,
          dtype=np.uint8,
          encoding='zlib',
          doc='Class of each pixel: '
          + ', '.join(f'{index} {name}' for index, name in enumerate(materials.CLASS_NAMES)),
        ),
        'is_night': tfds.features.Scalar(np.bool_, doc='Whether the sun is down.'),
        'air_temperature': tfds.features.Scalar(np.float32, doc='Kelvin.'),
        'cloud_cover': tfds.features.Scalar(np.float32, doc='0 (clear) to 1 (overcast).'),
        'sun_elevation': tfds.features.Scalar(
          np.float32, doc='Degrees above the horizon, negative at night.'
        ),
      }
    )
    metadata = tfds.core.MetadataDict(
      config=config.parameters(),
      class_names=list(materials.CLASS_NAMES),
      ir_span_kelvin=list(camera.IR_SPAN),
    )
    return self.dataset_info_from_configs(
      features=features, supervised_keys=('rgb', 'ir'), metadata=metadata
    )

  def _split_generators(self, dl_manager):
    del dl_manager  # There is nothing to download.
    config = self.builder_config
    generators, start = {}, 0
    for split in ('train', 'validation', 'test'):
      stop = start + getattr(config, f'{split}_sequences')
      generators[split] = self._generate_examples(range(start, stop))
      start = stop
    return generators

  def _generate_examples(self, sequences):
    config = self.builder_config
    each = config.frames_per_sequence
    for sequence in tracked(sequences, each * len(sequences), 'Rendering', print, each, 'pairs'):
      scene = layout.random_scene(config.seed, sequence)
      for frame in range(config.frames_per_sequence):
        rendering = render.render(scene, config.seed, sequence, frame, config.height, config.width)
        name = f'synthetic_{sequence:04d}'
        pair = f'{name}_{frame:02d}'
        yield (
          pair,
          {
            'rgb': _png(rendering.rgb),
            'ir': _png(rendering.ir[..., 0]),
            'id': pair,
            'sequence': name,
            'temperature': np.round(100 * rendering.temperature).astype(np.uint16),
            'labels': rendering.labels,
            'is_night': scene.conditions.is_night,
            'air_temperature': scene.conditions.air_temperature,
            'cloud_cover': scene.conditions.cloud_cover,
            'sun_elevation': scene.conditions.sun_elevation,
          },
        )


def _png(image):
  # TFDS encodes arrays with TensorFlow, which this project does without.
  buffer = io.BytesIO()
  Image.fromarray(image).save(buffer, format='PNG', compress_level=1)
  buffer.seek(0)
  return buffer
