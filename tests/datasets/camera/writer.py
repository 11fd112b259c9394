"""Writes radiometric JPEG files of FLIR's format, with temperatures that the test chooses.

The layout is that of https://exiftool.org/TagNames/FLIR.html; the values of the sensor come from
Planck's law and the transmission of the air, forwards, where readers go backwards.
"""

import io
import struct

import numpy as np
from PIL import Image

from cyclegan_jax.image_files import images

KELVIN = 273.15
# Constants of a real kind of camera, and a hand-held picture from some distance.
CAMERA = {
  'emissivity': 0.95,
  'distance': 2.0,
  'reflected': 20 + KELVIN,
  'air': 15 + KELVIN,
  'window': 20 + KELVIN,
  'window_transmission': 1.0,
  'humidity': 0.5,
  'r1': 16556.0,
  'r2': 0.046952,
  'b': 1428.0,
  'f': 1.0,
  'o': -342,
  'alpha1': 0.006569,
  'alpha2': 0.01262,
  'beta1': -0.002276,
  'beta2': -0.00667,
  'x': 1.9,
  'zoom': 1.0,
}
# Places in the record of the camera, by type.
_FLOATS = {
  **dict(emissivity=32, distance=36, reflected=40, air=44, window=48, window_transmission=52),
  **dict(humidity=60, r1=88, b=92, f=96, alpha1=112, alpha2=116, beta1=120, beta2=124, x=128),
  **dict(r2=780, zoom=876),
}
_O = 776
_CAMERA_BYTES = 1024
_PIECE = 60_000


def signal(kelvin, camera):
  """What a sensor says of a black body."""
  return camera['r1'] / (camera['r2'] * (np.exp(camera['b'] / kelvin) - camera['f'])) - camera['o']


def transmission(camera):
  """The share of radiation that the air lets through."""
  t = camera['air'] - KELVIN
  water = camera['humidity'] * np.exp(
    1.5587 + 0.06939 * t - 2.7816e-4 * (t - 0.02) ** 2 + 6.8455e-7 * t**3
  )
  way = np.sqrt(camera['distance'] / 2)
  one, two = (
    np.exp(-way * (camera[f'alpha{i}'] + camera[f'beta{i}'] * np.sqrt(water))) for i in (1, 2)
  )
  return (camera['x'] * one + (1 - camera['x']) * two) ** 2


def sensor(celsius, camera):
  """The values of the sensor, uint16, of a gray body seen through air."""
  own, reflected, air = (
    signal(kelvin, camera)
    for kelvin in (np.asarray(celsius) + KELVIN, camera['reflected'], camera['air'])
  )
  e, tau = camera['emissivity'], transmission(camera)
  values = np.rint(tau * e * own + tau * (1 - e) * reflected + (1 - tau) * air)
  assert values.min() >= 0 and values.max() < 2**16
  return values.astype(np.uint16)


def camera_record(camera, order='<'):
  data = bytearray(_CAMERA_BYTES)
  struct.pack_into(f'{order}H', data, 0, 2)
  for name, place in _FLOATS.items():
    struct.pack_into(f'{order}f', data, place, camera[name])
  struct.pack_into(f'{order}i', data, _O, camera['o'])
  return bytes(data)


def raw_record(raw, kind='png'):
  """`kind`: 'png', as most cameras write it, with swapped bytes; or '<' or '>', plain values."""
  height, width = raw.shape
  order = '>' if kind == '>' else '<'
  head = struct.pack(f'{order}HHH', 2, width, height).ljust(32, b'\0')
  if kind == 'png':
    return head + images.encode_png(raw.byteswap()[..., np.newaxis])
  return head + raw.astype(f'{order}u2').tobytes()


def photograph_record(photograph, kind='jpeg'):
  """`kind`: 'jpeg', 'png', or 'ycbcr', a PNG file that does not say that it is YCbCr."""
  height, width, _ = photograph.shape
  image, buffer = Image.fromarray(photograph), io.BytesIO()
  if kind == 'ycbcr':
    image = Image.fromarray(np.asarray(image.convert('YCbCr')))
  if kind == 'jpeg':
    image.save(buffer, 'JPEG', quality=95, subsampling=0)
  else:
    image.save(buffer, 'PNG')
  return struct.pack('<HHH', 2, width, height).ljust(32, b'\0') + buffer.getvalue()


def placing_record(real_to_ir, x, y):
  return struct.pack('<fhhhhhh', real_to_ir, x, y, 0, 0, 0, 0).ljust(64, b'\0')


def fff(records, order='>', directory=64):
  """A FFF file of (type, content) records; its directory may lie anywhere after the header."""
  start = directory + 32 * len(records)
  entries = places = b''
  for kind, content in records:
    entries += struct.pack(f'{order}HHIIII', kind, 1, 100, 1, start + len(places), len(content))
    entries += bytes(12)
    places += content
  head = b'FFF\0' + b'TEST'.ljust(16, b'\0')
  head += struct.pack(f'{order}III', 100, directory, len(records))
  return head.ljust(directory, b'\0') + entries + places


def jpeg(content=b'', exif=True, piece=_PIECE):
  """A small JPEG file with a FFF file in APP1 segments, if there is one."""
  buffer, options = io.BytesIO(), {}
  if exif:
    found = Image.Exif()
    found[271], found[272] = 'FLIR Systems AB', 'FLIR Test'
    options = {'exif': found}
  Image.new('RGB', (8, 8)).save(buffer, 'JPEG', **options)
  data = buffer.getvalue()
  pieces = [content[i : i + piece] for i in range(0, len(content), piece)]
  segments = b''.join(
    b'\xff\xe1'
    + struct.pack('>H', 10 + len(part))
    + b'FLIR\0\1'
    + bytes([number, len(pieces) - 1])
    + part
    for number, part in enumerate(pieces)
  )
  return data[:2] + segments + data[2:]


def dji():
  """The start of a file of DJI's own format: unknown data in segments of its own."""
  data = jpeg()
  segments = ((0xE3, bytes(100)), (0xE4, b'\xaa\x55' + bytes(50)))
  own = b''.join(b'\xff%c' % m + struct.pack('>H', 2 + len(c)) + c for m, c in segments)
  return data[:2] + own + data[2:]


def thermogram(
  celsius,
  photograph=None,
  placing=None,
  *,
  camera=None,
  raw='png',
  photograph_as='jpeg',
  order='>',
  directory=64,
  piece=_PIECE,
):
  """The content of a radiometric file: degrees Celsius, perhaps a photograph and its placing."""
  camera = {**CAMERA, **(camera or {})}
  records = [(1, raw_record(sensor(celsius, camera), raw)), (32, camera_record(camera))]
  if photograph is not None:
    records.append((14, photograph_record(photograph, photograph_as)))
  if placing is not None:
    records.append((42, placing_record(*placing)))
  return jpeg(fff(records, order, directory), piece=piece)


def scene(thermal=(60, 80), scale=2, seed=0):
  """Degrees [height, width] and a photograph that show the same shapes; the latter is larger.

  The photograph is `scale` times as large as the thermal image and shows just as much.
  """
  rng = np.random.default_rng(seed)
  height, width = thermal
  shapes = np.zeros((height * scale, width * scale))
  for _ in range(40):
    y, x = rng.integers(0, height * scale), rng.integers(0, width * scale)
    h, w = rng.integers(4 * scale, 14 * scale, 2)
    shapes[y : y + h, x : x + w] = rng.uniform(0, 1)
  fine = shapes + 0.01 * rng.standard_normal(shapes.shape)
  small = fine.reshape(height, scale, width, scale).mean((1, 3))
  colors = np.array([[205.0, 150, 140], [40, 60, 70]])
  photograph = colors[0] * (1 - fine[..., np.newaxis]) + colors[1] * fine[..., np.newaxis]
  return 5 + 30 * small, np.clip(np.rint(photograph), 0, 255).astype(np.uint8)
