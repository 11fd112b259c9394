"""Pairs of two resolutions: stored at the smaller size, or refused with the cause."""

import numpy as np
from PIL import Image
import pytest

from cyclegan_jax.image_files import images
from cyclegan_jax.settings import DataConfig
from datasets import loading
from datasets.folder import config as config_lib, sizes
from tests.datasets.test_folder_builder import refused, stored_pairs
from tests.datasets.test_folder_layouts import image
from tests.image_files.encoders import orientation, saved

pytestmark = pytest.mark.usefixtures('no_progress_bars')


def put_sizes(root, of_rgb, of_ir, n=4):
  """Writes pairs of sizes (height, width); returns their pixels by id."""
  found = {}
  for i in range(n):
    found[str(i)] = both = {'rgb': image(3, size=of_rgb), 'ir': image(1, size=of_ir)}
    for name, pixels in both.items():
      (root / name).mkdir(parents=True, exist_ok=True)
      images.write_png(root / name / f'{i}.png', pixels)
  return found


def test_the_larger_one_is_reduced_by_areas(tmp_path):
  made = put_sizes(tmp_path / 'in', (12, 16), (6, 8))
  for id_, found in stored_pairs(tmp_path / 'in', tmp_path).items():
    blocks = made[id_]['rgb'].reshape(6, 2, 8, 2, 3).astype(float).mean((1, 3))
    rgb, ir = (images.read_image(found[domain]) for domain in ('rgb', 'ir'))
    # Rounded twice, along rows and columns.
    assert np.abs(rgb - blocks).max() <= 1
    np.testing.assert_array_equal(ir, made[id_]['ir'])


def test_thermal_images_may_be_the_larger_ones(tmp_path):
  put_sizes(tmp_path / 'in', (6, 8), (12, 16))
  found = stored_pairs(tmp_path / 'in', tmp_path)['0']
  assert images.read_image(found['ir']).shape == (6, 8, 1)


def test_it_is_said_at_every_start(tmp_path):
  put_sizes(tmp_path / 'in', (12, 16), (6, 8))
  config = DataConfig('folder', str(tmp_path / 'in'), paired=True, data_dir=str(tmp_path / 'data'))
  for _ in range(2):
    text = loading.open_dataset(config).description
    assert '4 of 4 pairs have images of the same view in different resolutions' in text
    assert 'such as RGB 16x12 and IR 8x6; both are stored at the smaller size' in text
  put_sizes(tmp_path / 'in', (6, 8), (6, 8))
  assert 'resolutions' not in loading.open_dataset(config).description


def test_without_the_need_of_pairs_the_shape_decides_too(tmp_path):
  put_sizes(tmp_path, (12, 16), (6, 8))
  assert config_lib.folder_config(tmp_path, paired=False).aligned
  put_sizes(tmp_path, (9, 16), (6, 8))
  assert not config_lib.folder_config(tmp_path, paired=False).aligned


def test_another_shape_is_refused(tmp_path):
  put_sizes(tmp_path / 'in', (9, 16), (6, 8))
  refused(tmp_path / 'in', tmp_path, r'0\.png is 16x9 pixels, but .*8x6; .*same shape.*register or')


@pytest.mark.parametrize('turned', ['rgb', 'ir'])
def test_exif_that_turns_one_half_is_named(tmp_path, turned):
  put_sizes(tmp_path / 'in', (12, 16), (12, 16))
  other = 'ir' if turned == 'rgb' else 'rgb'
  for i in range(4):
    path = tmp_path / 'in' / turned / f'{i}.png'
    path.write_bytes(saved(images.read_image(path), 'PNG', exif=orientation(6)))
  text = refused(tmp_path / 'in', tmp_path, 'The cause is EXIF: orientation 6 turns')
  assert f'{turned}/0.png by a quarter' in text and f'{other}/0.png is not turned' in text
  assert 'exiftool -Orientation= FILE' in text
  for i in range(4):  # What exiftool does.
    path = tmp_path / 'in' / turned / f'{i}.png'
    Image.open(path).save(path)
  assert len(stored_pairs(tmp_path / 'in', tmp_path)) == 4


def test_labels_follow(tmp_path):
  made = put_sizes(tmp_path / 'in', (12, 16), (6, 8))
  (tmp_path / 'in' / 'labels').mkdir()
  labels = np.random.default_rng(0).integers(0, 3, (12, 16, 1), np.uint8)
  for id_ in made:
    images.write_png(tmp_path / 'in' / 'labels' / f'{id_}.png', labels)
  found = stored_pairs(tmp_path / 'in', tmp_path, label_dir='labels')['0']
  np.testing.assert_array_equal(images.read_indices(found['labels']), labels[1::2, 1::2, 0])


@pytest.mark.parametrize(
  'one, other, expected',
  [
    ((480, 640), (480, 640), (480, 640)),
    ((960, 1280), (480, 640), (480, 640)),
    ((480, 640), (3040, 4056), (480, 640)),
    ((512, 640), (1080, 1920), None),
    ((480, 640), (640, 480), None),
    ((256, 336), (3000, 4000), None),
    ((480, 640), (481, 640), None),
    ((1, 1), (4, 6), None),
    ((4, 6), (4, 9), None),
  ],
)
def test_common_size(one, other, expected):
  assert sizes.common(one, other) == sizes.common(other, one) == expected
