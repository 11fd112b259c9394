"""What the camera recorded about each file, as a table, and what differs between files."""

import collections
from collections.abc import Iterable, Iterator, Mapping, Sequence
import pathlib
from typing import Any

from cyclegan_jax import files
from cyclegan_jax.radiometry import Range
from datasets import storing
from datasets.camera import survey
from datasets.camera.survey import Finding

CSV = 'parameters.csv'

_KELVIN = 273.15
_MAX_NAMED = 5
# Parameters that people set on the camera: in messages, the name of flyr, digits, unit.
_SET_BY_HAND = (
  ('emissivity', 'emissivity', 2, ''),
  ('distance', 'object_distance', 1, ' m'),
  ('reflected temperature', 'reflected_apparent_temperature', 1, ' degC'),
)
_COLUMNS = (
  *('id', 'file', 'split', 'camera', 'width', 'height', 'photograph_width', 'photograph_height'),
  *('min_degC', 'max_degC', 'ir_min', 'ir_max', 'ir_unit'),
  *('emissivity', 'distance_m', 'reflected_temperature_degC', 'atmospheric_temperature_degC'),
  *('relative_humidity', 'window_temperature_degC', 'window_transmission'),
  *('real_to_ir', 'offset_x', 'offset_y', 'zoom', 'edges_x', 'edges_y', 'edges_score', 'moved'),
)


def value(found: Finding, name: str) -> float:
  """Returns a parameter by the name of flyr; temperatures in degrees Celsius."""
  recorded = found.parameters[name]
  return recorded - _KELVIN if name.endswith('temperature') else recorded


def write(
  path: pathlib.Path, found: Iterable[Finding], split_of: Mapping[str, str], span: Range
) -> None:
  """Writes the table, whole or not at all, a row for each file.

  `split_of` has the splits by id; '' stands for none. Columns: ir_min, ir_max and ir_unit are the
  values of gray levels 0 and 65535; edges_x and edges_y are how far the thermal image had to be
  moved to the right and down, in its pixels, so that its edges lie on those of the photograph as
  the camera placed it, edges_score is how certain that is, and moved is 1 if it was done.
  """
  rows = (_row(one, split_of.get(one.file.id, ''), span) for one in found)
  files.write_csv(path, [_COLUMNS, *rows])


def _row(found: Finding, split: str, span: Range) -> list[Any]:
  height, width = found.thermal
  photograph = found.photograph[::-1] if found.photograph else ('', '')
  recorded = [f'{n:.6g}' for n in found.registration] if found.registration else [''] * 4
  edges = [f'{number:.2f}' for number in found.edges] if found.edges else [''] * 3
  cells = [found.file.id, found.file.relative, split, found.camera, width, height, *photograph]
  cells += [f'{found.low:.2f}', f'{found.high:.2f}', *survey.span_texts(span).values()]
  names = (
    *('emissivity', 'object_distance', 'reflected_apparent_temperature'),
    *('atmospheric_temperature', 'relative_humidity'),
    *('ir_window_temperature', 'ir_window_transmission'),
  )
  cells += [f'{value(found, name):.4g}' for name in names]
  return [*cells, *recorded, *edges, int(found.is_moved)]


def disagreements(found: Sequence[Finding]) -> Iterator[str]:
  """Yields a sentence for each parameter in which files differ from most of the others."""
  for called, name, digits, unit in _SET_BY_HAND:
    values = {one.file.relative: round(value(one, name), digits) for one in found}
    counts = collections.Counter(values.values())
    if len(counts) < 2:
      continue
    usual, n = counts.most_common(1)[0]
    others = [f'{file} ({v:g}{unit})' for file, v in values.items() if v != usual]
    yield (
      f'The {called} was {usual:g}{unit} for {n} of {len(found)} files, but differs in '
      f'{storing.some(others, _MAX_NAMED)}. Degrees are computed as recorded.'
    )
