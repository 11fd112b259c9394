"""Preparing OSU Color-Thermal and reading it back; refusing bad frames by name."""

import json

import numpy as np
import pytest
import tensorflow_datasets as tfds

from cyclegan_jax import errors
from cyclegan_jax.data import images
from datasets.osu import osu_dataset_builder as osu
from tests.datasets.test_osu import encoded
from tests.datasets.test_osu import picture
from tests.datasets.test_osu import put
from tests.datasets.test_osu import tree
from tests.datasets.test_osu import unpacked

IMAGES = ('rgb', 'ir', 'mask')


@pytest.fixture(autouse=True, scope='module')
def no_progress_bars():
  tfds.disable_progress_bar()
  yield
  tfds.enable_progress_bar()


def prepare(source, data_dir, **options):
  builder = osu.Builder(config=osu.osu_config(source, **options), data_dir=data_dir)
  builder.download_and_prepare(file_format='array_record')
  return builder


def stored(builder):
  """Split -> id -> example, with the images as stored."""
  skip = {name: tfds.decode.SkipDecoding() for name in IMAGES}
  return {split: {e['id'].decode(): e for e in builder.as_data_source(split, decoders=skip)}
          for split in builder.info.splits}


@pytest.mark.parametrize('extension, options', [
    ('bmp', {}), ('bmp', {'thermal': 'b'}), ('png', {}), ('png', {'three_channels': True}),
    ('jpg', {'three_channels': True})])
def test_pairs_are_prepared_and_read_back(extension, options, tmp_path):
  found = tree(8, extension=extension, **options)
  builder = prepare(put(tmp_path / 'source', found), tmp_path / 'prepared')
  config = builder.builder_config
  splits = stored(builder)
  assert {split: sorted(examples) for split, examples in splits.items()} == {
      split: [pair.id for pair in pairs] for split, pairs in config.examples.items()}
  records = {id_: e for examples in splits.values() for id_, e in examples.items()}
  assert len(records) == 48
  thermal = options.get('thermal', 'a')
  for id_, record in records.items():
    sequence, number = id_.split('/')
    for domain, letter in (('ir', thermal), ('rgb', 'b' if thermal == 'a' else 'a')):
      data = found[f'{sequence}{letter}.zip/img_{number}.{extension}']
      expected = images.to_channels(images.read_image(data), 3 if domain == 'rgb' else 1, '')
      np.testing.assert_array_equal(images.read_image(record[domain]), expected)
      if extension != 'bmp' and not (domain == 'ir' and options):
        assert record[domain] == data
    assert (images.read_image(record['mask']) == 255).all()
    assert record['sequence'].decode() == sequence
    assert record['location'].decode() == ('1' if sequence in '123' else '2')


def test_zips_and_folders_give_the_same_copy(tmp_path):
  zipped = prepare(put(tmp_path / 'zips', tree()), tmp_path / 'a')
  folders = prepare(put(tmp_path / 'folders', unpacked(tree())), tmp_path / 'b')
  first, second = stored(zipped), stored(folders)
  assert first == second
  assert zipped.info.metadata['checksums'] == folders.info.metadata['checksums']
  decoded = zipped.as_data_source('train')[0]
  assert decoded['rgb'].shape == (10, 12, 3) and decoded['mask'].shape == (10, 12, 1)
  assert zipped.info.description.startswith('OSU Color-Thermal')
  assert 'davis2007background' in zipped.info.citation


def test_black_borders_are_masked(tmp_path):
  found = tree(parts=[s + letter for s in '13456' for letter in 'ab'] + ['2b'])
  for i in range(6):
    array = picture(i, 1)
    array[:2] = 0
    array[:, -1] = 0
    found[f'2a.zip/img_{i + 1:05d}.bmp'] = encoded(array, 'bmp')
  builder = prepare(put(tmp_path / 'source', found), tmp_path / 'prepared', split_by='sequence')
  assert builder.info.metadata['borders']['2'] == [2, 0, 0, 1]
  for examples in stored(builder).values():
    for id_, record in examples.items():
      mask = images.read_image(record['mask'])[..., 0] == 255
      expected = np.ones((10, 12), bool)
      if id_.startswith('2/'):
        expected[:2] = expected[:, -1] = False
      np.testing.assert_array_equal(mask, expected)


def test_checksums_are_recorded_and_compared(tmp_path):
  source, data_dir = put(tmp_path / 'source', tree()), tmp_path / 'prepared'
  first = prepare(source, data_dir)
  recorded = json.loads((first.data_path / 'metadata.json').read_text())
  assert sorted(recorded['checksums']) == [s + letter for s in '123456' for letter in 'ab']
  assert recorded['notes'] == list(first.builder_config.notes)
  second = prepare(source, data_dir, split_by='location')
  assert second.info.metadata['checksums'] == recorded['checksums']
  assert osu.Builder(config=first.builder_config, data_dir=data_dir).info.metadata == recorded
  put(source, {'4a.zip/img_%05d.bmp' % i: encoded(picture(i, 1), 'bmp') for i in range(1, 7)})
  with pytest.raises(errors.UserError, match='4a has other content than when .*paper-'):
    prepare(source, data_dir)


def bad(path, data):
  return tree() | {path: data}


BAD_FRAMES = {
    'wrong size': (bad('2a.zip/img_00004.bmp', encoded(picture(0, 1, (8, 12)), 'bmp')),
                   r'1 problem.*2b\.zip/img_00004\.bmp is 12x10.*2a\.zip/img_00004\.bmp is 12x8'),
    'both of a wrong size': (
        bad('2a.zip/img_00004.bmp', encoded(picture(0, 1, (8, 12)), 'bmp'))
        | {'2b.zip/img_00004.bmp': encoded(picture(0, 3, (8, 12)), 'bmp')},
        r'2b\.zip/img_00004\.bmp is 12x8 pixels, expected 12x10'),
    'corrupt': (bad('3b.zip/img_00002.bmp', tree()['3b.zip/img_00002.bmp'][:100]),
                r'3b\.zip/img_00002\.bmp'),
    'empty file': (bad('3b.zip/img_00002.bmp', b''), r'3b\.zip/img_00002\.bmp'),
    'false colour': (bad('1a.zip/img_00002.bmp', encoded(picture(0, 3), 'bmp')),
                     r'1a\.zip/img_00002\.bmp: a thermal image in false colour'),
    'grey colour': (bad('1b.zip/img_00002.bmp', encoded(picture(0, 1), 'bmp')),
                    r'1b\.zip/img_00002\.bmp: is grey, expected a frame in colour'),
}


@pytest.mark.parametrize('case', BAD_FRAMES)
def test_bad_frames_are_named_and_nothing_is_left(case, tmp_path):
  found, message = BAD_FRAMES[case]
  with pytest.raises(errors.UserError, match=f'(?s){message}') as caught:
    prepare(put(tmp_path / 'source', found), tmp_path / 'prepared')
  assert 'nothing was prepared' in str(caught.value)
  assert not [p for p in (tmp_path / 'prepared').rglob('*') if p.is_file()]


def test_damage_within_a_zip_is_named(tmp_path):
  source = put(tmp_path / 'source', tree())
  data = bytearray((source / '5b.zip').read_bytes())
  start = data.index(b'img_00002.bmp') + 60
  data[start:start + 20] = bytes(20)
  (source / '5b.zip').write_bytes(data)
  with pytest.raises(errors.UserError, match=r'5b\.zip/img_00002\.bmp: cannot be read'):
    prepare(source, tmp_path / 'prepared')


def test_only_a_few_of_many_problems_are_named(tmp_path):
  found = tree() | {f'{s}b.zip/img_0000{i}.bmp': b'x' for s in '123' for i in (2, 4, 6, 7, 8)}
  found |= {f'{s}a.zip/img_0000{i}.bmp': b'x' for s in '123' for i in (7, 8)}
  with pytest.raises(errors.UserError, match='(?s)21 problem.*and 11 more'):
    prepare(put(tmp_path / 'source', found), tmp_path / 'prepared')


def test_builder_without_configuration_says_what_to_do(tmp_path):
  with pytest.raises(errors.UserError, match='(?s)osu_config.*Download 1a.zip'):
    osu.Builder(data_dir=tmp_path)


def test_builder_is_found_by_name(tmp_path):
  config = osu.osu_config(put(tmp_path / 'source', tree(2)))
  builder = tfds.builder('osu', config=config, data_dir=tmp_path)
  assert isinstance(builder, osu.Builder)
