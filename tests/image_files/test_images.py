"""Reading images, against independent encoders and readers."""

import io
import struct
import zlib

from hypothesis import given, settings, strategies as st
import imagecodecs
import numpy as np
from PIL import Image
import pytest
import tifffile

from cyclegan_jax import errors
from cyclegan_jax.image_files import codecs, decoding, images

RNG = np.random.default_rng(0)
GRAY8 = RNG.integers(0, 256, (5, 7, 1), np.uint8)
RGB8 = RNG.integers(0, 256, (5, 7, 3), np.uint8)
GRAY16 = RNG.integers(0, 65536, (5, 7, 1), np.uint16)
RGB16 = RNG.integers(0, 65536, (5, 7, 3), np.uint16)


def hand_made_png(array, color_type, extra=b''):
  """A PNG written chunk by chunk: an encoder that shares no code with those we use."""

  def chunk(name, data):
    return struct.pack('>I', len(data)) + name + data + struct.pack('>I', zlib.crc32(name + data))

  height, width = array.shape[:2]
  rows = b''.join(b'\0' + row.astype(array.dtype.newbyteorder('>')).tobytes() for row in array)
  header = struct.pack('>IIBBBBB', width, height, array.itemsize * 8, color_type, 0, 0, 0)
  return (
    b'\x89PNG\r\n\x1a\n'
    + chunk(b'IHDR', header)
    + extra
    + chunk(b'IDAT', zlib.compress(rows))
    + chunk(b'IEND', b'')
  )


def saved(image, format_, **options):
  buffer = io.BytesIO()
  image.save(buffer, format_, **options)
  return buffer.getvalue()


def tiff(array, **options):
  buffer = io.BytesIO()
  tifffile.imwrite(buffer, array, **options)
  return buffer.getvalue()


def check(tmp_path, data, expected, suffix='.img'):
  """Bytes, path and header all agree with the expected array."""
  path = tmp_path / f'a ü{suffix}'
  path.write_bytes(data)
  for got in (images.read_image(data), images.read_image(path)):
    assert got.dtype == expected.dtype
    np.testing.assert_array_equal(got, expected)
  assert images.image_header(path) == (*expected.shape, expected.dtype)


@pytest.mark.parametrize('array', [GRAY8, GRAY16, RGB8, RGB16], ids=['L', 'L16', 'RGB', 'RGB16'])
def test_reads_hand_made_png(tmp_path, array):
  check(tmp_path, hand_made_png(array, 0 if array.shape[-1] == 1 else 2), array)


@pytest.mark.parametrize('array', [GRAY8, GRAY16, RGB8, RGB16], ids=['L', 'L16', 'RGB', 'RGB16'])
def test_drops_alpha_of_png(tmp_path, array):
  with_alpha = np.concatenate([array, array[..., :1]], -1)
  check(tmp_path, hand_made_png(with_alpha, 4 if array.shape[-1] == 1 else 6), array)


@pytest.mark.parametrize('array', [GRAY16, RGB16], ids=['L16', 'RGB16'])
def test_transparent_color_of_16_bit_png_is_ignored(tmp_path, array):
  data = struct.pack(f'>{array.shape[-1]}H', *array[0, 0])
  extra = (
    struct.pack('>I', len(data)) + b'tRNS' + data + struct.pack('>I', zlib.crc32(b'tRNS' + data))
  )
  check(tmp_path, hand_made_png(array, 0 if array.shape[-1] == 1 else 2, extra), array)


@pytest.mark.parametrize(
  'options',
  [
    {},
    {'compression': 'zlib'},
    {'compression': 'lzw', 'predictor': True},
    {'byteorder': '>'},
    {'bigtiff': True},
    {'tile': (16, 16)},
  ],
)
@pytest.mark.parametrize('array', [GRAY8, GRAY16, RGB8, RGB16], ids=['L', 'L16', 'RGB', 'RGB16'])
def test_reads_tiff(tmp_path, array, options):
  kind = 'minisblack' if array.shape[-1] == 1 else 'rgb'
  check(tmp_path, tiff(array.squeeze(), photometric=kind, **options), array)


@pytest.mark.parametrize('array', [RGB8, RGB16])
def test_reads_planar_tiff_and_tiff_with_alpha(tmp_path, array):
  planes = np.ascontiguousarray(np.moveaxis(array, -1, 0))
  check(tmp_path, tiff(planes, photometric='rgb', planarconfig='separate'), array)
  rgba = np.concatenate([array, array[..., :1]], -1)
  check(tmp_path, tiff(rgba, photometric='rgb', extrasamples=['unassalpha']), array)


@pytest.mark.parametrize('array', [GRAY8, GRAY16])
def test_inverts_tiff_in_which_white_is_zero(tmp_path, array):
  expected = np.iinfo(array.dtype).max - array
  check(tmp_path, tiff(array.squeeze(), photometric='miniswhite'), expected)


def test_takes_first_page_of_tiff(tmp_path):
  check(tmp_path, tiff(np.stack([GRAY16, GRAY16 // 2])[..., 0], photometric='minisblack'), GRAY16)


def test_reads_bmp_and_jpeg(tmp_path):
  check(tmp_path, saved(Image.fromarray(RGB8), 'BMP'), RGB8)
  check(tmp_path, saved(Image.fromarray(GRAY8[..., 0]), 'BMP'), GRAY8)
  data = saved(Image.fromarray(RGB8), 'JPEG')
  check(tmp_path, data, imagecodecs.jpeg_decode(data))


def test_palettes_become_gray_or_rgb(tmp_path):
  indices = Image.fromarray(GRAY8[..., 0] % 4)
  indices.putpalette([0, 0, 0, 9, 9, 9, 99, 99, 99, 255, 255, 255])
  values = np.array([0, 9, 99, 255], np.uint8)
  check(tmp_path, saved(indices, 'PNG'), values[GRAY8 % 4])
  palette = RGB8.reshape(-1, 3)[:4]
  indices.putpalette(palette.tobytes())
  check(tmp_path, saved(indices, 'PNG', transparency=1), palette[GRAY8[..., 0] % 4])


def test_bilevel_cmyk_and_animation(tmp_path):
  bits = GRAY8 > 127
  check(tmp_path, saved(Image.fromarray(bits[..., 0]), 'PNG'), bits * np.uint8(255))
  cmyk = Image.fromarray(np.concatenate([RGB8, 0 * GRAY8], -1), 'CMYK')
  check(tmp_path, saved(cmyk, 'TIFF'), 255 - RGB8)
  frames = [Image.fromarray(RGB8), Image.fromarray(RGB8 // 2)]
  data = saved(frames[0], 'PNG', save_all=True, append_images=frames[1:])
  check(tmp_path, data, RGB8)
  assert not images.is_plain(data)


@pytest.mark.parametrize('mode', ['1', 'L', 'LA', 'P', 'RGB', 'RGBA', 'CMYK', 'YCbCr'])
def test_large_images_are_converted_strip_by_strip_to_the_same_pixels(monkeypatch, mode):
  picture = Image.fromarray(np.random.default_rng(0).integers(0, 256, (23, 17, 3), np.uint8))
  image = picture.convert(mode)
  data = saved(image, 'PNG' if mode not in ('CMYK', 'YCbCr') else 'TIFF')
  expected = images.read_image(data)
  monkeypatch.setattr(codecs, '_STRIP_PIXELS', 70)  # Four rows; the last strip has three.
  np.testing.assert_array_equal(images.read_image(data), expected)
  wanted = image.convert('RGB' if expected.shape[-1] == 3 else 'L')
  np.testing.assert_array_equal(expected.squeeze(), np.asarray(wanted))


@pytest.mark.parametrize('orientation', range(1, 9))
@pytest.mark.parametrize('format_', ['PNG', 'JPEG', 'TIFF'])
def test_applies_exif_orientation(tmp_path, format_, orientation):
  exif = Image.Exif()
  exif[274] = orientation
  smooth = np.zeros((16, 32, 3), np.uint8)
  smooth[:8, :16] = 200
  smooth[8:, :16] = 90
  # Where each corner of the stored image belongs, from the EXIF standard's definition of the
  # 0th row and column.
  rows, columns = {
    1: 'top left',
    2: 'top right',
    3: 'bottom right',
    4: 'bottom left',
    5: 'left top',
    6: 'right top',
    7: 'right bottom',
    8: 'left bottom',
  }[orientation].split()
  expected = smooth if orientation < 5 else smooth.swapaxes(0, 1)
  sides = {rows, columns}
  expected = expected[::-1] if 'bottom' in sides else expected
  expected = expected[:, ::-1] if 'right' in sides else expected
  options = {'quality': 100, 'subsampling': 0} if format_ == 'JPEG' else {}
  data = saved(Image.fromarray(smooth), format_, exif=exif, **options)
  path = tmp_path / 'a'
  path.write_bytes(data)
  got = images.read_image(data)
  np.testing.assert_allclose(got.astype(int), expected, atol=2)
  assert images.image_header(path)[:2] == expected.shape[:2]
  assert images.is_plain(data) == (orientation == 1 and format_ != 'TIFF')


@pytest.mark.parametrize('array', [GRAY16, RGB16], ids=['L16', 'RGB16'])
def test_applies_orientation_of_16_bit_tiff(tmp_path, array):
  kind = 'minisblack' if array.shape[-1] == 1 else 'rgb'
  data = tiff(array.squeeze(), photometric=kind, extratags=[(274, 'H', 1, 6, True)])
  check(tmp_path, data, np.rot90(array, -1))


@pytest.mark.parametrize(
  'array, kind',
  [
    (GRAY16.astype(np.float32), 'minisblack'),
    (RGB16.astype(np.float32), 'rgb'),
    (GRAY16.astype(np.float16), 'minisblack'),
    (GRAY16.astype(np.int16), 'minisblack'),
    (GRAY16.astype(np.uint32), 'minisblack'),
    (GRAY16.astype(np.float64), 'minisblack'),
  ],
)
def test_refuses_float_signed_and_32_bit_tiff(tmp_path, array, kind):
  path = tmp_path / 'radiometric.tiff'
  path.write_bytes(tiff(array.squeeze(), photometric=kind))
  for read in (images.read_image, images.image_header):
    with pytest.raises(images.ImageError, match='radiometric.tiff.*expected'):
      read(path)


@pytest.mark.parametrize(
  'content, found',
  [
    (b'', 'zero bytes'),
    (b'hello, I am text', 'not an image'),
    (b'GIF89a' + bytes(50), 'GIF89a'),
    (b'\x89PNG\r\n\x1a\n', 'bad.png'),
    (b'\xff\xd8\xff', 'bad.png'),
    (b'II*\0', 'bad.png'),
  ],
)
def test_bad_files_are_named(tmp_path, content, found):
  path = tmp_path / 'bad.png'
  path.write_bytes(content)
  for read in (images.read_image, images.image_header, images.is_plain):
    with pytest.raises(images.ImageError, match='bad.png') as caught:
      read(path)
    assert found in str(caught.value)


def test_missing_files_and_folders_are_named(tmp_path):
  assert issubclass(images.ImageError, errors.UserError)
  for read in (images.read_image, images.image_header, images.is_plain):
    with pytest.raises(images.ImageError, match='nowhere.png: no such file'):
      read(tmp_path / 'nowhere.png')
    with pytest.raises(images.ImageError, match='cannot be read'):
      read(tmp_path)
  with pytest.raises(images.ImageError, match='^frame 7: '):
    images.read_image(b'nonsense', name='frame 7')


@pytest.mark.parametrize(
  'data',
  [
    hand_made_png(GRAY8, 0),
    hand_made_png(RGB16, 2),
    saved(Image.fromarray(RGB8), 'BMP'),
    tiff(GRAY16[..., 0]),
    tiff(RGB16, photometric='rgb'),
    saved(Image.fromarray(RNG.integers(0, 256, (64, 64, 3), np.uint8)), 'JPEG'),
  ],
  ids=['png', 'png16', 'bmp', 'tiff16', 'tiff48', 'jpeg'],
)
@pytest.mark.filterwarnings('ignore:Truncated')
def test_truncated_files_are_refused(data):
  with pytest.raises(images.ImageError, match='half'):
    images.read_image(data[: len(data) // 2], name='half')


@pytest.mark.filterwarnings('ignore:Image size')  # Pillow warns too, from its own level on.
@pytest.mark.parametrize('width', [decoding.MAX_PIXELS // 100, 2**20, 2**30])
def test_decompression_bombs_are_refused(tmp_path, width):
  bomb = hand_made_png(GRAY8, 0).replace(struct.pack('>II', 7, 5), struct.pack('>II', width, 200))
  # Replacing the sizes breaks the header's checksum, which Pillow verifies.
  bomb = bomb[:29] + struct.pack('>I', zlib.crc32(bomb[12:29])) + bomb[33:]
  path = tmp_path / 'bomb.png'
  path.write_bytes(bomb)
  for read in (images.read_image, images.image_header):
    with pytest.raises(images.ImageError, match='bomb.png.*allowed'):
      read(path)


@pytest.mark.filterwarnings('ignore')  # Pillow comments on the damage.
@settings(max_examples=150, deadline=None)
@given(st.sampled_from([0, 1, 2, 3, 4]), st.data())
def test_damaged_files_raise_nothing_but_image_errors(kind, data):
  good = [
    hand_made_png(RGB16, 2),
    hand_made_png(GRAY8, 0),
    tiff(RGB16, photometric='rgb'),
    tiff(GRAY16[..., 0], compression='zlib'),
    saved(Image.fromarray(RGB8), 'JPEG'),
  ][kind]
  damaged = bytearray(good)
  for _ in range(data.draw(st.integers(1, 4))):
    damaged[data.draw(st.integers(0, len(good) - 1))] = data.draw(st.integers(0, 255))
  try:
    got = images.read_image(bytes(damaged))
  except images.ImageError:
    return
  assert got.dtype in (np.uint8, np.uint16) and got.shape[-1] in (1, 3)
