"""Opens a folder of radiometric files as a prepared copy."""

from collections.abc import Mapping
import dataclasses
from typing import Any

from cyclegan_jax import files, radiometry
from cyclegan_jax.errors import UserError
from cyclegan_jax.settings import DataConfig
from datasets import preparing
from datasets.camera import camera_dataset_builder as camera, parameters, survey

# Of the pixels that are stored.
MAX_VALUES: Mapping[str, int] = {'rgb': 255, 'ir': 65535}


@dataclasses.dataclass(frozen=True)
class Opened:
  """A prepared copy.

  Attributes:
    builder: its builder.
    notes: what is to be known of the files, for people.
    identity: what a fingerprint of the data is made of.
  """

  builder: camera.Builder
  notes: list[str]
  identity: list[str]


def opened(config: DataConfig, options: Mapping[str, Any], data_dir: str | None) -> Opened:
  """Prepares the folder of a configuration if need be; `options` are those of the data set.

  Raises:
    UserError: the folder, a file, or a setting cannot be used.
  """
  if not config.source_dir:
    raise UserError("--dataset=camera needs --source_dir, the folder with the camera's files.")
  source = files.expanded(config.source_dir)

  def make(ir_span: str) -> camera.Builder:
    found = camera.camera_config(source, ir_span=ir_span, exclude=config.exclude, **options)
    return camera.Builder(config=found, data_dir=data_dir)

  # A copy that came to the same span by itself serves, too: a run keeps the span.
  by_itself = (make('').info.metadata or {}).get('ir_span', '')
  same = radiometry.parse_span(by_itself) == survey.span_of(config.ir_span)
  builder = preparing.prepared(lambda: make('' if same else config.ir_span))
  kept = builder.info.metadata or {}
  summary = f'camera {config.source_dir}: {builder.builder_config.description}'
  table = f'What the camera recorded: {builder.data_path / parameters.CSV}'
  return Opened(builder, [summary, *kept['notes'], table], [kept['ir_span'], kept['identity']])
