"""The records of a prepared copy, undecoded."""

from collections.abc import Mapping
import dataclasses
from typing import Any

import tensorflow_datasets as tfds

from cyclegan_jax.data import layers
from cyclegan_jax.data.records import Records
from cyclegan_jax.errors import UserError


def unusable(builder: tfds.core.DatasetBuilder, problem: str) -> UserError:
  """Returns an error about a prepared copy; the problem follows "is"."""
  return UserError(
    f'The prepared data set {builder.data_path} is {problem}. Delete that folder; it is prepared '
    'again.'
  )


def of_split(builder: tfds.core.DatasetBuilder, split: str) -> Records:
  """Returns undecoded records; the pipeline decodes what it needs, 16-bit images included.

  Only layers that are no image are decoded here.
  """
  skip = {
    name: tfds.decode.SkipDecoding()
    for name, feature in builder.info.features.items()
    if name not in layers.UNKNOWN or isinstance(feature, tfds.features.Image)
  }
  try:
    source = builder.as_data_source(split, decoders=skip)
    if len(source):
      source[0]  # Opens the files.
    return Whole(source, builder)
  except RuntimeError as error:
    raise unusable(builder, f'damaged ({error})') from error


@dataclasses.dataclass(frozen=True)
class Whole:
  """Records of which a damaged one is refused: ArrayRecord verifies checksums as it reads."""

  records: Records
  builder: tfds.core.DatasetBuilder

  def __len__(self) -> int:
    return len(self.records)

  def __getitem__(self, index: int) -> Mapping[str, Any]:
    if index >= len(self):
      raise IndexError(index)
    try:
      return self.records[index]
    except (RuntimeError, ValueError) as error:
      raise unusable(self.builder, f'damaged ({error})') from error


@dataclasses.dataclass(frozen=True)
class Joined:
  """Records of several splits, one after the other."""

  parts: tuple[Records, ...]

  def __len__(self) -> int:
    return sum(map(len, self.parts))

  def __getitem__(self, index: int) -> Mapping[str, Any]:
    for part in self.parts:
      if index < len(part):
        return part[index]
      index -= len(part)
    raise IndexError(index)


@dataclasses.dataclass(frozen=True)
class Renamed:
  """Records of single images as records of one domain."""

  records: Records
  domain: str

  def __len__(self) -> int:
    return len(self.records)

  def __getitem__(self, index: int) -> Mapping[str, Any]:
    record = {**self.records[index]}
    return {self.domain: record.pop('image'), **record}
