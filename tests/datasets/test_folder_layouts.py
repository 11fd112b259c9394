"""Recognizing layouts, matching and naming of a user's folder, on miniature trees."""

import itertools
import os
import unicodedata

import numpy as np
import pytest

from cyclegan_jax import errors
from cyclegan_jax.image_files import images
from datasets.folder import config as config_lib, layouts


def image(channels, dtype=np.uint8, size=(4, 6), value=None):
  """A small image; different ones unless a value is given."""
  high = np.iinfo(dtype).max
  rng = np.random.default_rng(next(image.seeds))
  pixels = rng.integers(0, high, (*size, channels), dtype)
  return pixels if value is None else np.full_like(pixels, value)


image.seeds = itertools.count()


def put(root, *paths, channels=1, dtype=np.uint8, size=(4, 6)):
  """Writes images (as PNG, whatever the extension says) and returns the root."""
  for path in paths:
    full = root / path
    full.parent.mkdir(parents=True, exist_ok=True)
    full.write_bytes(images.encode_png(image(channels, dtype, size)))
  return root


def put_pairs(root, *pairs, **options):
  """Writes (rgb path, ir path) pairs."""
  for rgb, ir in pairs:
    put(root, rgb, channels=3, **options)
    put(root, ir, **options)
  return root


def ids(config):
  return {split: [e.id for e in examples] for split, examples in config.examples.items()}


def all_ids(config):
  return sorted(id_ for found in ids(config).values() for id_ in found)


@pytest.mark.parametrize(
  'rgb, ir, found, said',
  [
    ('visible/train/{}.jpg', 'infrared/train/{}.jpg', 'train/{}', 'LLVIP'),
    ('train/vi/{}.png', 'train/ir/{}.png', 'train/{}', 'MSRS'),
    ('crop_LR_visible/{}.jpg', 'cropinfrared/{}.jpg', '{}', 'RoadScene'),
    ('Vis/{}.png', 'Ir/{}.png', '{}', 'M3FD'),
    ('set00/V000/visible/{}.jpg', 'set00/V000/lwir/{}.jpg', 'set00/V000/{}', 'KAIST'),
    ('rgb/{}.png', 'ir/{}.tiff', '{}', "'rgb'"),
    ('RGB/{}.BMP', 'T/{}.JPG', '{}', "'t'"),
    ('color/seq/{}.png', 'thermal/seq/{}.png', 'seq/{}', "'thermal'"),
    ('vis/{}.png', 'ir/{}.png', '{}', "'vis'"),
    ('a/rgb/b/{}.png', 'a/b/infrared/{}.png', 'a/b/{}', "'infrared'"),
    ('trainA/{}.png', 'trainB/{}.png', 'train/{}', 'taken for RGB'),
    ('x/valA/{}.png', 'x/valB/{}.png', 'x/val/{}', 'taken for RGB'),
    ('frames/{}_RGB.jpg', 'frames/{}_PreviewData.jpeg', 'frames/{}', 'FLIR'),
    ('rgb/{}_RGB.jpg', 'thermal/{}_PreviewData.jpeg', '{}', "'thermal'"),
    ('my rgb é/{}.png', 'ir/{}.png', None, ''),
  ],
)
def test_layouts(tmp_path, rgb, ir, found, said):
  names = ['FLIR_1', 'b c', 'ü.1']
  put_pairs(tmp_path, *[(rgb.format(n), ir.format(n)) for n in names])
  put(tmp_path, 'labels/FLIR_1.png')
  if found is None:
    with pytest.raises(errors.UserError, match='--rgb_dir and --ir_dir'):
      config_lib.folder_config(tmp_path)
    return
  config = config_lib.folder_config(tmp_path)
  assert config.aligned and config.unmatched == ()
  assert all_ids(config) == sorted(found.format(n) for n in names)
  assert said in config.layout
  assert config.notes == ('1 other images belong to neither domain and are ignored.',)
  for example in itertools.chain(*config.examples.values()):
    assert images.image_header(example.rgb).channels == 3
    assert images.image_header(example.ir).channels == 1


def test_train_and_test_folders_in_the_style_of_cyclegan(tmp_path):
  put_pairs(
    tmp_path, *[(f'{s}A/{i}.png', f'{s}B/{i}.png') for s in ('train', 'test') for i in range(2)]
  )
  config = config_lib.folder_config(tmp_path)
  assert config.split_by == 'folder'
  assert ids(config)['test'] == ['test/0', 'test/1']
  assert {e.id.partition('/')[0] for e in config.examples['train']} == {'train'}


@pytest.mark.parametrize(
  'rgb_dir, ir_dir, expected',
  [
    ('mine/color images', 'mine/hot', ['0', 'x/0']),
    ('./mine/color images/', 'mine/hot', ['0', 'x/0']),
    ('color images', 'hot', ['mine/0', 'mine/x/0', 'other/0']),
    ('other/color images', 'other/hot', ['0']),
  ],
)
def test_explicit_folders_at_the_top_or_any_depth(tmp_path, rgb_dir, ir_dir, expected):
  for path in ('mine/{}/0.png', 'mine/{}/x/0.png', 'other/{}/0.png'):
    put_pairs(tmp_path, (path.format('color images'), path.format('hot')))
  config = config_lib.folder_config(tmp_path, rgb_dir, ir_dir)
  assert all_ids(config) == expected
  assert rgb_dir in config.layout


def test_explicit_folders_may_be_nested_or_decide_between_candidates(tmp_path):
  put_pairs(tmp_path, ('visible/0.png', 'visible/ir/0.png'), ('vis/0.png', 'thermal/0.png'))
  config = config_lib.folder_config(tmp_path, 'visible', 'visible/ir')
  assert all_ids(config) == ['0']
  assert config.examples['train'][0].ir.endswith('visible/ir/0.png')
  with pytest.raises(errors.UserError, match='more than one layout fits.*visible.*--rgb_dir'):
    config_lib.folder_config(put(tmp_path, 'ir/0.png'))


@pytest.mark.parametrize(
  'rgb_dir, ir_dir, message',
  [
    ('rgb', '', '--ir_dir is missing'),
    ('', 'ir', '--rgb_dir is missing'),
    ('nowhere', 'ir', '--rgb_dir=nowhere: no images.*rgb'),
    ('rgb', 'no/where', '--ir_dir=no/where: no images'),
    ('rgb', 'rgb/', 'same folder'),
    ('/rgb', 'ir', '--rgb_dir=/rgb: must be'),
    ('rgb', '../ir', '--ir_dir=../ir: must be'),
    ('.', 'ir', '--rgb_dir=.: must be'),
    ('RGB', 'ir', '--rgb_dir=RGB: no images'),
  ],
)
def test_bad_explicit_folders(tmp_path, rgb_dir, ir_dir, message):
  put_pairs(tmp_path, ('rgb/0.png', 'ir/0.png'))
  with pytest.raises(errors.UserError, match=message):
    config_lib.folder_config(tmp_path, rgb_dir, ir_dir)


def test_unknown_layouts_list_the_folders(tmp_path):
  put(tmp_path, *[f'folder{i:02}/x.png' for i in range(14)])
  with pytest.raises(errors.UserError) as caught:
    config_lib.folder_config(tmp_path)
  for part in ('folder00 (1)', 'folder11 (1) and 2 more', '--rgb_dir', 'side by side'):
    assert part in str(caught.value)


def test_missing_and_empty_folders_are_named(tmp_path):
  with pytest.raises(errors.UserError, match='nowhere: does not exist'):
    config_lib.folder_config(tmp_path / 'nowhere')
  with pytest.raises(errors.UserError, match='--source_dir is empty'):
    config_lib.folder_config('')
  with pytest.raises(errors.UserError, match='no images found.*no files at all'):
    config_lib.folder_config(tmp_path)
  (tmp_path / 'a.gif').write_bytes(b'x')
  with pytest.raises(errors.UserError, match='no images found.*1 .gif'):
    config_lib.folder_config(tmp_path)
  with pytest.raises(errors.UserError, match='a.gif: is not a folder'):
    config_lib.folder_config(tmp_path / 'a.gif')
  with pytest.raises(errors.UserError, match='--ir_channels=2'):
    config_lib.folder_config(tmp_path, ir_channels=2)


def test_one_domain_alone_is_no_layout(tmp_path):
  put(tmp_path, 'rgb/0.png', channels=3)
  with pytest.raises(errors.UserError, match=r'no known layout.*rgb \(1\)'):
    config_lib.folder_config(tmp_path)


def test_loops_hidden_and_broken_entries(tmp_path):
  put_pairs(tmp_path, ('rgb/0.png', 'real/0.png'))
  put(tmp_path, '.hidden/ir/0.png', 'rgb/.0.png', '__MACOSX/rgb/0.png')
  (tmp_path / 'ir').symlink_to(tmp_path / 'real')
  (tmp_path / 'rgb' / 'loop').symlink_to(tmp_path)
  (tmp_path / 'other').mkdir()
  (tmp_path / 'other' / 'self.png').symlink_to(tmp_path / 'other' / 'self.png')
  assert all_ids(config_lib.folder_config(tmp_path)) == ['0']
  (tmp_path / 'rgb' / '1.png').symlink_to(tmp_path / 'gone.png')
  put(tmp_path, 'real/1.png')
  with pytest.raises(images.ImageError, match='1.png: no such file'):
    config_lib.folder_config(tmp_path)


def test_two_files_of_one_name_are_refused(tmp_path):
  put_pairs(tmp_path, ('rgb/0.png', 'ir/0.png'))
  put(tmp_path, 'ir/0_thermal.bmp')
  with pytest.raises(errors.UserError, match='two IR images.*ir/0.png and .*ir/0_thermal.bmp'):
    config_lib.folder_config(tmp_path)


def test_accents_written_in_two_ways_match(tmp_path):
  composed, decomposed = (unicodedata.normalize(form, 'é') for form in ('NFC', 'NFD'))
  put_pairs(tmp_path, (f'rgb/{composed}.png', f'ir/{decomposed}.png'))
  assert all_ids(config_lib.folder_config(tmp_path)) == [composed]


def test_names_that_are_not_unicode_are_refused(tmp_path):
  put_pairs(tmp_path, ('rgb/0.png', 'ir/0.png'))
  try:
    put(tmp_path, 'ir/\udcff.png')
  except OSError:
    pytest.skip('this file system allows Unicode names only')
  with pytest.raises(errors.UserError, match='not valid UTF-8'):
    config_lib.folder_config(tmp_path)


def test_unmatched_files_are_told_or_refused(tmp_path):
  put_pairs(tmp_path, *[(f'rgb/{i}.png', f'ir/{i}.png') for i in range(2)])
  put(tmp_path, 'ir/7.png', 'rgb/8.png')
  config = config_lib.folder_config(tmp_path)
  assert config.unmatched == ('rgb/8.png', 'ir/7.png')
  assert config.notes == ('2 images have no partner and are left out: rgb/8.png, ir/7.png.',)
  put(tmp_path, 'ir/9.png', 'ir/10.png', 'ir/11.png')
  with pytest.raises(errors.UserError, match='5 of 9 images, more than half.*rgb/8.png.*2 more'):
    config_lib.folder_config(tmp_path)
  assert not config_lib.folder_config(tmp_path, paired=False).aligned


def test_no_matching_stems(tmp_path):
  put_pairs(tmp_path, ('rgb/red_1.png', 'ir/hot_1.png'))
  with pytest.raises(errors.UserError, match="no matching stems.*'red_1' and 'hot_1'"):
    config_lib.folder_config(tmp_path)
  config = config_lib.folder_config(tmp_path, paired=False)
  assert not config.aligned and config.unmatched == ()
  assert ids(config) == {'train_rgb': ['red_1'], 'train_ir': ['hot_1']}
  assert 'two collections of 1 and 1 images' in config.notes[0]


def test_images_that_match_are_pairs_even_when_pairs_are_not_needed(tmp_path):
  put_pairs(tmp_path, *[(f'trainA/{i}.png', f'trainB/{i}.png') for i in range(20)])
  paired, free = (config_lib.folder_config(tmp_path, paired=p) for p in (True, False))
  assert free.aligned and free.name == paired.name
  put(tmp_path, *[f'trainB/{i}.png' for i in range(20)], size=(4, 9))
  free = config_lib.folder_config(tmp_path, paired=False)
  assert not free.aligned, 'equal numbers, but unequal sizes: not pairs'
  assert len(all_ids(free)) == 40


def test_mixed_bit_depths_are_refused_early(tmp_path):
  put_pairs(tmp_path, ('rgb/0.png', 'ir/0.png'), ('rgb/1.png', 'ir/1.png'))
  put(tmp_path, 'ir/1.png', dtype=np.uint16)
  with pytest.raises(errors.UserError, match='IR images.*ir/0.png has 8.*ir/1.png has 16'):
    config_lib.folder_config(tmp_path)


def test_name_follows_files_and_options(tmp_path):
  root = tmp_path / 'my data (é)'
  put_pairs(root, *[(f'rgb/{i}.png', f'ir/{i}.png') for i in range(4)])
  first = config_lib.folder_config(root)
  prefix, _, digest = first.name.rpartition('-')
  assert prefix == 'my_data' and len(digest) == 12 and int(digest, 16) >= 0
  assert config_lib.folder_config(root).name == first.name
  assert config_lib.folder_config(root, split_by='hash').name == first.name
  put(root, 'elsewhere/0.png')
  assert config_lib.folder_config(root).name == first.name, 'not one of the images used'
  names = {first.name, config_lib.folder_config(root, ir_channels=3).name}
  os.utime(root / 'ir/0.png', ns=(1, 1))
  names.add(config_lib.folder_config(root).name)
  put_pairs(root, ('rgb/9.png', 'ir/9.png'))
  names.add(config_lib.folder_config(root).name)
  (root / 'train.txt').write_text('0\n1\n')
  names.add(config_lib.folder_config(root).name)
  (root / 'train.txt').write_text('0\n1\n2\n')
  names.add(config_lib.folder_config(root).name)
  assert len(names) == 6


def test_unreadable_folders_are_named(tmp_path, monkeypatch):
  put_pairs(tmp_path, ('rgb/0.png', 'ir/0.png'))
  real = os.scandir

  def scandir(path):
    if os.fspath(path).endswith('rgb'):
      raise PermissionError(13, 'Permission denied')
    return real(path)

  monkeypatch.setattr(os, 'scandir', scandir)
  with pytest.raises(errors.UserError, match='rgb: cannot be read: Permission denied'):
    layouts.scan(tmp_path)


def test_roadscene(roadscene):
  config = config_lib.folder_config(roadscene)
  assert config.aligned and config.unmatched == () and len(all_ids(config)) == 180
