"""Images that hold RGB and IR side by side: recognized, checked, and cut into pairs."""

import numpy as np
from PIL import Image
import pytest

from cyclegan_jax.errors import UserError
from cyclegan_jax.image_files import images
from datasets.folder import config as config_lib, side_by_side
from tests.datasets.scenes import scene
from tests.datasets.test_folder_builder import refused, stored_pairs
from tests.datasets.test_folder_layouts import ids

pytestmark = pytest.mark.usefixtures('no_progress_bars')


def put_halves(root, n=12, order='ab', extension='png', of_ir=lambda i: i, size=(96, 96)):
  """Writes scenes as one image each in train, val and test; returns RGB and IR by id."""
  found = {}
  for i in range(n):
    rgb, ir = scene(i, *size)[0], scene(of_ir(i), *size)[1]
    both = [rgb, np.repeat(ir, 3, -1)]
    path = root / ('train', 'val', 'test')[i % 3] / f'{i:02}.{extension}'
    path.parent.mkdir(parents=True, exist_ok=True)
    whole = np.concatenate(both if order == 'ab' else both[::-1], 1)
    Image.fromarray(whole).save(path, quality=95)
    found[f'{path.parent.name}/{i:02}'] = rgb, ir
  return found


@pytest.mark.parametrize('order', ['ab', 'ba'])
def test_halves_are_recognized_and_stored_as_pairs(tmp_path, order):
  made = put_halves(tmp_path / 'in', order=order)
  config = config_lib.folder_config(tmp_path / 'in')
  left, right = ('RGB', 'IR') if order == 'ab' else ('IR', 'RGB')
  assert config.side_by_side == order and config.split_by == 'folder' and config.notes == ()
  assert f'{left} in the left half' in config.layout or f'{right} in the right' in config.layout
  assert 'edges match in 6 of the 6' in config.layout
  assert ids(config)['test'] == ['test/02', 'test/05', 'test/08', 'test/11']
  found = stored_pairs(tmp_path / 'in', tmp_path)
  assert found.keys() == made.keys()
  for id_, (rgb, ir) in made.items():
    np.testing.assert_array_equal(images.read_image(found[id_]['rgb']), rgb)
    np.testing.assert_array_equal(images.read_image(found[id_]['ir']), ir)


def test_jpeg_mixes_colors_at_the_seam_and_is_read_all_the_same(tmp_path):
  # 100 is no multiple of the 16 pixels of a block.
  made = put_halves(tmp_path / 'in', extension='jpg', size=(96, 100))
  found = stored_pairs(tmp_path / 'in', tmp_path)
  for id_, (_, ir) in made.items():
    pixels = images.read_image(found[id_]['ir'])
    assert pixels.shape == ir.shape
    assert np.abs(pixels.astype(int) - ir)[:, 16:].max() < 25


def test_halves_of_strangers_are_not_taken_for_pairs(tmp_path):
  put_halves(tmp_path, of_ir=lambda i: i + 100)
  with pytest.raises(UserError, match=r'the right one, which is gray, but edges match in only'):
    config_lib.folder_config(tmp_path)
  config = config_lib.folder_config(tmp_path, side_by_side='ab')
  assert 'look at them with experiments.check_pairs' in config.layout


def test_a_wrong_flag_is_refused_with_the_right_one(tmp_path):
  put_halves(tmp_path)
  with pytest.raises(UserError, match='the right half should be RGB.*Give --side_by_side=ab'):
    config_lib.folder_config(tmp_path, side_by_side='ba')
  with pytest.raises(UserError, match='leave out --rgb_dir'):
    config_lib.folder_config(tmp_path, 'a', 'b', side_by_side='ab')


def test_the_flag_reads_halves_that_nothing_can_be_told_of(tmp_path):
  rng = np.random.default_rng(0)
  whole = np.repeat(rng.integers(0, 255, (6, 8, 1), np.uint8), 3, -1)
  for i in range(3):
    (tmp_path / 'in').mkdir(exist_ok=True)
    Image.fromarray(whole).save(tmp_path / 'in' / f'{i}.png')
  with pytest.raises(UserError, match='--side_by_side=ab'):
    config_lib.folder_config(tmp_path / 'in')
  found = stored_pairs(tmp_path / 'in', tmp_path, side_by_side='ba')
  np.testing.assert_array_equal(images.read_image(found['0']['rgb']), whole[:, 4:])
  np.testing.assert_array_equal(images.read_image(found['0']['ir']), whole[:, :4, :1])


def test_odd_widths_and_false_color_are_refused_by_name(tmp_path):
  made = put_halves(tmp_path / 'in', n=10)
  path = tmp_path / 'in' / 'train' / '03.png'
  Image.fromarray(np.zeros((8, 17, 3), np.uint8)).save(path)
  refused(tmp_path / 'in', tmp_path, r'03\.png: 17 pixels wide; expected', side_by_side='ab')
  rgb = made['train/03'][0]
  Image.fromarray(np.concatenate([rgb, rgb], 1)).save(path)
  refused(tmp_path / 'in', tmp_path, r'03\.png: a thermal image in false color', side_by_side='ab')


def test_photographs_alone_are_no_halves(tmp_path):
  for i in range(4):
    Image.fromarray(scene(i, 96, 192)[0]).save(tmp_path / f'{i}.png')
  with pytest.raises(UserError, match='no known layout') as caught:
    config_lib.folder_config(tmp_path)
  assert 'which is gray' not in str(caught.value)


def test_labels_do_not_go_with_halves(tmp_path):
  put_halves(tmp_path)
  (tmp_path / 'labels').mkdir()
  (tmp_path / 'labels' / '00.txt').write_text('0 0.5 0.5 0.1 0.1\n')
  with pytest.raises(UserError, match='--label_dir=labels: labels are for images of one domain'):
    config_lib.folder_config(tmp_path, label_dir='labels')


def test_half_of_an_array():
  image = np.arange(8, dtype=np.uint8).reshape(1, 8, 1)
  assert side_by_side.half(image, 'rgb', 'ab', 'x').ravel().tolist() == [0, 1, 2, 3]
  assert side_by_side.half(image, 'ir', 'ab', 'x').ravel().tolist() == [4, 5, 6, 7]
  assert side_by_side.half(image, 'ir', 'ba', 'x').ravel().tolist() == [0, 1, 2, 3]
