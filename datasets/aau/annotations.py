"""Finds the masks of people that belong to a frame: by annotations.csv, otherwise by name."""

import csv

from cyclegan_jax.errors import UserError
from datasets.aau import files
from datasets.archives import Reader, StoredFile

_WHAT_TO_DO = (
  'Restore the published file, or remove it: masks are then found by the names of their files '
  'alone.'
)
# Modality -> the kind of its masks.
_MASKS = {'rgb': 'rgb_mask', 'thermal': 'ir_mask'}


def find_masks(
  name: str, scene: files.Scene, reader: Reader
) -> tuple[dict[str, dict[str, StoredFile]], list[str]]:
  """Finds the masks of the frames of a scene, whose name is for notes.

  A frame's mask is the one that annotations.csv names for it, otherwise the one with the name of
  the frame. A frame is annotated if it has one for RGB and one for thermal.

  Returns:
    ('rgb_mask' and 'ir_mask' -> annotated frame -> mask, notes on what is missing)

  Raises:
    UserError: annotations.csv is malformed; the message names file and line.
  """
  notes, named = [], {modality: {} for modality in _MASKS}
  if files.ANNOTATIONS in scene.tables:
    named = _read(scene.digits, scene.tables[files.ANNOTATIONS], reader)
  else:
    notes.append(
      f'Scene {name}: no {files.ANNOTATIONS}; masks of people are found by the names of their '
      'files alone.'
    )
  found = {}
  for modality, kind in _MASKS.items():
    masks, mask_of = scene.images[kind], named[modality]
    wanted = {frame: mask_of.get(frame, frame) for frame in scene.images['ir']}
    found[kind] = {frame: masks[mask] for frame, mask in wanted.items() if mask in masks}
    if lost := mask_of.keys() - found[kind].keys():
      notes.append(
        f'Scene {name}: {len(lost)} {modality} frames of {files.ANNOTATIONS} are not there, or '
        f'their masks are not in {files.FOLDERS[kind]}, such as {min(lost)}.'
      )
  rgb, thermal = (masks.keys() for masks in found.values())
  if half := len(rgb ^ thermal):
    notes.append(
      f'Scene {name}: {half} frame(s) with a mask for RGB or thermal only count as not annotated.'
    )
  both = rgb & thermal
  return {kind: {f: masks[f] for f in both} for kind, masks in found.items()}, notes


def _read(digits: int, file: StoredFile, reader: Reader) -> dict[str, dict[str, str]]:
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
      frame, mask = (files.frame_of(row[column].strip(), digits) for column in pair)
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
