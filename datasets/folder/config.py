"""What a prepared copy of your own folder consists of, found by looking through it."""

import collections
from collections.abc import Sequence
import dataclasses
import itertools
import os
import pathlib
from typing import Any, NamedTuple

import numpy as np

from cyclegan_jax import errors, files as file_lib
from datasets import pixels, storing
from datasets.folder import (
  alpha,
  exclude as exclude_lib,
  labels as label_lib,
  layouts,
  lists,
  matching,
  names as name_lib,
  notes as note_lib,
  pair_table as tables,
  pixel_types,
  side_by_side as halves,
  splits,
)


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
class FolderConfig(pixels.Config):
  """A source folder, how it is read, and the examples found in it; see folder_config()."""

  split_by: str = 'hash'  # 'folder', 'list', 'hash' or 'sequence'
  # Whether examples are pairs (splits train, validation, test) or each is one image of a domain
  # (splits train_rgb, train_ir, ...).
  aligned: bool = True
  side_by_side: str = ''  # 'ab' if each image holds RGB left and IR right; 'ba'
  layout: str = ''  # for people: the folders taken for each domain
  labels: label_lib.LabelFiles | None = dataclasses.field(default=None, repr=False)
  # Sentences on what is left out and why, the images without a partner, and split -> its examples,
  # sorted by id. They are hidden from repr(), because TFDS logs the whole configuration.
  notes: tuple[str, ...] = dataclasses.field(default=(), repr=False)
  unmatched: tuple[str, ...] = dataclasses.field(default=(), repr=False)
  examples: dict[str, tuple[Example, ...]] = dataclasses.field(default_factory=dict, repr=False)
  # Split -> the folder of its images, for splits that have RGB images alone.
  rgb_only: dict[str, str] = dataclasses.field(default_factory=dict, repr=False)

  @property
  def holds_both(self) -> bool:
    """Whether each file holds both images of a pair."""
    return bool(self.side_by_side)

  def part(self, array: np.ndarray, domain: str, name: str) -> np.ndarray:
    """Returns a domain's image, given all pixels of its file; ImageError if they cannot be one."""
    if not self.side_by_side:
      return super().part(array, domain, name)
    channels = self.channels(domain)
    return halves.for_domain(array, domain, channels, self.side_by_side, name)


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
  rgb_pattern: str = '',
  ir_pattern: str = '',
  side_by_side: str = 'auto',
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
    rgb_pattern, ir_pattern: what names look like, see patterns.py; '' for whatever is found.
    side_by_side: 'auto', or 'ab' or 'ba' if each image holds both domains, see side_by_side.py.

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
  source = file_lib.expanded(source_dir)
  if pairs == 'none' and (paired or pair_table):
    other = '--paired' if paired else f'--pair_table={pair_table}'
    way = 'give --nopaired, or leave out --pairs' if paired else 'leave one of them out'
    raise errors.UserError(f'--pairs=none and {other} contradict each other: {way}.')
  found = label_lib.find(source, label_dir) if label_dir else None
  others = frozenset(file.path for file in found.files) if found else frozenset()
  patterns, by_table = (rgb_pattern, ir_pattern), []
  if pair_table:
    if any(patterns) or side_by_side != 'auto':
      raise errors.UserError(
        f'--pair_table={pair_table} says which files are pairs: leave out --rgb_pattern, '
        '--ir_pattern and --side_by_side.'
      )
    layout, by_table = tables.find(source, pair_table, rgb_dir, ir_dir, others)
  else:
    try:
      layout = layouts.find_layout(source, rgb_dir, ir_dir, others, patterns, side_by_side)
    except errors.UserError as error:
      raise errors.UserError(f'{error}{alpha.hint(source)}') from error
  if found and layout.side:
    raise errors.UserError(
      f'--label_dir={label_dir}: labels are for images of one domain, but those of {source} hold '
      'RGB and IR side by side. Leave it out, or cut the images into two folders.'
    )
  if pairs != 'none' and not any(patterns) and not pair_table:
    layout = name_lib.paired_up(layout, paired)
  aligned, unmatched, note = False, [], ''
  if pairs != 'none':
    aligned, unmatched, note = matching.match(source, layout, paired)
  if found and not aligned:
    raise errors.UserError(
      f'--label_dir={label_dir}: labels are for pairs, but the RGB and IR images of {source} are '
      'two unrelated collections. Leave it out.'
    )
  groups = _groups(layout, aligned)
  names = [
    {id_: [file.relative for file in files.values()] for id_, files in group.items()}
    for group in groups.values()
  ]
  passed_over = splits.foreign_lists(source, names, split_by)
  method = splits.choose_method(source, itertools.chain(*names), split_by, not passed_over)
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
    rgb_dtype=pixel_types.of_domain('rgb', layout.rgb),
    ir_dtype=pixel_types.of_domain('ir', layout.ir),
    **({'side_by_side': layout.side} if layout.side else {}),
  )
  return FolderConfig(
    name=_name(source, layout, found, options, sorted(left_out)),
    labels=found,
    source_dir=str(source),
    layout=layout.description,
    description=layout.description,
    notes=(
      *note_lib.unused(layout, unmatched, groups, chosen, len(left_out), hint),
      *by_table,
      *(text for text in (note, passed_over) if text),
      *([] if paired or not aligned else matching.taken_for_pairs(chosen[0])),
    ),
    unmatched=tuple(unmatched),
    examples=_examples(groups, chosen),
    rgb_only=_rgb_only(layout) if method == 'folder' else {},
    **options,
  )


def _groups(layout: layouts.Layout, aligned: bool) -> note_lib.Groups:
  """Returns what is split by itself: the pairs, or the two collections."""
  domains = {'rgb': layout.rgb, 'ir': layout.ir}
  if aligned:
    shared = sorted(layout.rgb.keys() & layout.ir.keys())
    return {'': {id_: {domain: domains[domain][id_] for domain in domains} for id_ in shared}}
  return {
    f'_{domain}': {id_: {domain: file} for id_, file in sorted(by_id.items())}
    for domain, by_id in domains.items()
  }


def _examples(
  groups: note_lib.Groups, chosen: list[dict[str, str]]
) -> dict[str, tuple[Example, ...]]:
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
    lines += [f'list\t{stamp}' for stamp in lists.stamps(source)]
  return storing.name_of_copy(storing.prefix_of_copy(source, 'folder'), lines)
