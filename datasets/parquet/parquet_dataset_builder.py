"""TFDS builder for pairs in Parquet files.

builder = Builder(config=parquet_config('/data/hub'), data_dir='/data/prepared')
builder.download_and_prepare(file_format='array_record')
"""

from typing import ClassVar

import tensorflow_datasets as tfds

from datasets import shards_builder
from datasets.parquet.config import parquet_config, ParquetConfig

__all__ = ['Builder', 'ParquetConfig', 'parquet_config']


class Builder(shards_builder.Builder):
  """Pairs from the columns of Parquet files; see the base class."""

  VERSION = tfds.core.Version('1.1.0')
  RELEASE_NOTES: ClassVar = {
    '1.0.0': 'Initial release.',
    '1.1.0': 'Notes the values that IR images use; stores them over a span; reads labels.',
  }
