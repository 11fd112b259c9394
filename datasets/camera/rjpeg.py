"""One radiometric JPEG file: degrees, the photograph, and what the camera recorded about them.

flyr knows what is where in the records, and computes degrees. Pixels are decoded as those of any
other image, in memory that --max_megapixels limits.
"""

from collections.abc import Mapping
import dataclasses
import io
import math
import struct
from typing import Any, NamedTuple

import numpy as np
from PIL import Image

from cyclegan_jax.errors import UserError
from cyclegan_jax.image_files import decoding, images
from cyclegan_jax.image_files.decoding import ImageError
from datasets.camera import fff

_KELVIN = 273.15
_PNG = b'\x89PNG'
# What a thermal camera may measure; other values come from damaged constants.
_COLDEST, _HOTTEST = -_KELVIN, 5000.0
_BLOCK_HEADER = 32  # Of records with an image: byte order, width, height, and unknown fields.
# Scales of the photograph to the thermal image that lenses may have.
_SCALES = (0.1, 20.0)
# The place of the digital zoom in the record of the camera. It is not documented: of seven files
# looked at, six have 1 there, and one has 1.6, whose screen shows the thermal image so enlarged.
_ZOOM = 876
_MOST_ZOOM = 16
# Segments with which DJI's own format starts its thermal data, and how the second one begins.
_DJI = {0xE3, 0xE4}
_DJI_START = b'\xaa\x55'


class NotRadiometric(ImageError):
  """A JPEG file without thermal data."""


class Registration(NamedTuple):
  """How the thermal image lies on the photograph.

  What the camera's screen shows of it covers a box whose width is that of the photograph divided by
  `real_to_ir`, with the proportions of the thermal image. Its center is that of the photograph,
  moved by the offset in pixels of the photograph, to the right and down. With a digital zoom the
  screen shows only the middle of the thermal image, a part of 1 / `zoom` of its width.
  """

  real_to_ir: float
  offset_x: int
  offset_y: int
  zoom: float = 1.0


@dataclasses.dataclass(frozen=True)
class Thermogram:
  """The content of a radiometric file.

  Attributes:
    celsius: float32 [height, width] in degrees Celsius; NaN where the camera has no value.
    photograph: uint8 [height, width, 3], of another size; None if the file has none.
    registration: None if the file does not say how they lie on each other.
    parameters: what degrees were computed with, by the names of flyr: emissivity,
      object_distance (m), reflected_apparent_temperature (K), and others.
    camera: its make and model, '' if they are not recorded.
  """

  celsius: np.ndarray
  photograph: np.ndarray | None
  registration: Registration | None
  parameters: Mapping[str, float]
  camera: str


def flyr() -> Any:
  """Returns the package flyr; UserError if it is not installed."""
  try:
    import flyr
  except ImportError as error:
    raise UserError(
      'Radiometric files of thermal cameras need the extra camera: pip install -e ".[camera]"'
    ) from error
  return flyr


def read(source: decoding.Source, name: str | None = None) -> Thermogram:
  """Reads a radiometric file, given its path or content; `name` is for messages.

  Raises:
    NotRadiometric: It is a JPEG file without thermal data.
    ImageError: It is missing, damaged, too large, or of a kind that cannot be read.
    UserError: flyr is not installed.
  """
  flyr()
  name = decoding.name_of(source, name)
  data = decoding.content(source, name)
  with decoding.explained(name):
    records = fff.records(data, name)
    if fff.RAW not in records or fff.CAMERA not in records:
      raise _without_thermal_data(data, bool(records), name)
    parameters = _parameters(records[fff.CAMERA], name)
    celsius = _celsius(_raw(records[fff.RAW], name), parameters, name)
    photograph = records.get(fff.PHOTOGRAPH)
    return Thermogram(
      celsius,
      _photograph(photograph, f'{name} (photograph)') if photograph else None,
      _registration(records.get(fff.PICTURE_IN_PICTURE, b''), records[fff.CAMERA]),
      parameters,
      _camera(data),
    )


def _parameters(record: bytes, name: str) -> dict[str, float]:
  from flyr import thermal

  found = thermal.parse_camera_info(io.BytesIO(record), (0, fff.CAMERA, 0, len(record)))
  if found['relative_humidity'] > 2:  # Some cameras write percent.
    found['relative_humidity'] /= 100
  if not all(map(math.isfinite, found.values())) or not 0 < found['emissivity'] <= 1:
    raise ImageError(f'{name}: is damaged: its constants of calibration are no numbers.')
  return found


def _raw(record: bytes, name: str) -> np.ndarray:
  """The values of the sensor, uint16 [height, width]."""
  order, width, height = _header(record)
  content = record[_BLOCK_HEADER:]
  if content.startswith(_PNG):
    found = images.read_image(content, f'{name} (thermal image)')
    if found.shape != (height, width, 1) or found.dtype != np.uint16:
      raise ImageError(
        f'{name}: is damaged: its thermal image is {found.dtype} {found.shape}, expected uint16 '
        f'{(height, width, 1)}.'
      )
    return found[..., 0].byteswap()  # PNG wants the other order, which cameras disregard.
  if width * height > decoding.MAX_PIXELS:
    raise ImageError(
      f'{name}: a thermal image of {width}x{height} pixels, more than is allowed: '
      f'--max_megapixels={decoding.MAX_PIXELS // 10**6}.'
    )
  if not width or not height or len(content) < 2 * width * height:
    raise ImageError(f'{name}: is damaged: its thermal image is cut off.')
  return np.frombuffer(content, f'{order}u2', width * height).reshape(height, width)


def _header(record: bytes) -> tuple[str, int, int]:
  """Byte order, width and height of a record with an image."""
  # A 2 comes first, in the order of the others.
  order = '<' if record[:2] == b'\2\0' else '>'
  width, height = np.frombuffer(record, f'{order}u2', 2, offset=2).tolist()
  return order, width, height


def _celsius(raw: np.ndarray, parameters: Mapping[str, float], name: str) -> np.ndarray:
  """Degrees Celsius, float32 [height, width]; NaN below what the calibration covers."""
  try:
    with np.errstate(all='ignore'):
      celsius = flyr().FlyrThermogram(raw, dict(parameters)).celsius.astype(np.float32)
  except ArithmeticError:  # Of the math module, whose numbers may be too large.
    celsius = np.full(raw.shape, np.nan, np.float32)
  valid = np.isfinite(celsius)
  if not valid.any() or celsius[valid].min() < _COLDEST or celsius[valid].max() > _HOTTEST:
    raise ImageError(
      f'{name}: is damaged: its constants of calibration give temperatures that no camera measures.'
    )
  return np.where(valid, celsius, np.float32(np.nan))


def _photograph(record: bytes, name: str) -> np.ndarray:
  """The photograph, uint8 [height, width, 3]."""
  content = record[_BLOCK_HEADER:]
  found = images.to_channels(images.read_image(content, name), 3, name)
  if found.dtype != np.uint8:
    raise ImageError(f'{name}: has 16 bits per sample, expected 8.')
  # JPEG files are YCbCr, too, but decoders know.
  return rgb_of_ycbcr(found) if content.startswith(_PNG) and is_ycbcr(found) else found


def is_ycbcr(image: np.ndarray) -> bool:
  """Tells whether uint8 [height, width, 3] looks like YCbCr that was taken for RGB.

  Its last two channels are then near 128 on average. From pixel to pixel they change less than half
  as much as the first one, and not all in its direction, as those of RGB mostly do.
  """
  planes = np.moveaxis(image[::2, ::2].astype(np.float32), -1, 0)
  of_luma, *of_color = (np.diff(plane, axis=1) for plane in planes)
  detail, *other = (np.abs(steps).mean() for steps in (of_luma, *of_color))
  size = np.linalg.norm(of_luma)
  alike = min(
    float(np.vdot(of_luma, steps)) / max(1e-6, float(size * np.linalg.norm(steps)))
    for steps in of_color
  )
  near_gray = all(88 < plane.mean() < 168 for plane in planes[1:])
  return bool(near_gray and max(other) < 0.5 * detail and alike < 0.5)


def rgb_of_ycbcr(image: np.ndarray) -> np.ndarray:
  """Converts YCbCr, as in JPEG files, to RGB, both uint8 [height, width, 3]."""
  height, width, _ = image.shape
  ycbcr = Image.frombytes('YCbCr', (width, height), np.ascontiguousarray(image).tobytes())
  return np.array(ycbcr.convert('RGB'))


def _registration(record: bytes, camera: bytes) -> Registration | None:
  from flyr import picture_in_picture

  if not record:
    return None
  zoom = struct.unpack_from('<f', camera, _ZOOM)[0] if len(camera) >= _ZOOM + 4 else 1.0
  found = picture_in_picture.parse_pip_info(io.BytesIO(record), (0, 0, 0, len(record)))
  low, high = _SCALES
  if not low <= found.real_to_ir <= high:  # Not for NaN either.
    return None
  known = 1 <= zoom <= _MOST_ZOOM
  return Registration(
    float(found.real_to_ir), found.offset_x, found.offset_y, float(zoom) if known else 1.0
  )


def _camera(data: bytes) -> str:
  """Make and model as EXIF has them."""
  with Image.open(io.BytesIO(data), formats=['JPEG']) as image:
    exif = image.getexif()
  parts = [str(exif.get(tag, '')).replace('\0', '').strip() for tag in (271, 272)]
  return ' '.join(filter(None, parts))


def _without_thermal_data(data: bytes, has_records: bool, name: str) -> ImageError:
  """The error about a file that lacks what is needed."""
  found = {marker: bytes(content[:2]) for marker, content in fff.segments(data, name)}
  if found.keys() >= _DJI and found[0xE4] == _DJI_START:
    return ImageError(
      f"{name}: is in DJI's own format (R-JPEG), which is not read here. "
      'Convert such files to TIFF files in degrees, for example with dji-thermal-cli (PyPI): '
      'dji-thermal-cli process --input-dir=... --output-dir=... -o temp_c:tiff. They hold no '
      'photograph; the folder of TIFF files is for --dataset=folder --ir_span=MIN:MAX,degC.'
    )
  if has_records:
    return ImageError(f'{name}: is damaged: it has no thermal image, or no calibration.')
  return NotRadiometric(f'{name}: a JPEG file without thermal data.')
