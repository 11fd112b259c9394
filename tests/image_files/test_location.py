"""GPS and map tags: read from photographs, written into PNG and TIFF."""

import io

import numpy as np
from PIL import Image, TiffImagePlugin
import pytest
import tifffile

from cyclegan_jax.image_files import images, location
from cyclegan_jax.image_files.decoding import ImageError

GPS = {1: 'N', 2: (50.0, 10.0, 1.5), 3: 'E', 4: (8.0, 20.0, 3.25), 6: 120.5}
MAP = {
  33550: (12, (0.5, 0.5, 0.0)),
  33922: (12, (0.0, 0.0, 0.0, 500000.0, 5500000.0, 0.0)),
  34735: (3, (1, 1, 0, 1, 1024, 0, 1, 1)),
  34737: (2, 'WGS 84|'),
}
PIXELS = np.random.default_rng(0).integers(0, 256, (6, 8, 3), np.uint8)


def photo(file, orientation=None):
  exif = Image.Exif()
  exif[271], exif[306] = 'Maker', '2024:01:01 12:00:00'
  if orientation:
    exif[274] = orientation
  exif.get_ifd(0x8825).update(GPS)
  Image.fromarray(PIXELS).save(file, exif=exif)
  return file


def mapped(file, **more):
  tags = TiffImagePlugin.ImageFileDirectory_v2()
  for tag, (kind, value) in MAP.items():
    tags[tag], tags.tagtype[tag] = value, kind
  for tag, value in more.items():
    tags[int(tag[1:])] = value
  Image.fromarray(PIXELS).save(file, tiffinfo=tags)
  return file


def found(data):
  """GPS and map tags of a file's content, as Pillow reads them."""
  exif = Image.open(io.BytesIO(data)).getexif()
  return dict(exif.get_ifd(0x8825)), {tag: exif[tag] for tag in MAP if tag in exif}


@pytest.mark.parametrize('encode', [images.encode_png, images.encode_tiff])
@pytest.mark.parametrize('dtype, channels', [(np.uint8, 1), (np.uint8, 3), (np.uint16, 1)])
def test_both_are_carried_over(tmp_path, encode, dtype, channels):
  result = np.resize(PIXELS, (6, 8, channels)).astype(dtype)
  for file, want in (
    (photo(tmp_path / 'a.jpg'), (GPS, {})),
    (photo(tmp_path / 'a.png'), (GPS, {})),
    (mapped(tmp_path / 'a.tif'), ({}, {tag: value for tag, (_, value) in MAP.items()})),
  ):
    data = encode(result, {'step': '5'}, location.read(file))
    assert found(data) == want
    # Nothing else of the photograph, and the pixels and our own texts as ever.
    assert 271 not in Image.open(io.BytesIO(data)).getexif()
    np.testing.assert_array_equal(images.read_image(data), result)
    out = tmp_path / 'out'
    out.write_bytes(data)
    assert images.read_texts(out)['step'] == '5'


def test_another_reader_finds_the_map_tags_with_their_types(tmp_path):
  data = images.encode_tiff(PIXELS, {}, location.read(mapped(tmp_path / 'a.tif')))
  tags = tifffile.TiffFile(io.BytesIO(data)).pages[0].tags
  for tag, (kind, value) in MAP.items():
    assert tags[tag].dtype == kind and tags[tag].value == value


def test_a_photograph_without_a_place_has_none(tmp_path):
  Image.fromarray(PIXELS).save(tmp_path / 'a.jpg')
  assert location.read(tmp_path / 'a.jpg') is None
  assert images.encode_png(PIXELS, {}, None) == images.encode_png(PIXELS)


def test_map_tags_of_turned_images_are_left_out(tmp_path):
  """They would place pixels that have moved; GPS is that of the camera."""
  assert location.read(mapped(tmp_path / 'a.tif', t274=6)) is None
  assert location.read(photo(tmp_path / 'a.jpg', orientation=6)).gps == GPS


def test_what_is_no_image_is_named(tmp_path):
  (tmp_path / 'a.jpg').write_bytes(b'none')
  with pytest.raises(ImageError, match='a.jpg'):
    location.read(tmp_path / 'a.jpg')
