"""The files' own values, floating-point TIFF, and what of a file is not in its pixels."""

import io
import re
import struct
import subprocess
import sys

from hypothesis import given, settings, strategies as st
import numpy as np
from PIL import Image
import pytest

from cyclegan_jax import memory
from cyclegan_jax.image_files import decoding, images, reading
from tests.conftest import REPOSITORY
from tests.image_files import encoders
from tests.image_files.encoders import GRAY8, GRAY16, RGB8, RGB16, tiff

DEGREES = np.linspace(-40, 120, 9 * 13, dtype=np.float32).reshape(9, 13, 1)


@pytest.mark.parametrize(
  'options',
  [
    {},
    {'byteorder': '>'},
    {'bigtiff': True},
    {'compression': 'zlib', 'predictor': 3},
    {'compression': 'lzw'},
    {'tile': (16, 16)},
    {'photometric': 'miniswhite'},
  ],
)
def test_floating_point_values_are_those_of_the_file(tmp_path, options):
  path = tmp_path / 'degrees.tiff'
  path.write_bytes(tiff(DEGREES, **{'photometric': 'minisblack', **options}))
  for source in (path, path.read_bytes()):
    got = reading.read(source, values=True)
    assert got.pixels.dtype == np.float32 and not got.lost
    np.testing.assert_array_equal(got.pixels, DEGREES)
  assert reading.header(path) == (9, 13, 1, np.float32)


@pytest.mark.parametrize('dtype', [np.float16, np.float64])
@pytest.mark.parametrize('byteorder', ['<', '>'])
def test_other_sizes_of_floating_point_numbers(dtype, byteorder):
  array = DEGREES.astype(dtype)
  got = reading.read(tiff(array, byteorder=byteorder, compression='zlib'), values=True).pixels
  assert got.dtype == np.float32
  np.testing.assert_array_equal(got, array.astype(np.float32))


def test_floats_need_values(tmp_path):
  path = tmp_path / 'degrees.tiff'
  path.write_bytes(tiff(DEGREES))
  for read in (images.read_image, images.image_header, images.is_plain, reading.read):
    with pytest.raises(decoding.FloatImageError, match='degrees.tiff.*floating-point.*--ir_span'):
      read(path)


def test_what_is_not_finite_stays_and_what_gdal_calls_no_data_is_nan():
  array = DEGREES.copy()
  array[0, 0], array[1, 1], array[2, 2], array[3, 3] = np.nan, np.inf, -np.inf, -9999
  tag = (42113, 's', 0, '-9999', True)
  got = reading.read(tiff(array, extratags=[tag]), values=True).pixels
  expected = array.copy()
  expected[3, 3] = np.nan
  np.testing.assert_array_equal(got, expected)


def test_floats_are_turned_as_exif_says():
  data = tiff(DEGREES, photometric='minisblack', extratags=[(274, 'H', 1, 6, True)])
  np.testing.assert_array_equal(reading.read(data, values=True).pixels, np.rot90(DEGREES, -1))


@pytest.mark.parametrize(
  'array, words',
  [
    (GRAY16.astype(np.int8), 'signed integers of 8 bits'),
    (np.repeat(DEGREES, 3, -1), '3 samples a pixel, floating-point numbers of 32 bits'),
  ],
)
def test_other_pixel_types_are_described(array, words):
  kind = {'photometric': 'rgb'} if array.shape[-1] == 3 else {'photometric': 'miniswhite'}
  with pytest.raises(images.ImageError, match=words):
    reading.read(tiff(array, **kind), 'the name', values=True)


def packed_12_bit(values):
  """A TIFF file of 12-bit samples, two in three bytes, written by hand; [height, even width]."""
  a, b = values.reshape(-1, 2).T.astype(np.uint32)
  pixels = np.stack([a >> 4, (a & 15) << 4 | b >> 8, b & 255], -1).astype(np.uint8).tobytes()
  height, width = values.shape
  tags = [(256, width), (257, height), (258, 12), (259, 1), (262, 1), (273, 0), (277, 1)]
  tags += [(278, height), (279, len(pixels))]
  start = 8 + 2 + 12 * len(tags) + 4
  entries = b''.join(
    struct.pack('<HHII', tag, 4, 1, start if tag == 273 else value) for tag, value in tags
  )
  return struct.pack('<2sHIH', b'II', 42, 8, len(tags)) + entries + bytes(4) + pixels


def test_12_bits_become_16_unless_values_are_wanted(tmp_path):
  counts = np.arange(4096, dtype=np.uint16).reshape(64, 64)
  data = packed_12_bit(counts)
  np.testing.assert_array_equal(reading.read(data, values=True).pixels[..., 0], counts)
  scaled = images.read_image(data)[..., 0]
  assert (scaled.min(), scaled.max()) == (0, 65535)
  np.testing.assert_array_equal(scaled, np.rint(counts * (65535 / 4095)))


@pytest.mark.parametrize('array', [RGB8, RGB16], ids=['8', '16'])
@pytest.mark.parametrize('bands', [1, 2, 3])
def test_one_band_beside_the_colors_is_told_and_several_are_refused(array, bands):
  whole = np.concatenate([array, *[array[..., :1]] * bands], -1)
  data = tiff(whole, photometric='rgb', extrasamples=['unspecified'] * bands)
  if bands > 1:
    with pytest.raises(images.ImageError, match=f'the name.*{3 + bands} (bands|samples)'):
      reading.read(data, 'the name')
    return
  got = reading.read(data)
  np.testing.assert_array_equal(got.pixels, array)
  assert got.lost in ({'band'}, {'alpha'}, {'picture'})


def with_alpha(array, levels):
  """The image with an alpha channel of so many different values."""
  alpha = (np.arange(array[..., 0].size) % levels).reshape(array.shape[:2])[..., np.newaxis]
  return np.concatenate([array, (255 - alpha).astype(array.dtype)], -1)


@pytest.mark.parametrize('levels, lost', [(1, set()), (2, {'alpha'}), (60, {'picture'})])
@pytest.mark.parametrize(
  'array, color', [(RGB8, 6), (GRAY8, 4), (RGB16, 6), (GRAY16, 4)], ids=['RGB', 'L', 'RGB16', 'L16']
)
def test_alpha_with_content_is_told(array, color, levels, lost):
  got = reading.read(encoders.png(with_alpha(array, levels), color))
  np.testing.assert_array_equal(got.pixels, array)
  assert got.lost == lost
  if array.shape[-1] == 3:
    data = tiff(with_alpha(array, levels), photometric='rgb', extrasamples=['unassalpha'])
    assert reading.read(data).lost == lost


def test_a_transparent_color_is_no_alpha_channel():
  data = encoders.png(RGB16, 2, extra=encoders.chunk(b'tRNS', struct.pack('>3H', *RGB16[0, 0])))
  assert reading.read(data).lost == set()


def pages(*arrays, **options):
  """A TIFF file of several images."""
  buffer = io.BytesIO()
  first, *others = (Image.fromarray(a.squeeze()) for a in arrays)
  first.save(buffer, 'TIFF', save_all=True, append_images=others, **options)
  return buffer.getvalue()


def test_further_pages_and_frames_are_told():
  got = reading.read(pages(GRAY8, 255 - GRAY8))
  np.testing.assert_array_equal(got.pixels, GRAY8)
  assert got.lost == {'pages'}
  # A thumbnail is no page of its own.
  assert reading.read(pages(GRAY8, GRAY8[::2, ::2])).lost == set()
  assert reading.read(pages(GRAY8)).lost == set()
  buffer = io.BytesIO()
  Image.fromarray(RGB8).save(
    buffer, 'PNG', save_all=True, append_images=[Image.fromarray(255 - RGB8)]
  )
  assert reading.read(buffer.getvalue()).lost == {'pages'}


@pytest.mark.filterwarnings('ignore')  # Pillow comments on the damage.
@settings(max_examples=200, deadline=None)
@given(
  st.sampled_from([{}, {'bigtiff': True}, {'compression': 'zlib'}, {'tile': (16, 16)}]),
  st.lists(st.tuples(st.floats(0, 0.999), st.integers(0, 255)), min_size=1, max_size=6),
)
def test_damaged_floating_point_files_raise_nothing_but_image_errors(options, damage):
  data = bytearray(tiff(DEGREES, **options))
  for place, value in damage:
    data[int(place * len(data))] = value
  try:
    got = reading.read(bytes(data), 'the name', values=True).pixels
  except images.ImageError as error:
    assert str(error).startswith('the name: ')
  else:
    assert got.ndim == 3 and got.dtype in (np.uint8, np.uint16, np.float32)


_PEAK = """
import pathlib, re, sys
from cyclegan_jax.image_files import reading
def peak():  # In KiB.
  return int(re.search('VmHWM:(.*) kB', pathlib.Path('/proc/self/status').read_text())[1])
reading.read(sys.argv[2])  # Imports.
before = peak()
reading.read(sys.argv[1])
print(peak() - before)
"""


@pytest.mark.parametrize(
  'kind, channels', [('uint8', 1), ('uint8', 3), ('uint16', 1), ('uint16', 3)]
)
def test_an_image_that_does_not_fit_is_refused_before_it_is_decoded(
  kind, channels, tmp_path, monkeypatch
):
  pixels = np.full((5000, 5000, channels), 7, kind)
  for name, part in (('large', pixels), ('small', pixels[:9, :9])):
    (tmp_path / f'{name}.png').write_bytes(images.encode_png(part))
  file = tmp_path / 'large.png'
  with monkeypatch.context() as patched:
    patched.setattr(memory, 'on_host', lambda: 2**20)
    with pytest.raises(decoding.ImageError, match=r'large.png: 5000x5000 pixels take') as refusal:
      images.read_image(file)
  said = float(re.search(r'take ([\d.]+) MiB', str(refusal.value))[1]) * 1024
  command = [sys.executable, '-c', _PEAK, str(file), str(tmp_path / 'small.png')]
  done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=True)
  assert 0.7 * said < int(done.stdout) < 1.3 * said
