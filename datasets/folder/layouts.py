"""Finds the RGB and the IR images in a user's folder.

A layout gives each image a domain and an id. Images with the same id are a pair.
"""

from collections.abc import Collection, Iterable, Mapping
import dataclasses
import functools
import pathlib

from cyclegan_jax.errors import UserError
from cyclegan_jax.image_files import walk
from datasets.folder import patterns as pattern_lib, rules as rule_lib, side_by_side, suggestions
from datasets.folder.patterns import Pattern
from datasets.folder.rules import Rule
from datasets.folder.scan import ImageFile, listing, look_through, NamedFolder, Scan, scan

__all__ = ['ImageFile', 'Layout', 'NamedFolder', 'find_layout', 'scan']

_USE_FLAGS = (
  'Name the two folders with --rgb_dir and --ir_dir, relative to the source folder; or, of files '
  'in one folder, the two kinds of names with --rgb_pattern and --ir_pattern. If each image holds '
  'RGB and IR side by side, give --side_by_side=ab (RGB left) or ba.'
)


@dataclasses.dataclass(frozen=True)
class Layout:
  """The images found in a source folder."""

  description: str  # a sentence on which folders were taken for which domain
  rgb: dict[str, ImageFile]  # by id
  ir: dict[str, ImageFile]
  ignored: int  # how many image files belong to neither domain
  side: str = ''  # 'ab' if each image holds RGB left and IR right, 'ba' the other way around
  notes: tuple[str, ...] = ()  # sentences on how names were read
  # The domain, id and extension of files of a domain that are not read.
  unread: tuple[tuple[str, str, str], ...] = ()
  passed_over: tuple[str, ...] = ()  # folders of systems


def find_layout(
  source: pathlib.Path,
  rgb_dir: str,
  ir_dir: str,
  others: Collection[str] = (),
  patterns: tuple[str, str] = ('', ''),
  side: str = 'auto',
) -> Layout:
  """Decides which files of a folder are RGB and which are IR.

  Args:
    source: the folder.
    rgb_dir: folder of the RGB images, relative to the source folder, or a folder name (or several,
      joined by '/') that occurs at any depth; '' to look for known names.
    ir_dir: the same for the IR images; both or none.
    others: the paths of images that are neither.
    patterns: those for names of RGB and of IR images, see patterns.py; both or none.
    side: 'ab' or 'ba' if each image holds RGB and IR side by side; 'auto' to find out.

  Raises:
    UserError: see `look_through`; no layout or several fit, or two files of a domain share an id.
  """
  found = look_through(source)
  files = [file for file in found.images if file.path not in others]
  marked = pattern_lib.parse(*patterns)
  if side != 'auto':
    if rgb_dir or ir_dir or marked:
      raise UserError(
        f'--side_by_side={side} says that each image holds both domains: leave out --rgb_dir, '
        '--ir_dir, --rgb_pattern and --ir_pattern.'
      )
    return _of_halves(side_by_side.given(files, side), files, found)
  if marked:
    return _marked(source, found, files, (rgb_dir, ir_dir), marked)
  if rgb_dir or ir_dir:
    folders = rule_lib.explicit(source, files, rgb_dir, ir_dir)
  else:
    folders = rule_lib.by_folders(files) or rule_lib.by_words(files)
  rules = {text: rule_lib.named(rule, {}) for text, rule in folders.items()}
  places = {text: _places(rule, files) for text, rule in rules.items()}
  fitting = [text for text, of in places.items() if len({domain for domain, _, _ in of}) == 2]
  if len(fitting) == 1:
    return _layout(fitting[0], rules[fitting[0]], places[fitting[0]], files, found)
  if fitting:
    raise UserError(
      f'{source}: more than one layout fits: {"; ".join(fitting)}. {listing(files)} {_USE_FLAGS}'
    )
  halves = side_by_side.looked_at(files)
  if halves.matching:
    return _of_halves(halves, files, found)
  advice = halves.doubt or suggestions.for_one_folder(files) or _USE_FLAGS
  raise UserError(
    f'{source}: no known layout of RGB and IR images was recognized. '
    f'{listing(files, others=found.others)} {advice}'
  )


# Domain, id, and file.
_Places = list[tuple[str, str, ImageFile]]


def _places(rule: Rule, files: Iterable[ImageFile]) -> _Places:
  return [(*place, file) for file in files if (place := rule(file.parts))]


def _layout(
  description: str, rule: Rule, places: _Places, files: list[ImageFile], found: Scan
) -> Layout:
  rgb, ir = (
    _by_id(domain, ((id_, file) for of, id_, file in places if of == domain))
    for domain in ('rgb', 'ir')
  )
  unread = tuple(
    (*place, walk.extension(parts[-1])) for parts in found.others if (place := rule(parts))
  )
  ignored = len(files) - len(rgb) - len(ir)
  return Layout(description, rgb, ir, ignored, unread=unread, passed_over=tuple(found.passed_over))


def _marked(
  source: pathlib.Path,
  found: Scan,
  files: list[ImageFile],
  dirs: tuple[str, str],
  patterns: dict[str, Pattern],
) -> Layout:
  """The layout by patterns, within the folders of domains if there are some."""
  folders = rule_lib.explicit(source, files, *dirs) if any(dirs) else rule_lib.by_folders(files)
  rules = {text: rule_lib.named(rule, patterns) for text, rule in folders.items()}
  layouts = [
    _layout(text, rule, _places(rule, files), files, found) for text, rule in rules.items()
  ]
  as_given = f"RGB '{patterns['rgb'].text}', IR '{patterns['ir'].text}', as given"
  best = max(layouts, key=lambda layout: len(layout.rgb.keys() & layout.ir.keys()), default=None)
  if best and (any(dirs) or best.rgb.keys() & best.ir.keys()):
    best = dataclasses.replace(best, description=f'{best.description}; {as_given}')
  else:
    rule = functools.partial(pattern_lib.told, patterns)
    best = _layout(as_given, rule, _places(rule, files), files, found)
  for domain, of in (('rgb', best.rgb), ('ir', best.ir)):
    if not of:
      raise UserError(
        f'--{domain}_pattern={patterns[domain].text}: none of the {len(files)} images of {source} '
        f'fits, such as {files[0].relative}. {listing(files)}'
      )
  return best


def _of_halves(halves: side_by_side.Halves, files: list[ImageFile], found: Scan) -> Layout:
  by_id = _by_id('', ((rule_lib.identifier(file.parts, ''), file) for file in files))
  return Layout(
    halves.description,
    by_id,
    dict(by_id),
    0,
    side=halves.side,
    unread=tuple(('', '/'.join(parts), walk.extension(parts[-1])) for parts in found.others),
    passed_over=tuple(found.passed_over),
  )


def _by_id(domain: str, found: Iterable[tuple[str, ImageFile]]) -> dict[str, ImageFile]:
  """Id -> file; refuses two files with the same id and names that are not Unicode."""
  by_id: dict[str, ImageFile] = {}
  for id_, file in found:
    if id_ in by_id:
      raise UserError(
        f'two {domain.upper()} images have the same name {id_!r}: {by_id[id_].path} and '
        f'{file.path}; remove or rename one.'
      )
    try:
      id_.encode()
    except UnicodeEncodeError as error:
      raise UserError(f'{file.path!r}: the name is not valid UTF-8; rename it.') from error
    by_id[id_] = file
  return by_id


def without_domain(by_id: Mapping[str, ImageFile]) -> list[tuple[str, ...]]:
  """Returns the paths of images with the folders of their ids, without that of the domain."""
  return [(*id_.split('/')[:-1], file.parts[-1]) for id_, file in by_id.items()]
