"""Looks at all radiometric files of a folder: what they hold, and the span of temperatures."""

from collections.abc import Iterator, Mapping, Sequence
import dataclasses
import math

import numpy as np

from cyclegan_jax.errors import UserError
from cyclegan_jax.image_files import decoding, images
from cyclegan_jax.pairs.alignment import find_shifts, Shift
from cyclegan_jax.pairs.flags import DEFAULT
from cyclegan_jax.radiometry import parse_span, Range
from datasets import storing
from datasets.camera import registration, rjpeg
from datasets.camera.files import SourceFile

UNIT = 'degC'
ALIGN = ('edges', 'recorded')
_ROUNDED_TO = 5.0  # Degrees, of the span that a folder has by itself.
_LEAST_COVERED = 0.25  # Share of the thermal image; below, there is no pair.
_MAX_NAMED = 5


@dataclasses.dataclass(frozen=True)
class Finding:
  """What is known of a radiometric file without keeping its pixels.

  Attributes:
    file: the file.
    thermal, photograph: height and width; None without a photograph.
    low, high: its coldest and hottest pixel in degrees Celsius.
    registration: as the camera recorded it; None if it did not.
    box: the part of the photograph that the thermal image covers; None if they are no pair.
    edges: how far the thermal image has to be moved from where the camera placed it, in its
      pixels, so that edges coincide, and how certain that is; None without edges or a photograph.
    is_moved: whether `box` follows the edges.
    parameters, camera: see `rjpeg.Thermogram`.
  """

  file: SourceFile
  thermal: registration.Size
  photograph: registration.Size | None
  low: float
  high: float
  registration: rjpeg.Registration | None
  box: registration.Box | None
  edges: Shift | None
  is_moved: bool
  parameters: Mapping[str, float]
  camera: str

  @property
  def is_pair(self) -> bool:
    """Whether it gives an RGB image, too."""
    return self.box is not None


@dataclasses.dataclass(frozen=True)
class Survey:
  """The radiometric files of a folder.

  Attributes:
    files: in the order of their ids.
    plain: JPEG files without thermal data, relative to the folder.
    span: the temperatures of gray levels 0 and 65535, in degrees Celsius.
  """

  files: tuple[Finding, ...]
  plain: tuple[str, ...]
  span: Range

  @property
  def pairs(self) -> list[Finding]:
    """Those that give an RGB and an IR image."""
    return [found for found in self.files if found.is_pair]


def span_of(text: str) -> Range | None:
  """Parses --ir_span for degrees Celsius; None if it is to be found.

  Raises:
    UserError: it has another form or another unit.
  """
  found = parse_span(text)
  if found and found.unit and not found.is_celsius:
    raise UserError(
      f'--ir_span={text}: radiometric files are read in degrees Celsius; expected MIN:MAX,{UNIT}, '
      f'such as -20:120,{UNIT}.'
    )
  return found._replace(unit=UNIT) if found else None


def span_texts(span: Range) -> dict[str, str]:
  """Returns the metadata of an IR image that say what its gray levels mean."""
  return {'ir_min': repr(span.low), 'ir_max': repr(span.high), 'ir_unit': span.unit}


def survey(source: str, files: Sequence[SourceFile], ir_span: str, align: str) -> Survey:
  """Looks at all files; several at a time, with progress lines.

  Args:
    source: the folder, for messages.
    files: its JPEG files.
    ir_span: as the flag; '' and 'auto': the range of all files, rounded outwards to 5 degrees.
    align: 'recorded': photographs lie as the camera recorded it; 'edges': they follow the edges
      where these say for certain that the camera is wrong.

  Raises:
    UserError: files are damaged or cannot be read, named, or none is radiometric.
  """
  span = span_of(ir_span)
  looked = storing.looked_at(files, lambda file: _look(file, align), 'files')
  storing.refuse(source, [str(one) for one in looked if isinstance(one, images.ImageError)])
  found = tuple(one for one in looked if isinstance(one, Finding))
  plain = tuple(file.relative for file, one in zip(files, looked) if one is None)
  if not found:
    raise UserError(
      f'{source}: none of {len(plain)} JPEG files has thermal data, such as {plain[0]}; expected '
      'radiometric files as a FLIR camera writes them. Programs that edit or send pictures drop '
      'the thermal data: copy the files from the camera itself. For plain pictures: '
      '--dataset=folder.'
    )
  return Survey(found, plain, span or _span(found))


def _span(found: Sequence[Finding]) -> Range:
  """The range of all files, rounded outwards."""
  low = math.floor(min(one.low for one in found) / _ROUNDED_TO) * _ROUNDED_TO
  high = math.ceil(max(one.high for one in found) / _ROUNDED_TO) * _ROUNDED_TO
  return Range(low, max(high, low + _ROUNDED_TO), UNIT)


def _look(file: SourceFile, align: str) -> Finding | images.ImageError | None:
  """What a file holds; the error if it cannot be read, None if it has no thermal data."""
  try:
    image = rjpeg.read(file.path)
    with decoding.explained(file.path):
      box, edges, is_moved = _place(image, align)
  except rjpeg.NotRadiometric:
    return None
  except images.ImageError as error:
    return error
  known = image.celsius[np.isfinite(image.celsius)]
  return Finding(
    file,
    image.celsius.shape,
    None if image.photograph is None else image.photograph.shape[:2],
    float(known.min()),
    float(known.max()),
    image.registration,
    box,
    edges,
    is_moved,
    image.parameters,
    image.camera,
  )


def _place(
  image: rjpeg.Thermogram, align: str
) -> tuple[registration.Box | None, Shift | None, bool]:
  """Where the thermal image lies on the photograph, what edges say, and whether it was moved."""
  thermal = image.celsius.shape
  if image.photograph is None or image.registration is None:
    return None, None, False
  box = registration.box(image.photograph.shape[:2], thermal, image.registration)
  edges, is_moved = _edges(image, box), False
  if align == 'edges' and edges and _is_certain(edges, max(thermal)):
    moved = registration.moved(box, thermal, edges.x, edges.y)
    again = _edges(image, moved)
    # Chance finds another place the second time.
    if again and again.score >= DEFAULT.score and not _is_certain(again, max(thermal)):
      box, is_moved = moved, True
  placed = registration.register(image.photograph, thermal, box)
  covered = (placed.rows.stop - placed.rows.start) * (placed.columns.stop - placed.columns.start)
  return (box if covered >= _LEAST_COVERED * image.celsius.size else None), edges, is_moved


def _edges(image: rjpeg.Thermogram, box: registration.Box) -> Shift | None:
  """The shift that the edges of thermal image and photograph have where both have data."""
  assert image.photograph is not None
  placed = registration.register(image.photograph, image.celsius.shape, box)
  celsius = image.celsius[placed.rows, placed.columns]
  if not celsius.size or np.isnan(celsius).all():
    return None
  low, high = float(np.nanmin(celsius)), float(np.nanmax(celsius))
  gray = Range(low, max(high, low + 1), UNIT).gray_levels(np.nan_to_num(celsius, nan=low))
  return find_shifts(placed.rgb[placed.rows, placed.columns], gray[..., np.newaxis])[0]


def _is_certain(shift: Shift, longest: int) -> bool:
  """Whether the pair check would flag a pair with this shift as misaligned."""
  return shift.score >= DEFAULT.score and shift.length >= DEFAULT.least_shift(longest)


def summary(found: Survey) -> str:
  """Returns a sentence on what was found, and on the span."""
  low, high = min(one.low for one in found.files), max(one.high for one in found.files)
  return (
    f'{len(found.files)} radiometric files, {len(found.pairs)} of them with a photograph, from '
    f'{low:.1f} to {high:.1f} {UNIT}; gray levels are {found.span.text} (--ir_span).'
  )


def notes(found: Survey) -> Iterator[str]:
  """Yields sentences on files that are not like the others, or not used."""
  alone = [one for one in found.files if not one.is_pair]
  reasons = {
    'have no photograph': [one for one in alone if one.photograph is None],
    'do not say how their photograph lies on the thermal image': [
      one for one in alone if one.photograph and one.registration is None
    ],
    'show little of their thermal image in the photograph': [
      one for one in alone if one.photograph and one.registration
    ],
  }
  for reason, ones in reasons.items():
    if ones:
      yield (
        f'{len(ones)} files {reason}: {_names(ones)}. They give IR images for training without '
        'pairs only.'
      )
  moved = [(one.file.relative, one.edges) for one in found.files if one.edges and one.is_moved]
  if moved:
    shifts = [f'{name} ({edges.x:+.1f}, {edges.y:+.1f})' for name, edges in moved]
    yield (
      f'{len(moved)} photographs do not lie where the camera recorded it and were moved by their '
      f'edges: {storing.some(shifts, _MAX_NAMED)} pixels of the thermal image to the right and '
      'down. --align=recorded leaves them.'
    )
  beyond = [one for one in found.files if one.low < found.span.low or one.high > found.span.high]
  if beyond:
    yield (
      f'{len(beyond)} files have temperatures outside --ir_span, which become its nearer end: '
      f'{_names(beyond)}.'
    )
  if found.plain:
    named = storing.some(found.plain, _MAX_NAMED)
    yield f'{len(found.plain)} JPEG files without thermal data are left out: {named}.'


def _names(ones: Sequence[Finding]) -> str:
  return storing.some([one.file.relative for one in ones], _MAX_NAMED)
