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
  assert builder.info.full_name == 'synthetic/tiny/1.1.0'
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
      near = expected.depth < 655
      np.testing.assert_allclose(pair['depth'][near] / 100, expected.depth[near], atol=0.0051)
      assert (pair['depth'][expected.depth > 655.36] == 65_535).all()
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


def test_hidden_kelvin_changes_what_the_thermal_camera_sees_alone(tmp_path):
  usual, hidden = _prepare(tmp_path), _prepare(tmp_path, name='hidden', hidden_kelvin=6.0)
  assert 'hidden_kelvin' not in usual.builder_config.parameters()
  offsets = {}
  for one, other in zip(usual.as_data_source('train'), hidden.as_data_source('train')):
    assert one['id'] == other['id']
    np.testing.assert_array_equal(one['rgb'], other['rgb'])
    np.testing.assert_array_equal(one['labels'], other['labels'])
    offset = round(float(other['air_temperature'] - one['air_temperature']), 3)
    offsets.setdefault(one['sequence'], set()).add(offset)
    # All that is seen is warmer, or all is colder.
    changes = other['ir'].astype(int) - one['ir']
    assert (np.sign(changes[changes != 0]) == np.sign(offset)).all() and changes.any()
  assert [len(of_sequence) for of_sequence in offsets.values()] == [1, 1, 1]
  assert len(set.union(*offsets.values())) == 3


def test_the_hidden_offset_has_the_standard_deviation_asked_for():
  def air(sequence, hidden):
    return layout.random_scene(3, sequence, hidden).conditions.air_temperature

  offsets = [air(i, 5.0) - air(i, 0.0) for i in range(60)]
  # Within three standard errors.
  assert abs(np.mean(offsets)) < 3 * 5 / 60**0.5
  assert 5 * (1 - 3 / 120**0.5) < np.std(offsets) < 5 * (1 + 3 / 120**0.5)


@pytest.mark.parametrize(
  'options, name', [((0, 0.0), None), ((200, 0.0), 'extra_200'), ((0, 2.5), 'hidden_2.5')]
)
def test_options_name_the_prepared_copy(options, name):
  config = builder_lib.synthetic_config(*options)
  assert (config and config.name) == name
  if name:
    assert (config.extra_train_sequences, config.hidden_kelvin) == options


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
    ('hidden_kelvin', -1.0),
    ('hidden_kelvin', 20.0),
  ],
)
def test_bad_config_names_the_field(field, value):
  with pytest.raises(errors.UserError, match=field):
    _config(**{field: value})
