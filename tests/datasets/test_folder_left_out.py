"""Files that are not read are counted by kind, and so are the partners that they leave alone."""

import numpy as np
from PIL import Image
import pytest

from cyclegan_jax.errors import UserError
from cyclegan_jax.image_files import formats, images
from datasets.folder import config as config_lib
from tests.datasets.test_folder_builder import stored_pairs
from tests.datasets.test_folder_layouts import all_ids, image, put


@pytest.fixture
def without_heif(monkeypatch):
  monkeypatch.setattr(formats, 'has_heif', lambda: False)
  kept = tuple(e for e in images.EXTENSIONS if e not in formats.HEIF_EXTENSIONS)
  monkeypatch.setattr(images, 'EXTENSIONS', kept)


def put_kinds(root, *extensions):
  """Writes RGB images of these kinds, as far as Pillow does, and an IR PNG for each."""
  for i, extension in enumerate(extensions):
    path = root / 'rgb' / f'{i:03}{extension}'
    path.parent.mkdir(parents=True, exist_ok=True)
    kind = {'.webp': 'WEBP', '.jfif': 'JPEG', '.gif': 'GIF'}.get(extension.lower(), 'JPEG')
    Image.fromarray(image(3)).save(path, kind)
    put(root, f'ir/{i:03}.png')
  return root


def test_webp_and_jfif_are_read(tmp_path, no_progress_bars):
  put_kinds(tmp_path / 'in', '.jpg', '.webp', '.WEBP', '.jfif')
  config = config_lib.folder_config(tmp_path / 'in')
  assert len(all_ids(config)) == 4 and config.notes == ()
  found = stored_pairs(tmp_path / 'in', tmp_path)
  for split in config.examples.values():
    for example in split:
      stored = images.read_image(found[example.id]['rgb'])
      np.testing.assert_array_equal(stored, images.read_image(example.rgb))
      assert Image.open(tmp_path / 'in' / 'ir' / f'{example.id}.png')
  assert found['001']['rgb'].startswith(b'\x89PNG') and found['003']['rgb'].startswith(b'\xff\xd8')


def test_heic_is_read_with_its_decoder(tmp_path, no_progress_bars):
  heif = pytest.importorskip('pillow_heif', reason='needs the extra heif')
  put_kinds(tmp_path / 'in', '.jpg', '.jpg')
  pixels = image(3)
  photo = heif.from_pillow(Image.fromarray(pixels))
  photo.save(tmp_path / 'in' / 'rgb' / '000.HEIC', quality=-1, chroma=444)
  (tmp_path / 'in' / 'rgb' / '000.jpg').unlink()
  config = config_lib.folder_config(tmp_path / 'in')
  assert len(all_ids(config)) == 2 and config.notes == ()
  stored = stored_pairs(tmp_path / 'in', tmp_path)['000']['rgb']
  assert stored.startswith(b'\x89PNG')
  np.testing.assert_allclose(images.read_image(stored).astype(int), pixels, atol=2)


def test_others_are_counted_with_their_partners(tmp_path, without_heif):
  put_kinds(tmp_path, *['.jpg'] * 12, *['.gif'] * 3, *['.HEIC'] * 2)
  put(tmp_path, 'ir/alone.png')
  for name in ('rgb/000.txt', 'rgb/notes.json', 'README.md'):
    (tmp_path / name).write_text('no image')
  config = config_lib.folder_config(tmp_path)
  assert len(all_ids(config)) == 12
  assert config.notes == (
    f'Left out in rgb: 3 .gif, 2 .heic ({formats.HEIF_ADVICE}); their 5 partners in ir go with '
    'them.',
    '1 images have no partner and are left out: ir/alone.png.',
  )
  assert len(config.unmatched) == 6


def test_one_lost_partner_of_names_that_nearly_match(tmp_path):
  put(tmp_path, *[f'rgb/{n}v.png' for n in range(4)], channels=3)
  put(tmp_path, *[f'ir/{n}i.png' for n in range(5)])
  (tmp_path / 'rgb' / '4v.gif').write_bytes(b'GIF89a')
  notes = config_lib.folder_config(tmp_path).notes
  assert notes[1:] == ('Left out in rgb: 1 .gif; their partner in ir goes with them.',)


def test_a_copy_in_another_format_costs_nobody_a_partner(tmp_path):
  put_kinds(tmp_path, '.jpg', '.jpg')
  (tmp_path / 'rgb' / '000.gif').write_bytes(b'GIF89a')
  assert config_lib.folder_config(tmp_path).notes == ('Left out in rgb: 1 .gif.',)


def test_a_refusal_says_what_was_not_read(tmp_path):
  put_kinds(tmp_path, '.jpg', *['.gif'] * 8)
  with pytest.raises(UserError, match=r'8 of 10 images.*Left out in rgb: 8 \.gif; their'):
    config_lib.folder_config(tmp_path)
  (tmp_path / 'rgb' / '000.jpg').unlink()
  with pytest.raises(UserError, match=r'images: ir \(9\)\. Folders without: rgb \(8 \.gif\)'):
    config_lib.folder_config(tmp_path)


def test_a_gif_that_is_called_jpg_is_refused_by_name_and_kind(tmp_path):
  put_kinds(tmp_path, '.jpg', '.jpg')
  (tmp_path / 'rgb' / '000.gif').write_bytes(b'')
  Image.fromarray(image(3)).save(tmp_path / 'rgb' / '000.jpg', 'GIF')
  with pytest.raises(UserError, match=r'rgb/000\.jpg: a GIF file'):
    config_lib.folder_config(tmp_path)
