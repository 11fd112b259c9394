"""What is commanded and what comes, with generators that are known to obey, or not to."""

import json

import grain
import numpy as np
import pytest

from cyclegan_jax import config as config_lib, radiometry
from cyclegan_jax.data import condition
from cyclegan_jax.data.source import Dataset, make_domains, Split
from cyclegan_jax.evaluation import obedience, results as results_lib
from cyclegan_jax.evaluation.evaluate import evaluate
from cyclegan_jax.image_files import images
from cyclegan_jax.inference.model import Model
from cyclegan_jax.reports import evaluation_files, temperature_strip
from cyclegan_jax.runs import reader

NAMES, SIZE = ('sky', 'road', 'nowhere', 'person'), (16, 20)
CELSIUS = radiometry.Range(-20.0, 50.0, 'degC').scale(255)


def examples(n=6):
  """Classes whose gray levels differ from image to image; the RGB image shows the class."""
  rng, made = np.random.default_rng(0), []
  for i in range(n):
    labels = np.zeros(SIZE, np.uint8)
    labels[8:] = 1
    labels[4:12, 3:7] = 3 if i % 2 else 0
    levels = rng.integers(60, 190, 4)
    rgb = np.repeat(40 * labels[..., np.newaxis], 3, -1).astype(np.uint8)
    ir = levels[labels].astype(np.uint8)[..., np.newaxis]
    texts = {'id': f'{i}', 'sequence': '', 'ir_id': f'{i}', 'ir_sequence': ''}
    made.append({'rgb': rgb, 'ir': ir, 'labels': labels, **texts})
  return made


def domains_of(made):
  found = condition.of_kind('class_temperatures', NAMES)
  ir = make_domains(config_lib.make(dataset='x').data)['ir']
  vectors = [
    found.of_images(ir.normalize(one['ir'])[None], one['labels'][None], None)[0] for one in made
  ]
  told = found.measured(np.stack(vectors))
  return make_domains(config_lib.make(dataset='x').data, condition=told)


class Painter:
  """Paints each pixel with the level that its class is commanded to have, or a function of that."""

  def __init__(self, default, change=lambda levels: levels):
    self._default, self._change = np.array(default, np.float32), change

  def __call__(self, x, told=None):
    told = np.broadcast_to(self._default if told is None else told, (len(x), len(self._default)))
    labels = np.rint((x[..., 0] + 1) * 127.5 / 40).astype(int)
    levels = self._change(told[:, : len(NAMES)])
    return np.take_along_axis(levels, labels.reshape(len(x), -1), 1).reshape(*labels.shape, 1)

  def needed(self, shape):
    return 0


def obey(change=lambda levels: levels, scale=None):
  made = examples()
  domains = domains_of(made)
  painter = Painter(domains['ir'].condition.default, change)
  data = grain.MapDataset.source(made)
  content = obedience.obey(painter, domains, data, 4, print, scale)
  return content, {entry['name']: entry for entry in content['quantities']}


def test_a_generator_that_obeys_exactly_has_slope_1_error_0_leakage_0():
  content, found = obey(scale=CELSIUS)
  assert content['unit'] == 'K' and content['images'] == 6
  assert {name: entry['images'] for name, entry in found.items()} == {
    'sky': 6,
    'road': 6,
    'nowhere': 0,
    'person': 3,
    'all': 6,
  }
  for name in ('sky', 'road', 'person', 'all'):
    assert found[name]['slope'] == pytest.approx(1, abs=1e-5)
    assert found[name]['error'] == pytest.approx(0, abs=1e-3)
    assert found[name]['error_in_unit'] == pytest.approx(0, abs=1e-3)
  assert [found[name]['leakage'] for name in ('sky', 'road', 'person')] == pytest.approx([0] * 3)
  assert found['all']['leakage'] is None and found['nowhere']['slope'] is None


def test_a_generator_that_ignores_what_it_is_told_has_slope_0():
  content, found = obey(np.zeros_like, CELSIUS)
  assert [found[name]['slope'] for name in ('sky', 'road', 'person', 'all')] == [0] * 4
  assert found['sky']['leakage'] == 0
  # Commands lie as far from its middle gray as the image's own levels, and its standard deviation.
  made = examples()
  spread, ir = domains_of(made)['ir'].condition.spread[0], domains_of(made)['ir']
  own = [ir.normalize(one['ir'])[0, 0, 0] for one in made]
  errors = [(abs(x - spread) + abs(x + spread)) / 2 * 127.5 for x in own]
  assert found['sky']['error'] == pytest.approx(np.mean(errors), rel=1e-4)
  assert found['sky']['error_in_unit'] == pytest.approx(np.mean(errors) * 70 / 255, rel=1e-4)
  assert found['nowhere']['images'] == 0 and content['unit'] == 'K'


def test_half_of_a_command_that_others_follow_a_quarter():
  def change(levels):
    mixed = 0.5 * levels
    mixed[:, 1] += 0.25 * levels[:, 0]
    return mixed

  _, found = obey(change)
  assert found['sky']['slope'] == pytest.approx(0.5, abs=1e-4)
  # Road follows; in half of the images there is a person besides, which does not.
  assert found['sky']['leakage'] == pytest.approx((0.25 + 0.125) / 2, abs=1e-4)
  assert found['road']['leakage'] == pytest.approx(0, abs=1e-6)


def test_quantiles_are_commanded_without_labels():
  made = examples()
  for i, one in enumerate(made):
    del one['labels']
    one['ir'][:] = 80 + 5 * i
    one['ir'][:, 18:] = 200
  found = condition.of_kind('quantiles').measured(np.array([[-0.4, 0.4], [-0.3, 0.5]], np.float32))
  domains = make_domains(config_lib.make(dataset='x').data, condition=found)

  class Image:
    """The left nine tenths of each image have the one level, the rest the other."""

    def __call__(self, x, told):
      low, high = (told[:, i, None, None, None] for i in (0, 1))
      return np.where(np.arange(x.shape[2])[:, None] < 0.9 * x.shape[2], low, high) + 0 * x[..., :1]

  content = obedience.obey(Image(), domains, grain.MapDataset.source(made), 4, print)
  for entry in content['quantities']:
    assert entry['slope'] == pytest.approx(1, abs=1e-5)
    assert entry['error'] == pytest.approx(0, abs=1e-3)
  assert content['unit'] is None


def test_an_evaluation_has_the_oracle_and_what_was_commanded(tmp_path):
  made = examples(8)
  records = [
    {
      'rgb': images.encode_png(one['rgb']),
      'ir': images.encode_png(one['ir']),
      'labels': images.encode_png(one['labels'][..., np.newaxis]),
      'id': one['id'].encode(),
      'sequence': b'',
    }
    for one in made
  ]
  config = config_lib.make(
    dataset='x',
    image_size=SIZE,
    n_downsampling=2,
    adversarial_weight=0.0,
    paired=True,
    condition='class_temperatures',
    batch_size=4,
  )
  domains = domains_of(made)
  splits = {name: Split(name, records, records, True) for name in ('train', 'test')}
  plain = make_domains(config.data)
  dataset = Dataset('x', 'x', 'x', plain, splits, class_names=NAMES)
  painter = Painter(domains['ir'].condition.default)
  model = Model(config, 7, domains, {'rgb_to_ir': painter}, 9)
  measured = evaluate(model, dataset, 'test', scale=CELSIUS, log=lambda line: None)
  content = results_lib.result(
    measured.results, config, domains['ir'], 'test', 7, class_names=measured.class_names
  ) | {'checkpoint': 'best', 'trained_steps': 9, 'obedience': measured.obedience}
  # It has seen the answer, and its default has not.
  assert content['true_condition']['rmse'] == 0 < content['model']['rmse']
  assert 'true_condition' not in content['baselines']
  assert 'true_condition' in content['definitions']
  text = evaluation_files.markdown(content)
  assert 'model told the true condition (an oracle)' in text
  assert '| all | 8 | 1 |' in text
  evaluation_files.write(tmp_path, content, measured, 2)
  strip = images.read_image(tmp_path / temperature_strip.FILE)
  assert strip.shape[1] > 7 * strip.shape[0] / 2
  read = reader.measurements_in(tmp_path)
  assert read.content['obedience'] == json.loads(json.dumps(measured.obedience))
  # Other classes: nobody knows what they are told.
  others = Dataset('x', 'x', 'x', plain, splits, class_names=('a', 'b', 'c', 'd'))
  said = []
  without = evaluate(model, others, 'test', log=said.append)
  assert not without.obedience and 'true_condition' not in without.results
  assert any('do not show their condition' in line for line in said)
