"""Pillow's warnings name the file."""

import io
import warnings

import numpy as np
from PIL import Image
import pytest

from cyclegan_jax.image_files import images, named_warnings


@pytest.fixture(autouse=True)
def installed(monkeypatch):
  with warnings.catch_warnings():
    monkeypatch.setattr(warnings, 'showwarning', lambda *args, **kwargs: print('plain', args[0]))
    monkeypatch.setattr(named_warnings, '_said', set())
    named_warnings.install()
    yield


def broken(file):
  """A JPEG whose EXIF block points behind its end, which viewers show all the same."""
  stream = io.BytesIO()
  exif = b'Exif\x00\x00II*\x00\x08\x00\x00\x00\x02\x00\x12\x01\x03\x00\x01\x00\x00\x00\x06'
  Image.fromarray(np.zeros((8, 8, 3), np.uint8)).save(stream, 'JPEG', exif=exif)
  file.write_bytes(stream.getvalue())
  return file


def test_a_broken_exif_block_is_said_once_for_each_file(tmp_path, capsys):
  for name in ('a.jpg', 'b.jpg'):
    broken(tmp_path / name)
    for _ in range(2):
      assert images.read_image(tmp_path / name).shape == (8, 8, 3)
  lines = capsys.readouterr().err.splitlines()
  for name in ('a.jpg', 'b.jpg'):
    own = [line for line in lines if str(tmp_path / name) in line]
    assert own and len(own) == len(set(own)), lines
    assert all(line.startswith(f'Warning: {tmp_path / name}: ') for line in own)
  assert len([line for line in lines if '.jpg' not in line]) == 0


def test_other_warnings_stay_as_they_are(capsys):
  warnings.warn('mine', stacklevel=1)
  assert capsys.readouterr().out == 'plain mine\n'
