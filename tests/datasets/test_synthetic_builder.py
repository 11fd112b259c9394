"""Tests of the TFDS builder of `synthetic`."""

import numpy as np
import pytest

from cyclegan_jax import errors
from datasets.synthetic import layout, materials, render, synthetic_dataset_builder as builder_lib


def _config(**changes):
  values = {
    'name': 'tiny',
    'seed': 3,
    'height': 24,
    'width': 32,
    'train_sequences': 3,
    'validation_sequences': 1,
    'test_sequences': 2,
    'frames_per_sequence': 2,
  }
  return builder_lib.SyntheticConfig(**{**values, **changes})


def _prepare(data_dir, **changes):
  builder = builder_lib.Builder(config=_config(**changes), data_dir=data_dir)
  builder.download_and_prepare(file_format='array_record')
  return builder


def test_builder_writes_what_was_rendered_and_splits_by_sequence(tmp_path):
  builder = _prepare(tmp_path)
  assert builder.info.full_name == 'synthetic/tiny/1.0.0'
  assert builder.info.metadata['class_names'] == list(materials.CLASS_NAMES)
  ids, sequences = [], {}
  for split, count in (('train', 6), ('validation', 2), ('test', 4)):
    pairs = builder.as_data_source(split)
    assert len(pairs) == count
    for pair in pairs:
      ids.append(pair['id'].decode())
      sequences.setdefault(pair['sequence'].decode(), set()).add(split)
      _, number, frame = ids[-1].split('_')
      scene = layout.random_scene(3, int(number))
      expected = render.render(scene, 3, int(number), int(frame), 24, 32)
      np.testing.assert_array_equal(pair['rgb'], expected.rgb)
      np.testing.assert_array_equal(pair['ir'], expected.ir)
      np.testing.assert_array_equal(pair['labels'], expected.labels)
      np.testing.assert_allclose(pair['temperature'] / 100, expected.temperature, atol=0.006)
      assert pair['is_night'] == scene.conditions.is_night
      assert pair['air_temperature'] == pytest.approx(scene.conditions.air_temperature, rel=1e-6)
  assert len(set(ids)) == 12
  assert sorted(sequences) == [f'synthetic_{number:04d}' for number in range(6)]
  assert all(len(splits) == 1 for splits in sequences.values())


def test_extra_scenes_are_trained_on_and_change_no_other_split(tmp_path):
  usual, more = _prepare(tmp_path), _prepare(tmp_path, name='more', extra_train_sequences=2)
  ids = {
    split: [[pair['id'] for pair in builder.as_data_source(split)] for builder in (usual, more)]
    for split in ('train', 'validation', 'test')
  }
  assert ids['validation'][0] == ids['validation'][1] and ids['test'][0] == ids['test'][1]
  assert set(ids['train'][0]) < set(ids['train'][1])
  extra = sorted(set(ids['train'][1]) - set(ids['train'][0]))
  assert extra == [b'synthetic_%04d_%02d' % where for where in ((6, 0), (6, 1), (7, 0), (7, 1))]
  # What was prepared before there were extra scenes is still found.
  assert 'extra_train_sequences' not in usual.builder_config.parameters()


def test_prepared_data_of_other_settings_is_refused(tmp_path):
  _prepare(tmp_path)
  assert len(builder_lib.Builder(config=_config(), data_dir=tmp_path).as_data_source('test')) == 4
  with pytest.raises(errors.UserError, match='another name'):
    builder_lib.Builder(config=_config(seed=4), data_dir=tmp_path)


@pytest.mark.parametrize(
  'field, value',
  [
    ('seed', -1),
    ('seed', 2**32),
    ('height', 8),
    ('width', 80.0),
    ('test_sequences', 0),
    ('frames_per_sequence', 0),
  ],
)
def test_bad_config_names_the_field(field, value):
  with pytest.raises(errors.UserError, match=field):
    _config(**{field: value})
