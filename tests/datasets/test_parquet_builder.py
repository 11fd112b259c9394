"""Pairs in Parquet files: columns, splits, what is stored, and what is refused."""

import pytest
import tensorflow_datasets as tfds

from cyclegan_jax.errors import UserError
from cyclegan_jax.image_files import images
from cyclegan_jax.settings import DataConfig
import datasets
from datasets.parquet import parquet_dataset_builder as parquet
from tests.datasets.shard_files import jpeg, pair, png, write_parquet

pytest.importorskip('pyarrow', reason='needs pyarrow, the extra parquet')
pytestmark = pytest.mark.usefixtures('no_progress_bars')
SKIP = tfds.decode.SkipDecoding()


@pytest.fixture
def source(tmp_path):
  return tmp_path / 'my hub'


def columns(pairs, rgb='rgb', ir='thermal'):
  return {rgb: [a for a, _ in pairs], ir: [b for _, b in pairs]}


def stored(config, data_dir):
  """Split -> id -> record, of a copy that is prepared anew."""
  builder = parquet.Builder(config=config, data_dir=data_dir)
  builder.download_and_prepare(file_format='array_record')
  found = {
    split: {
      record['id'].decode(): record
      for record in builder.as_data_source(split, decoders={'rgb': SKIP, 'ir': SKIP})
    }
    for split in builder.info.splits
  }
  return found, builder.info.metadata['notes']


def refused(source, tmp_path, match, **options):
  with pytest.raises(UserError, match=match) as caught:
    stored(parquet.parquet_config(source, **options), tmp_path / 'data')
  assert not [path for path in (tmp_path / 'data').rglob('*') if path.is_file()]
  return str(caught.value)


@pytest.mark.parametrize('struct', [True, False])
def test_files_of_the_hub_are_read_as_they_are(source, tmp_path, struct):
  pairs = [pair(i) for i in range(20)]
  write_parquet(source / 'data/train-00000-of-00002.parquet', columns(pairs[:10]), struct)
  write_parquet(source / 'data/train-00001-of-00002.parquet', columns(pairs[10:16]), struct)
  write_parquet(source / 'data/test-00000-of-00001.parquet', columns(pairs[16:]), struct)
  config = parquet.parquet_config(source)
  assert config.columns == {'rgb': 'rgb', 'ir': 'thermal'} and config.split_by == 'folder'
  assert config.layout == "3 Parquet files, RGB in column 'rgb', IR in column 'thermal'"
  found, notes = stored(config, tmp_path / 'data')
  assert not notes and {split: len(found[split]) for split in found}.keys() == {
    'train',
    'validation',
    'test',
  }
  assert sorted(found['test']) == [f'data/test-00000-of-00001/{i:06}' for i in range(4)]
  records = {id_: record for of_split in found.values() for id_, record in of_split.items()}
  places = [
    *(f'data/train-00000-of-00002/{i:06}' for i in range(10)),
    *(f'data/train-00001-of-00002/{i:06}' for i in range(6)),
    *(f'data/test-00000-of-00001/{i:06}' for i in range(4)),
  ]
  assert sorted(records) == sorted(places)
  for id_, (rgb, ir) in zip(places, pairs):
    assert (records[id_]['rgb'], records[id_]['ir']) == (rgb, ir)
    assert records[id_]['sequence'] == b''


def test_names_without_a_split_are_divided_by_hash(source, tmp_path):
  write_parquet(source / '0000.parquet', columns([pair(i) for i in range(30)]))
  config = parquet.parquet_config(source)
  assert config.split_by == 'hash'
  found, _ = stored(config, tmp_path / 'data')
  assert sum(map(len, found.values())) == 30 and set(found) == {'train', 'validation', 'test'}
  with pytest.raises(UserError, match='--split_by=hash'):
    parquet.parquet_config(source, split_by='folder')
  other = parquet.parquet_config(source, split_by='hash')
  assert other.name == config.name


@pytest.mark.parametrize(
  'names, expected',
  [
    (('rgb', 'ir'), ('rgb', 'ir')),
    (('image_visible', 'image_lwir', 'depth'), ('image_visible', 'image_lwir')),
    (('image', 'thermal_image'), ('image', 'thermal_image')),
    (('RGB', 'target'), ('RGB', 'target')),
    (('input_image', 'edited_image'), None),
    (('image', 'ir', 'depth'), None),
    (('rgb', 'rgb_2', 'ir'), None),
  ],
)
def test_columns_are_guessed_by_their_names(source, names, expected):
  rgb, ir = pair(0)
  write_parquet(source / 'a.parquet', {name: [rgb, ir] for name in names})
  if expected:
    assert tuple(parquet.parquet_config(source).columns.values()) == expected
    return
  with pytest.raises(UserError, match='--rgb_column and --ir_column') as caught:
    parquet.parquet_config(source)
  assert ', '.join(names) in str(caught.value)
  given = parquet.parquet_config(source, rgb_column=names[0], ir_column=names[1])
  assert given.columns == {'rgb': names[0], 'ir': names[1]}


def test_16_bits_and_other_kinds_of_files(source, tmp_path):
  deep = [pair(i, deep=True) for i in range(4)]
  # Gray stored in three channels becomes one.
  gray = images.read_image(jpeg(images.read_image(pair(9)[1])))
  write_parquet(source / 'a.parquet', columns(deep))
  config = parquet.parquet_config(source)
  assert (config.rgb_dtype, config.ir_dtype) == ('uint8', 'uint16')
  found, _ = stored(config, tmp_path / 'a')
  assert {record['ir'] for of in found.values() for record in of.values()} == {ir for _, ir in deep}
  write_parquet(
    source / 'a.parquet', columns([(pair(i)[0], png(gray.repeat(3, -1))) for i in range(3)])
  )
  found, _ = stored(parquet.parquet_config(source), tmp_path / 'b')
  ((record, *_), *_) = (list(of.values()) for of in found.values())
  assert (images.read_image(record['ir']) == gray).all()


def test_rows_without_one_image_are_left_out_and_said(source, tmp_path):
  pairs = [pair(i) for i in range(10)]
  pairs[3] = (pairs[3][0], None)
  pairs[6] = (None, None)
  write_parquet(source / 'a.parquet', columns(pairs))
  found, notes = stored(parquet.parquet_config(source), tmp_path / 'data')
  ids = {id_ for of in found.values() for id_ in of}
  assert ids == {f'a/{i:06}' for i in range(10)} - {'a/000003', 'a/000006'}
  assert notes == ['2 rows lack an image and are left out: a.parquet, row 3, a.parquet, row 6.']
  write_parquet(source / 'a.parquet', columns([*pairs[:2], *[(pairs[0][0], None)] * 3]))
  message = refused(source, tmp_path / 'other', 'more than half')
  assert '3 of 5 rows' in message and '--ir_column' in message


def test_bad_images_are_named_by_file_and_row(source, tmp_path):
  pairs = [pair(i) for i in range(9)]
  pairs[2] = (pairs[2][0], b'no image')
  pairs[4] = (pairs[4][0][:300], pairs[4][1])
  pairs[5] = (pairs[5][0], pair(5, height=20)[1])
  pairs[7] = (pairs[7][0], pair(7, deep=True)[1])
  write_parquet(source / 'train.parquet', columns(pairs))
  message = refused(source, tmp_path, '4 problem')
  for words in (
    'train.parquet, row 2 (thermal)',
    'train.parquet, row 4 (rgb)',
    'train.parquet, row 5: RGB is 32x24 pixels, but IR is 32x20',
    'train.parquet, row 7 (thermal) has 16 bits',
  ):
    assert words in message


def test_paths_instead_of_images_are_refused(source, tmp_path):
  import pyarrow as pa
  from pyarrow import parquet as files

  cell = [{'bytes': None, 'path': '/home/somebody/1.png'}]
  kind = pa.struct({'bytes': pa.binary(), 'path': pa.string()})
  source.mkdir()
  files.write_table(
    pa.table({'rgb': pa.array(cell, kind), 'ir': pa.array(cell, kind)}), source / 'a.parquet'
  )
  assert 'a.parquet, row 0 (rgb)' in refused(source, tmp_path, 'only the path')


def test_other_folders_and_files_are_refused(source, tmp_path):
  refused(source, tmp_path, 'does not exist')
  source.mkdir()
  refused(source, tmp_path, 'no Parquet files')
  (source / 'a.parquet').write_bytes(b'PAR1 and nothing else')
  assert 'a.parquet' in refused(source, tmp_path, 'not a whole Parquet file')
  write_parquet(source / 'a.parquet', columns([pair(0)]))
  refused(source, tmp_path, '--ir_column=x: .*a.parquet has no such column', ir_column='x')
  refused(source, tmp_path, 'are the same: rgb', ir_column='rgb')
  write_parquet(source / 'b.parquet', columns([pair(0)], ir='infrared'))
  assert "no column 'thermal'" in refused(source, tmp_path, 'b.parquet')
  whole = (source / 'a.parquet').read_bytes()
  write_parquet(source / 'b.parquet', columns([pair(i) for i in range(40)]))
  whole = bytearray((source / 'b.parquet').read_bytes())
  whole[200:4000] = bytes(3800)
  (source / 'b.parquet').write_bytes(whole)
  refused(source, tmp_path, 'b.parquet')


def test_the_name_follows_files_and_options(source):
  write_parquet(source / 'a.parquet', columns([pair(i) for i in range(4)]))
  name = parquet.parquet_config(source).name
  assert parquet.parquet_config(source).name == name and name.startswith('my_hub-')
  assert parquet.parquet_config(source, rgb_channels=1).name != name
  write_parquet(source / 'a.parquet', columns([pair(i) for i in range(5)]))
  assert parquet.parquet_config(source).name != name


def test_opened_by_name_and_checked(source, tmp_path):
  write_parquet(source / 'train.parquet', columns([pair(i) for i in range(12)]))
  write_parquet(source / 'test.parquet', columns([pair(i) for i in range(12, 16)]))
  config = DataConfig(
    dataset='parquet',
    source_dir=str(source),
    data_dir=str(tmp_path / 'data'),
    paired=True,
    options={'rgb_column': 'rgb'},
  )
  dataset = datasets.open_dataset(config)
  assert "RGB in column 'rgb', IR in column 'thermal'; split by folder" in dataset.description
  assert len(dataset.splits['test']) == 4 and dataset.domains['ir'].max_value == 255
  # The same files elsewhere are the same data.
  source.rename(tmp_path / 'moved')
  moved = DataConfig(**{**vars(config), 'source_dir': str(tmp_path / 'moved')})
  assert datasets.open_dataset(moved).fingerprint == dataset.fingerprint
  flagged = tmp_path / 'pairs.csv'
  flagged.write_text('id,flags\ntest/000001,no_match\ntrain/000003,\n')
  left = datasets.open_dataset(DataConfig(**{**vars(moved), 'exclude': str(flagged)}))
  assert len(left.splits['test']) == 3 and '1 flagged pairs are left out' in left.description
  flagged.write_text('id,flags\nx,no_match\n')
  with pytest.raises(UserError, match='none of them is in the source folder'):
    datasets.open_dataset(DataConfig(**{**vars(moved), 'exclude': str(flagged)}))
