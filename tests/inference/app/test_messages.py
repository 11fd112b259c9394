"""What visitors of the try-out page are told of files that cannot be translated."""

import re

import numpy as np
import pytest

pytest.importorskip('starlette', reason='needs the extra app')

from cyclegan_jax.errors import UserError
from cyclegan_jax.image_files import decoding, formats, images
from cyclegan_jax.inference.app import messages
from cyclegan_jax.inference.files import values
from cyclegan_jax.settings import DataConfig

HEIC = b'\0\0\0\x18ftypheic' + bytes(40)


def test_a_large_image_is_told_in_pixels(monkeypatch):
  monkeypatch.setattr(decoding, 'MAX_PIXELS', 16_999_999)
  error = decoding.LargeImageError('x: --max_megapixels=16', (6000, 4000))
  expected = 'This image has 6000x4000 pixels, 24 megapixels. This page takes up to 16.'
  assert messages.of(error) == expected


def test_a_large_image_is_found_by_its_header(monkeypatch):
  monkeypatch.setattr(decoding, 'MAX_PIXELS', 999)
  with pytest.raises(decoding.LargeImageError) as caught:
    images.read_image(images.encode_png(np.zeros((50, 40, 1), np.uint8)))
  assert caught.value.size == (40, 50)


def test_sentences_about_our_insides_are_left_out():
  told = messages.of(
    UserError("A (--ir_span) is so. Give --values. It is b'PK'. See docs/x.md. Send another file.")
  )
  assert told == 'A is so. Send another file.'
  assert messages.of(UserError('Give --values.')) == messages.of(UserError("b'x'"))
  assert 'damaged' in messages.of(UserError('pip install x'))


@pytest.mark.parametrize('installed', [True, False])
def test_heic_is_taken_with_its_extra_alone(installed, monkeypatch):
  monkeypatch.setattr(formats, 'has_heif', lambda: installed)
  assert ('HEIC' in messages.kinds()) == installed
  if not installed:
    told = messages.refusal(HEIC)
    assert told.startswith('This is a HEIC file.') and 'Save it as JPEG' in told


@pytest.mark.filterwarnings('ignore::UserWarning')  # Pillow's, of damaged files.
@pytest.mark.parametrize('seed', range(40))
def test_no_message_of_a_broken_file_shows_flags_or_python(seed):
  rng = np.random.default_rng(seed)
  data = bytearray(images.encode_tiff(rng.integers(0, 256, (9, 8, 3), np.uint8)))
  if seed % 2:
    data = bytearray(images.encode_png(rng.integers(0, 256, (9, 8, 3), np.uint8)))
  for place in rng.integers(0, len(data), 6):
    data[place] = rng.integers(256)
  told = messages.refusal(bytes(data))
  try:
    values.read(DataConfig(), 'rgb_to_ir', bytes(data), 'This file')
  except UserError as error:
    told = told or messages.of(error)
    assert told
  assert not re.search(r"--|\bb['\"]|<_io|Traceback", told)
