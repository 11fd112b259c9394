"""Sets of pairs as hubs have them: image files within shards, many to a file.

A shard is a Parquet file or a tar archive. Its images are in columns, one for each domain. What
differs, how rows are read, is in datasets/parquet and datasets/webdataset.
"""

import abc
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
import dataclasses
import os
import pathlib
import re
from typing import Any, ClassVar, NamedTuple, TypeVar

from cyclegan_jax import files
from cyclegan_jax.errors import UserError
from cyclegan_jax.image_files import walk
from datasets import archives, pixels, storing
from datasets.folder import exclude as exclude_lib, pixel_types, splits

METHODS = ('auto', 'folder', 'hash')
DOMAINS = ('rgb', 'ir')
# What columns may hold, for people.
KINDS = {'rgb': 'RGB', 'ir': 'IR', 'labels': 'label'}

_WORDS = {
  'rgb': frozenset(('rgb', 'visible', 'vi', 'vis', 'color', 'colour', 'optical')),
  'ir': frozenset(('ir', 'infrared', 'thermal', 'lwir', 'tir', 't')),
}
_MAX_NAMED = 12
_LETTERS = re.compile(r'[a-z]+')


class Shard(NamedTuple):
  """A file with many examples."""

  path: str
  relative: str  # Below the source folder, with slashes.
  size: int
  mtime_ns: int

  @property
  def stem(self) -> str:
    """The relative path without extensions, which ids begin with."""
    folder, slash, name = self.relative.rpartition('/')
    return f'{folder}{slash}{name.partition(".")[0]}'

  @property
  def split(self) -> str:
    """The split that its name or a folder says, as in train-00000-of-00002; '' if none does."""
    words = _LETTERS.findall(self.stem.lower())
    return splits.split_folder('/'.join([*words, 'x']))


class Row(NamedTuple):
  """One example of a shard, still encoded; None for an image that it lacks."""

  id: str
  shown: str  # For messages: the shard, and the place in it.
  rgb: bytes | None
  ir: bytes | None
  labels: bytes | None = None

  @property
  def is_whole(self) -> bool:
    """Whether it is a pair."""
    return self.rgb is not None and self.ir is not None


@dataclasses.dataclass(eq=False)
class Config(pixels.Config, abc.ABC):
  """The shards of a source folder, and how they are read."""

  # For people: a kind of file, what there is one of in each row, and the extensions.
  kind: ClassVar[str]
  extensions: ClassVar[tuple[str, ...]]
  hint: ClassVar[str] = ''  # Ends a message that no row has both images.

  shards: tuple[Shard, ...] = dataclasses.field(default=(), repr=False)
  # 'rgb', 'ir', and perhaps 'labels' -> column.
  columns: Mapping[str, str] = dataclasses.field(default_factory=dict)
  split_by: str = 'hash'  # 'folder' or 'hash'
  exclude: str = ''  # The file that flags pairs, and the ids of those.
  excluded: frozenset[str] = dataclasses.field(default=frozenset(), repr=False)

  @staticmethod
  def column(given: str) -> str:
    """Returns a column, as a flag names it, as `image_columns` does."""
    return given

  @abc.abstractmethod
  def image_columns(self, shard: Shard) -> list[str]:
    """Returns the columns of a shard that may hold images; UserError if it cannot be read."""

  @abc.abstractmethod
  def rows(self, shard: Shard) -> Iterator[Row]:
    """Yields the rows of a shard, as few in memory as possible; UserError if it cannot be read."""

  @property
  def layout(self) -> str:
    """What was found, for people."""
    n = len(self.shards)
    places = [f'{KINDS[key]} in column {column!r}' for key, column in self.columns.items()]
    return ', '.join([f'{n} {self.kind} file{"s" * (n > 1)}', *places])

  @property
  def identity(self) -> list[str]:
    """What the fingerprint of the data set is made of: what a copy of the files keeps."""
    options = [f'{key}={column}' for key, column in self.columns.items()]
    files = [f'{shard.relative} {shard.size}' for shard in self.shards]
    return [*options, self.split_by, *files, *sorted(self.excluded)]


Found = TypeVar('Found', bound=Config)


def look_through(
  make: Callable[..., Found],
  source_dir: str | os.PathLike,
  *,
  rgb_column: str = '',
  ir_column: str = '',
  label_column: str = '',
  split_by: str = 'auto',
  rgb_channels: int = 3,
  ir_channels: int = 1,
  exclude: str = '',
) -> Found:
  """Looks through a folder of shards and decides how to read them.

  Args:
    make: the class of the configuration.
    source_dir: the folder; '~' is expanded.
    rgb_column: the column of the RGB images; '' to guess it by its name.
    ir_column: that of the IR images, likewise.
    label_column: that of images of class indices; '' for none.
    split_by: one of METHODS; 'folder' goes by names of files and folders.
    rgb_channels: 3, or 1 for luminance.
    ir_channels: 1, or 3 for images kept in color or gray repeated.
    exclude: a pairs.csv whose flagged pairs are left out, or ''.

  Returns:
    The configuration for `Builder(config=...)`; its name changes with the names, sizes and times of
    the files, and with the options.

  Raises:
    UserError: there are no shards, a column is not there or cannot be guessed, names of shards say
      no split, no row has both images, or what reads them is not installed.
  """
  config = make(
    name='',
    source_dir=str(files.expanded(source_dir)),
    rgb_channels=rgb_channels,
    ir_channels=ir_channels,
    exclude=exclude,
  )
  named = {'rgb': rgb_column, 'ir': ir_column, 'label': label_column}
  given = {key: config.column(column) for key, column in named.items()}
  shards = _find(config)
  available = config.image_columns(shards[0])
  columns = _columns(config, shards[0], available, given)
  for shard in shards[1:]:
    there = config.image_columns(shard)
    for key, column in columns.items():
      if column not in there:
        raise UserError(
          f'{shard.path}: no column {column!r} with images, which {shards[0].relative} has for '
          f'{KINDS[key]} images. Move files of another data set away.'
        )
  found = dataclasses.replace(
    config,
    shards=tuple(shards),
    columns=columns,
    split_by=_method(config, shards, split_by),
    excluded=exclude_lib.flagged(config.exclude),
  )
  dtypes = _dtypes(found)
  found = dataclasses.replace(found, rgb_dtype=dtypes['rgb'], ir_dtype=dtypes['ir'])
  return dataclasses.replace(found, name=_name(found), description=found.layout)


def _find(config: Config) -> list[Shard]:
  source = pathlib.Path(config.source_dir)
  archives.check_folder(source, f'{config.kind} files')
  shards = [
    Shard(path, '/'.join(parts), info.st_size, info.st_mtime_ns)
    for path, parts, info in walk.files_below(source)
    if parts[-1].lower().endswith(config.extensions) and info
  ]
  if not shards:
    raise UserError(
      f'--source_dir={source}: no {config.kind} files; expected some ending in '
      f'{", ".join(config.extensions)}.'
    )
  by_stem: dict[str, Shard] = {}
  for shard in sorted(shards, key=lambda shard: shard.relative):
    other = by_stem.setdefault(shard.stem, shard)
    if other is not shard:
      raise UserError(
        f'{other.path} and {shard.path} have one name; their rows cannot be told apart. Rename one.'
      )
  return list(by_stem.values())


def _columns(
  config: Config, shard: Shard, available: Sequence[str], given: Mapping[str, str]
) -> dict[str, str]:
  """Domain -> column: as given, or the only one whose name has a word for the domain.

  And 'labels', if their column is given.
  """
  listed = f'Columns with images: {storing.some(list(available), _MAX_NAMED) or "none"}.'
  for key, column in given.items():
    if column and column not in available:
      raise UserError(
        f'--{key}_column={column}: {shard.path} has no such column with images. {listed}'
      )
  columns = {domain: given[domain] or _guessed(domain, available) for domain in DOMAINS}
  if len(available) == 2:  # One of two tells the other.
    for domain, other in (DOMAINS, DOMAINS[::-1]):
      if columns[other] and not columns[domain]:
        columns[domain] = next((name for name in available if name != columns[other]), '')
  if not all(columns.values()):
    raise UserError(
      f'{shard.path}: the names of its columns do not tell which are the RGB and the IR images. '
      f'{listed} Name them with --rgb_column and --ir_column.'
    )
  if columns['rgb'] == columns['ir']:
    raise UserError(f'--rgb_column and --ir_column are the same: {columns["rgb"]}.')
  return columns | ({'labels': given['label']} if given['label'] else {})


def _guessed(domain: str, available: Iterable[str]) -> str:
  words = {name: set(_LETTERS.findall(name.lower())) for name in available}
  other = _WORDS[DOMAINS[domain == 'rgb']]
  fitting = [name for name in words if words[name] & _WORDS[domain] and not words[name] & other]
  return fitting[0] if len(fitting) == 1 else ''


def _method(config: Config, shards: Iterable[Shard], split_by: str) -> str:
  silent = [shard for shard in shards if not shard.split]
  if split_by == 'auto':
    return 'hash' if silent else 'folder'
  if split_by == 'folder' and silent:
    raise UserError(
      f'--split_by=folder: the name of {silent[0].path} says no split; expected train, val or test '
      f'in the names of all {config.kind} files or of their folders. Use --split_by=hash.'
    )
  return split_by


def _dtypes(config: Config) -> dict[str, str]:
  """The dtypes of the first pair; preparing checks all."""
  for shard in config.shards:
    for row in config.rows(shard):
      if row.rgb is not None and row.ir is not None:
        with_names = {'rgb': row.rgb, 'ir': row.ir}
        return {
          domain: pixel_types.of_file(domain, data, f'{row.shown} ({config.columns[domain]})')
          for domain, data in with_names.items()
        }
  raise UserError(
    f'{config.source_dir}: no row has both images ({config.layout}). Name other columns with '
    f'--rgb_column and --ir_column{config.hint}.'
  )


def _name(config: Config) -> str:
  """Returns `<folder>-<12 hex digits>`; the digits are of files, options, and what is left out."""
  kinds = [f'{domain} {config.channels(domain)} {config.dtype(domain)}' for domain in DOMAINS]
  times = [str(shard.mtime_ns) for shard in config.shards]
  prefix = storing.prefix_of_copy(pathlib.Path(config.source_dir), 'set')
  return storing.name_of_copy(prefix, [*config.identity, *kinds, *times])


def assigned(config: Config, ids: Mapping[Shard, Collection[str]]) -> dict[str, str]:
  """Returns id -> split of the ids that are not left out, by shards' names or by hash.

  Raises:
    UserError: the file of flagged pairs has nothing to do with these ids.
  """
  known = [id_ for of_shard in ids.values() for id_ in of_shard]
  exclude_lib.check(config.exclude, config.excluded, known, True)
  if config.split_by == 'hash':
    names: dict[str, Any] = dict.fromkeys(known, ())
    (chosen,) = splits.assign(pathlib.Path(config.source_dir), [names], 'hash')
  else:
    # In the way of folders: with the split as the first one.
    placed = {f'{shard.split}/{id_}': id_ for shard, own in ids.items() for id_ in own}
    named = dict.fromkeys(placed, ())
    (by_name,) = splits.assign(pathlib.Path(config.source_dir), [named], 'folder')
    chosen = {placed[name]: split for name, split in by_name.items()}
  return {id_: split for id_, split in chosen.items() if id_ not in config.excluded}
