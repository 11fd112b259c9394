"""Files are known by their content, and those that are not read by the name of their kind."""

import pytest

from cyclegan_jax.image_files import formats, images
from tests.image_files.corpus_photos import webp
from tests.image_files.encoders import RGB8, saved


@pytest.mark.parametrize(
  'content, kind',
  [
    (saved(RGB8, 'GIF'), 'a GIF file'),
    (saved(RGB8, 'ICO'), 'an ICO file'),
    (b'\0\0\0\x1cftypavif' + bytes(40), 'an AVIF file'),
    (b'PK\x03\x04' + bytes(40), 'a zip file'),
    (b'<!DOCTYPE html><p>404', 'a web page'),
    (b'%PDF-1.7 ' + bytes(40), 'a PDF file'),
    (b'RIFF\0\0\0\0WAVEfmt ' + bytes(40), 'not an image of a known kind'),
  ],
)
def test_kinds_that_are_not_read_are_named_whatever_the_file_is_called(tmp_path, content, kind):
  path = tmp_path / 'photo.jpg'
  path.write_bytes(content)
  with pytest.raises(images.ImageError, match=f'photo.jpg: {kind}.*expected a PNG, JPEG, WebP'):
    images.read_image(path)


def test_webp_is_read_under_any_name_and_stored_as_another_kind(tmp_path):
  path = tmp_path / 'photo.png'
  path.write_bytes(saved(RGB8, 'WEBP', lossless=True))
  assert (images.read_image(path) == RGB8).all()
  assert not images.is_plain(path)


def test_jfif_is_jpeg(tmp_path):
  assert {'.jfif', '.webp'} <= set(images.EXTENSIONS) and '.gif' not in images.EXTENSIONS
  path = tmp_path / 'photo.jfif'
  path.write_bytes(saved(RGB8, 'JPEG'))
  assert images.is_plain(path)


def test_heic_without_its_decoder_names_the_extra(tmp_path, monkeypatch):
  monkeypatch.setattr(formats, 'has_heif', lambda: False)
  path = tmp_path / 'photo.heic'
  path.write_bytes(b'\0\0\0\x18ftypheic' + bytes(200))
  with pytest.raises(images.ImageError, match=r"a HEIC file, and HEIC needs.*'\.\[heif\]'"):
    images.read_image(path)


def test_heic_is_known_if_it_can_be_read():
  assert ('.heic' in images.EXTENSIONS) == formats.has_heif()


def test_animations_are_refused_by_what_they_are(tmp_path):
  path = tmp_path / 'moving.webp'
  path.write_bytes(next(sample.data for sample in webp() if sample.kind == 'animated'))
  with pytest.raises(images.ImageError, match=r'moving\.webp: an animated WebP file'):
    images.image_header(path)
