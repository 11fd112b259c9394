"""TFDS builder for pairs in tar archives in WebDataset's layout.

builder = Builder(config=webdataset_config('/data/shards'), data_dir='/data/prepared')
builder.download_and_prepare(file_format='array_record')
"""

from typing import ClassVar

import tensorflow_datasets as tfds

from datasets import shards_builder
from datasets.webdataset.config import webdataset_config, WebDatasetConfig

__all__ = ['Builder', 'WebDatasetConfig', 'webdataset_config']


class Builder(shards_builder.Builder):
  """Pairs from the samples of tar archives; see the base class."""

  VERSION = tfds.core.Version('1.1.0')
  RELEASE_NOTES: ClassVar = {
    '1.0.0': 'Initial release.',
    '1.1.0': 'Notes the values that IR images use; stores them over a span; reads labels.',
  }
