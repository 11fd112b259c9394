"""A folder of images, prepared if need be."""

from collections.abc import Mapping
from typing import Any

from cyclegan_jax import files
from cyclegan_jax.errors import UserError
from cyclegan_jax.settings import DataConfig
from datasets import preparing
from datasets.folder import folder_dataset_builder as folder


def opened(
  config: DataConfig, options: Mapping[str, Any], data_dir: str | None
) -> tuple[folder.Builder, folder.FolderConfig]:
  """Prepares the folder of a configuration if need be; `options` are those of the data set.

  Returns:
    Its builder, and what was found in it.

  Raises:
    UserError: the folder, a file, or a setting cannot be used.
  """
  if not config.source_dir:
    raise UserError('--dataset=folder needs --source_dir, the folder with your images.')
  found = folder.folder_config(
    files.expanded(config.source_dir),
    config.rgb_dir,
    config.ir_dir,
    rgb_channels=config.rgb_channels,
    ir_channels=config.ir_channels,
    paired=config.paired,
    label_dir=config.label_dir,
    exclude=config.exclude,
    **options,
  )
  make = lambda found: folder.Builder(config=found, data_dir=data_dir)
  builder = preparing.with_span(make, found, config.ir_span)
  return builder, builder.builder_config
