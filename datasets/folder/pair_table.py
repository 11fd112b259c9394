"""Pairs by a table of file names, such as FLIR ADAS v2's rgb_to_thermal_vid_map.json.

The table is a JSON object, RGB file -> IR file, or a CSV file of two columns in this order. Files
are named alone, or with the folders before them.
"""

import collections
from collections.abc import Collection, Iterable, Mapping, Sequence
import csv
import io
import json
import os
import pathlib
import unicodedata

from cyclegan_jax import files as file_lib
from cyclegan_jax.errors import UserError
from cyclegan_jax.image_files import images
from datasets import storing
from datasets.folder import layouts, scan
from datasets.folder.scan import ImageFile, NamedFolder

_MAX_NAMED = 3
_DOMAINS = ('rgb', 'ir')
_EXPECTED = (
  'expected a JSON object {"RGB file": "IR file", ...}, or a CSV file of two columns, RGB and IR'
)

_Row = tuple[str, str]


def find(
  source: pathlib.Path,
  table: str,
  rgb_dir: str = '',
  ir_dir: str = '',
  others: Collection[str] = (),
) -> tuple[layouts.Layout, list[str]]:
  """Finds the pairs that a table lists.

  Args:
    source: the folder of the images.
    table: the file, relative to it, or to the working directory.
    rgb_dir, ir_dir: where to look for the images of one domain, see `layouts.find_layout`; '' for
      anywhere.
    others: the paths of images that are neither.

  Returns:
    The images of the pairs, both by the path of the RGB image without its extension (and without
    `rgb_dir`), and sentences on rows that are left out.

  Raises:
    UserError: the table cannot be read or names an image twice, a name fits several images, or no
      row is a pair of images.
  """
  files = [file for file in scan.scan(source) if file.path not in others]
  rows = _read(source, table)
  known = {
    domain: _Names(source, files, domain, name) for domain, name in zip(_DOMAINS, (rgb_dir, ir_dir))
  }
  _refuse_repeated(table, rows)
  rgb, ir, missing = {}, {}, []
  for row in rows:
    of_rgb, of_ir = (known[domain].find(table, name) for domain, name in zip(_DOMAINS, row))
    if of_rgb is None or of_ir is None:
      missing.append(row[of_rgb is not None])
      continue
    id_ = known['rgb'].id_of(of_rgb)
    if id_ in rgb:
      raise UserError(
        f'--pair_table={table}: two rows name images that differ in their extension only: '
        f'{rgb[id_].path} and {of_rgb.path}. Remove or rename one.'
      )
    rgb[id_], ir[id_] = of_rgb, of_ir
  if not rgb:
    raise UserError(
      f'--pair_table={table}: none of its {len(rows)} rows names two images below {source}; '
      f'{missing[0]!r}, for instance, is not there. Name files as they are called there.'
    )
  used = {file.path for file in (*rgb.values(), *ir.values())}
  notes = []
  if missing:
    notes.append(
      f'{len(missing)} of {len(rows)} rows of {table} name images that are not there, and are left '
      f'out: {storing.some(missing, _MAX_NAMED)}.'
    )
  description = f'{len(rgb)} pairs by {table}'
  return layouts.Layout(description, rgb, ir, sum(file.path not in used for file in files)), notes


class _Names:
  """The images of a domain, by the ends of their paths."""

  def __init__(self, source: pathlib.Path, files: Sequence[ImageFile], domain: str, name: str):
    self._domain = domain
    self._folder = None
    if name:
      self._folder = NamedFolder.find(source, files, f'{domain}_dir', name, 'images')
    self._by_name = collections.defaultdict(list)
    for file in files:
      if not self._folder or self._folder.without(file.parts) is not None:
        self._by_name[_normal(file.parts[-1])].append(file)

  def find(self, table: str, name: str) -> ImageFile | None:
    """Returns the image of this name; UserError if it fits several."""
    parts = tuple(_normal(name).removeprefix('./').split('/'))
    fitting = [
      file
      for file in self._by_name.get(parts[-1], ())
      if tuple(map(_normal, file.parts[-len(parts) :])) == parts
    ]
    whole = [file for file in fitting if len(file.parts) == len(parts)]
    fitting = whole or fitting
    if len(fitting) > 1:
      raise UserError(
        f'--pair_table={table}: {name!r} fits {len(fitting)} images, such as {fitting[0].path} and '
        f'{fitting[1].path}. Say where the {self._domain.upper()} images are: '
        f'--{self._domain}_dir=FOLDER.'
      )
    return fitting[0] if fitting else None

  def id_of(self, file: ImageFile) -> str:
    """Returns the path of an image without the domain's folder and the extension."""
    parts = (self._folder.without(file.parts) if self._folder else None) or file.parts
    return _normal(os.path.splitext('/'.join(parts))[0])


def _normal(name: str) -> str:
  return unicodedata.normalize('NFC', name.replace('\\', '/'))


def _read(source: pathlib.Path, table: str) -> list[_Row]:
  below = source / table
  path = below if below.is_file() else file_lib.expanded(table)
  try:
    text = path.read_text(encoding='utf-8-sig')
    rows = _of_json(text) if path.suffix.lower() == '.json' else _of_csv(text)
  except (OSError, ValueError, csv.Error) as error:
    reason = getattr(error, 'strerror', None) or error
    raise UserError(f'--pair_table={table} cannot be read: {reason}; {_EXPECTED}.') from error
  if not rows:
    raise UserError(f'--pair_table={table} has no rows; {_EXPECTED}.')
  return rows


def _of_json(text: str) -> list[_Row]:
  """The rows of an object, those of repeated names included."""
  found = json.loads(text, object_pairs_hook=_Object)
  if not isinstance(found, _Object) or not all(isinstance(value, str) for _, value in found):
    raise ValueError('it is no JSON object of names')
  return list(found)


class _Object(list):
  """A JSON object as a list of its entries."""


def _of_csv(text: str) -> list[_Row]:
  """The rows of two columns; a first row without images is a header."""
  rows = [[cell.strip() for cell in row] for row in csv.reader(io.StringIO(text)) if any(row)]
  for number, row in enumerate(rows, start=1):
    if len(row) != 2:
      raise ValueError(f'row {number} has {len(row)} columns')
  is_image = lambda name: os.path.splitext(name)[1].lower() in images.EXTENSIONS
  if rows and not any(map(is_image, rows[0])):
    rows = rows[1:]
  return [(rgb, ir) for rgb, ir in rows]


def _refuse_repeated(table: str, rows: Iterable[_Row]) -> None:
  for domain, names in zip(_DOMAINS, zip(*rows)):
    counts: Mapping[str, int] = collections.Counter(map(_normal, names))
    repeated = [name for name, count in counts.items() if count > 1]
    if repeated:
      raise UserError(
        f'--pair_table={table}: {len(repeated)} {domain.upper()} images are in several rows, such '
        f'as {storing.some(repeated, _MAX_NAMED)}. Expected each image in one pair: keep one row '
        'of each.'
      )
