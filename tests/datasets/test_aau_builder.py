"""Preparing AAU VAP Trimodal and reading it back."""

import json

import numpy as np
import pytest
import tensorflow_datasets as tfds

from cyclegan_jax import errors
from cyclegan_jax.data import pipeline
from cyclegan_jax.image_files import images
from cyclegan_jax.settings import DataConfig
from datasets.aau import aau_dataset_builder as aau, registration
from datasets.loading import open_dataset
from tests.datasets import aau_trees
from tests.datasets.aau_trees import deep_png, SIZE, tree, without, zipped
from tests.datasets.test_osu import encoded, put

pytestmark = pytest.mark.usefixtures('no_progress_bars')
IMAGES = ('rgb', 'ir', 'mask', 'rgb_people', 'ir_people', 'labels')


def prepare(source, data_dir, **options):
  builder = aau.Builder(config=aau.aau_config(source, **options), data_dir=data_dir)
  builder.download_and_prepare()
  return builder


def stored(builder):
  """Split -> id -> example, with the images as stored."""
  skip = {name: tfds.decode.SkipDecoding() for name in IMAGES}
  return {
    split: {e['id'].decode(): e for e in builder.as_data_source(split, decoders=skip)}
    for split in builder.info.splits
  }


def records(builder):
  return {id_: e for examples in stored(builder).values() for id_, e in examples.items()}


def decoded(record, *names):
  return [images.read_image(record[name]) for name in names]


def test_pairs_are_prepared_and_read_back_without_registration(tmp_path):
  found = tree()
  builder = prepare(put(tmp_path / 'source', found), tmp_path / 'prepared')
  assert {split: sorted(examples) for split, examples in stored(builder).items()} == {
    split: [pair.id for pair in pairs] for split, pairs in builder.builder_config.examples.items()
  }
  for id_, record in records(builder).items():
    scene, frame = id_.split('/')
    home = f'TrimodalDataset/Scene {scene}'
    assert record['rgb'] == found[f'{home}/SyncRGB/{frame}.jpg']
    ir, mask, rgb_people, ir_people = decoded(record, 'ir', 'mask', 'rgb_people', 'ir_people')
    published = images.read_image(found[f'{home}/SyncT/{frame}.jpg'])
    np.testing.assert_array_equal(ir, published[..., :1])
    assert mask.shape == (*SIZE, 1) and (mask == 255).all()
    number = int(frame) - 85
    assert bool(record['annotated']) == (number % 2 == 0)
    expected = aau_trees.people(number) if number % 2 == 0 else np.zeros((*SIZE, 1))
    np.testing.assert_array_equal(rgb_people, expected)
    np.testing.assert_array_equal(ir_people, expected)
    (labels,) = decoded(record, 'labels')
    np.testing.assert_array_equal(labels, expected > 0 if number % 2 == 0 else 255 + expected)
    assert record['sequence'].decode() == scene


def test_gray_thermal_files_are_stored_as_they_are(tmp_path):
  found = {
    path: encoded(aau_trees.picture(1, 1), 'png') if '/SyncT/' in path else data
    for path, data in tree(4).items()
  }
  builder = prepare(put(tmp_path / 'source', found), tmp_path / 'prepared')
  assert {record['ir'] for record in records(builder).values()} == {
    encoded(aau_trees.picture(1, 1), 'png')
  }


def test_zip_and_folders_give_the_same_copy(tmp_path):
  one = prepare(put(tmp_path / 'zip', zipped(tree())), tmp_path / 'a')
  other = prepare(put(tmp_path / 'folders', tree(name='scene_{}')), tmp_path / 'b')
  assert stored(one) == stored(other)
  assert one.info.metadata['checksums'] == other.info.metadata['checksums']
  example = one.as_data_source('train')[0]
  assert example['rgb'].shape == (*SIZE, 3) and example['ir_people'].shape == (*SIZE, 1)
  assert isinstance(bool(example['annotated']), bool)
  assert one.info.description.startswith('AAU VAP Trimodal')
  assert 'palmero2016multimodal' in one.info.citation


def test_thermal_frames_of_another_size_are_resized(tmp_path):
  found = {
    path: encoded(aau_trees.thermal_picture(1, (48, 64)), 'png')
    if '/SyncT/' in path
    else encoded(aau_trees.people(2).repeat(2, 0).repeat(2, 1), 'png')
    if 'thermalMasks' in path
    else data
    for path, data in tree(2).items()
  }
  builder = prepare(put(tmp_path / 'source', found), tmp_path / 'prepared')
  record = records(builder)['1/00085']
  ir, mask, ir_people = decoded(record, 'ir', 'mask', 'ir_people')
  expected = images.resize(aau_trees.picture(1, 1, (48, 64)), SIZE)
  np.testing.assert_array_equal(ir, expected)
  assert mask.shape == (*SIZE, 1)
  np.testing.assert_array_equal(ir_people, aau_trees.people(2))


@pytest.mark.parametrize('mode', ['plane', 'depth'])
def test_frames_and_people_are_registered(mode, tmp_path):
  aau_trees.opencv()
  found = tree(4, rig_size=SIZE)
  # A hole in the depth image.
  raw = np.full(SIZE, 3800, np.uint16)  # 2 m away
  raw[10:14, 12:20] = 0
  found['TrimodalDataset/Scene 1/SyncD/00085.png'] = deep_png(raw)
  builder = prepare(
    put(tmp_path / 'source', zipped(found)),
    tmp_path / 'prepared',
    registration=mode,
    plane_depth=2000.0,
  )
  record = records(builder)['1/00085']
  ir, mask, rgb_people, ir_people = decoded(record, 'ir', 'mask', 'rgb_people', 'ir_people')
  # The truth, by OpenCV: where surfaces at 2 m are in the thermal image.
  rig = aau_trees.rig(*SIZE)
  truth = np.rint(rig.to_thermal(rig.rays() * 2000.0)).astype(int)
  inside = ((truth >= 0) & (truth < SIZE[::-1])).all(-1)
  x, y = np.where(inside[..., None], truth, 0).transpose(2, 0, 1)
  valid = (mask == 255)[..., 0]
  labels = np.where(inside, aau_trees.people(0)[y, x, 0], 0)
  both = valid & inside
  assert both.mean() > 0.6 and set(np.unique(mask)) == {0, 255}
  assert np.mean(ir_people[both][:, 0] == labels[both]) > 0.97
  assert not np.array_equal(ir_people, aau_trees.people(0))
  published = images.read_image(found['TrimodalDataset/Scene 1/SyncT/00085.jpg'])[..., 0]
  assert np.abs(ir[both][:, 0].astype(int) - published[y, x][both]).mean() < 4
  np.testing.assert_array_equal(rgb_people, aau_trees.people(0))
  assert ('depth' in record) == (mode == 'depth')
  if mode == 'depth':
    # The rig's depth camera sees a wall at 2 m; 0 in the hole and beyond its image.
    assert record['depth'].dtype == np.uint16 and record['depth'].shape == SIZE
    assert set(np.unique(record['depth'])) == {0, 200} and not record['depth'][10:14, 12:20].any()
    np.testing.assert_array_equal(record['depth'][valid], 200)
    assert not valid[10:14, 12:20].any() and valid[15:20, 12:20].all()
  else:
    assert valid[10:20, 12:20].all()
  registered = registration.register(
    aau_trees.people(0),
    builder.builder_config.calibrations['1'],
    mode,
    raw,
    labels=aau_trees.people(0),
    size=SIZE,
    depth_mm=2000.0,
  )
  np.testing.assert_array_equal(ir_people, registered.labels)
  (classes,) = decoded(record, 'labels')
  np.testing.assert_array_equal(classes, np.where(mask == 255, registered.labels > 0, 255))


@pytest.mark.parametrize('annotated', [True, False])
def test_the_library_sees_people_as_a_class(annotated, tmp_path):
  found = tree(40) if annotated else without(tree(40), 'Masks/')
  config = DataConfig(
    dataset='aau',
    source_dir=str(put(tmp_path / 'source', zipped(found))),
    data_dir=str(tmp_path / 'prepared'),
    image_size=SIZE,
  )
  dataset = open_dataset(config)
  assert dataset.class_names == (('background', 'person') if annotated else ())
  seen = [example.get('labels') for example in pipeline.pixels(dataset, 'train', config)]
  assert annotated or not any(labels is not None for labels in seen)
  if annotated:
    counts = np.bincount([np.unique(labels).size for labels in seen])
    # Half of the frames are annotated; the others have no class anywhere.
    assert 0.3 < counts[2] / len(seen) < 0.7 and counts[1:].sum() == len(seen)
    assert all(np.isin(labels, (0, 1, 255)).all() and labels.dtype == np.uint8 for labels in seen)


def test_default_configurations_read_manual_dir(tmp_path):
  source = put(tmp_path / 'source', zipped(tree(40)))
  for name, test in (('aau', {'1', '2', '3'}), ('aau/sequence', {'3'})):
    builder = tfds.builder(name, data_dir=tmp_path / 'prepared')
    builder.download_and_prepare(
      download_config=tfds.download.DownloadConfig(manual_dir=str(source))
    )
    assert {e['sequence'].decode() for e in stored(builder)['test'].values()} == test
    assert 'are not registered' in ' '.join(builder.info.metadata['notes'])
  assert tfds.builder('aau', data_dir=tmp_path / 'prepared').info.splits['train'].num_examples
  with pytest.raises(AssertionError, match='(?s)Manual directory.*kaggle.com'):
    tfds.builder('aau', data_dir=tmp_path / 'other').download_and_prepare()


def test_checksums_are_recorded_and_compared(tmp_path):
  source, data_dir = put(tmp_path / 'source', tree()), tmp_path / 'prepared'
  first = prepare(source, data_dir)
  recorded = json.loads((first.data_path / 'metadata.json').read_text())
  assert sorted(recorded['checksums']) == [
    f'{scene}/{kind}'
    for scene in '123'
    for kind in ('SyncRGB', 'SyncT', 'rgbMasks', 'thermalMasks')
  ]
  assert recorded['notes'] == list(first.builder_config.notes)
  second = prepare(source, data_dir, skip_scenes='2')
  assert second.info.metadata['checksums'].items() <= recorded['checksums'].items()
  put(
    source,
    {'TrimodalDataset/Scene 3/SyncT/00086.jpg': encoded(aau_trees.thermal_picture(99), 'jpg')},
  )
  with pytest.raises(errors.UserError, match='3/SyncT has other content than when .*paper-none'):
    prepare(source, data_dir)


def test_an_interrupted_preparation_is_repeated(tmp_path, monkeypatch):
  config = aau.aau_config(put(tmp_path / 'source', tree()))
  whole = aau.Builder._generate_examples

  def interrupted(self, config, examples):
    for i, example in enumerate(whole(self, config, examples)):
      if i == 3:
        raise KeyboardInterrupt
      yield example

  monkeypatch.setattr(aau.Builder, '_generate_examples', interrupted)
  builder = aau.Builder(config=config, data_dir=tmp_path / 'prepared')
  with pytest.raises(KeyboardInterrupt):
    builder.download_and_prepare(file_format='array_record')
  assert not builder.data_path.exists()
  assert not list((tmp_path / 'prepared').rglob('dataset_info.json'))
  monkeypatch.setattr(aau.Builder, '_generate_examples', whole)
  builder = aau.Builder(config=config, data_dir=tmp_path / 'prepared')
  builder.download_and_prepare(file_format='array_record')
  assert len(records(builder)) == 24


def test_none_needs_no_calibration_and_no_depth(tmp_path):
  found = without(tree(rig_size=SIZE), 'calibVars', 'SyncD')
  assert len(records(prepare(put(tmp_path / 'source', found), tmp_path / 'prepared'))) == 24


def test_the_library_sees_depth(tmp_path):
  aau_trees.opencv()
  config = DataConfig(
    dataset='aau',
    source_dir=str(put(tmp_path / 'source', zipped(tree(40, rig_size=SIZE)))),
    data_dir=str(tmp_path / 'prepared'),
    image_size=SIZE,
    paired=True,
    options={'registration': 'depth'},
  )
  dataset = open_dataset(config)
  seen = [example['depth'] for example in pipeline.pixels(dataset, 'test', config)]
  assert dataset.has_depth and seen
  assert all(depth.shape == SIZE and depth.dtype == np.uint16 and depth.any() for depth in seen)
