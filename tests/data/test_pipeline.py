"""Examples and batches: pairing, order, cropping, resuming, devices."""

import dataclasses

import numpy as np
import pytest

from cyclegan_jax.data import pipeline
from cyclegan_jax.errors import UserError
from cyclegan_jax.image_files import images
from cyclegan_jax.settings import DataConfig
from cyclegan_jax.training.step import parallel
import datasets


@pytest.fixture(scope='module')
def config(pairs, data_dir):
  return DataConfig(
    dataset='folder',
    source_dir=str(pairs),
    data_dir=str(data_dir),
    paired=True,
    image_size=(16, 16),
  )


@pytest.fixture(scope='module')
def dataset(config):
  return datasets.open_dataset(config)


def ids(examples, n):
  return [(examples[i]['id'], examples[i]['ir_id']) for i in range(n)]


def is_a_pair(example):
  """In the test images IR is the inverted red channel; resizing keeps that up to rounding."""
  return np.abs(example['rgb'][..., :1] + example['ir']).max() < 0.02


def test_examples_have_the_documented_form(dataset, config):
  example = pipeline.examples(dataset, 'train', config)[0]
  assert set(example) == {'rgb', 'ir', 'id', 'sequence', 'ir_id', 'ir_sequence'}
  for name, channels in (('rgb', 3), ('ir', 1)):
    assert example[name].shape == (16, 16, channels) and example[name].dtype == np.float32
    assert -1 <= example[name].min() < example[name].max() <= 1
  assert example['id'] == example['ir_id'] and is_a_pair(example)


def test_pixels_are_those_of_the_files_and_examples_are_their_network_values(dataset, config):
  config = dataclasses.replace(config, load_size=(20, 20))
  pixels, examples = (
    make(dataset, 'train', config) for make in (pipeline.pixels, pipeline.examples)
  )
  assert len(pixels) == len(examples) == len(dataset.splits['train'])
  record = dataset.splits['train'].rgb[0]
  for name, channels in (('rgb', 3), ('ir', 1)):
    assert pixels[0][name].dtype == np.uint8
    stored = images.for_domain(images.read_image(record[name]), name, channels, name)
    np.testing.assert_array_equal(pixels[0][name], images.resize(stored, (20, 20))[2:18, 2:18])
    alone = pipeline.domain_pixels(dataset, 'train', name, config)[0]
    np.testing.assert_array_equal(alone[name], pixels[0][name])
    assert alone['id'] == pixels[0]['id'] == record['id'].decode()
    np.testing.assert_array_equal(
      examples[0][name], dataset.domains[name].normalize(pixels[0][name])
    )
  assert set(pixels[0]) == set(examples[0])


def test_an_epoch_has_every_example_once_and_the_next_another_order(dataset, config):
  examples = pipeline.examples(dataset, 'train', config, train=True)
  n = len(dataset.splits['train'])
  first, second = ids(examples, 2 * n)[:n], ids(examples, 2 * n)[n:]
  assert len(set(first)) == n and set(first) == set(second) and first != second
  assert all(rgb == ir for rgb, ir in first)


def test_order_is_a_function_of_the_seed(dataset, config):
  orders = [
    ids(pipeline.examples(dataset, 'train', config, seed=seed, train=True), 9) for seed in (0, 0, 1)
  ]
  assert orders[0] == orders[1] != orders[2]


def test_neighboring_seeds_share_no_order(dataset, config):
  config = dataclasses.replace(config, paired=False)
  orders = []
  for seed in range(3):
    rgb, ir = zip(*ids(pipeline.examples(dataset, 'train', config, seed=seed, train=True), 10))
    orders += [rgb, ir]
  assert len(set(orders)) == len(orders)


def test_unpaired_draws_two_independent_orders(dataset, config):
  config = dataclasses.replace(config, paired=False)
  n = len(dataset.splits['train'])
  drawn = ids(pipeline.examples(dataset, 'train', config, train=True), n)
  rgb, ir = zip(*drawn)
  assert len(set(rgb)) == len(set(ir)) == n and set(rgb) == set(ir)
  # By chance one of n is its own partner.
  assert sum(a == b for a, b in drawn) < n / 2


def test_pairs_are_cropped_and_mirrored_alike_and_strangers_are_not(dataset, config):
  config = dataclasses.replace(config, load_size=(24, 32), flip=True)
  examples = pipeline.examples(dataset, 'train', config, train=True)
  drawn = [examples[i] for i in range(24)]
  assert all(is_a_pair(example) for example in drawn)
  n = len(dataset.splits['train'])
  again = {}
  for example in drawn:
    again.setdefault(example['id'], []).append(example['rgb'])
  # The same image comes at another place in later epochs.
  assert any(not np.array_equal(views[0], views[1]) for views in again.values() if len(views) > 1)
  unpaired = pipeline.examples(
    dataset, 'train', dataclasses.replace(config, paired=False), train=True
  )
  same = [unpaired[i] for i in range(8 * n)]
  same = [example for example in same if example['id'] == example['ir_id']]
  assert same and not all(is_a_pair(example) for example in same)


def test_every_crop_and_both_sides_occur(dataset, config):
  config = dataclasses.replace(config, load_size=(18, 16), image_size=(16, 16), flip=True)
  examples = pipeline.examples(dataset, 'test', config, train=True)
  n = len(dataset.splits['test'])
  views = {examples[i]['rgb'].tobytes() for i in range(60 * n)}
  assert len(views) == n * 3 * 2


def test_evaluation_is_in_stored_order_from_the_center(dataset, config):
  config = dataclasses.replace(config, load_size=(20, 20), flip=True)
  examples = pipeline.examples(dataset, 'train', config)
  whole = pipeline.examples(
    dataset, 'train', dataclasses.replace(config, image_size=(20, 20), load_size=(0, 0))
  )
  assert len(examples) == len(dataset.splits['train'])
  for i in (0, 3):
    np.testing.assert_array_equal(examples[i]['ir'], whole[i]['ir'][2:18, 2:18])


def test_emsn_is_mapped_in(dataset, config):
  plain = pipeline.examples(dataset, 'train', config)[0]
  emsn = datasets.load(
    'folder',
    'train',
    emsn=True,
    source_dir=config.source_dir,
    data_dir=config.data_dir,
    image_size=(16, 16),
  )[0]
  assert emsn['id'] == plain['id']
  np.testing.assert_allclose(emsn['ir'], plain['ir'], atol=1e-6)


def test_the_shorthand_of_load_may_not_contradict():
  with pytest.raises(UserError, match='--emsn and --normalization=spectral_channels'):
    datasets.load('folder', emsn=True, normalization='spectral_channels')


def test_batches_lie_on_the_devices_and_resume(dataset, config):
  examples = pipeline.examples(dataset, 'train', config, train=True)
  stream = pipeline.batches(dataset, config, 8, parallel.sharding())
  iterator = iter(stream)
  seen = [next(iterator) for _ in range(3)]
  assert seen[0]['rgb'].shape == (4, 2, 16, 16, 3) and seen[0]['ir'].shape == (4, 2, 16, 16, 1)
  assert len(seen[0]['rgb'].addressable_shards) == 4
  np.testing.assert_array_equal(
    np.asarray(seen[0]['ir']).reshape(8, 16, 16, 1)[5], examples[5]['ir']
  )
  state = iterator.get_state()
  expected = [next(iterator) for _ in range(4)]  # across an epoch's end
  other = iter(pipeline.batches(dataset, config, 8, parallel.sharding()))
  other.set_state(state)
  for batch in expected:
    np.testing.assert_array_equal(next(other)['rgb'], batch['rgb'])


def test_crop_larger_than_an_unresized_image_is_found_at_the_start(dataset, config):
  pipeline.check_crop(dataset, dataclasses.replace(config, resize='none', image_size=(24, 32)))
  with pytest.raises(UserError, match=r'00\d \(rgb\) is 24x32, --image_size=32x32'):
    pipeline.check_crop(dataset, dataclasses.replace(config, resize='none', image_size=(32, 32)))


def test_missing_split_is_said(dataset, config):
  with pytest.raises(UserError, match='no examples in split holdout; splits found: train'):
    pipeline.examples(dataset, 'holdout', config)


@pytest.mark.parametrize('paired', [True, False])
@pytest.mark.parametrize('count', [2, 4])
def test_processes_together_read_the_batches_of_one(dataset, config, paired, count):
  import jax

  config = dataclasses.replace(config, paired=paired, load_size=(20, 20), flip=True)
  sharding = parallel.sharding()
  one = iter(pipeline.batches(dataset, config, 8, sharding, seed=3))
  whole = [next(one) for _ in range(7)]  # More than two epochs.
  parts, states = [], []
  for index in range(count):
    devices = jax.sharding.NamedSharding(
      jax.sharding.Mesh(np.array(jax.devices()[: 4 // count]), ('devices',)), sharding.spec
    )
    own = iter(pipeline.batches(dataset, config, 8, devices, seed=3, process=(index, count)))
    parts.append([next(own) for _ in range(7)])
    states.append(own.get_state())
  for step, batch in enumerate(whole):
    for key, rows in batch.items():
      assert parts[0][step][key].shape == (4 // count, 2, *rows.shape[2:])
      np.testing.assert_array_equal(np.concatenate([part[step][key] for part in parts]), rows)
  # The place in the data is the same for all, and for any other number of them.
  assert all(state == one.get_state() for state in states)
  resumed = iter(pipeline.batches(dataset, config, 8, devices, seed=3, process=(1, count)))
  resumed.set_state(one.get_state())
  np.testing.assert_array_equal(next(resumed)['rgb'], next(one)['rgb'][4 // count :][: 4 // count])
