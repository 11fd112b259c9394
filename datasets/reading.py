"""Reads prepared data sets: records, domains and splits."""

from collections.abc import Mapping
import dataclasses
import hashlib
import pathlib
from typing import Any

import tensorflow_datasets as tfds

from cyclegan_jax.data.source import Dataset, make_domains, Records, Split, SPLITS
from cyclegan_jax.errors import UserError
from cyclegan_jax.settings import DataConfig
from datasets import leaks

_EIGHT_BITS = {'rgb': 255, 'ir': 255}


def dataset(
  builder: tfds.core.DatasetBuilder,
  config: DataConfig,
  description: str,
  identity: list[str],
  *,
  aligned: bool = True,
  max_values: Mapping[str, int] = _EIGHT_BITS,
) -> Dataset:
  """Returns a prepared data set as the library takes it, checked for leaks between splits.

  Args:
    builder: of the prepared copy.
    config: how examples are drawn.
    description: for people; the result of the leak check is added.
    identity: what the fingerprint is made of.
    aligned: whether examples are pairs; otherwise each domain has splits of its own.
    max_values: the largest pixel value of each domain.

  Raises:
    UserError: the copy is damaged.
  """
  domains, splits = make_domains(config, max_values), {}
  for split in SPLITS:
    if aligned and split in builder.info.splits:
      records = _records(builder, split)
      splits[split] = Split(split, records, records, aligned=True)
    elif f'{split}_rgb' in builder.info.splits and f'{split}_ir' in builder.info.splits:
      rgb, ir = (_Renamed(_records(builder, f'{split}_{key}'), key) for key in domains)
      splits[split] = Split(split, rgb, ir, aligned=False)
  fingerprint = hashlib.sha256('\n'.join(identity).encode()).hexdigest()
  leak = leaks.check(splits, pathlib.Path(builder.data_path))
  description = '\n  '.join([description, *([f'Leak check: {leak}'] if leak else [])])
  return Dataset(
    config.dataset, description, fingerprint, domains, splits, has_mask='mask' in _features(builder)
  )


def _features(builder: tfds.core.DatasetBuilder) -> list[str]:
  assert isinstance(builder.info.features, tfds.features.FeaturesDict)
  return list(builder.info.features)


def _records(builder: tfds.core.DatasetBuilder, split: str) -> Records:
  """Returns undecoded records; the pipeline decodes what it needs, 16-bit images included."""
  skip = {feature: tfds.decode.SkipDecoding() for feature in _features(builder)}
  try:
    # A decorator of TFDS hides the signature.
    source = builder.as_data_source(split, decoders=skip)
    if len(source):
      source[0]  # Opens the files.
    return source
  except RuntimeError as error:
    raise UserError(
      f'The prepared data set {builder.data_path} is damaged ({error}). Delete that '
      'folder; it is prepared again.'
    ) from error


@dataclasses.dataclass(frozen=True)
class _Renamed:
  """Records of single images as records of one domain."""

  records: Records
  domain: str

  def __len__(self) -> int:
    return len(self.records)

  def __getitem__(self, index: int) -> Mapping[str, Any]:
    record = self.records[index]
    return {self.domain: record['image'], 'id': record['id'], 'sequence': record['sequence']}
