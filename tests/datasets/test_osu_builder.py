"""Preparing OSU Color-Thermal and reading it back; refusing bad frames by name."""

import itertools
import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import tensorflow_datasets as tfds

from cyclegan_jax import errors, progress
from cyclegan_jax.image_files import images
from datasets.osu import osu_dataset_builder as osu
from tests.conftest import REPOSITORY
from tests.datasets.test_osu import encoded, picture, put, tree, unpacked

pytestmark = pytest.mark.usefixtures('no_progress_bars')
IMAGES = ('rgb', 'ir', 'mask')


def prepare(source, data_dir, **options):
  builder = osu.Builder(config=osu.osu_config(source, **options), data_dir=data_dir)
  builder.download_and_prepare()
  return builder


def stored(builder):
  """Split -> id -> example, with the images as stored."""
  skip = {name: tfds.decode.SkipDecoding() for name in IMAGES}
  return {
    split: {e['id'].decode(): e for e in builder.as_data_source(split, decoders=skip)}
    for split in builder.info.splits
  }


@pytest.mark.parametrize(
  'extension, options',
  [
    ('bmp', {}),
    ('bmp', {'thermal': 'b'}),
    ('png', {}),
    ('png', {'three_channels': True}),
    ('jpg', {'three_channels': True}),
  ],
)
def test_pairs_are_prepared_and_read_back(extension, options, tmp_path):
  found = tree(8, extension=extension, **options)
  builder = prepare(put(tmp_path / 'source', found), tmp_path / 'prepared')
  config = builder.builder_config
  splits = stored(builder)
  assert {split: sorted(examples) for split, examples in splits.items()} == {
    split: [pair.id for pair in pairs] for split, pairs in config.examples.items()
  }
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
  put(source, {f'4a.zip/img_{i:05d}.bmp': encoded(picture(i, 1), 'bmp') for i in range(1, 7)})
  with pytest.raises(errors.UserError, match='4a has other content than when .*paper-'):
    prepare(source, data_dir)


def bad(path, data):
  return tree() | {path: data}


BAD_FRAMES = {
  'wrong size': (
    bad('2a.zip/img_00004.bmp', encoded(picture(0, 1, (8, 12)), 'bmp')),
    r'1 problem.*2b\.zip/img_00004\.bmp is 12x10.*2a\.zip/img_00004\.bmp is 12x8',
  ),
  'both of a wrong size': (
    bad('2a.zip/img_00004.bmp', encoded(picture(0, 1, (8, 12)), 'bmp'))
    | {'2b.zip/img_00004.bmp': encoded(picture(0, 3, (8, 12)), 'bmp')},
    r'2b\.zip/img_00004\.bmp is 12x8 pixels, expected 12x10',
  ),
  'corrupt': (
    bad('3b.zip/img_00002.bmp', tree()['3b.zip/img_00002.bmp'][:100]),
    r'3b\.zip/img_00002\.bmp',
  ),
  'empty file': (bad('3b.zip/img_00002.bmp', b''), r'3b\.zip/img_00002\.bmp'),
  'false color': (
    bad('1a.zip/img_00002.bmp', encoded(picture(0, 3), 'bmp')),
    r'1a\.zip/img_00002\.bmp: a thermal image in false color',
  ),
  'gray color': (
    bad('1b.zip/img_00002.bmp', encoded(picture(0, 1), 'bmp')),
    r'1b\.zip/img_00002\.bmp: is gray, expected a frame in color',
  ),
}


@pytest.mark.parametrize('case', BAD_FRAMES)
def test_bad_frames_are_named_and_nothing_is_left(case, tmp_path):
  found, message = BAD_FRAMES[case]
  with pytest.raises(errors.UserError, match=f'(?s){message}') as caught:
    prepare(put(tmp_path / 'source', found), tmp_path / 'prepared')
  assert 'nothing was prepared' in str(caught.value)
  assert not written(tmp_path / 'prepared')


def test_damage_within_a_zip_is_named(tmp_path):
  source = put(tmp_path / 'source', tree())
  data = bytearray((source / '5b.zip').read_bytes())
  start = data.index(b'img_00002.bmp') + 60
  data[start : start + 20] = bytes(20)
  (source / '5b.zip').write_bytes(data)
  with pytest.raises(errors.UserError, match=r'5b\.zip/img_00002\.bmp: cannot be read'):
    prepare(source, tmp_path / 'prepared')


def test_only_a_few_of_many_problems_are_named(tmp_path):
  found = tree() | {f'{s}b.zip/img_0000{i}.bmp': b'x' for s in '123' for i in (2, 4, 6, 7, 8)}
  found |= {f'{s}a.zip/img_0000{i}.bmp': b'x' for s in '123' for i in (7, 8)}
  with pytest.raises(errors.UserError, match='(?s)21 problem.*and 11 more'):
    prepare(put(tmp_path / 'source', found), tmp_path / 'prepared')


def test_builder_is_found_by_name(tmp_path):
  config = osu.osu_config(put(tmp_path / 'source', tree(2)))
  builder = tfds.builder('osu', config=config, data_dir=tmp_path)
  assert isinstance(builder, osu.Builder)
  assert tfds.builder('osu', data_dir=tmp_path).builder_config.name == 'paper'


def run_elsewhere(code, *arguments, cwd):
  """Runs Python code in a process of its own, with the checkout on its path alone."""
  environment = os.environ | {'PYTHONPATH': str(REPOSITORY)}
  return subprocess.run(
    [sys.executable, '-c', code, *map(str, arguments)],
    cwd=cwd,
    env=environment,
    capture_output=True,
    text=True,
    check=False,
  )


BY_NAME = """
import sys
import tensorflow_datasets as tfds
import datasets.loading

manual, data_dir = sys.argv[1:]
train = tfds.data_source('osu/sequence', split='train', data_dir=data_dir,
                         download_and_prepare_kwargs={
    'download_config': tfds.download.DownloadConfig(manual_dir=manual)})
print(len(train), *train[0]['rgb'].shape, train[0]['rgb'].dtype, 'tensorflow' in sys.modules)
"""


def test_data_source_by_name_elsewhere(tmp_path):
  source = put(tmp_path / 'source', tree())
  done = run_elsewhere(BY_NAME, source, tmp_path / 'data', cwd=tmp_path)
  assert done.stdout.splitlines()[-1:] == ['18 10 12 3 uint8 False'], done.stderr
  builder = tfds.builder('osu/sequence', data_dir=tmp_path / 'data')
  expected = osu.osu_config(source, split_by='sequence')
  assert builder.info.metadata['notes'] == list(expected.notes)
  assert {split: info.num_examples for split, info in builder.info.splits.items()} == {
    split: len(pairs) for split, pairs in expected.examples.items()
  }
  assert builder.info.file_format == tfds.core.FileFormat.ARRAY_RECORD
  assert stored(builder) == stored(prepare(source, tmp_path / 'other', split_by='sequence'))


def test_incomplete_manual_folder_is_refused(tmp_path):
  manual = put(tmp_path / 'manual', tree(parts=['1a', '1b']))
  builder = tfds.builder('osu', data_dir=tmp_path / 'data')
  with pytest.raises(errors.UserError, match=r'manual: 2a\.zip, .* missing; found 1a, 1b'):
    builder.download_and_prepare(download_config=tfds.download.DownloadConfig(manual_dir=manual))


def written(data_dir):
  """Files of prepared copies, whole or not."""
  return [path for path in data_dir.glob('osu/*/*/*') if path.is_file()]


KILLED = """
import itertools, os, signal, sys
from datasets.osu import osu_dataset_builder as osu

generate_examples, counter = osu.Builder._generate_examples, itertools.count()

def killing(*arguments):
  for example in generate_examples(*arguments):
    if next(counter) == 20:  # 18 of training are written.
      os.kill(os.getpid(), signal.SIGKILL)
    yield example

osu.Builder._generate_examples = killing
source, data_dir = sys.argv[1:]
osu.Builder(config=osu.osu_config(source, 'sequence'), data_dir=data_dir).download_and_prepare()
"""


def test_killed_preparation_is_made_anew(tmp_path):
  source, data_dir = put(tmp_path / 'source', tree()), tmp_path / 'killed'
  done = run_elsewhere(KILLED, source, data_dir, cwd=tmp_path)
  assert done.returncode == -signal.SIGKILL, done.stderr
  left = {path.parent for path in written(data_dir)}
  assert [path.name[:11] for path in left] == ['incomplete.']
  config = osu.osu_config(source, 'sequence')
  assert not osu.Builder(config=config, data_dir=data_dir).is_prepared()
  again, whole = (
    prepare(source, folder, split_by='sequence') for folder in (data_dir, tmp_path / 'whole')
  )
  assert stored(again) == stored(whole) and again.info.metadata == whole.info.metadata
  assert set(again.data_path.parent.iterdir()) == {*left, again.data_path}
  yesterday = time.time() - 25 * 60 * 60
  for folder in left:
    for path in (*folder.iterdir(), folder):
      os.utime(path, (yesterday, yesterday))
  prepare(source, data_dir)  # Another split cleans up, too.
  assert set(again.data_path.parent.iterdir()) == {again.data_path}


def test_failed_preparation_leaves_nothing(tmp_path, monkeypatch):
  source, data_dir = put(tmp_path / 'source', tree()), tmp_path / 'failed'
  generate_examples = osu.Builder._generate_examples

  def failing(*arguments):
    yield from itertools.islice(generate_examples(*arguments), 5)
    raise OSError('No space left on device')

  with monkeypatch.context() as context:
    context.setattr(osu.Builder, '_generate_examples', failing)
    with pytest.raises(OSError, match='No space left'):
      prepare(source, data_dir)
  assert not written(data_dir)
  assert stored(prepare(source, data_dir)) == stored(prepare(source, tmp_path / 'whole'))


def test_both_passes_show_their_progress(tmp_path, capfd, monkeypatch):
  monkeypatch.setattr(progress, '_SECONDS_BETWEEN_LINES', 0.0)
  prepare(put(tmp_path / 'source', tree()), tmp_path / 'prepared')
  shown = capfd.readouterr().out
  assert 'Checking images 1/36  ' in shown and 'pairs/s' in shown
  assert 'Preparing 1/' in shown
