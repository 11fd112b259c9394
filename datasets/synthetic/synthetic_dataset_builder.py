"""TFDS builder of `synthetic`, a data set that renders itself."""

from collections.abc import Sequence
import dataclasses
import functools
import io
import itertools
from typing import Any, ClassVar

import numpy as np
import tensorflow_datasets as tfds

from cyclegan_jax.data import layers
from cyclegan_jax.data.source import SPLITS
from cyclegan_jax.errors import UserError
from cyclegan_jax.progress import tracked
from datasets import storing
from datasets.storing import Examples
from datasets.synthetic import camera, layout, materials, render

_SIDES, _COUNTS = (16, 4096), (1, 10**6)
# The numbers of a configuration, and what they may be.
_LIMITS = {
  'seed': (0, 2**32 - 1),
  'height': _SIDES,
  'width': _SIDES,
  **{f'{split}_sequences': _COUNTS for split in SPLITS},
  'frames_per_sequence': _COUNTS,
  'extra_train_sequences': (0, 10**6),
}
# Beyond it too many pixels are outside of the camera's span.
_MOST_HIDDEN_KELVIN = 20.0
# Fields that are 0 in data of earlier versions.
_LATER = ('extra_train_sequences', 'hidden_kelvin')


@dataclasses.dataclass
class SyntheticConfig(tfds.core.BuilderConfig):
  """Sequences and images to render.

  A sequence is one place at one moment, seen in a few frames. It depends only on `seed` and its
  number: changing the sizes of splits or the number of frames does not change the other frames.
  Sequences are numbered from 0, on from train to validation to test, then to further ones of train.

  Attributes:
    seed: 0 to 2**32 - 1.
    height, width: of the images in pixels, 16 to 4096.
    train_sequences, validation_sequences, test_sequences: sequences in each split.
    frames_per_sequence: image pairs of each sequence.
    extra_train_sequences: further sequences to train on; the other splits stay as they are.
    hidden_kelvin: standard deviation in kelvin, below 20, of an offset of each sequence's air
      temperature that RGB does not show.
  """

  seed: int = 0
  height: int = 128
  width: int = 160
  train_sequences: int = 100
  validation_sequences: int = 20
  test_sequences: int = 20
  frames_per_sequence: int = 4
  extra_train_sequences: int = 0
  hidden_kelvin: float = 0.0

  def __post_init__(self) -> None:
    for field, (low, high) in _LIMITS.items():
      value = getattr(self, field)
      if not isinstance(value, int) or not low <= value <= high:
        raise UserError(
          f'synthetic config {self.name!r}: {field} is {value!r}, expected an int '
          f'from {low} to {high}. Change {field}.'
        )
    if not 0 <= self.hidden_kelvin < _MOST_HIDDEN_KELVIN:
      raise UserError(
        f'synthetic config {self.name!r}: hidden_kelvin is {self.hidden_kelvin!r}, expected a '
        f'number of at least 0 and below {_MOST_HIDDEN_KELVIN:g}. Change hidden_kelvin.'
      )

  def parameters(self) -> dict[str, int | float]:
    """Returns the fields that decide what is rendered."""
    # Without the later ones as before there were any, so that older prepared data stay valid.
    found = {field: getattr(self, field) for field in dict.fromkeys((*_LIMITS, *_LATER))}
    return {field: value for field, value in found.items() if value or field not in _LATER}


def synthetic_config(extra_scenes: int, hidden_kelvin: float) -> SyntheticConfig | None:
  """Returns the configuration of the data set's options; None for the one named `default`."""
  parts = [f'extra_{extra_scenes}'] * bool(extra_scenes)
  parts += [f'hidden_{hidden_kelvin:g}'] * bool(hidden_kelvin)
  if not parts:
    return None
  return SyntheticConfig(
    name='_'.join(parts), extra_train_sequences=extra_scenes, hidden_kelvin=hidden_kelvin
  )


class Builder(tfds.core.GeneratorBasedBuilder):
  """Renders pairs of RGB and thermal infrared images; downloads nothing."""

  VERSION = tfds.core.Version('1.1.0')
  RELEASE_NOTES: ClassVar = {
    '1.0.0': 'Initial release.',
    '1.1.0': 'Depth is stored; all else is as before.',
  }
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
    image = functools.partial(tfds.features.Image, encoding_format='png')
    pixels = functools.partial(tfds.features.Tensor, shape=size, encoding='zlib')
    number = functools.partial(tfds.features.Scalar, np.float32)
    ir_doc = 'Radiance from 8 to 14 micrometers on one scale for all images.'
    depth_doc = 'Hundredths of a meter along the axis of the camera; 65535: farther.'
    classes = ', '.join(f'{index} {name}' for index, name in enumerate(materials.CLASS_NAMES))
    features = {
      'rgb': image(shape=(None, None, 3), doc='Color image.'),
      'ir': image(shape=(None, None, 1), doc=ir_doc),
      'id': tfds.features.Text(doc='Unique name of the pair.'),
      'sequence': tfds.features.Text(doc='Name of the place, within one split.'),
      'temperature': pixels(dtype=np.uint16, doc='Temperature in hundredths of a kelvin.'),
      'depth': pixels(dtype=np.uint16, doc=depth_doc),
      'labels': pixels(dtype=np.uint8, doc=f'Class of each pixel: {classes}'),
      'is_night': tfds.features.Scalar(np.bool_, doc='Whether the sun is down.'),
      'air_temperature': number(doc='Kelvin.'),
      'cloud_cover': number(doc='0 (clear) to 1 (overcast).'),
      'sun_elevation': number(doc='Degrees above the horizon, negative at night.'),
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

  def _split_generators(self, dl_manager: tfds.download.DownloadManager) -> dict[str, Examples]:
    del dl_manager  # There is nothing to download.
    config = self.builder_config
    counts = (config.train_sequences, config.validation_sequences, config.test_sequences)
    ends = itertools.accumulate(counts, initial=0)
    ranges = itertools.starmap(range, itertools.pairwise(ends))
    numbers = {split: [*of_split] for split, of_split in zip(SPLITS, ranges)}
    numbers['train'] += range(sum(counts), sum(counts) + config.extra_train_sequences)
    return {split: self._generate_examples(sequences) for split, sequences in numbers.items()}

  def _generate_examples(self, sequences: Sequence[int]) -> Examples:
    """Yields id and example."""
    config = self.builder_config
    each = config.frames_per_sequence
    for sequence in tracked(sequences, each * len(sequences), 'Rendering', print, each, 'pairs'):
      scene = layout.random_scene(config.seed, sequence, config.hidden_kelvin)
      for frame in range(each):
        rendering = render.render(scene, config.seed, sequence, frame, config.height, config.width)
        id_ = f'synthetic_{sequence:04d}_{frame:02d}'
        example = {
          'rgb': io.BytesIO(storing.encode_png(rendering.rgb)),
          'ir': io.BytesIO(storing.encode_png(rendering.ir)),
          'id': id_,
          'sequence': f'synthetic_{sequence:04d}',
          'temperature': np.round(100 * rendering.temperature).astype(np.uint16),
          'depth': layers.from_steps(layers.STEPS_PER_METER * rendering.depth),
          'labels': rendering.labels,
          'is_night': scene.conditions.is_night,
          'air_temperature': scene.conditions.air_temperature,
          'cloud_cover': scene.conditions.cloud_cover,
          'sun_elevation': scene.conditions.sun_elevation,
        }
        yield id_, example
