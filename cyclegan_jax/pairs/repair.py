"""Repairs pairs where that needs no guess: swapped bytes, turns, margins, and certain shifts.

`write` makes a copy of a checked data set:

DIR/rgb, DIR/ir                                   the images; repaired ones are PNG files
DIR/train.txt, DIR/validation.txt, DIR/test.txt   the splits, which stay as they are
DIR/repairs.csv                                   what was done to each pair

Shifts are undone by whole pixels, without interpolation, and both images are cut to what they
share, as they are for margins.
"""

import collections
from collections.abc import Callable, Mapping, Sequence
import os
import pathlib
import secrets
import shlex
import shutil
from typing import NamedTuple

import numpy as np

from cyclegan_jax import files, radiometry
from cyclegan_jax.data.source import Dataset
from cyclegan_jax.errors import UserError
from cyclegan_jax.image_files import images
from cyclegan_jax.pairs import dataset_check
from cyclegan_jax.pairs.check import check_pair, common_borders, inside, Pair
from cyclegan_jax.pairs.flags import DEFAULT
from cyclegan_jax.progress import Log, tracked

CSV = 'repairs.csv'
_COLUMNS = ('id', 'split', 'repaired', 'left')
_TRIES = 3  # A margin may have another one within.
_LEAST_SHARE = 0.25  # Of the pixels, that cutting has to leave.

_PNG = b'\x89PNG'
_Made = tuple[np.ndarray, np.ndarray, str]  # RGB, IR, and what was done.


class Repaired(NamedTuple):
  """A pair after repair.

  Attributes:
    rgb, ir: uint8 or uint16 [height, width, 1 or 3] of one size.
    done: What was done, flag -> details for people.
    left: Flags that could be repaired in other pairs, but not for certain in this one.
  """

  rgb: np.ndarray
  ir: np.ndarray
  done: dict[str, str]
  left: tuple[str, ...]


class Written(NamedTuple):
  """What `write` did: the numbers of pairs by repaired flag, of repaired and of left ones."""

  kinds: Mapping[str, int]
  repaired: int
  left: int


def described(folder: pathlib.Path, written: Written, n: int, span: radiometry.Range | None) -> str:
  """Says what was repaired in the copy, and how to train with it.

  Args:
    folder: the copy.
    written: from `write`.
    n: the number of pairs.
    span: of the IR values in the data set, whose gray levels the copy has.
  """
  meaning = f' --ir_range={shlex.quote(span.text)}' if span and span.unit else ''
  kinds = ', '.join(f'{flag} {count}' for flag, count in written.kinds.items())
  said = f'{written.repaired} of {n} pairs repaired{f" ({kinds})" if kinds else ""}'
  left = f', {written.left} left because the repair is not certain' if written.left else ''
  return (
    f'Copy: {folder}: {said}{left}, all others as they were; repairs.csv says what was done. Train '
    f'with --dataset=folder --source_dir={shlex.quote(str(folder))}{meaning}'
  )


def check_target(folder: pathlib.Path, apart: Mapping[str, str]) -> None:
  """Refuses a folder for the copy that is not empty, or lies within another one or around it.

  Args:
    folder: --fix.
    apart: Flag -> the folder that it names, '' if none.

  Raises:
    UserError: the copy cannot go there.
  """
  advice = 'Give a new folder, such as --fix=repaired.'
  try:
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
      raise UserError(f'--fix={folder} exists and is not an empty folder. {advice}')
  except OSError as error:
    raise UserError(f'--fix={folder}: cannot be read: {error.strerror}.') from error
  own = folder.resolve()
  for flag, name in apart.items():
    other = pathlib.Path(name).resolve()
    if name and (own.is_relative_to(other) or other.is_relative_to(own)):
      raise UserError(
        f'--fix={folder} and --{flag}={name} lie within each other; a copy needs a folder of its '
        f'own. {advice}'
      )


def check_dataset(dataset: Dataset) -> None:
  """Raises UserError if the data set has masks, which plain folders cannot hold."""
  if dataset.has_mask:
    raise UserError(
      f'--fix: {dataset.name} has masks of pixels without thermal data, which a copy in plain '
      'folders would lose. Leave the flag out.'
    )


def repaired(pair: Pair, rgb: np.ndarray, ir: np.ndarray) -> Repaired:
  """Repairs a checked pair; RGB and IR are as they were checked.

  Each repair is checked: if the pair is flagged still, it is undone.
  """
  done, left = {}, []
  for flag, step in _STEPS.items():
    before, texts = (rgb, ir, pair), []
    for _ in range(_TRIES):
      made = step(pair, rgb, ir) if flag in pair.found else None
      if made is None:
        break
      rgb, ir, text = made
      texts.append(text)
      pair = check_pair(rgb, ir, pair.id, pair.split, pair.index)
    if flag in pair.found:
      rgb, ir, pair = before
      left.append(flag)
    elif texts:
      done[flag] = ', then '.join(texts)
  return Repaired(rgb, ir, done, tuple(left))


def write(folder: pathlib.Path, dataset: Dataset, pairs: Sequence[Pair], log: Log) -> Written:
  """Writes a repaired copy of a checked data set, whole or not at all.

  Args:
    folder: Where to, see `check_target`.
    dataset: The data set.
    pairs: Its pairs, from `dataset_check.check`.
    log: Takes lines on progress.

  Raises:
    UserError: it cannot be written.
  """
  folder = folder.resolve()
  temporary = folder.with_name(f'.{folder.name[:60]}.{secrets.token_hex(4)}.tmp')
  try:
    temporary.mkdir(parents=True)
    written = _write_all(temporary, dataset, sorted(pairs, key=lambda pair: pair.id), log)
    os.rename(temporary, folder)  # Replaces an empty folder.
  except OSError as error:
    raise UserError(f'--fix={folder} cannot be written: {error.strerror or error}.') from error
  finally:
    shutil.rmtree(temporary, ignore_errors=True)
  return written


def _write_all(folder: pathlib.Path, dataset: Dataset, pairs: Sequence[Pair], log: Log) -> Written:
  kinds, n_repaired, n_left = collections.Counter(), 0, 0
  rows, lists = [_COLUMNS], collections.defaultdict(list)
  for pair in tracked(pairs, len(pairs), 'Writing the copy', log, unit='pairs'):
    data, done, left = _content(dataset, pair)
    paths = [_path(domain, pair.id, content) for domain, content in data.items()]
    for path, content in zip(paths, data.values()):
      (folder / path).parent.mkdir(parents=True, exist_ok=True)
      (folder / path).write_bytes(content)
    lists[pair.split].append(f'{paths[0]}\n')
    rows.append((pair.id, pair.split, '; '.join(done.values()), ' '.join(left)))
    kinds.update(list(done))
    n_repaired, n_left = n_repaired + bool(done), n_left + bool(left)
  for split, lines in lists.items():
    (folder / f'{split}.txt').write_text(''.join(lines), encoding='utf-8')
  files.write_csv(folder / CSV, rows)
  return Written(kinds, n_repaired, n_left)


def _content(
  dataset: Dataset, pair: Pair
) -> tuple[dict[str, bytes], dict[str, str], tuple[str, ...]]:
  """The files of a pair in the copy by domain, and what was done and left; see `Repaired`."""
  record = dataset.splits[pair.split].rgb[pair.index]
  stored = {domain: record[domain] for domain in ('rgb', 'ir')}
  if not _STEPS.keys() & pair.found.keys():
    return stored, {}, ()
  _, rgb, ir = dataset_check.read_pair(dataset, pair.split, pair.index)
  made = repaired(pair, rgb, ir)
  changed = {'ir': made.ir} if made.done else {}
  if {'bordered', 'misaligned'} & made.done.keys():
    changed['rgb'] = made.rgb
  encoded = {key: images.encode_png(np.ascontiguousarray(image)) for key, image in changed.items()}
  return stored | encoded, made.done, made.left


def _path(domain: str, identity: str, content: bytes) -> str:
  """The path of an image in the copy: rgb/ID.png."""
  if identity.startswith('/') or '..' in identity.split('/'):
    raise UserError(f'--fix: the id {identity!r} of a pair is no path within a folder; rename it.')
  return f'{domain}/{identity}{".png" if content.startswith(_PNG) else ".jpg"}'


def _swap(pair: Pair, rgb: np.ndarray, ir: np.ndarray) -> _Made:
  del pair
  return rgb, ir.byteswap(), 'bytes of IR swapped'


def _turn(pair: Pair, rgb: np.ndarray, ir: np.ndarray) -> _Made:
  degrees = 90 * pair.turn
  return rgb, np.rot90(ir, pair.turn), f'IR turned by {degrees} degrees counterclockwise'


def _cut(pair: Pair, rgb: np.ndarray, ir: np.ndarray) -> _Made | None:
  del pair
  widths = common_borders(rgb, ir)
  cut = inside(rgb, widths)
  if cut[..., 0].size < _LEAST_SHARE * rgb[..., 0].size:
    return None
  top, bottom, left, right = widths
  text = f'both cut: top {top}, bottom {bottom}, left {left}, right {right}'
  return cut, inside(ir, widths), text


def _move(pair: Pair, rgb: np.ndarray, ir: np.ndarray) -> _Made | None:
  if not pair.shift or pair.shift.score < DEFAULT.repair_score:
    return None
  x, y = round(pair.shift.x), round(pair.shift.y)
  # Pixel (0, 0) of IR belongs to (x, y) of RGB.
  rgb = inside(rgb, (max(0, y), max(0, -y), max(0, x), max(0, -x)))
  ir = inside(ir, (max(0, -y), max(0, y), max(0, -x), max(0, x)))
  text = f'IR moved by ({x}, {y}), both cut to {ir.shape[1]}x{ir.shape[0]}'
  return rgb, ir, text


# In this order: each needs the ones before.
_STEPS: Mapping[str, Callable[[Pair, np.ndarray, np.ndarray], _Made | None]] = {
  'swapped_bytes': _swap,
  'rotated': _turn,
  'bordered': _cut,
  'misaligned': _move,
}
