"""Studies of made-up data, with a model that knows what it generates."""

import dataclasses

import numpy as np
import pytest

from cyclegan_jax.data import training_conditions
from cyclegan_jax.data.condition import of_kind
from cyclegan_jax.downstream import results, study
from cyclegan_jax.errors import UserError
from tests.downstream import made_up
from tests.downstream.made_up import QUICK, study_of as run


@pytest.fixture(scope='module')
def data():
  return made_up.dataset()


@pytest.fixture(scope='module')
def studied(data, tmp_path_factory):
  folder = tmp_path_factory.mktemp('study')
  return folder, *run(folder, data)


def content(found, data, perfect=True):
  return results.result(found, made_up.model(data, perfect))


@pytest.mark.slow
def test_generated_equal_to_real_gives_the_ceiling_exactly(studied, data):
  _, found, said = studied
  rows = content(found, data)['results']
  few = ['few_30', 'few_30_generated']
  fcn = ['fcn_generated', 'fcn_luminance']
  assert list(rows) == ['real', 'generated', 'luminance', *few, *fcn]
  ceiling = rows['real']
  for name in ('generated', 'few_30_generated', 'fcn_generated'):
    for key in ('mean_iou', 'iou', 'pixel_accuracy', 'interval'):
      assert rows[name][key] == ceiling[key]
  for name in ('luminance', 'few_30', 'fcn_luminance'):
    assert rows[name]['mean_iou'] != ceiling['mean_iou']
  assert rows['few_30']['n_train'] == [3, 3] and rows['real']['n_train'] == [10, 10]
  assert said[0] == '10 instruments to train, 0 of them done already.'
  assert any(line.startswith('10/10') for line in said)


@pytest.mark.slow
def test_what_is_not_in_the_test_images_is_left_out_and_named(studied, data):
  found = content(studied[1], data)
  assert found['absent_classes'] == ['unicorn']
  assert list(found['results']['real']['iou']) == ['ground', 'wall', 'person']


@pytest.mark.slow
def test_a_bad_model_is_told_apart(studied, data, tmp_path):
  plan = dataclasses.replace(QUICK, recipe=dataclasses.replace(QUICK.recipe, steps=40, width=8))
  found, _ = run(tmp_path, data, plan, perfect=False)
  rows = content(found, data, perfect=False)['results']
  # On inverted images.
  assert rows['generated']['mean_iou']['mean'] < rows['real']['mean_iou']['mean'] - 0.1
  compared = content(found, data, perfect=False)['comparisons']
  assert [(one['first'], one['second']) for one in compared][:2] == [
    ('generated', 'real'),
    ('generated', 'luminance'),
  ]
  difference = rows['generated']['mean_iou']['mean'] - rows['real']['mean_iou']['mean']
  assert compared[0]['difference'] == pytest.approx(difference)
  interval = compared[0]['interval']
  assert interval['low'] <= difference <= interval['high'] < 0


@pytest.mark.slow
def test_the_same_seed_gives_the_same_table(studied, data, tmp_path):
  assert content(run(tmp_path, data)[0], data) == content(studied[1], data)


@pytest.mark.slow
def test_images_contribute_what_the_mean_says(studied, data):
  found = studied[1]
  rows = content(found, data)['results']
  for name, values in results.per_image(found).items():
    assert len(values) == 8
    assert values.mean() == pytest.approx(rows[name]['mean_iou']['mean'])


@pytest.mark.slow
def test_interrupted_is_as_uninterrupted(studied, data, tmp_path):
  for moment in (1, 30, 90):
    calls = iter(range(moment))
    with pytest.raises(study.Stopped):
      run(tmp_path, data, stop=lambda calls=calls: next(calls, None) is None)
    assert not list(tmp_path.rglob('*.tmp'))
  times = {file: file.stat().st_mtime_ns for file in tmp_path.rglob('*.npz')}
  assert 0 < len(times) < 10
  found, said = run(tmp_path, data)
  assert said[0] == f'10 instruments to train, {len(times)} of them done already.'
  assert all(file.stat().st_mtime_ns == time for file, time in times.items())
  assert content(found, data) == content(studied[1], data)
  for name, outcomes in studied[1].outcomes.items():
    for ours, theirs in zip(found.outcomes[name], outcomes):
      np.testing.assert_array_equal(ours.shown, theirs.shown)


@pytest.mark.slow
def test_damaged_files_and_those_of_another_recipe_are_made_again(studied, data, tmp_path):
  run(tmp_path, data)
  files = sorted(tmp_path.rglob('*.npz'))
  files[0].write_bytes(files[0].read_bytes()[:100])
  files[1].write_bytes(b'')
  assert '8 of them done' in run(tmp_path, data)[1][0]
  other = dataclasses.replace(QUICK, recipe=dataclasses.replace(QUICK.recipe, steps=2))
  assert '0 of them done' in run(tmp_path, data, other)[1][0]
  more = dataclasses.replace(other, seeds=3)
  assert '15 instruments to train, 10 of them done' in run(tmp_path, data, more)[1][0]


@pytest.mark.slow
def test_pixels_without_data_do_not_count(data, tmp_path):
  masked = made_up.masked(data)
  found, _ = run(tmp_path, masked)
  counts = found.outcomes['real'][0].counts['real']
  assert (counts.sum((1, 2)) == 16 * 12).all()
  assert (found.test.images['generated'][:, :, 12:] == 0).all()


@pytest.mark.slow
def test_models_that_are_told_a_condition_make_training_images_of_drawn_ones(data, tmp_path):
  kind = of_kind('quantiles')
  known = kind.measured(training_conditions.measured(kind, data, made_up.CONFIG.data, print))
  told = []

  def generator(x, condition=None):
    told.extend([None] * len(x) if condition is None else condition.tolist())
    return -x[..., :1]

  model = dataclasses.replace(
    made_up.model(data),
    translators={'rgb_to_ir': generator},
    domains=data.with_condition(known).domains,
  )
  said = []
  study.run(tmp_path, model, data, made_up.CONFIG.data, QUICK, said.append)
  # Test images are generated as one does who knows nothing; training images with what others have.
  assert told[:8] == [None] * 8 and told[8] is not None
  drawn = training_conditions.drawn(known, data, made_up.CONFIG.data, print)
  np.testing.assert_array_equal(told[8:], drawn)
  assert any('condition of another one' in line for line in said)


def split(data, name, **changes):
  return dataclasses.replace(
    data, splits={**data.splits, name: dataclasses.replace(data.splits[name], **changes)}
  )


@pytest.mark.parametrize(
  'change, words',
  [
    (lambda data: dataclasses.replace(data, class_names=()), ['no labels', '--label_dir']),
    (lambda data: split(data, 'train', aligned=False), ['split train', 'Train and measure']),
    (lambda data: split(data, 'test', rgb=[], ir=[]), ['no examples in split test']),
    (
      lambda data: dataclasses.replace(data, splits={'test': data.splits['test']}),
      ['no examples in split train'],
    ),
  ],
)
def test_unfit_data_are_named(data, tmp_path, change, words):
  with pytest.raises(UserError) as error:
    run(tmp_path, change(data))
  for word in words:
    assert word in str(error.value)
  assert not list(tmp_path.iterdir())


def test_no_label_at_all_is_said(data, tmp_path):
  blank = [{**record, 'labels': record['labels'] * 0 + 255} for record in data.splits['test'].rgb]
  data = split(data, 'test', rgb=blank, ir=blank)
  with pytest.raises(UserError, match='no pixel of the test split is labeled'):
    run(tmp_path, data)
