"""What a prepared copy of your own folder consists of, found by looking through it."""

import collections
from collections.abc import Iterator, Sequence
import dataclasses
import hashlib
import itertools
import math
import os
import pathlib
import re
from typing import Any, NamedTuple

import tensorflow_datasets as tfds

from cyclegan_jax import errors
from cyclegan_jax.data import images
from datasets import storing
from datasets.folder import (
  exclude as exclude_lib,
  labels as label_lib,
  layouts,
  matching,
  pair_table as tables,
  splits,
)

# So many files of a domain at the most are looked at first. Preparation checks all.
_SAMPLED = 8
_MAX_NAMED = 3

# Suffix of the splits -> id -> domain -> file: either the pairs or the two collections.
_Groups = dict[str, dict[str, dict[str, layouts.ImageFile]]]


class Example(NamedTuple):
  """An image or a pair; the path is '' for a domain that it lacks."""

  id: str
  rgb: str = ''
  ir: str = ''

  @property
  def paths(self) -> dict[str, str]:
    """Domain -> path, of the domains that it has."""
    return {domain: path for domain, path in zip(('rgb', 'ir'), self[1:]) if path}


@dataclasses.dataclass(eq=False)
class FolderConfig(tfds.core.BuilderConfig):
  """A source folder, how it is read, and the examples found in it; see folder_config()."""

  source_dir: str = ''
  split_by: str = 'hash'  # 'folder', 'list', 'hash' or 'sequence'
  # Whether examples are pairs (splits train, validation, test) or each is one image of a domain
  # (splits train_rgb, train_ir, ...).
  aligned: bool = True
  rgb_channels: int = 3  # 1 or 3
  ir_channels: int = 1
  rgb_dtype: str = 'uint8'  # or 'uint16'
  ir_dtype: str = 'uint8'
  layout: str = ''  # for people: the folders taken for each domain
  labels: label_lib.LabelFiles | None = dataclasses.field(default=None, repr=False)
  # Sentences on what is left out and why, the images without a partner, and split -> its examples,
  # sorted by id. They are hidden from repr(), because TFDS logs the whole configuration.
  notes: tuple[str, ...] = dataclasses.field(default=(), repr=False)
  unmatched: tuple[str, ...] = dataclasses.field(default=(), repr=False)
  examples: dict[str, tuple[Example, ...]] = dataclasses.field(default_factory=dict, repr=False)
  # Split -> the folder of its images, for splits that have RGB images alone.
  rgb_only: dict[str, str] = dataclasses.field(default_factory=dict, repr=False)

  def channels(self, domain: str) -> int:
    """The number of channels of a domain, 'rgb' or 'ir'."""
    return {'rgb': self.rgb_channels, 'ir': self.ir_channels}[domain]

  def dtype(self, domain: str) -> str:
    """The type of a domain's pixels, 'uint8' or 'uint16'."""
    return {'rgb': self.rgb_dtype, 'ir': self.ir_dtype}[domain]


def folder_config(
  source_dir: str | os.PathLike,
  rgb_dir: str = '',
  ir_dir: str = '',
  split_by: str = 'auto',
  rgb_channels: int = 3,
  ir_channels: int = 1,
  paired: bool = True,
  label_dir: str = '',
  exclude: str = '',
  pairs: str = 'auto',
  pair_table: str = '',
) -> FolderConfig:
  """Looks through a folder of RGB and IR images and decides how to read it.

  Args:
    source_dir: the folder; '~' is expanded.
    rgb_dir, ir_dir: see `layouts.find_layout`.
    split_by: 'auto', 'folder', 'list', 'hash' or 'sequence'; see README.md.
    rgb_channels: 3, or 1 for luminance.
    ir_channels: 1, or 3 for images kept in color or gray repeated.
    paired: require pairs. Otherwise images that do not match are read as two unrelated collections.
      Images that match are pairs in any case, so that one prepared copy serves both.
    label_dir: see `labels.find`; '' for none.
    pairs: 'auto', or 'none' if images of equal names are strangers.
    pair_table: a file that lists the pairs, see pair_table.py; '' to go by names.
    exclude: a pairs.csv whose flagged pairs are left out, or ''; see exclude.py.

  Returns:
    The configuration for `Builder(config=...)`; its name changes with the names, sizes and times of
    the files, and with the options.

  Raises:
    UserError: nothing usable is found; the message names the folder, file or flag.
  """
  for flag, value in (('rgb_channels', rgb_channels), ('ir_channels', ir_channels)):
    if value not in (1, 3):
      raise errors.UserError(f'--{flag}={value}: must be 1 or 3.')
  if not os.fspath(source_dir):
    raise errors.UserError('--source_dir is empty; expected a folder with RGB and IR images.')
  source = pathlib.Path(source_dir).expanduser()
  if pairs == 'none' and (paired or pair_table):
    other = '--paired' if paired else f'--pair_table={pair_table}'
    way = 'give --nopaired, or leave out --pairs' if paired else 'leave one of them out'
    raise errors.UserError(f'--pairs=none and {other} contradict each other: {way}.')
  found = label_lib.find(source, label_dir) if label_dir else None
  images_of_labels = [file.path for file in found.files] if found else []
  by_table, others = [], frozenset(images_of_labels)
  if pair_table:
    layout, by_table = tables.find(source, pair_table, rgb_dir, ir_dir, others)
  else:
    layout = layouts.find_layout(source, rgb_dir, ir_dir, others)
  aligned, unmatched, note = False, [], ''
  if pairs != 'none':
    aligned, unmatched, note = matching.match(source, layout, paired)
  if found and not aligned:
    raise errors.UserError(
      f'--label_dir={label_dir}: labels are for pairs, but the RGB and IR images of {source} are '
      'two unrelated collections. Leave it out.'
    )
  groups = _groups(layout, aligned)
  method = splits.choose_method(source, itertools.chain(*groups.values()), split_by)
  names = [
    {id_: [file.relative for file in files.values()] for id_, files in group.items()}
    for group in groups.values()
  ]
  chosen = splits.assign(source, names, method)
  # After the division into splits, so that the other pairs stay in theirs.
  flagged = exclude_lib.flagged(exclude)
  exclude_lib.check(exclude, flagged, groups[''] if aligned else (), aligned)
  chosen = [{id_: split for id_, split in of.items() if id_ not in flagged} for of in chosen]
  left_out = {id_ for group in groups.values() for id_ in group} & flagged
  hint = split_by == 'auto' and method == 'hash'
  options: dict[str, Any] = dict(
    split_by=method,
    aligned=aligned,
    rgb_channels=rgb_channels,
    ir_channels=ir_channels,
    rgb_dtype=_dtype('rgb', layout.rgb),
    ir_dtype=_dtype('ir', layout.ir),
  )
  return FolderConfig(
    name=_name(source, layout, found, options, sorted(left_out)),
    labels=found,
    source_dir=str(source),
    layout=layout.description,
    description=layout.description,
    notes=(
      *_notes(layout.ignored, unmatched, groups, chosen, len(left_out), hint),
      *by_table,
      *([note] if note else []),
      *([] if paired or not aligned else matching.taken_for_pairs(chosen[0])),
    ),
    unmatched=tuple(unmatched),
    examples=_examples(groups, chosen),
    rgb_only=_rgb_only(layout) if method == 'folder' else {},
    **options,
  )


def _sample(ids: Sequence[str]) -> Sequence[str]:
  """Returns a few of the ids, evenly spaced."""
  return ids[:: max(1, math.ceil(len(ids) / _SAMPLED))]


def _dtype(domain: str, by_id: dict[str, layouts.ImageFile]) -> str:
  """Returns the dtype of a domain, from a few of its files; preparation checks them all."""
  paths = [by_id[id_].path for id_ in _sample(sorted(by_id))]
  examples = {images.image_header(path).dtype.name: path for path in paths}
  if len(examples) > 1:
    raise errors.UserError(mixed_message(domain, examples['uint8'], examples['uint16']))
  return next(iter(examples))


def mixed_message(domain: str, path_8: str, path_16: str) -> str:
  """Returns a message that a domain has both 8-bit and 16-bit images."""
  return (
    f'the {domain.upper()} images are 8-bit and 16-bit mixed: {path_8} has 8 bits, '
    f'{path_16} has 16. Expected one kind throughout: convert one into the other, '
    'knowing what its range means.'
  )


def _groups(layout: layouts.Layout, aligned: bool) -> _Groups:
  """Returns what is split by itself: the pairs, or the two collections."""
  domains = {'rgb': layout.rgb, 'ir': layout.ir}
  if aligned:
    shared = sorted(layout.rgb.keys() & layout.ir.keys())
    return {'': {id_: {domain: domains[domain][id_] for domain in domains} for id_ in shared}}
  return {
    f'_{domain}': {id_: {domain: file} for id_, file in sorted(by_id.items())}
    for domain, by_id in domains.items()
  }


def _examples(groups: _Groups, chosen: list[dict[str, str]]) -> dict[str, tuple[Example, ...]]:
  """Returns split -> examples, without empty splits, which TFDS refuses."""
  found = {split + suffix: [] for suffix in groups for split in splits.SPLITS}
  for (suffix, group), split_of in zip(groups.items(), chosen):
    for id_, files in group.items():
      if id_ in split_of:
        paths = {domain: file.path for domain, file in files.items()}
        found[split_of[id_] + suffix].append(Example(id_, **paths))
  return {split: tuple(examples) for split, examples in found.items() if examples}


def _rgb_only(layout: layouts.Layout) -> dict[str, str]:
  """Returns split -> the folder of its images, for folders of splits that have no IR images."""
  folders = collections.defaultdict(list)
  for id_, file in layout.rgb.items():
    folders[splits.split_folder(id_)].append(os.path.dirname(file.path))
  with_ir = {splits.split_folder(id_) for id_ in layout.ir}
  return {
    split: os.path.commonpath(folders[split])
    for split in splits.SPLITS
    if split in folders.keys() - with_ir
  }


def _name(
  source: pathlib.Path,
  layout: layouts.Layout,
  labels: label_lib.LabelFiles | None,
  options: dict[str, Any],
  left_out: Sequence[str],
) -> str:
  """Returns `<folder>-<12 hex digits>`; the digits are of files, options, and what is left out."""
  lines = [f'{key}={value}' for key, value in sorted(options.items())]
  for domain, by_id in (('rgb', layout.rgb), ('ir', layout.ir)):
    lines += [
      f'{domain}\t{id_}\t{file.relative}\t{file.size}\t{file.mtime_ns}'
      for id_, file in sorted(by_id.items())
    ]
  if labels:
    lines += [
      f'{labels.kind}\t{file.relative}\t{file.size}\t{file.mtime_ns}'
      for file in (*labels.files, *labels.names)
    ]
  lines += [f'excluded\t{id_}' for id_ in left_out]
  if options['split_by'] == 'list':
    lines += [
      f'list\t{path.name}\t{path.stat().st_size}\t{path.stat().st_mtime_ns}'
      for path in sorted(splits.list_files(source))
    ]
  digest = hashlib.sha256('\n'.join(lines).encode()).hexdigest()[:12]
  basename = re.sub(r'[^A-Za-z0-9_]+', '_', source.resolve().name).strip('_')[:40]
  return f'{basename or "folder"}-{digest}'


def _notes(
  ignored: int,
  unmatched: list[str],
  groups: _Groups,
  chosen: list[dict[str, str]],
  excluded: int,
  hint: bool,
) -> Iterator[str]:
  """Yields sentences on everything in the folder that is not used as you might expect.

  With `hint`, one of them points to --split_by=sequence if the folder may hold videos.
  """
  if unmatched:
    named = storing.some(unmatched, _MAX_NAMED)
    yield f'{len(unmatched)} images have no partner and are left out: {named}.'
  if len(groups) > 1:
    rgb, ir = map(len, groups.values())
    yield f'RGB and IR are read as two collections of {rgb} and {ir} images, not as pairs.'
  if ignored:
    yield f'{ignored} other images belong to neither domain and are ignored.'
  total = sum(map(len, groups.values()))
  if excluded:
    yield f'{excluded} flagged pairs are left out (--exclude).'
  if unlisted := total - excluded - sum(map(len, chosen)):
    yield f'{unlisted} of {total} examples are in none of the lists and are left out.'
  sequences = {splits.sequence_of(id_) for group in chosen for id_ in group}
  if hint and len(sequences) >= splits.MIN_SEQUENCES:
    yield (
      f'There are {len(sequences)} sub-folders; if they are video sequences, '
      '--split_by=sequence keeps neighboring frames out of different splits.'
    )
