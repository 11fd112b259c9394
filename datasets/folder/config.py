"""What a prepared copy of your own folder consists of, found by looking through it."""

from collections.abc import Iterable, Sequence
import dataclasses
import hashlib
import os
import pathlib
import re
from typing import Any, NamedTuple

import tensorflow_datasets as tfds

from cyclegan_jax import errors
from cyclegan_jax.data import images
from datasets.folder import layouts, splits

# Files of a domain to look at first. Preparation checks all.
_SAMPLED = 8
_MAX_NAMED = 3


class Example(NamedTuple):
  """An image or a pair; the path is '' for a domain that it lacks."""

  id: str
  rgb: str
  ir: str


@dataclasses.dataclass(eq=False)
class FolderConfig(tfds.core.BuilderConfig):
  """A source folder, how it is read, and the examples found in it; see folder_config().

  Attributes:
    source_dir: the source folder.
    rgb_dir: the subfolder with the RGB images; '' if it was found by looking.
    ir_dir: the subfolder with the IR images; '' if it was found by looking.
    split_by: 'folder', 'list', 'hash' or 'sequence'.
    aligned: True if examples are pairs (splits train, validation, test), False if each is one
      image of a domain (splits train_rgb, train_ir, ...).
    rgb_channels: 1 or 3.
    ir_channels: 1 or 3.
    rgb_dtype: 'uint8' or 'uint16'.
    ir_dtype: 'uint8' or 'uint16'.
    layout: text for people: the folders taken for each domain.
    notes: sentences for people on what is left out and why.
    unmatched: relative paths of the images without a partner.
    examples: split -> its examples, sorted by id.
  """

  source_dir: str = ''
  rgb_dir: str = ''
  ir_dir: str = ''
  split_by: str = 'hash'
  aligned: bool = True
  rgb_channels: int = 3
  ir_channels: int = 1
  rgb_dtype: str = 'uint8'
  ir_dtype: str = 'uint8'
  layout: str = ''
  # Hidden from repr(), because TFDS logs the whole configuration.
  notes: tuple[str, ...] = dataclasses.field(default=(), repr=False)
  unmatched: tuple[str, ...] = dataclasses.field(default=(), repr=False)
  examples: dict[str, tuple[Example, ...]] = dataclasses.field(default_factory=dict, repr=False)

  def channels(self, domain: str) -> int:
    """The number of channels of a domain, 'rgb' or 'ir'."""
    return self.rgb_channels if domain == 'rgb' else self.ir_channels

  def dtype(self, domain: str) -> str:
    """The type of a domain's pixels, 'uint8' or 'uint16'."""
    return self.rgb_dtype if domain == 'rgb' else self.ir_dtype


def folder_config(
  source_dir: str | os.PathLike,
  rgb_dir: str = '',
  ir_dir: str = '',
  split_by: str = 'auto',
  rgb_channels: int = 3,
  ir_channels: int = 1,
  paired: bool = True,
) -> FolderConfig:
  """Looks through a folder of RGB and IR images and decides how to read it.

  Args:
    source_dir: the folder; '~' is expanded.
    rgb_dir: the folder of the RGB images, relative to source_dir, or a name that occurs at any
      depth below it; '' means: recognize the layout.
    ir_dir: the same for the IR images. Give both or none.
    split_by: 'auto', 'folder', 'list', 'hash' or 'sequence'; see README.md.
    rgb_channels: 3, or 1 for luminance.
    ir_channels: 1, or 3 for images kept in color or gray repeated.
    paired: require pairs. Otherwise images that do not match are read as two unrelated
      collections. Images that match are read as pairs in any case, so that one prepared copy
      serves both.

  Returns:
    The configuration for `Builder(config=...)`. Its name changes with the names, sizes and
    times of the files, and with the options.

  Raises:
    UserError: nothing usable is found; the message names the folder, file or flag.
  """
  for flag, value in (('rgb_channels', rgb_channels), ('ir_channels', ir_channels)):
    if value not in (1, 3):
      raise errors.UserError(f'--{flag}={value}: must be 1 or 3.')
  if not os.fspath(source_dir):
    raise errors.UserError('--source_dir is empty; expected a folder with RGB and IR images.')
  source = pathlib.Path(source_dir).expanduser()
  layout = layouts.find_layout(source, layouts.scan(source), rgb_dir, ir_dir)
  aligned, unmatched = _match(source, layout, paired)
  method, chosen = _split(source, layout, aligned, split_by)
  options: dict[str, Any] = dict(
    split_by=method,
    aligned=aligned,
    rgb_channels=rgb_channels,
    ir_channels=ir_channels,
    rgb_dtype=_dtype('rgb', layout.rgb),
    ir_dtype=_dtype('ir', layout.ir),
  )
  return FolderConfig(
    name=_name(source, layout, options),
    source_dir=str(source),
    rgb_dir=rgb_dir,
    ir_dir=ir_dir,
    layout=layout.description,
    description=layout.description,
    notes=_notes(layout, aligned, unmatched, method, split_by, chosen),
    unmatched=tuple(unmatched),
    examples=_examples(layout, aligned, chosen),
    **options,
  )


def _match(source: pathlib.Path, layout: layouts.Layout, paired: bool) -> tuple[bool, list[str]]:
  """Returns whether the layout is read as pairs, and the files without a partner."""
  shared = layout.rgb.keys() & layout.ir.keys()
  alone = [
    by_id[id_].relative
    for by_id in (layout.rgb, layout.ir)
    for id_ in sorted(by_id.keys() - shared)
  ]
  enough = len(alone) <= 2 * len(shared)  # at most half of all files
  if not paired:
    aligned = enough and _same_sizes(layout, sorted(shared))
    return aligned, alone if aligned else []
  if not shared:
    raise errors.UserError(
      f'{source}: no matching stems: {layout.description}, but no RGB image has the name of '
      f'an IR image, such as {_first(layout.rgb)} and {_first(layout.ir)}. Rename the files '
      'of a pair alike, or train without pairs (--nopaired).'
    )
  if not enough:
    raise errors.UserError(
      f'{source}: {len(alone)} of {len(layout.rgb) + len(layout.ir)} images, more than half, '
      f'have no partner of the same name in the other domain, such as {_some(alone)}. Rename '
      'the files of a pair alike, or train without pairs (--nopaired).'
    )
  return True, alone


def _same_sizes(layout: layouts.Layout, ids: Sequence[str]) -> bool:
  """Returns whether some pairs agree in size: unrelated images may both be called 0001."""
  return all(
    images.image_header(layout.rgb[id_].path)[:2] == images.image_header(layout.ir[id_].path)[:2]
    for id_ in _sample(ids)
  )


def _sample(items: Sequence[str]) -> list[str]:
  """Returns a few of the items, evenly spaced."""
  count = min(len(items), _SAMPLED)
  return [items[i * len(items) // count] for i in range(count)]


def _dtype(domain: str, by_id: dict[str, layouts.ImageFile]) -> str:
  """Returns the dtype of a domain, from a few of its files; preparation checks them all."""
  examples = {}
  for id_ in _sample(sorted(by_id)):
    path = by_id[id_].path
    examples.setdefault(images.image_header(path).dtype.name, path)
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


def _split(
  source: pathlib.Path, layout: layouts.Layout, aligned: bool, split_by: str
) -> tuple[str, list[dict[str, str]]]:
  """Returns the method, and id -> split for the pairs or for each of the two collections."""
  if aligned:
    ids = layout.rgb.keys() & layout.ir.keys()
    groups = [{id_: (layout.rgb[id_].relative, layout.ir[id_].relative) for id_ in ids}]
  else:
    groups = [
      {id_: (file.relative,) for id_, file in by_id.items()} for by_id in (layout.rgb, layout.ir)
    ]
  method = splits.choose_method(source, [id_ for group in groups for id_ in group], split_by)
  return method, splits.assign(source, groups, method)


def _examples(
  layout: layouts.Layout, aligned: bool, chosen: list[dict[str, str]]
) -> dict[str, tuple[Example, ...]]:
  """Returns split -> examples, without empty splits, which TFDS refuses."""
  if aligned:
    groups = [
      ('', [Example(id_, layout.rgb[id_].path, layout.ir[id_].path) for id_ in sorted(chosen[0])])
    ]
  else:
    groups = [
      ('_rgb', [Example(id_, layout.rgb[id_].path, '') for id_ in sorted(chosen[0])]),
      ('_ir', [Example(id_, '', layout.ir[id_].path) for id_ in sorted(chosen[1])]),
    ]
  found = {
    split + suffix: tuple(e for e in examples if split_of[e.id] == split)
    for (suffix, examples), split_of in zip(groups, chosen)
    for split in splits.SPLITS
  }
  return {split: examples for split, examples in found.items() if examples}


def _name(source: pathlib.Path, layout: layouts.Layout, options: dict[str, Any]) -> str:
  """Returns `<folder>-<12 hex digits>`; the digits are of files and options."""
  lines = [f'{key}={value}' for key, value in sorted(options.items())]
  for domain, by_id in (('rgb', layout.rgb), ('ir', layout.ir)):
    lines += [
      f'{domain}\t{id_}\t{file.relative}\t{file.size}\t{file.mtime_ns}'
      for id_, file in sorted(by_id.items())
    ]
  if options['split_by'] == 'list':
    lines += [
      f'list\t{path.name}\t{path.stat().st_size}\t{path.stat().st_mtime_ns}'
      for path in sorted(splits.list_files(source))
    ]
  digest = hashlib.sha256('\n'.join(lines).encode()).hexdigest()[:12]
  basename = re.sub(r'[^A-Za-z0-9_]+', '_', source.resolve().name).strip('_')[:40]
  return f'{basename or "folder"}-{digest}'


def _notes(
  layout: layouts.Layout,
  aligned: bool,
  unmatched: list[str],
  method: str,
  split_by: str,
  chosen: list[dict[str, str]],
) -> tuple[str, ...]:
  """Returns sentences on everything in the folder that is not used as you might expect."""
  notes = []
  if unmatched:
    notes.append(f'{len(unmatched)} images have no partner and are left out: {_some(unmatched)}.')
  if not aligned:
    notes.append(
      f'RGB and IR are read as two collections of {len(layout.rgb)} and '
      f'{len(layout.ir)} images, not as pairs.'
    )
  if layout.ignored:
    notes.append(f'{layout.ignored} other images belong to neither domain and are ignored.')
  total = (
    len(layout.rgb.keys() & layout.ir.keys()) if aligned else (len(layout.rgb) + len(layout.ir))
  )
  if unlisted := total - sum(map(len, chosen)):
    notes.append(f'{unlisted} of {total} examples are in none of the lists and are left out.')
  sequences = {splits.sequence_of(id_) for group in chosen for id_ in group}
  if split_by == 'auto' and method == 'hash' and len(sequences) >= splits.MIN_SEQUENCES:
    notes.append(
      f'There are {len(sequences)} sub-folders; if they are video sequences, '
      '--split_by=sequence keeps neighboring frames out of different splits.'
    )
  return tuple(notes)


def _some(names: Sequence[str]) -> str:
  more = len(names) - _MAX_NAMED
  return ', '.join(names[:_MAX_NAMED]) + (f' and {more} more' if more > 0 else '')


def _first(by_id: Iterable[str]) -> str:
  return repr(min(by_id))
