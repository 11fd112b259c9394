"""Conditions of images by hand and against numpy, and what is commanded."""

import io
import json

import jax
import numpy as np
import PIL.Image
import pytest

from cyclegan_jax.data import condition, pipeline, told, training_conditions
from cyclegan_jax.data.source import Dataset, make_domains, Split
from cyclegan_jax.errors import UserError
from cyclegan_jax.image_files import images
from cyclegan_jax.settings import DataConfig

NAMES = ('sky', 'road', 'person')
CLASSES = condition.of_kind('class_temperatures', NAMES)
QUANTILES = condition.of_kind('quantiles')
LABELS = np.array([[[0, 0, 1, 1], [0, 0, 1, 1], [255, 255, 1, 1], [255, 9, 1, 1]]], np.uint8)


def image():
  """Sky 0.5, road -0.25 with one pixel of 0.55, and pixels of no class."""
  levels = np.select([LABELS == 0, LABELS == 1], [0.5, -0.25], 0.9).astype(np.float32)
  levels[0, 3, 3] = 0.55
  return levels[..., np.newaxis]


def test_class_means_and_presence_of_a_4x4_image():
  # Road: seven pixels of -0.25 and one of 0.55. There is no person.
  found = CLASSES.of_images(image(), LABELS, None)
  np.testing.assert_allclose(found, [[0.5, -0.15, 0, 1, 1, 0]], atol=1e-6)
  assert found.dtype == np.float32 and found.shape == (1, CLASSES.size)
  np.testing.assert_array_equal(CLASSES.present(found), [[True, True, False]])


def test_pixels_without_thermal_data_count_in_no_class():
  mask = np.ones((1, 4, 4, 1), bool)
  mask[0, 3, 3] = mask[0, :2, :2] = False
  found = CLASSES.of_images(image(), LABELS, mask)
  np.testing.assert_allclose(found, [[0, -0.25, 0, 0, 1, 0]], atol=1e-6)


def test_channels_are_averaged():
  three = np.concatenate([image() - 0.1, image(), image() + 0.1], -1)
  one = CLASSES.of_images(image(), LABELS, None)
  np.testing.assert_allclose(CLASSES.of_images(three, LABELS, None), one, atol=1e-6)


def test_quantiles_are_those_of_numpy():
  rng = np.random.default_rng(0)
  ir = rng.uniform(-1, 1, (3, 5, 7, 1)).astype(np.float32)
  mask = rng.random(ir.shape) < 0.6
  mask[2] = False
  found = QUANTILES.of_images(ir, None, mask)
  for i in range(2):
    valid = ir[i][mask[i]]
    expected = np.median(valid), np.percentile(valid, 95)
    np.testing.assert_allclose(found[i], expected, atol=1e-6)
  np.testing.assert_array_equal(found[2], 0)
  whole = QUANTILES.of_images(ir, None, None)
  np.testing.assert_allclose(whole[:, 0], np.median(ir, (1, 2, 3)), atol=1e-6)


def test_means_are_over_the_images_that_have_a_class():
  vectors = np.array([[0.2, 0.4, 0, 1, 1, 0], [0.4, 0, 0, 1, 0, 0]], np.float32)
  found = CLASSES.measured(vectors)
  np.testing.assert_allclose(found.mean, [0.3, 0.4, 0], atol=1e-6)
  np.testing.assert_allclose(found.spread, [0.1, 0, 0], atol=1e-6)
  assert found.share == (1, 0.5, 0)
  # Unknown images may have any class that training images have.
  np.testing.assert_allclose(found.default, [0.3, 0.4, 0, 1, 1, 0], atol=1e-6)
  assert condition.from_json(json.loads(json.dumps(found.to_json()))) == found


def test_exchanged_images_keep_their_classes():
  vectors = np.array([[0.2, 0.4, 0, 1, 1, 0], [0.4, 0, 0.9, 1, 0, 1]], np.float32)
  known = CLASSES.measured(vectors)
  found = known.exchanged(vectors, np.array([1, 0]))
  # The second one has no road for the first, and the first has no person for the second.
  np.testing.assert_allclose(found, [[0.4, 0.4, 0, 1, 1, 0], [0.2, 0, 0.9, 1, 0, 1]], atol=1e-6)
  pairs = np.array([[0.1, 0.3], [0.2, 0.5]], np.float32)
  np.testing.assert_array_equal(QUANTILES.exchanged(pairs, np.array([1, 0])), pairs[::-1])


@pytest.mark.parametrize('kind', ['class_temperatures', 'quantiles'])
def test_every_training_image_lends_its_condition_once(kind):
  data, config, said = dataset(n=7), DataConfig(image_size=(20, 24), load_size=(20, 24)), []
  known = condition.of_kind(kind, data.class_names)
  own = training_conditions.measured(known, data, config, said.append)
  for record, vector in zip(data.splits['train'].ir, own):
    pixels = np.asarray(PIL.Image.open(io.BytesIO(record['ir']))) / 127.5 - 1
    halves = pixels[:, :12].mean(), pixels[:, 12:].mean()
    expected = (*halves, 1, 1) if kind == 'class_temperatures' else np.quantile(pixels, [0.5, 0.95])
    np.testing.assert_allclose(vector, expected, atol=1e-5)
  drawn = training_conditions.drawn(known, data, config, said.append)
  np.testing.assert_array_equal(np.unique(drawn, axis=0), np.unique(own, axis=0))
  assert (drawn != own).any(1).all()
  np.testing.assert_array_equal(drawn, training_conditions.drawn(known, data, config, said.append))


def test_commands_name_classes_and_the_background():
  found = CLASSES.measured(np.array([[0.2, 0.4, 0, 1, 1, 0]], np.float32))
  same = np.array(found.default, np.float32)
  np.testing.assert_array_equal(found.command({}), same)
  np.testing.assert_allclose(found.command({'road': -0.5}), [0.2, -0.5, 0, 1, 1, 0], atol=1e-6)
  # No training image has a person: the background does not mean one, a command may.
  vector = found.command({'background': 0.1, 'sky': -1})
  np.testing.assert_allclose(vector, [-1, 0.1, 0, 1, 1, 0], atol=1e-6)
  vector = found.command({'person': 0.7})
  np.testing.assert_allclose(vector, [0.2, 0.4, 0.7, 1, 1, 1], atol=1e-6)
  with pytest.raises(UserError, match='car is unknown; this model knows sky, road, person, back'):
    found.command({'car': 0.1})
  with pytest.raises(UserError, match='background is unknown; this model knows median, 95th_'):
    QUANTILES.command({'background': 0.1})


def dataset(n=8, size=(20, 24)):
  """Noise whose class is its column's half."""
  rng = np.random.default_rng(0)
  records = []
  for i in range(n):
    ir = rng.integers(0, 256, (*size, 1), np.uint8)
    labels = np.repeat(np.arange(size[1]) // (size[1] // 2), size[0]).reshape(size[::-1]).T
    record = {
      'rgb': images.encode_png(np.repeat(ir, 3, -1)),
      'ir': images.encode_png(ir),
      'labels': images.encode_png(labels.astype(np.uint8)[..., np.newaxis]),
      'id': str(i).encode(),
      'sequence': b'',
    }
    records.append(record)
  splits = {'train': Split('train', records, records, True)}
  names = ('left', 'right')
  return Dataset('x', 'x', 'x', make_domains(DataConfig()), splits, class_names=names)


@pytest.mark.parametrize('kind', ['class_temperatures', 'quantiles'])
@pytest.mark.parametrize('paired', [True, False])
def test_batches_have_the_conditions_of_their_crops(kind, paired):
  config = DataConfig(
    dataset='x',
    paired=paired,
    image_size=(16, 16),
    load_size=(18, 20),
    flip=True,
    condition_dropout=0.0,
  )
  data = dataset()
  found = condition.of_kind(kind, data.class_names)
  mesh = jax.sharding.Mesh(jax.devices()[:2], ('devices',))
  sharding = jax.sharding.NamedSharding(mesh, jax.sharding.PartitionSpec('devices'))
  batch, plain = (
    next(iter(pipeline.batches(own, config, 4, sharding, labeled=labeled)))
    for own, labeled in ((data.with_condition(found), False), (data, True))
  )
  assert condition.KEY not in plain and 'labels' not in batch
  assert batch[condition.KEY].shape == (2, 2, found.size)
  np.testing.assert_array_equal(batch['ir'], plain['ir'])
  ir, labels = np.asarray(batch['ir']), np.asarray(plain['labels'])
  for device in range(2):
    for row in range(2):
      own, classes = ir[device, row, ..., 0], labels[device, row]
      expected = [np.median(own), np.percentile(own, 95)]
      if kind == 'class_temperatures':
        expected = [own[classes == 0].mean(), own[classes == 1].mean(), 1, 1]
      np.testing.assert_allclose(batch[condition.KEY][device, row], expected, atol=1e-5)


def test_some_examples_are_told_the_means_of_training():
  rng, ir = np.random.default_rng(0), make_domains(DataConfig())['ir']
  known = CLASSES.measured(np.array([[0.2, 0.4, 0, 1, 1, 0]], np.float32))
  domain = make_domains(DataConfig(), condition=known)['ir']
  example = {'ir': ir.to_pixels(image()[0]), 'labels': LABELS[0]}
  config = DataConfig(condition_dropout=0.3)
  found = [told.draw(example, domain, config, rng)[condition.KEY] for _ in range(400)]
  means = [np.array_equal(vector, np.array(known.default, np.float32)) for vector in found]
  # Within four standard errors.
  assert abs(np.mean(means) - 0.3) < 4 * (0.3 * 0.7 / 400) ** 0.5
  own = known.of_images(ir.normalize(example['ir'])[None], LABELS, None)[0]
  np.testing.assert_array_equal(found[means.index(False)], own)
  assert told.draw(example, ir, config, rng) == {}


@pytest.mark.parametrize('dtype', [np.uint8, np.uint16])
def test_classes_become_warmer_and_colder_one_by_one_and_are_told_so(dtype):
  highest, rng = np.iinfo(dtype).max, np.random.default_rng(0)
  domain = make_domains(DataConfig(), {'rgb': 255, 'ir': highest}, CLASSES)['ir']
  pixels = domain.to_pixels(0.5 * image()[0])
  mask = np.ones(pixels.shape, bool)
  mask[0, 0] = False
  example = {'ir': pixels, 'labels': LABELS[0], 'ir_mask': mask}
  config = DataConfig(condition_jitter=0.05, condition_dropout=0.0)
  shifts = []
  for _ in range(300):
    found = told.draw(example, domain, config, rng)
    assert found['ir'].dtype == dtype
    change = (found['ir'].astype(int) - pixels) / highest
    # Nothing changes where there is no class, or nothing is known.
    assert not change[LABELS[0] == 255].any() and not change[0, 0].any()
    own = [np.unique(change[(LABELS[0] == index) & mask[..., 0]]) for index in (0, 1)]
    assert all(np.ptp(values) < 1.01 / highest for values in own)
    shifts.append([values.mean() for values in own])
    expected = CLASSES.of_images(
      domain.normalize(found['ir'])[None], LABELS, example['ir_mask'][None]
    )
    np.testing.assert_array_equal(found[condition.KEY], expected[0])
  np.testing.assert_allclose(np.std(shifts, 0), 0.05, rtol=4 / 600**0.5)
  assert abs(np.corrcoef(np.transpose(shifts))[0, 1]) < 4 / 300**0.5


def test_without_classes_the_whole_image_changes_and_its_contrast():
  rng, domain = np.random.default_rng(0), make_domains(DataConfig(), condition=QUANTILES)['ir']
  pixels = np.full((8, 8, 1), 100, np.uint8)
  pixels[:, 6:] = 160
  config = DataConfig(condition_jitter=0.1, condition_dropout=0.0)
  levels = np.array(
    [told.draw({'ir': pixels}, domain, config, rng)['ir'][0, [0, 7], 0] for _ in range(200)], float
  )
  # The median moves alone, and what is warmer by another amount.
  assert levels[:, 0].std() == pytest.approx(25.5, rel=4 / 400**0.5)
  assert (levels[:, 1] - levels[:, 0]).std() == pytest.approx(6, rel=4 / 400**0.5)
