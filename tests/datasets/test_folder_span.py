"""Folders whose IR files are stored over a span of values, and what is said of their pixels."""

import numpy as np
from PIL import Image
import pytest
import tifffile

from cyclegan_jax.data import pipeline
from cyclegan_jax.errors import UserError
from cyclegan_jax.image_files import images
from cyclegan_jax.settings import DataConfig
import datasets
from datasets.folder import config as config_lib
from tests.datasets.test_folder_builder import prepare, stored
from tests.datasets.test_folder_layouts import image, put

pytestmark = pytest.mark.usefixtures('no_progress_bars')
RNG = np.random.default_rng(0)


def write(source, arrays, extension='png', rgb_size=None):
  """Pairs rgb/i.png and ir/i.EXTENSION; returns the folder."""
  (source / 'ir').mkdir(parents=True)
  for i, array in enumerate(arrays):
    put(source, f'rgb/{i}.png', channels=3, size=rgb_size or array.shape)
    if extension == 'png':
      Image.fromarray(array).save(source / 'ir' / f'{i}.png')
    else:
      tifffile.imwrite(source / 'ir' / f'{i}.{extension}', array)
  return source


def opened(source, tmp_path, **options):
  config = DataConfig(
    dataset='folder',
    source_dir=str(source),
    data_dir=str(tmp_path / 'data'),
    image_size=(6, 8),
    **{'paired': True, **options},
  )
  return datasets.open_dataset(config)


def records(dataset):
  """Id -> record of all splits."""
  return {
    split.ir[i]['id'].decode(): split.ir[i]
    for split in dataset.splits.values()
    for i in range(len(split.ir))
  }


@pytest.fixture
def counts():
  return [RNG.integers(7269, 7881, (6, 8)).astype(np.uint16) for _ in range(4)]


def levels(values, low, high):
  return np.rint(65535 * np.clip((values.astype(np.float64) - low) / (high - low), 0, 1))


@pytest.mark.parametrize('dtype', [np.uint8, np.uint16])
def test_integers_are_stored_over_the_span(tmp_path, counts, dtype):
  arrays = [((array - 7200) // 3).astype(dtype) for array in counts]
  dataset = opened(write(tmp_path / 'a', arrays), tmp_path, ir_span='60:200')
  assert dataset.ir_span == (60, 200, '') and not dataset.has_mask
  assert dataset.domains['ir'].max_value == 65535 and dataset.domains['rgb'].max_value == 255
  for i, array in enumerate(arrays):
    got = images.read_image(records(dataset)[str(i)]['ir'])
    assert got.dtype == np.uint16
    np.testing.assert_array_equal(got[..., 0], levels(array, 60, 200))


def test_the_note_and_the_span_come_with_a_copy_that_is_used_again(tmp_path, counts):
  source = write(tmp_path / 'a', counts)
  for _ in range(2):
    dataset = opened(source, tmp_path)
    assert dataset.description.count('% of the range') == 1 and dataset.ir_span is None
  for _ in range(2):
    dataset = opened(source, tmp_path, ir_span='7200:7900')
    assert 'are stored over --ir_span=7200:7900' in dataset.description
    assert dataset.ir_span == (7200, 7900, '')


def test_auto_is_one_span_whose_copy_serves_the_run_that_keeps_it(tmp_path, counts):
  source = write(tmp_path / 'a', counts)
  automatic = opened(source, tmp_path, ir_span='auto')
  assert automatic.ir_span == (7200, 7900, '')
  again = opened(source, tmp_path, ir_span='7200:7900.0')
  assert again.prepared == automatic.prepared
  other = opened(source, tmp_path, ir_span='7000:8000')
  assert other.prepared != automatic.prepared and other.ir_span == (7000, 8000, '')
  assert opened(source, tmp_path).prepared not in (other.prepared, automatic.prepared)


def degrees(n=5):
  return [RNG.uniform(-5, 45, (6, 8)).astype(np.float32) for _ in range(n)]


def test_floats_are_stored_and_what_is_not_finite_is_masked(tmp_path):
  arrays = degrees()
  arrays[2][1, 3], arrays[3][0, 0] = np.nan, np.inf
  dataset = opened(write(tmp_path / 'a', arrays, 'tiff'), tmp_path, ir_span='-10:50,degC')
  assert dataset.has_mask and dataset.ir_span == (-10, 50, 'degC')
  assert '2 IR pixels' in dataset.description
  for i, array in enumerate(arrays):
    record, valid = records(dataset)[str(i)], np.isfinite(array)
    got = images.read_image(record['ir'])[..., 0]
    np.testing.assert_array_equal(got, levels(np.where(valid, array, -10), -10, 50))
    np.testing.assert_array_equal(images.read_image(record['mask'])[..., 0], 255 * valid)


@pytest.mark.parametrize('channels', [1, 3])
def test_examples_of_floats_carry_the_mask(tmp_path, channels):
  arrays = degrees(1)
  arrays[0][1, 3] = np.nan
  source = write(tmp_path / 'a', arrays, 'tif')
  options = dict(image_size=(6, 8), ir_span='-10:50', ir_channels=channels, paired=True)
  config = DataConfig('folder', str(source), data_dir=str(tmp_path / 'data'), **options)
  example = pipeline.pixels(datasets.open_dataset(config), 'train', config)[0]
  np.testing.assert_array_equal(example['ir_mask'][..., 0], np.isfinite(arrays[0]))
  assert example['ir'].shape == (6, 8, channels) and not example['ir'][1, 3].any()


def test_collections_without_pairs_have_masks_too(tmp_path):
  arrays = degrees()
  arrays[0][1, 3] = np.nan
  source = write(tmp_path / 'a', arrays, 'tiff', rgb_size=(10, 12))
  dataset = opened(source, tmp_path, ir_span='auto', paired=False, options={'pairs': 'none'})
  assert dataset.has_mask and not any(split.aligned for split in dataset.splits.values())
  for split in dataset.splits.values():
    for i in range(len(split.ir)):
      record = split.ir[i]
      valid = np.isfinite(arrays[int(record['id'])])
      np.testing.assert_array_equal(images.read_image(record['mask'])[..., 0], 255 * valid)
    for i in range(len(split.rgb)):
      mask = images.read_image(split.rgb[i]['mask'])
      assert mask.shape == (10, 12, 1) and (mask == 255).all()


def test_floats_without_a_span_are_refused_all_together(tmp_path):
  source = write(tmp_path / 'a', degrees(12), 'tiff')
  with pytest.raises(UserError) as refused:
    opened(source, tmp_path)
  for words in ('1 problem(s)', '12 IR images', '0.tiff', '--ir_span=-10:50,degC'):
    assert words in str(refused.value)
  assert not [path for path in (tmp_path / 'data').rglob('*') if path.suffix == '.json']


@pytest.mark.parametrize('span', ['', 'auto', '-20:120,degC'])
def test_kelvin_beside_degrees_is_refused_by_name(tmp_path, span):
  arrays = degrees()
  arrays[3] += np.float32(273.15)
  with pytest.raises(UserError, match=r'3\.tiff holds 2.*kelvin'):
    opened(write(tmp_path / 'a', arrays, 'tiff'), tmp_path, ir_span=span)


def test_floats_among_integers_are_refused(tmp_path, counts):
  source = write(tmp_path / 'a', counts)
  tifffile.imwrite(source / 'ir' / '1.tif', degrees(1)[0])
  (source / 'ir' / '1.png').unlink()
  with pytest.raises(UserError, match=r'16-bit and floating-point mixed.*png has 16.*1\.tif has'):
    opened(source, tmp_path, ir_span='0:9000')


def test_the_span_is_part_of_the_name_only_if_there_is_one(tmp_path, counts):
  plain = config_lib.folder_config(write(tmp_path / 'a', counts))
  names = [plain.with_span(text).name for text in ('', 'auto', '0:9', '0:9,K')]
  assert names[0] == plain.name and len(set(names)) == 4
  assert plain.with_span('0:9').with_span('auto').name == names[1]
  assert plain.dtype('ir') == 'uint16' == plain.with_span('auto').dtype('ir')


def test_12_packed_bits_have_their_own_counts_with_a_span(tmp_path):
  from tests.image_files.test_reading import packed_12_bit

  values = RNG.integers(0, 4096, (6, 8)).astype(np.uint16)
  source = put(tmp_path / 'a', 'rgb/0.png', channels=3, size=(6, 8))
  (source / 'ir').mkdir()
  (source / 'ir' / '0.tif').write_bytes(packed_12_bit(values))
  for span in ('', '0:4095'):
    dataset = opened(source, tmp_path, ir_span=span)
    got = images.read_image(records(dataset)['0']['ir'])[..., 0]
    np.testing.assert_array_equal(got, levels(values, 0, 4095))


def four_channels(source, name, n=3, levels=60):
  (source / name).mkdir(parents=True)
  for i in range(n):
    alpha = (np.arange(48) % levels).astype(np.uint8).reshape(6, 8, 1)
    array = np.concatenate([image(3, size=(6, 8)), alpha], -1)
    Image.fromarray(array).save(source / name / f'{i}.png')


def test_alpha_that_is_dropped_is_counted(tmp_path):
  source = tmp_path / 'a'
  four_channels(source, 'rgb')
  put(source, *[f'ir/{i}.png' for i in range(3)], size=(6, 8))
  notes = prepare(config_lib.folder_config(source), tmp_path).info.metadata['pixel_notes']
  assert notes == [
    '3 RGB images have an alpha channel that looks like an image of its own, which is left out.'
  ]


@pytest.mark.parametrize('folders', [{}, {'rgb_dir': 'images', 'ir_dir': 'images'}])
def test_thermal_images_in_alpha_are_named_with_the_way_out(tmp_path, folders):
  source = tmp_path / 'a b'
  four_channels(source, 'images')
  with pytest.raises(UserError, match='fourth channel of .*0.png looks like') as refused:
    config_lib.folder_config(source, **folders)
  # The command of the message does what it says.
  command = str(refused.value).partition('python -c "')[2].partition('" ')[0]
  program = 'import sys; sys.argv[1:] = ' + repr([str(source / f) for f in ('images', 'images_ir')])
  exec(f'{program}\n{command}', {})
  found = config_lib.folder_config(source, rgb_dir='images', ir_dir='images_ir')
  example = next(iter(stored(prepare(found, tmp_path))['train'].values()))
  assert (images.read_image(example['ir'])[..., 0].ravel() == np.arange(48)).all()


def test_cut_outs_are_no_thermal_images(tmp_path):
  four_channels(tmp_path / 'a', 'images', levels=2)
  with pytest.raises(UserError) as refused:
    config_lib.folder_config(tmp_path / 'a')
  assert 'fourth channel' not in str(refused.value)
