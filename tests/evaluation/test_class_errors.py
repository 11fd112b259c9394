"""Errors class by class, against a plain loop, in metrics.json, the CSV and the tables."""

import csv
import dataclasses
import json

import grain
import numpy as np
import pytest

from cyclegan_jax import config as config_lib
from cyclegan_jax.data.source import Dataset, make_domains, Split
from cyclegan_jax.evaluation import class_errors, measure, results as results_lib
from cyclegan_jax.evaluation.evaluate import evaluate
from cyclegan_jax.image_files import images
from cyclegan_jax.inference.model import Model
from cyclegan_jax.radiometry import Range
from cyclegan_jax.reports import evaluation_files
from tests.evaluation import test_measure_masks, translators
from tests.evaluation.test_details import domain

SIZE = test_measure_masks.SIZE
NAMES = ('sky', 'road', 'nowhere', 'person')
N = 5


def examples(max_value=255, masked=True):
  """Masked pairs with labels: sky above road, a person in the first two, the last without."""
  made = test_measure_masks.examples(N)
  rng = np.random.default_rng(1)
  for i, example in enumerate(made):
    labels = np.zeros(SIZE, np.uint8)
    labels[12:] = 1
    if i < 2:
      labels[6:16, 8 + i : 12] = 3
    labels[rng.random(labels.shape) < 0.1] = 255
    example['labels'] = labels if i < N - 1 else np.full_like(labels, 255)
    if max_value > 255:
      example['ir'] = example['ir'].astype(np.uint16) * 257
    if not masked:
      del example['ir_mask']
  return made


def predict(batch):
  """Too hot where it is cold, too cold where it is hot."""
  scale = np.iinfo(batch['ir'].dtype).max
  return 0.6 * batch['ir'] + 0.15 * scale


def errors_pixel_by_pixel(made, predictions, index):
  """Pixels, images, bias and MAE of a class."""
  found, of = [], set()
  for i, (example, prediction) in enumerate(zip(made, predictions)):
    for place in np.ndindex(example['labels'].shape):
      if example['labels'][place] == index and example.get('ir_mask', {place: True})[place]:
        found.append(int(prediction[(*place, 0)]) - int(example['ir'][(*place, 0)]))
        of.add(i)
  if not found:
    return 0, 0, None, None
  return len(found), len(of), sum(found) / len(found), sum(map(abs, found)) / len(found)


def measured(made, ir, batch_size=2, **predictors):
  data = grain.MapDataset.source(made)
  options = dict(detailed=True, n_classes=len(NAMES))
  return measure.measure({'model': predict, **predictors}, data, ir, batch_size, print, **options)


def direct(made, ir):
  """The sums of all images at once."""
  stacked = {key: np.stack([example[key] for example in made]) for key in made[0]}
  prediction, mask = ir.quantize(predict(stacked)), stacked.get('ir_mask')
  return class_errors.sums(stacked['ir'], prediction, stacked['labels'], len(NAMES), mask)


@pytest.mark.parametrize('max_value', [255, 65535])
@pytest.mark.parametrize('masked', [False, True])
def test_errors_equal_those_of_a_loop(max_value, masked):
  made, ir = examples(max_value, masked), domain(max_value)
  found = direct(made, ir)
  assert found.shape == (N, len(NAMES), 3)
  content = class_errors.content({'model': found}, NAMES, None, max_value)
  assert content['unit'] is None
  predictions = [ir.quantize(predict(example)) for example in made]
  for index, entry in enumerate(content['errors']):
    pixels, of, bias, mae = errors_pixel_by_pixel(made, predictions, index)
    assert (entry['class'], entry['pixels'], entry['images']) == (NAMES[index], pixels, of)
    assert entry['model'].keys() == {'bias', 'mae'}
    if not pixels:
      assert entry['model'] == {'bias': None, 'mae': None}
    else:
      assert entry['model']['bias'] == pytest.approx(bias, rel=1e-9, abs=1e-9)
      assert entry['model']['mae'] == pytest.approx(mae, rel=1e-9)
  assert [entry['images'] for entry in content['errors']] == [4, 4, 0, 2]


def test_three_channels_count_by_their_mean():
  rng = np.random.default_rng(0)
  truth, prediction = rng.integers(0, 256, (2, 1, 6, 8, 3)).astype(np.uint8)
  labels = rng.integers(0, 2, (1, 6, 8)).astype(np.uint8)
  found = class_errors.sums(truth, prediction, labels, 2, None)
  for index in (0, 1):
    d = prediction[labels == index].astype(float) - truth[labels == index]
    expected = len(d), d.mean(-1).sum(), np.abs(d).mean(-1).sum()
    np.testing.assert_allclose(found[0, index], expected)


def test_batches_change_nothing():
  made, ir = examples(), domain(255)
  np.testing.assert_array_equal(measured(made, ir, 3)['model'].class_sums, direct(made, ir))


def test_without_labels_nothing_changes():
  made = [{k: v for k, v in example.items() if k != 'labels'} for example in examples()]
  ir = domain(255)
  with_labels = measured(examples(), ir)['model']
  data = grain.MapDataset.source(made)
  found = measure.measure({'model': predict}, data, ir, 2, print, detailed=True)
  assert found['model'].class_sums is None and found['model'].totals == with_labels.totals
  config = config_lib.make(dataset='osu', paired=True)
  content = results_lib.result(found, config, ir, 'test', 1)
  assert 'classes' not in content and 'classes' not in content['definitions']
  assert results_lib.class_rows(content) == []
  assert 'class by class' not in evaluation_files.markdown(content)


@pytest.mark.parametrize(
  'text, unit, span',
  [
    ('-20:120,degC', 'K', 140),
    ('-20:120,°C', 'K', 140),
    ('0:5,W/m2/sr', 'W/m2/sr', 5),
    ('', '', 0),
  ],
)
def test_units_are_those_of_differences(text, unit, span):
  ir = domain(65535)
  config = config_lib.make(dataset='osu', paired=True, ir_range=text)
  found = measured(examples(65535), ir, mean_image=lambda batch: batch['ir'] * 0 + 7)
  content = results_lib.result(found, config, ir, 'test', 1, class_names=NAMES)
  content = json.loads(json.dumps(content, allow_nan=False))
  assert content['classes']['unit'] == (unit or None)
  person = content['classes']['errors'][3]
  for name in ('model', 'mean_image'):
    if not unit:
      assert person[name].keys() == {'bias', 'mae'}
      continue
    for key in ('bias', 'mae'):
      assert person[name][f'{key}_in_unit'] == pytest.approx(person[name][key] / 65535 * span)
  header = results_lib.class_rows(content)[0]
  assert header[:5] == ['class', 'pixels', 'images', 'bias', 'MAE']
  assert header[-1] == 'MAE, mean training IR image' and (f'bias, {unit}' in header) == bool(unit)
  assert content['definitions']['classes'] == class_errors.DEFINITION


def test_temperatures_and_their_differences():
  scale = Range(-20, 120, 'degC')
  assert scale.values(255, 255) - scale.values(51, 255) == pytest.approx(scale.difference(204, 255))


def labeled_dataset(made):
  """The examples as a prepared data set, whose test images are its training images, too."""
  records = [
    {
      **{key: images.encode_png(example[key]) for key in ('rgb', 'ir')},
      'id': example['id'].encode(),
      'sequence': b'',
      'labels': example['labels'],
    }
    for example in made
  ]
  config = config_lib.make(dataset='x', paired=True, image_size=SIZE, discriminator_layers=2)
  splits = {name: Split(name, records, records, True) for name in ('train', 'test')}
  return config, Dataset('x', 'x', 'x', make_domains(config.data), splits, class_names=NAMES)


@pytest.mark.parametrize('text', ['', '0:255,degC'])
def test_files_and_tables_of_an_evaluation(tmp_path, text):
  config, dataset = labeled_dataset(examples(masked=False))
  config = dataclasses.replace(config, data=dataclasses.replace(config.data, ir_range=text))
  translator = translators.Function(lambda x: x[..., :1] * 0 - 1)
  model = Model(config, 7, dataset.domains, {'rgb_to_ir': translator}, 9)
  evaluation = evaluate(model, dataset)
  content = results_lib.result(
    evaluation.results, config, dataset.domains['ir'], 'test', 7, class_names=evaluation.class_names
  )
  evaluation_files.write(tmp_path, content, evaluation, 0)
  with (tmp_path / 'per_class.csv').open(newline='') as lines:
    rows = list(csv.DictReader(lines))
  predictors = ['model', 'mean_image', 'nearest', 'luminance', 'constant']
  assert [(row['class'], row['predictor']) for row in rows] == [
    (name, predictor) for name in NAMES for predictor in predictors
  ]
  # The model is black: its error is the negated mean of the true gray levels.
  person = np.concatenate([e['ir'][e['labels'] == 3] for e in examples()]).mean()
  (row,) = [row for row in rows if (row['class'], row['predictor']) == ('person', 'model')]
  assert float(row['bias']) == pytest.approx(-person, rel=1e-6) == -float(row['mae'])
  assert float(row['pixels']) == sum((e['labels'] == 3).sum() for e in examples())
  assert ('bias_K' in row) == bool(text)
  assert not text or float(row['mae_K']) == pytest.approx(float(row['mae']), rel=1e-6)
  assert all(row['mae'] == 'nan' for row in rows if row['class'] == 'nowhere')
  summary = (tmp_path / 'summary.md').read_text()
  assert f'| person | {row["pixels"]} | 2 | {-person:+.3g} | {person:.3g} |' in summary
  assert '| nowhere | 0 | 0 | - | - |' in summary
