"""Folders of radiometric files: what is prepared, what is said, and how it is opened."""

import csv
import pathlib

import numpy as np
import pytest

from cyclegan_jax.data.record_images import record_id
from cyclegan_jax.errors import UserError
from cyclegan_jax.image_files import images
from cyclegan_jax.settings import DataConfig
import datasets
from datasets.camera import parameters
from tests.datasets.camera import writer

pytest.importorskip('flyr', reason='pip install -e ".[camera]"')


def put(root, n=6, *, alone=0, first=0, **options):
  """Writes n files, the last `alone` of them without a photograph; returns the scenes by id."""
  scenes = {}
  for i in range(first, first + n):
    celsius, photograph = writer.scene(seed=i)
    if i >= first + n - alone:
      data = writer.thermogram(celsius, **options)
    else:
      data = writer.thermogram(celsius, photograph, (1.0, 0, 0), photograph_as='png', **options)
    path = root / f'IR_{i:04}.jpg'
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    scenes[path.stem] = celsius, photograph
  return scenes


def opened(source, tmp_path, paired=True, **settings):
  return datasets.open_dataset(
    DataConfig(
      dataset='camera',
      source_dir=str(source),
      data_dir=str(tmp_path / 'data'),
      paired=paired,
      **settings,
    )
  )


def records(dataset, domain='rgb'):
  return {
    record_id(split_records[i]): split_records[i]
    for split_records in (getattr(split, domain) for split in dataset.splits.values())
    for i in range(len(split_records))
  }


@pytest.fixture
def source(tmp_path):
  return tmp_path / 'photos'


def test_pairs_are_registered_and_have_degrees(source, tmp_path):
  scenes = put(source)
  dataset = opened(source, tmp_path)
  low, high, unit = dataset.ir_span
  coldest, hottest = (f([f(c) for c, _ in scenes.values()]) for f in (np.min, np.max))
  assert unit == 'degC' and low % 5 == high % 5 == 0
  assert low <= coldest < low + 5 and high - 5 < hottest <= high
  assert dataset.domains['ir'].max_value == 65535 and dataset.domains['rgb'].max_value == 255
  assert dataset.has_mask and sorted(dataset.splits) == ['test', 'train', 'validation']
  found = records(dataset)
  assert set(found) == set(scenes)
  for id_, (celsius, photograph) in scenes.items():
    rgb, ir, mask = (images.read_image(found[id_][key]) for key in ('rgb', 'ir', 'mask'))
    assert rgb.shape == (60, 80, 3) and ir.dtype == np.uint16 and (mask == 255).all()
    np.testing.assert_allclose(dataset.ir_span.values(ir[..., 0], 65535), celsius, atol=0.05)
    halved = photograph.reshape(60, 2, 80, 2, 3).mean((1, 3))
    np.testing.assert_allclose(rgb, halved, atol=1)  # Pillow rounds once along each axis.


def test_a_span_that_is_given(source, tmp_path):
  scenes = put(source, 3)
  dataset = opened(source, tmp_path, ir_span='10:30')
  assert dataset.ir_span == (10, 30, 'degC')
  assert '3 files have temperatures outside --ir_span' in dataset.description
  celsius, _ = scenes['IR_0001']
  ir = images.read_image(records(dataset)['IR_0001']['ir'])[..., 0]
  np.testing.assert_allclose(dataset.ir_span.values(ir, 65535), np.clip(celsius, 10, 30), atol=0.05)
  with pytest.raises(UserError, match='--ir_span=280:320,K.*degrees Celsius'):
    opened(source, tmp_path, ir_span='280:320,K')


def test_what_lies_outside_the_photograph_is_masked(source, tmp_path):
  celsius, photograph = writer.scene()
  source.mkdir()
  for i in range(3):
    data = writer.thermogram(celsius, photograph, (0.8, 0, 0), photograph_as='png')
    (source / f'{i}.jpg').write_bytes(data)
  found = records(opened(source, tmp_path, options={'align': 'recorded'}))['0']
  mask = images.read_image(found['mask'])[..., 0] == 255
  # The photograph is 80 % as wide and as high: 64 of 80 columns, 48 of 60 rows.
  expected = np.zeros((60, 80), bool)
  expected[6:54, 8:72] = True
  np.testing.assert_array_equal(mask, expected)
  rgb = images.read_image(found['rgb'])
  assert not rgb[~expected].any() and images.read_image(found['ir'])[~expected].all()


def test_files_without_a_photograph_serve_unpaired_training(source, tmp_path):
  put(source, 8, alone=3)
  paired = opened(source, tmp_path)
  assert 'IR_0005.jpg, IR_0006.jpg, IR_0007.jpg' in paired.description
  assert set(records(paired)) == {f'IR_000{i}' for i in range(5)}
  assert all(split.aligned for split in paired.splits.values())
  unpaired = opened(source, tmp_path, paired=False)
  assert unpaired.prepared == paired.prepared
  train, test = unpaired.splits['train'], unpaired.splits['test']
  assert len(train.ir) == len(train.rgb) + 3 and not train.aligned and test.aligned
  assert set(records(unpaired, 'ir')) == {f'IR_000{i}' for i in range(8)}
  assert images.read_image(train.ir[len(train.ir) - 1]['mask']).all()
  with pytest.raises(IndexError):
    train.ir[len(train.ir)]


def test_a_folder_without_photographs_names_a_way_on(source, tmp_path):
  put(source, 3, alone=3)
  with pytest.raises(UserError, match='(?s)none of 3 .*experiments.camera.*--nopaired'):
    opened(source, tmp_path, paired=False)
  assert not list((tmp_path / 'data').rglob('*.array_record*'))


def test_photographs_that_lie_elsewhere_are_moved_by_their_edges(source, tmp_path):
  celsius, photograph = writer.scene((120, 160), 3, seed=5)
  source.mkdir()
  for i, (x, y) in enumerate([(0, 0), (27, -18), (0, 0)]):
    (source / f'{i}.jpg').write_bytes(
      writer.thermogram(celsius, photograph, (1.0, x, y), photograph_as='png')
    )
  dataset = opened(source, tmp_path)
  assert '1 photographs do not lie where the camera recorded it' in dataset.description
  assert '1.jpg (-9' in dataset.description and '+6' in dataset.description
  found = records(dataset)
  straight, mended = (images.read_image(found[id_]['rgb']) for id_ in '01')
  inside = np.s_[8:-8, 12:-12]
  error = np.abs(straight[inside].astype(int) - mended[inside]).mean()
  recorded = opened(source, tmp_path, options={'align': 'recorded'})
  assert 'do not lie' not in recorded.description
  other = images.read_image(records(recorded)['1']['rgb'])
  assert error < np.abs(straight[inside].astype(int) - other[inside]).mean() / 8


def test_parameters_are_listed_and_those_that_differ_named(source, tmp_path):
  put(source, 4)
  put(source, 1, first=4, camera=dict(emissivity=0.6, distance=12.5))
  dataset = opened(source, tmp_path)
  assert 'emissivity was 0.95 for 4 of 5 files' in dataset.description
  assert 'IR_0004.jpg (0.6)' in dataset.description
  assert 'IR_0004.jpg (12.5 m)' in dataset.description
  assert 'reflected' not in dataset.description
  place = dataset.description.partition('What the camera recorded: ')[2].split('\n')[0]
  assert pathlib.Path(place).name == parameters.CSV
  with open(place, newline='') as lines:
    rows = {row['id']: row for row in csv.DictReader(lines)}
  assert len(rows) == 5 and rows['IR_0004']['emissivity'] == '0.6'
  assert float(rows['IR_0004']['reflected_temperature_degC']) == pytest.approx(20, abs=0.01)
  assert rows['IR_0000']['camera'] == 'FLIR Systems AB FLIR Test'
  assert {row['split'] for row in rows.values()} == {'train', 'validation', 'test'}
  assert float(rows['IR_0000']['ir_min']) == dataset.ir_span.low


def test_damaged_files_are_named_and_plain_ones_left_out(source, tmp_path):
  put(source, 4)
  (source / 'plain.jpg').write_bytes(writer.jpeg())
  assert '1 JPEG files without thermal data are left out: plain.jpg' in (
    opened(source, tmp_path).description
  )
  whole = (source / 'IR_0001.jpg').read_bytes()
  (source / 'IR_0001.jpg').write_bytes(whole[: len(whole) // 2])
  with pytest.raises(UserError, match=r'1 problem\(s\).*\n.*IR_0001.jpg.*cut off'):
    opened(source, tmp_path)
  (source / 'IR_0001.jpg').write_bytes(whole)
  assert len(records(opened(source, tmp_path))) == 4


def test_a_folder_of_plain_pictures(source, tmp_path):
  source.mkdir()
  (source / 'plain.jpg').write_bytes(writer.jpeg())
  with pytest.raises(UserError, match='none of 1 JPEG files has thermal data.*plain.jpg'):
    opened(source, tmp_path)
  (source / 'plain.jpg').unlink()
  with pytest.raises(UserError, match='no files ending in .jpg'):
    opened(source, tmp_path)
  with pytest.raises(UserError, match='--dataset=camera needs --source_dir'):
    datasets.open_dataset(DataConfig(dataset='camera'))


def test_splits_by_folders_and_flagged_pairs(source, tmp_path):
  put(source / 'train', 4, alone=1)
  put(source / 'test', 3, first=10, alone=1)
  dataset = opened(source, tmp_path, paired=False)
  assert {s.name: (len(s.rgb), len(s.ir)) for s in dataset.splits.values()} == {
    'train': (2, 3),
    'validation': (1, 1),
    'test': (2, 2),
  }
  flagged = tmp_path / 'pairs.csv'
  flagged.write_text('id,flags\ntest/IR_0010,misaligned\n')
  assert len(opened(source, tmp_path, exclude=str(flagged)).splits['test']) == 1


def test_unchanged_files_are_not_prepared_again(source, tmp_path):
  put(source, 3)
  one, two = (opened(source, tmp_path) for _ in range(2))
  assert one.prepared == two.prepared and one.fingerprint == two.fingerprint
  # A run keeps the span that its data came to.
  same = opened(source, tmp_path, ir_span=one.ir_span.text)
  assert same.prepared == one.prepared and same.fingerprint == one.fingerprint
  assert opened(source, tmp_path, ir_span='0:50').fingerprint != one.fingerprint
  put(source, 1, first=3)
  assert opened(source, tmp_path).prepared != one.prepared


def test_a_copy_without_its_source(source, tmp_path):
  put(source, 4, alone=1)
  config = DataConfig(
    dataset='camera', source_dir=str(source), data_dir=str(tmp_path / 'data'), paired=False
  )
  before = datasets.open_dataset(config)
  source.rename(tmp_path / 'elsewhere')
  after = datasets.open_dataset(config, before.prepared)
  assert after.ir_span == before.ir_span and after.fingerprint == before.fingerprint
  assert after.facts() == before.facts() and not after.splits['train'].aligned
