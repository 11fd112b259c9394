"""The interface of a data set: records of two domains, and the meaning of their pixels."""

from collections.abc import Mapping, Sequence
import dataclasses
import functools
from typing import Any

import numpy as np

from cyclegan_jax import normalization, radiometry
from cyclegan_jax.data import planes, sequences
from cyclegan_jax.data.condition import Condition
from cyclegan_jax.data.planes import Inputs
from cyclegan_jax.data.records import Records
from cyclegan_jax.errors import UserError
from cyclegan_jax.settings import DataConfig, ModelConfig

SPLITS = ('train', 'validation', 'test')
# The seed of `drawn`.
_DRAWN_BY = 0


@dataclasses.dataclass(frozen=True)
class Domain:
  """One side of the translation: its images, as pixels and as network values.

  Attributes:
    name: 'rgb' or 'ir'.
    channels: 1 or 3.
    normalization: Pixel values in [0, max_value] to network values in [-1, 1].
    wavelength_channels: Values of the constant channels that a generator sees after those of an
      image of this domain; empty unless --normalization=spectral_channels.
    condition: What networks are told about each image of the domain; None unless --condition says
      so. Only IR has one.
    inputs: What networks see beside or instead of images of the domain; None for the images alone.
      Only RGB has some.
  """

  name: str
  channels: int
  normalization: normalization.Normalization
  wavelength_channels: tuple[float, ...] = ()
  condition: Condition | None = None
  inputs: Inputs | None = None

  @property
  def seen_channels(self) -> int:
    """The channels of `seen`."""
    return self.inputs.channels(self.channels) if self.inputs else self.channels

  @property
  def label_planes(self) -> tuple[int, int]:
    """Of what `seen` returns, the first plane of labels and their number; ValueError if none."""
    if not self.inputs:
      raise ValueError(f'networks see {self.name} images alone, without labels.')
    return self.inputs.label_planes(self.channels)

  def seen(self, batch: Mapping[str, np.ndarray]) -> np.ndarray:
    """Returns what networks see of examples, float32 [n, height, width, seen_channels] in [-1, 1].

    `batch` has pixels of the domain under its name, and the layers that `inputs` names.
    """
    image = self.normalize(batch[self.name])
    return self.inputs.seen(image, batch) if self.inputs else image

  @property
  def max_value(self) -> float:
    """The largest pixel value, 255 or 65535."""
    return self.normalization.max_value

  def rescale(self, pixels: np.ndarray) -> np.ndarray:
    """Returns uint8 or uint16 pixels in the domain's own range, float32 and not rounded."""
    return pixels.astype(np.float32) * np.float32(self.max_value / np.iinfo(pixels.dtype).max)

  def normalize(self, pixels: np.ndarray) -> np.ndarray:
    """Returns network values, float32 in [-1, 1], of pixel values of any shape; black is -1."""
    return self.normalization.forward(np.asarray(pixels, np.float32))

  def denormalize(self, values: Any) -> np.ndarray:
    """Returns pixel values, float32 and not rounded, of network values of any shape."""
    return self.normalization.inverse(np.asarray(values, np.float32))

  def quantize(self, pixels: np.ndarray) -> np.ndarray:
    """Returns the domain's pixels, uint8 or uint16, of pixel values that are not rounded."""
    return quantize(pixels, self.max_value)

  def to_pixels(self, values: Any) -> np.ndarray:
    """Returns the pixels, uint8 or uint16, that are written to a file for network values."""
    return self.quantize(self.denormalize(values))


def with_inputs(
  domains: Mapping[str, Domain], model: ModelConfig, class_names: Sequence[str]
) -> dict[str, Domain]:
  """Returns domains with what networks see of a scene, of which these are the classes."""
  if model.inputs == ModelConfig.inputs:
    return dict(domains)
  names = tuple(class_names) if 'labels' in model.input_kinds else ()
  rgb = dataclasses.replace(domains['rgb'], inputs=Inputs(model.input_kinds, names))
  return {**domains, 'rgb': rgb}


def ends(domains: Mapping[str, Domain], direction: str) -> tuple[Domain, Domain]:
  """Returns the source and the target of a direction, 'rgb_to_ir' or 'ir_to_rgb'."""
  source, target = direction.split('_to_')
  return domains[source], domains[target]


def dtype_of(max_value: float) -> np.dtype:
  """Returns the dtype of pixels of which this is the largest value: uint8 or uint16."""
  return np.dtype(np.uint8 if max_value <= 255 else np.uint16)


def quantize(pixels: Any, max_value: float) -> np.ndarray:
  """Rounds and clips pixel values of any shape to the integers that are written to a file.

  They are uint8 in [0, 255] or uint16 in [0, 65535], as `max_value` says.
  """
  return np.clip(np.rint(np.asarray(pixels)), 0, max_value).astype(dtype_of(max_value))


def make_domains(
  config: DataConfig,
  max_values: Mapping[str, float] | None = None,
  condition: Condition | None = None,
) -> dict[str, Domain]:
  """Returns the domains 'rgb' and 'ir' of a configuration.

  This is for opening a data set, for reading a run, and where there is neither; everything else is
  handed the domains. `max_values` are the largest pixel values, 255 (the default) or 65535; the
  condition is that of a run's IR images.
  """
  domains = {}
  for name, channels in (('rgb', config.rgb_channels), ('ir', config.ir_channels)):
    max_value = float(max_values[name]) if max_values else 255.0
    norm = normalization.make(config.normalization, name, max_value)
    constants = ()
    if config.normalization == 'spectral_channels':
      constants = normalization.wavelength_channels(name, channels, config.ir_band)
    own = condition if name == 'ir' else None
    domains[name] = Domain(name, channels, norm, constants, own)
  return domains


def evenly_spaced(n: int, k: int) -> list[int]:
  """Returns at most k of the indices 0 to n - 1, evenly spaced from the first to the last."""
  return np.linspace(0, n - 1, min(k, n)).round().astype(int).tolist()


@dataclasses.dataclass(frozen=True)
class Subset:
  """Some of other records."""

  records: Records
  indices: Sequence[int]

  def __len__(self) -> int:
    return len(self.indices)

  def __getitem__(self, index: int) -> Mapping[str, Any]:
    return self.records[self.indices[index]]


def drawn(records: Records, n: int) -> Subset:
  """Draws n of the records, always the same ones; a smaller n draws some of them. Order stays."""
  order = np.random.default_rng(_DRAWN_BY).permutation(len(records))
  return Subset(records, sorted(order[:n].tolist()))


@dataclasses.dataclass(frozen=True)
class Split:
  """One split. If it is `aligned`, `rgb` and `ir` are the same records, one scene each."""

  name: str
  rgb: Records
  ir: Records
  aligned: bool

  def __len__(self) -> int:
    """The number of examples in an epoch: the size of the larger domain."""
    return max(len(self.rgb), len(self.ir))

  @functools.cached_property
  def partners(self) -> sequences.Partners:
    """The IR images of each RGB image's sequence; UserError if one has none."""
    return sequences.partners(self.rgb, self.ir, self.aligned)


@dataclasses.dataclass(frozen=True)
class Dataset:
  """A prepared data set.

  Attributes:
    name: As given by --dataset.
    description: One or two sentences for the log: the layout found, what was left out.
    fingerprint: Hexadecimal digest of which examples are in which split.
    domains: 'rgb' and 'ir'.
    splits: 'train', 'validation' and 'test'; a split that the data lack is absent or empty.
    has_mask: Whether records have a `mask`.
    class_names: The classes of `labels`, in the order of their indices; empty if records have none.
    has_depth: Whether records have a `depth`.
    rgb_only: Split -> the folder of its images, for splits that have RGB images alone. They are not
      in `splits`: there is nothing to learn from them, or to compare with.
    prepared: The name of its prepared copy below the folder for prepared data sets.
    ir_span: The values of the IR files that are gray levels 0 and 65535, see --ir_span; None if
      these are stored as they are.
    near_duplicates: Split -> how many of its images are nearly in the training split, and how many
      it has.
  """

  name: str
  description: str
  fingerprint: str
  domains: dict[str, Domain]
  splits: dict[str, Split]
  has_mask: bool = False
  class_names: tuple[str, ...] = ()
  has_depth: bool = False
  rgb_only: Mapping[str, str] = dataclasses.field(default_factory=dict)
  prepared: str = ''
  ir_span: radiometry.Range | None = None
  near_duplicates: Mapping[str, tuple[int, int]] = dataclasses.field(default_factory=dict)

  @property
  def has_layers(self) -> bool:
    """Whether records have layers, see layers.py."""
    return bool(self.class_names) or self.has_depth

  def pairs(self, split: str) -> int:
    """Returns the number of pairs that a split has to measure on."""
    found = self.splits.get(split)
    return len(found) if found and found.aligned else 0

  def with_train_pairs(self, n: int) -> 'Dataset':
    """Returns the data set with n pairs, or n images of each domain, to train on; 0: with all.

    Raises:
      UserError: There are not so many.
    """
    found = self.splits.get('train')
    if not n or not found:
      return self
    for name, records in (('rgb', found.rgb), ('ir', found.ir)):
      if n > len(records):
        what = 'pairs' if found.aligned else f'{name.upper()} images'
        raise UserError(
          f'--train_pairs={n}: the training split has {len(records)} {what}. Give fewer, or 0 for '
          'all.'
        )
    rgb = drawn(found.rgb, n)
    ir = rgb if found.aligned else drawn(found.ir, n)
    train = dataclasses.replace(found, rgb=rgb, ir=ir)
    note = f'{self.description}\n  {n} of {len(found)} are trained on (--train_pairs).'
    return dataclasses.replace(self, description=note, splits={**self.splits, 'train': train})

  def with_condition(self, condition: Condition) -> 'Dataset':
    """Returns the data set with a condition of its IR images."""
    ir = dataclasses.replace(self.domains['ir'], condition=condition)
    return dataclasses.replace(self, domains={**self.domains, 'ir': ir})

  def with_inputs(self, model: ModelConfig) -> 'Dataset':
    """Returns the data set with what networks see of a scene, see --inputs.

    Raises:
      UserError: It lacks some of that, or has splits without pairs.
    """
    for kind, there in (('labels', self.class_names), ('depth', self.has_depth)):
      if kind in model.input_kinds and not there:
        raise UserError(
          f'--inputs={model.inputs} needs {kind}, and these data have none '
          f'(--dataset={self.name}). {planes.CURES[kind]}'
        )
    apart = [split.name for split in self.splits.values() if len(split) and not split.aligned]
    if apart and model.inputs != ModelConfig.inputs:
      raise UserError(
        f'--inputs={model.inputs}: only pairs have layers, and images of split {apart[0]} are no '
        'pairs. Give --inputs=rgb, or data whose splits all have pairs.'
      )
    return dataclasses.replace(self, domains=with_inputs(self.domains, model, self.class_names))

  def facts(self) -> dict[str, Any]:
    """Returns what must not change while a run continues, ready for JSON."""
    domains = {
      name: {'channels': domain.channels, 'max_value': domain.max_value}
      for name, domain in self.domains.items()
    }
    splits = {
      split.name: {'rgb': len(split.rgb), 'ir': len(split.ir), 'aligned': split.aligned}
      for split in self.splits.values()
    }
    return {'fingerprint': self.fingerprint, 'domains': domains, 'splits': splits}
