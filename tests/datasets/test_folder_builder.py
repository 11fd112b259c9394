"""Preparing and reading back a user's folder; refusing bad images by name."""

import hashlib
import io
import itertools
import logging
import os
import pathlib
import pickle

import numpy as np
from PIL import Image
import pytest
import tensorflow_datasets as tfds
import tifffile

from cyclegan_jax import errors
from cyclegan_jax.image_files import images
from datasets.folder import config as config_lib, folder_dataset_builder
from tests.datasets.test_folder_layouts import image, put, put_pairs

pytestmark = pytest.mark.usefixtures('no_progress_bars')
SKIP = tfds.decode.SkipDecoding()


def prepare(config, data_dir):
  builder = folder_dataset_builder.Builder(config=config, data_dir=data_dir)
  builder.download_and_prepare(file_format='array_record')
  return builder


def stored(builder):
  """Split -> id -> example, with the images as stored."""
  decoders = {name: SKIP for name in builder.info.features if name not in ('id', 'sequence')}
  return {
    split: {e['id'].decode(): e for e in builder.as_data_source(split, decoders=decoders)}
    for split in builder.info.splits
  }


def stored_pairs(source, tmp_path, **options):
  """Id -> example, prepared from a source folder."""
  config = config_lib.folder_config(source, **options)
  found = stored(prepare(config, tmp_path / 'prepared'))
  return {id_: e for examples in found.values() for id_, e in examples.items()}


def refused(source, tmp_path, match, **options):
  """Preparation raises a UserError and leaves nothing that looks complete."""

  def attempt():
    prepare(config_lib.folder_config(source, **options), tmp_path / 'prepared')

  with pytest.raises(errors.UserError, match=match) as caught:
    attempt()
  left = [p for p in (tmp_path / 'prepared').rglob('*') if p.is_file()]
  assert not left
  return str(caught.value)


@pytest.fixture
def source(tmp_path):
  return tmp_path / 'my source'


def test_pairs_are_prepared_and_read_back(source, tmp_path):
  put_pairs(source, *[(f's{i % 2}/rgb/ü {i}.png', f's{i % 2}/ir/ü {i}.png') for i in range(5)])
  config = config_lib.folder_config(source)
  builder = prepare(config, tmp_path / 'prepared')
  assert builder.info.features['rgb'].shape == (None, None, 3)
  assert builder.info.features['ir'].shape == (None, None, 1)
  assert builder.info.description.startswith('RGB and thermal infrared images')
  found = stored(builder)
  assert {split: sorted(found[split]) for split in found} == {
    split: [e.id for e in examples] for split, examples in config.examples.items()
  }
  for example in itertools.chain(*config.examples.values()):
    record = next(f[example.id] for f in found.values() if example.id in f)
    assert record['rgb'] == pathlib.Path(example.rgb).read_bytes()
    assert record['ir'] == pathlib.Path(example.ir).read_bytes()
    assert record['sequence'].decode() == example.id.split('/')[0]
  decoded = builder.as_data_source('train')[0]
  assert decoded['rgb'].shape == (4, 6, 3) and decoded['ir'].shape == (4, 6, 1)
  assert pickle.loads(pickle.dumps(builder)).is_prepared()


def modified(builder):
  return os.stat(builder.data_path / 'dataset_info.json').st_mtime_ns


def test_unchanged_files_are_not_prepared_again(source, tmp_path):
  put_pairs(source, *[(f'rgb/{i}.png', f'ir/{i}.png') for i in range(3)])
  builder = prepare(config_lib.folder_config(source), tmp_path / 'prepared')
  before = modified(builder)
  again = prepare(config_lib.folder_config(source), tmp_path / 'prepared')
  assert modified(again) == before
  put_pairs(source, ('rgb/3.png', 'ir/3.png'))
  new = prepare(config_lib.folder_config(source), tmp_path / 'prepared')
  assert new.data_path != builder.data_path
  assert sum(split.num_examples for split in new.info.splits.values()) == 4


@pytest.mark.parametrize('extension', ['png', 'tiff', 'TIF'])
def test_16_bits_survive_in_both_domains(source, tmp_path, extension):
  expected = {'rgb': image(3, np.uint16), 'ir': image(1, np.uint16)}
  for domain, array in expected.items():
    path = source / domain / f'0.{extension}'
    path.parent.mkdir(parents=True)
    if extension == 'png':
      images.write_png(path, array)
    else:
      tifffile.imwrite(
        path, array.squeeze(), photometric='rgb' if domain == 'rgb' else 'minisblack'
      )
  config = config_lib.folder_config(source)
  assert config.rgb_dtype == config.ir_dtype == 'uint16'
  builder = prepare(config, tmp_path / 'prepared')
  assert builder.info.features['ir'].np_dtype == np.uint16
  record = stored(builder)['train']['0']
  for domain, array in expected.items():
    np.testing.assert_array_equal(images.read_image(record[domain]), array)


def test_bit_depths_may_differ_between_the_domains(source, tmp_path):
  put(source, 'rgb/0.png', channels=3)
  put(source, 'ir/0.png', dtype=np.uint16)
  record = stored_pairs(source, tmp_path)['0']
  assert images.read_image(record['rgb']).dtype == np.uint8
  assert images.read_image(record['ir']).dtype == np.uint16


def test_what_is_not_plain_is_stored_as_lossless_png(source, tmp_path):
  rgb, ir = image(3), image(1)
  (source / 'rgb').mkdir(parents=True)
  (source / 'ir').mkdir()
  images.write_png(source / 'rgb' / 'gray.png', ir)
  images.write_png(source / 'ir' / 'gray.png', np.repeat(ir, 3, -1))
  Image.fromarray(np.concatenate([rgb, ir], -1)).save(source / 'rgb' / 'alpha.png')
  Image.fromarray(ir[..., 0]).save(source / 'ir' / 'alpha.bmp')
  found = stored_pairs(source, tmp_path)
  expected = {'gray': (np.repeat(ir, 3, -1), ir), 'alpha': (rgb, ir)}
  for id_, arrays in expected.items():
    for domain, array in zip(('rgb', 'ir'), arrays):
      assert images.is_plain(found[id_][domain])
      np.testing.assert_array_equal(images.read_image(found[id_][domain]), array)


def test_rotated_photographs_are_stored_upright(source, tmp_path):
  put(source, 'ir/0.png', size=(6, 4))
  (source / 'rgb').mkdir()
  exif = Image.Exif()
  exif[274] = 6
  Image.fromarray(image(3)).save(source / 'rgb' / '0.JPG', exif=exif)
  data = stored_pairs(source, tmp_path)['0']['rgb']
  np.testing.assert_array_equal(
    images.read_image(data), images.read_image(source / 'rgb' / '0.JPG')
  )
  with Image.open(io.BytesIO(data)) as opened:
    assert opened.size == (4, 6) and not opened.getexif()


def test_channels_can_be_chosen(source, tmp_path):
  put_pairs(source, ('rgb/0.png', 'ir/0.png'))
  record = stored_pairs(source, tmp_path, rgb_channels=1, ir_channels=3)['0']
  gray, three = (images.read_image(record[domain]) for domain in ('rgb', 'ir'))
  luma = images.luminance(images.read_image(source / 'rgb' / '0.png'))
  np.testing.assert_array_equal(gray, np.rint(luma))
  np.testing.assert_array_equal(three, images.read_image(source / 'ir' / '0.png').repeat(3, -1))


def test_images_that_are_not_pairs(source, tmp_path):
  put(source, *[f'rgb/x/r{i}.png' for i in range(3)], channels=3)
  put(source, *[f'ir/t{i}.png' for i in range(4)], dtype=np.uint16, size=(5, 5))
  config = config_lib.folder_config(source, paired=False)
  builder = prepare(config, tmp_path / 'prepared')
  found = stored(builder)
  assert sorted(builder.info.features) == ['id', 'image', 'sequence']
  assert builder.info.features['image'].np_dtype == np.uint16
  assert {split: sorted(found[split]) for split in found} == {
    split: [e.id for e in examples] for split, examples in config.examples.items()
  }
  for split, examples in found.items():
    for record in examples.values():
      shape = (4, 6, 3) if split.endswith('_rgb') else (5, 5, 1)
      assert images.read_image(record['image']).shape == shape
      assert record['sequence'] == (b'x' if split.endswith('_rgb') else b'')


@pytest.mark.parametrize('domain', ['rgb', 'ir'])
@pytest.mark.parametrize(
  'damage, message',
  [
    (lambda data: b'', r'7\.png: the file is empty'),
    (lambda data: data[: len(data) // 2], r'7\.png: is damaged'),
    (lambda data: b'not an image at all', r'7\.png: not an image'),
  ],
)
def test_damaged_files_are_refused_by_name(source, tmp_path, domain, damage, message):
  put_pairs(source, *[(f'rgb/{i}.png', f'ir/{i}.png') for i in range(12)], size=(40, 40))
  path = source / domain / '7.png'
  path.write_bytes(damage(path.read_bytes()))
  refused(source, tmp_path, message)


def test_all_problems_are_counted_and_some_named(source, tmp_path):
  put_pairs(source, *[(f'rgb/{i:02}.png', f'ir/{i:02}.png') for i in range(100)])
  for i in range(1, 12):  # Not among the evenly spread ones looked into before preparation.
    (source / 'ir' / f'{i:02}.png').write_bytes(b'nonsense')
  put(source, 'rgb/13.png', size=(1, 1))
  text = refused(source, tmp_path, r'12 problem\(s\)')
  assert text.count('nonsense') == 10 and 'and 2 more.' in text


def test_false_color_is_refused_by_name_with_the_layout(source, tmp_path):
  put_pairs(source, ('trainA/0.png', 'trainB/0.png'))
  put(source, 'trainB/0.png', channels=3)
  refused(source, tmp_path, r'trainB/0\.png.*false color.*IR image.*B \(trainB')
  assert stored_pairs(source, tmp_path, ir_channels=3)['train/0']


def test_unequal_sizes_within_a_pair_are_refused_by_name(source, tmp_path):
  put_pairs(source, ('rgb/0.png', 'ir/0.png'))
  put(source, 'ir/0.png', size=(6, 4))
  refused(source, tmp_path, r'rgb/0\.png is 6x4 pixels, but .*ir/0\.png is 4x6')


def test_mixed_bit_depths_are_refused_even_if_seen_late(source, tmp_path):
  put_pairs(source, *[(f'rgb/{i:02}.png', f'ir/{i:02}.png') for i in range(12)])
  put(source, 'ir/11.png', dtype=np.uint16)
  refused(source, tmp_path, r'8-bit and 16-bit mixed.*ir/0\d\.png has 8 bits.*ir/11\.png has 16')


def test_preparation_succeeds_after_the_bad_file_is_mended(source, tmp_path):
  put_pairs(source, ('rgb/0.png', 'ir/0.png'))
  put(source, 'ir/0.png', channels=3)
  refused(source, tmp_path, 'false color')
  put(source, 'ir/0.png')
  assert list(stored_pairs(source, tmp_path)) == ['0']


def test_a_source_folder_is_needed(tmp_path):
  with pytest.raises(errors.UserError, match=r'folder_config\(source_dir\)'):
    folder_dataset_builder.Builder(data_dir=tmp_path)


def test_the_log_does_not_list_all_files(source, tmp_path, caplog):
  put_pairs(source, *[(f'rgb/{i}.png', f'ir/{i}.png') for i in range(3)])
  put(source, 'ir/lonely.png')
  with caplog.at_level(logging.WARNING):
    prepare(config_lib.folder_config(source), tmp_path / 'prepared')
  assert 'rgb/0.png' not in caplog.text and 'lonely' not in caplog.text


def test_roadscene_is_stored_byte_for_byte(roadscene, tmp_path):
  config = config_lib.folder_config(roadscene)
  found = stored(prepare(config, tmp_path))
  digests = {
    hashlib.sha256(record[domain]).digest()
    for examples in found.values()
    for record in examples.values()
    for domain in ('rgb', 'ir')
  }
  assert digests == {
    hashlib.sha256(path.read_bytes()).digest() for path in roadscene.glob('*/*.jpg')
  }
