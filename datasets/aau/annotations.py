"""Finds the masks of people that belong to a frame: by annotations.csv, otherwise by name."""

import csv
from typing import NamedTuple

from cyclegan_jax.errors import UserError
from datasets.aau import files
from datasets.archives import Reader, StoredFile

_WHAT_TO_DO = (
  'Restore the published file, or remove it: masks are then found by the names of their files '
  'alone.'
)
# Modality -> the folder of its masks.
_MASKS = {'rgb': files.RGB_MASKS, 'thermal': files.THERMAL_MASKS}


class Masks(NamedTuple):
  """The annotated frames of a scene.

  Attributes:
    rgb, thermal: frame -> mask; the same frames.
    notes: sentences on what is missing.
  """

  rgb: dict[str, StoredFile]
  thermal: dict[str, StoredFile]
  notes: tuple[str, ...]


def find_masks(name: str, scene: files.Scene, reader: Reader) -> Masks:
  """Finds the masks of a scene's frames.

  A frame's mask is the one that annotations.csv names for it, otherwise the one with the name of
  the frame. A frame is annotated if it has one for RGB and one for thermal.

  Args:
    name: the scene's, for notes.
    scene: its files.
    reader: reads annotations.csv.

  Raises:
    UserError: annotations.csv is malformed; the message names file and line.
  """
  notes, named = [], {modality: {} for modality in _MASKS}
  if files.ANNOTATIONS in scene.tables:
    named = _read(scene, scene.tables[files.ANNOTATIONS], reader)
  else:
    notes.append(
      f'Scene {name}: no {files.ANNOTATIONS}; masks of people are found by the names of their '
      'files alone.'
    )
  found = {}
  for modality, kind in _MASKS.items():
    masks, frames = scene.images[kind], scene.images[files.THERMAL]
    wanted = {frame: named[modality].get(frame, frame) for frame in frames}
    found[modality] = {frame: masks[mask] for frame, mask in wanted.items() if mask in masks}
    if lost := named[modality].keys() - found[modality].keys():
      notes.append(
        f'Scene {name}: {len(lost)} {modality} frames of {files.ANNOTATIONS} are not there, or '
        f'their masks are not in {kind}, such as {min(lost)}.'
      )
  both = found['rgb'].keys() & found['thermal'].keys()
  if half := len(found['rgb'].keys() ^ found['thermal'].keys()):
    notes.append(
      f'Scene {name}: {half} frame(s) with a mask for RGB or thermal only count as not annotated.'
    )
  rgb, thermal = ({frame: masks[frame] for frame in both} for masks in found.values())
  return Masks(rgb, thermal, tuple(notes))


def _read(scene: files.Scene, file: StoredFile, reader: Reader) -> dict[str, dict[str, str]]:
  """Modality -> frame -> mask, both without folders and extensions, as annotations.csv has them.

  A row is an object, so a frame may have several.
  """
  try:
    lines = reader.read(file).decode('utf-8-sig').splitlines(keepends=True)
    table = csv.reader(lines, delimiter=';', strict=True)
    rows = [(table.line_num, row) for row in table]
  except (UnicodeDecodeError, csv.Error) as error:
    raise UserError(
      f'{file.shown}: not a table of text separated by ";" ({error}). {_WHAT_TO_DO}'
    ) from error
  columns = _columns(file, rows[0][1] if rows else [])
  named = {modality: {} for modality in _MASKS}
  for line, row in rows[1:]:
    if not any(cell.strip() for cell in row):
      continue
    for modality, pair in columns.items():
      if len(row) <= max(pair):
        raise UserError(
          f'{file.shown}, line {line}: {len(row)} cells, expected at least {max(pair) + 1} as in '
          f'the first line. {_WHAT_TO_DO}'
        )
      frame, mask = (scene.frame(row[column].strip()) for column in pair)
      if frame and mask and (other := named[modality].setdefault(frame, mask)) != mask:
        raise UserError(
          f'{file.shown}, line {line}: {modality} frame {frame} has mask {mask}, but {other} '
          f'further up. {_WHAT_TO_DO}'
        )
  return named


def _columns(file: StoredFile, header: list[str]) -> dict[str, tuple[int, int]]:
  """Modality -> (column of its frames, column of its masks); thermal always.

  Scenes 1 and 3 have 'Thermal mask file' and scene 2 has 'Mask file'.
  """
  places = {}
  for column, title in enumerate(header):
    words = title.casefold().replace('_', ' ').split()
    modality = next((word for word in ('rgb', 'thermal', 'depth') if word in words), None)
    if 'file' in words and (modality or 'mask' in words):
      places.setdefault((modality or 'thermal', 'mask' in words), column)
  found = {
    modality: (places[modality, False], places[modality, True])
    for modality in _MASKS
    if (modality, False) in places and (modality, True) in places
  }
  if 'thermal' not in found:
    raise UserError(
      f'{file.shown}, line 1: columns {header}; expected "Thermal file" and "Thermal mask file" '
      f'or "Mask file", separated by ";". {_WHAT_TO_DO}'
    )
  return found
