"""Pairs in tar archives: keys, columns, splits, what is stored, and what is refused."""

import tarfile
import tracemalloc

import pytest
import tensorflow_datasets as tfds

from cyclegan_jax.errors import UserError
from cyclegan_jax.settings import DataConfig
import datasets
from datasets.webdataset import webdataset_dataset_builder as webdataset
from tests.datasets.shard_files import pair, write_tar

pytestmark = pytest.mark.usefixtures('no_progress_bars')
SKIP = tfds.decode.SkipDecoding()


@pytest.fixture
def source(tmp_path):
  return tmp_path / 'shards'


def files(pairs, first=0, rgb='rgb.jpg', ir='ir.png'):
  """Names and contents of samples: images and a text."""
  for i, (a, b) in enumerate(pairs, start=first):
    yield from [(f'{i:05}.{rgb}', a), (f'{i:05}.{ir}', b), (f'{i:05}.json', b'{"id": 1}')]


def stored(config, data_dir):
  """Id -> split and record, of a copy that is prepared anew; and the notes."""
  builder = webdataset.Builder(config=config, data_dir=data_dir)
  builder.download_and_prepare(file_format='array_record')
  found = {
    record['id'].decode(): (split, record)
    for split in builder.info.splits
    for record in builder.as_data_source(split, decoders={'rgb': SKIP, 'ir': SKIP})
  }
  return found, builder.info.metadata['notes']


def refused(source, tmp_path, match, **options):
  with pytest.raises(UserError, match=match) as caught:
    stored(webdataset.webdataset_config(source, **options), tmp_path / 'data')
  assert not [path for path in (tmp_path / 'data').rglob('*') if path.is_file()]
  return str(caught.value)


@pytest.mark.parametrize('ending, mode', [('tar', 'w'), ('tar.gz', 'w:gz'), ('tgz', 'w:gz')])
def test_shards_are_read_as_they_are(source, tmp_path, ending, mode):
  pairs = [pair(i) for i in range(20)]
  write_tar(source / f'pairs-train-000000.{ending}', files(pairs[:8]), mode)
  write_tar(source / f'pairs-train-000001.{ending}', files(pairs[8:12]), mode)
  write_tar(source / f'pairs-val-000000.{ending}', files(pairs[12:16]), mode)
  write_tar(source / f'pairs-test-000000.{ending}', files(pairs[16:]), mode)
  config = webdataset.webdataset_config(source)
  assert config.layout == "4 tar files, RGB in column 'rgb', IR in column 'ir'"
  found, notes = stored(config, tmp_path / 'data')
  assert len(found) == 20 and not notes
  # Keys may be the same in each shard.
  for place, (shard, split, n) in enumerate(
    [('train-000000', 'train', 8), ('val-000000', 'validation', 4), ('test-000000', 'test', 4)]
  ):
    for i in range(n):
      of, record = found[f'pairs-{shard}/{i:05}']
      first = (0, 12, 16)[place]
      assert of == split and (record['rgb'], record['ir']) == pairs[first + i]


def test_keys_have_folders_and_end_at_the_first_dot_of_the_name(source, tmp_path):
  """As WebDataset 1.0 splits base_plus_ext: a dot in a folder belongs to the key."""
  pairs = [pair(i) for i in range(6)]
  names = [
    file
    for i, (rgb, ir) in enumerate(pairs)
    for file in (
      (f'seq.a/{i:03}.visible.jpg', rgb),
      (f'seq.a/{i:03}.thermal.png', ir),
      (f'seq.a/{i:03}.cls', b'3'),
    )
  ]
  write_tar(source / 'shard-000.tar', names)
  config = webdataset.webdataset_config(source)
  assert config.columns == {'rgb': 'visible', 'ir': 'thermal'} and config.split_by == 'hash'
  found, _ = stored(config, tmp_path / 'data')
  assert sorted(found) == [f'shard-000/seq.a/{i:03}' for i in range(6)]
  for i, (rgb, ir) in enumerate(pairs):
    _, record = found[f'shard-000/seq.a/{i:03}']
    assert (record['rgb'], record['ir']) == (rgb, ir)


@pytest.mark.parametrize(
  'rgb, ir, expected',
  [
    ('rgb.jpg', 'ir.png', ('rgb', 'ir')),
    ('jpg', 'thermal.png', ('jpg', 'thermal')),
    ('RGB.JPG', 'lwir.tiff', ('rgb', 'lwir')),
    ('jpg', 'png', None),
  ],
)
def test_columns_are_guessed_by_their_names(source, rgb, ir, expected):
  write_tar(source / 'a.tar', files([pair(0)], rgb=rgb, ir=ir))
  if expected:
    assert tuple(webdataset.webdataset_config(source).columns.values()) == expected
    return
  with pytest.raises(UserError, match='--rgb_column and --ir_column'):
    webdataset.webdataset_config(source)
  given = webdataset.webdataset_config(source, rgb_column='jpg', ir_column='png')
  assert given.columns == {'rgb': 'jpg', 'ir': 'png'}


def test_a_column_may_be_given_with_its_extension(source):
  write_tar(source / 'a.tar', files([pair(0)], rgb='left.jpg', ir='right.png'))
  given = webdataset.webdataset_config(source, rgb_column='left.jpg', ir_column='right')
  assert given.columns == {'rgb': 'left', 'ir': 'right'}


def test_incomplete_samples_are_left_out_and_said(source, tmp_path):
  names = [(name, data) for name, data in files([pair(i) for i in range(8)])]
  del names[8], names[1]  # The JSON file of 2, the IR image of 0.
  write_tar(source / 'a.tar', names)
  found, notes = stored(webdataset.webdataset_config(source), tmp_path / 'data')
  assert len(found) == 7 and 'a/00000' not in found
  assert notes == ['1 rows lack an image and are left out: a.tar, key 00000.']
  # Files of a sample that do not follow each other are two halves.
  write_tar(source / 'a.tar', sorted(names, key=lambda file: file[0].partition('.')[2]))
  assert 'follow each other' in refused(source, tmp_path / 'other', 'no row has both images')


def test_what_is_no_plain_image_is_passed_over(source, tmp_path):
  """Nothing leaves the archive: links, devices, and paths that lead out are only names."""
  rgb, ir = pair(0)
  names = ('._0.rgb.jpg', '../../0.rgb.jpg', '../../0.ir.png')
  write_tar(source / 'a.tar', zip(names, (b'x', rgb, ir)))
  with tarfile.open(source / 'a.tar', 'a') as archive:
    link = tarfile.TarInfo('1.rgb.jpg')
    link.type, link.linkname = tarfile.SYMTYPE, '/etc/passwd'
    archive.addfile(link)
    fifo = tarfile.TarInfo('1.ir.png')
    fifo.type = tarfile.FIFOTYPE
    archive.addfile(fifo)
  before = sorted(tmp_path.rglob('*'))
  found, _ = stored(webdataset.webdataset_config(source), tmp_path / 'data')
  assert list(found) == ['a/../../0']
  after = [path for path in tmp_path.rglob('*') if 'data' not in path.relative_to(tmp_path).parts]
  assert sorted(after) == before


def test_bad_files_are_named_by_shard_and_key(source, tmp_path):
  pairs = [pair(i) for i in range(6)]
  pairs[2] = (pairs[2][0], b'no image')
  pairs[4] = (pairs[4][0], pair(4, width=20)[1])
  write_tar(source / 'train.tar', [*files(pairs), *files([pair(7)], first=1)])
  message = refused(source, tmp_path, '3 problem')
  for words in (
    'train.tar, key 00002 (ir)',
    'train.tar, key 00004: RGB is 32x24 pixels, but IR is 20x24',
    'train.tar, key 00001: a second example of this name',
  ):
    assert words in message
  two = [('0.rgb.jpg', pairs[0][0]), ('0.rgb.png', pairs[0][0]), ('0.ir.png', pairs[0][1])]
  write_tar(source / 'train.tar', two)
  assert '0.rgb.png' in refused(source, tmp_path, 'two RGB images')


@pytest.mark.parametrize('ending, mode', [('tar', 'w'), ('tar.gz', 'w:gz')])
def test_damaged_archives_are_refused_by_name(source, tmp_path, ending, mode):
  path = source / f'a.{ending}'
  write_tar(path, files([pair(i) for i in range(8)]), mode)
  whole = path.read_bytes()
  # Within a file, within a header, and before one: the first file has a header of 512 bytes.
  ends = [len(whole) // 2]
  if mode == 'w':
    size = len(pair(0)[0])
    before = 512 + (size + 511) // 512 * 512
    ends += [before, before + 100, 512 + size // 2]
  for end in ends:
    path.write_bytes(whole[:end])
    assert path.name in refused(source, tmp_path, 'not a whole tar archive')
  path.write_bytes(b'no archive at all' * 100)
  assert path.name in refused(source, tmp_path, 'not a whole tar archive')


def test_few_samples_are_in_memory_at_a_time(source):
  def large():
    for i in range(60):
      yield f'{i:03}.rgb.jpg', bytes(500_000)
      yield f'{i:03}.ir.png', bytes(500_000)

  write_tar(source / 'a.tar', large())
  config = webdataset.WebDatasetConfig(
    name='x', source_dir=str(source), columns={'rgb': 'rgb', 'ir': 'ir'}
  )
  shard = webdataset_shard(source / 'a.tar')
  tracemalloc.start()
  n = sum(row.is_whole for row in config.rows(shard))
  _, peak = tracemalloc.get_traced_memory()
  tracemalloc.stop()
  assert n == 60 and peak < 6_000_000


def webdataset_shard(path):
  from datasets.shards import Shard

  return Shard(str(path), path.name, path.stat().st_size, 0)


def test_opened_by_name(source, tmp_path):
  write_tar(source / 'train.tar', files([pair(i) for i in range(12)]))
  write_tar(source / 'test.tar', files([pair(i) for i in range(12, 16)]))
  config = DataConfig(
    dataset='webdataset', source_dir=str(source), data_dir=str(tmp_path / 'data'), paired=True
  )
  dataset = datasets.open_dataset(config)
  assert "RGB in column 'rgb', IR in column 'ir'; split by folder" in dataset.description
  assert {name: len(split) for name, split in dataset.splits.items()}['test'] == 4
