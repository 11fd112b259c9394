"""What a prepared copy of a folder of radiometric files is made of."""

import dataclasses
import os
import pathlib

import tensorflow_datasets as tfds

from cyclegan_jax import errors, files as file_lib
from datasets import storing
from datasets.camera import files, survey
from datasets.camera.files import SourceFile
from datasets.folder import exclude as exclude_lib, lists, splits


@dataclasses.dataclass(eq=False)
class CameraConfig(tfds.core.BuilderConfig):
  """A source folder and how its files are used; see camera_config()."""

  source_dir: str = ''
  split_by: str = 'hash'  # 'folder', 'list', 'hash' or 'sequence'
  ir_span: str = ''  # as the flag; '' for the range of the files
  align: str = 'edges'
  # Hidden from repr(), because TFDS logs the whole configuration: the files, and the ids of pairs
  # that are left out.
  files: tuple[SourceFile, ...] = dataclasses.field(default=(), repr=False)
  left_out: tuple[str, ...] = dataclasses.field(default=(), repr=False)


def camera_config(
  source_dir: str | os.PathLike,
  *,
  split_by: str = 'auto',
  align: str = 'edges',
  ir_span: str = '',
  exclude: str = '',
) -> CameraConfig:
  """Lists the JPEG files of a folder; preparation looks into them.

  Args:
    source_dir: the folder; '~' is expanded.
    split_by: as for the data set folder.
    align, ir_span: see `survey.survey`.
    exclude: a pairs.csv whose flagged pairs are left out, or ''.

  Returns:
    The configuration for `Builder(config=...)`; its name changes with the names, sizes and times of
    the files, and with the options.

  Raises:
    UserError: there are no such files, or an option has a wrong value.
  """
  source = file_lib.expanded(source_dir)
  if align not in survey.ALIGN:
    raise errors.UserError(f'--align={align}: must be one of {", ".join(survey.ALIGN)}.')
  span = survey.span_of(ir_span)
  found = files.find(source)
  ids = [file.id for file in found]
  flagged = exclude_lib.flagged(exclude)
  exclude_lib.check(exclude, flagged, ids, aligned=True)
  foreign = splits.foreign_lists(source, [{file.id: [file.relative] for file in found}], split_by)
  method = splits.choose_method(source, ids, split_by, not foreign)
  left_out = tuple(sorted(flagged.intersection(ids)))
  options = {'split_by': method, 'align': align, 'ir_span': span.text if span else ''}
  return CameraConfig(
    name=_name(source, found, {**options, 'left_out': left_out}),
    source_dir=str(source),
    description=f'{len(found)} JPEG files of {source.name}, split by {method}. {foreign}'.strip(),
    files=found,
    left_out=left_out,
    **options,
  )


def _name(source: pathlib.Path, found: tuple[SourceFile, ...], options: dict[str, object]) -> str:
  """Returns `<folder>-<12 hex digits>`; the digits are of the options and the files."""
  lines = [f'{key}={value}' for key, value in sorted(options.items())]
  lines += [f'{file.relative}\t{file.size}\t{file.mtime_ns}' for file in found]
  if options['split_by'] == 'list':
    lines += lists.stamps(source)
  return storing.name_of_copy(storing.prefix_of_copy(source, 'camera'), lines)
