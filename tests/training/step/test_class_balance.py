"""Weights of classes against numpy, and in steps whatever the devices, parts and masks."""

import dataclasses

import jax
import numpy as np
import pytest

from cyclegan_jax import config as config_lib
from cyclegan_jax.data import pipeline
from cyclegan_jax.data.source import Dataset, make_domains, Split
from cyclegan_jax.errors import UserError
from cyclegan_jax.image_files import images
from cyclegan_jax.models import networks
from cyclegan_jax.training import loop
from cyclegan_jax.training.step import class_balance, losses
import datasets
from tests.training import fresh
from tests.training.step import stepping
from tests.training.step.stepping import assert_close
from tests.training.step.test_accumulation import EVERYTHING
from tests.training.step.test_steps import SIZE

NAMES = ('sky', 'road', 'nowhere', 'person')
POWER = 0.7


def made_labels(n, size=(SIZE, SIZE), seed=0):
  """Mostly sky, little of a person, an eighth without a label."""
  rng = np.random.default_rng(seed)
  return rng.choice(np.array([0, 1, 3, 255], np.uint8), (n, *size), p=[0.6, 0.25, 0.025, 0.125])


def labeled(found, names=NAMES):
  """A data set with these labels."""
  pixels = [np.zeros((*x.shape, 3), np.uint8) for x in found]
  records = [
    {
      'rgb': images.encode_png(pixels[i]),
      'ir': images.encode_png(pixels[i][..., :1]),
      'labels': images.encode_png(x[..., np.newaxis]) if i % 2 else x,
      'id': str(i).encode(),
      'sequence': b'',
    }
    for i, x in enumerate(found)
  ]
  domains = make_domains(config_lib.make(dataset='x').data)
  splits = {'train': Split('train', records, records, True)}
  return Dataset('x', 'x', 'x', domains, splits, class_names=names)


def everything(**overrides):
  return config_lib.make(**{**EVERYTHING, 'norm': 'instance', 'class_balance': POWER, **overrides})


def expected_weights(found, power=POWER):
  """Weights of the labels 0 to 255 by a loop, with images that count alike."""
  shares = dict.fromkeys(range(len(NAMES)), 0.0)
  for image in found:
    for index in shares:
      shares[index] += sum(int(label) == index for label in image.ravel()) / image.size
  total = sum(shares.values())
  raw = {index: (share / total) ** -power for index, share in shares.items() if share}
  mean = sum(shares[index] / total * raw[index] for index in raw)
  return np.array([raw.get(index, mean) / mean for index in range(256)])


def test_weights_are_powers_of_shares_with_mean_1():
  found = [*made_labels(5), *made_labels(2, (20, 30), seed=1)]
  said = []
  weights = class_balance.weights(everything(), labeled(found), said.append)
  np.testing.assert_allclose(weights, expected_weights(found), rtol=1e-6)
  assert weights[255] == weights[2] == 1 < weights[3] and weights[0] < weights[1] < weights[3]
  # Equal sizes: the mean over all labeled pixels.
  same = made_labels(6)
  of_all = class_balance.weights(everything(), labeled(same), said.append)[same[same != 255]]
  assert of_all.mean() == pytest.approx(1, rel=1e-6)
  assert said[0].startswith('Class balance: weights of pixels in the supervised term: person ')


def test_with_1_all_classes_count_alike():
  found = made_labels(6)
  weights = class_balance.weights(everything(class_balance=1.0), labeled(found), print)
  totals = [weights[found[found == index]].sum() for index in (0, 1, 3)]
  np.testing.assert_allclose(totals, totals[0], rtol=1e-5)


@pytest.mark.parametrize('kind', ['l1', 'smooth_l1'])
@pytest.mark.parametrize('masked', [False, True])
@pytest.mark.parametrize('balance', [0.0, 0.5])
def test_loss_is_the_mean_of_weighted_differences(kind, masked, balance):
  rng = np.random.default_rng(0)
  a, b = rng.uniform(-1, 1, (2, 3, SIZE, SIZE, 1)).astype(np.float32)
  mask = rng.random(a.shape) < 0.6 if masked else None
  found = made_labels(3)
  table = expected_weights(found).astype(np.float32)
  weights = class_balance.weigh({'ir': a, 'labels': found}, table)[class_balance.WEIGHTS]
  assert weights.shape == (3, SIZE, SIZE, 1)
  terms = []
  for i in range(3):
    valid = np.ones((SIZE, SIZE), bool) if mask is None else mask[i, ..., 0]
    d = np.abs(a - b)[i, ..., 0][valid].astype(float)
    if kind == 'smooth_l1':
      d = np.where(d < 1, d**2 / 2, d - 0.5)
    levels = np.minimum(((a[i, ..., 0][valid] + 1) * 16).astype(int), 31)
    of_level = (np.bincount(levels, minlength=32)[levels] / len(levels)) ** -balance
    terms.append(np.sum(of_level * table[found[i]][valid] * d) / np.sum(of_level))
  value = getattr(losses, kind)(a, b, mask, balance, weights)
  assert value == pytest.approx(np.mean(terms), rel=1e-4)
  ones = np.ones_like(weights)
  plain = getattr(losses, kind)(a, b, mask, balance)
  assert getattr(losses, kind)(a, b, mask, balance, ones) == pytest.approx(float(plain), rel=1e-6)


def batch_of(config):
  """Noise in float64, masks of very different numbers of valid pixels, and labels."""
  rng, data = np.random.default_rng(0), config.data
  shape = (config.train.batch_size, *data.image_size)
  share = np.linspace(0.05, 1, shape[0])[:, None, None, None]
  return {
    'rgb': rng.uniform(-1, 1, (*shape, data.rgb_channels)),
    'ir': rng.uniform(-1, 1, (*shape, data.ir_channels)),
    'rgb_mask': rng.random((*shape, 1)) < share,
    'ir_mask': rng.random((*shape, 1)) < share[::-1],
    # The classes are not spread evenly over devices and parts.
    'labels': np.sort(made_labels(shape[0]).ravel()).reshape(shape),
  }


def stepped(config, devices, table):
  """State and terms after a step, in float64."""
  batch = batch_of(config)
  if table is None:
    del batch['labels']
  return stepping.run_in_float64(config, devices, [batch], class_weights=table)


@pytest.fixture(scope='module')
def whole():
  """One device, one part: the table of weights, state and terms after a step."""
  table = expected_weights(made_labels(8)).astype(np.float32)
  return table, *stepped(plain_terms(), 1, table)


def plain_terms(**overrides):
  """Terms that are quickly compiled: supervised ones and gradients, both ways."""
  none = dict.fromkeys(
    ('cycle_weight', 'identity_weight', 'ssim_weight', 'adversarial_weight', 'ema_decay'), 0.0
  )
  # A seed whose errors differ between classes.
  return everything(**none, seed=1, **overrides)


@pytest.mark.slow
@pytest.mark.parametrize('parts, devices', [(1, 4), (2, 1), (2, 4)])
def test_devices_and_parts_change_nothing(whole, parts, devices):
  table, expected, expected_terms = whole
  state, terms = stepped(plain_terms(accumulate=parts), devices, table)
  assert_close(terms, expected_terms, atol=1e-5)
  assert_close(
    state.opt_state['generators'][0].mu, expected.opt_state['generators'][0].mu, atol=1e-6
  )


@pytest.mark.slow
def test_other_terms_have_no_weights(whole):
  *_, terms = whole
  for name, value in stepped(plain_terms(class_balance=0.0), 1, None)[1].items():
    if name.startswith('supervised') or name == 'generator':
      assert abs(terms[name] - value) > 1e-3
    elif name != 'generator_gradient_norm':
      np.testing.assert_allclose(terms[name], value, atol=1e-6, err_msg=name)


def test_supervised_terms_of_a_step_are_those_of_numpy(whole):
  table, _, terms = whole
  config = plain_terms()
  batch = batch_of(config)
  weights = table[batch['labels']][..., np.newaxis]
  with jax.enable_x64(True):
    nets, state = networks.build(config.model, make_domains(config.data)), fresh.state(config)
    for source, target in (('rgb', 'ir'), ('ir', 'rgb')):
      name = f'{source}_to_{target}'
      parts = state.params[name], state.batch_stats[name]
      generated, _ = nets[name](*parts, batch[source], training=False)
      d = weights * np.abs(np.asarray(generated) - batch[target])
      each = [d[i][batch[f'{target}_mask'][i, ..., 0]].mean() for i in range(8)]
      assert terms[f'supervised_{target}'] == pytest.approx(np.mean(each), rel=1e-5)


@pytest.mark.slow
def test_a_run_trains_with_labels_and_batches_have_them_only_then(tiny, labeled_pairs, tmp_path):
  config = tiny(
    source_dir=str(labeled_pairs),
    label_dir='labels',
    class_balance=0.5,
    steps=3,
    adversarial_weight=0.0,
    cycle_weight=0.0,
  )
  dataset = datasets.open_dataset(config.data)
  said = []
  assert loop.train(config, dataset, tmp_path / 'run', log=said.append) == 0
  assert any('Class balance: weights' in line and 'class 0 1, class 1 1' in line for line in said)
  assert not config_lib.make(dataset='x').labeled and config.labeled
  with_labels, without = (
    pipeline.decoded_bytes(dataset, config.data, used) for used in (True, False)
  )
  n = len(dataset.splits['train'])
  assert with_labels - without == n * 18 * 18


def test_data_without_labels_are_refused(tiny, labeled_pairs, tmp_path):
  config = tiny(class_balance=0.5)
  dataset = datasets.open_dataset(config.data)
  with pytest.raises(UserError, match=r'--class_balance=0\.5 needs labels, .* --label_dir'):
    loop.train(config, dataset, tmp_path / 'run', log=print)
  assert not (tmp_path / 'run').exists()
  empty = labeled([np.full((4, 4), 255, np.uint8)] * 2)
  with pytest.raises(UserError, match='no training image of --dataset=x has any'):
    class_balance.weights(config, empty, print)


@pytest.mark.parametrize(
  'settings, cure',
  [
    ({}, 'needs --paired'),
    (dict(paired=True, supervised_weight=0.0), 'a --supervised_weight above'),
  ],
)
def test_a_supervised_term_is_needed(settings, cure):
  with pytest.raises(UserError, match=f'--class_balance=0.5 weighs pixels .*{cure}'):
    config_lib.make(dataset='x', class_balance=0.5, **settings)


def test_zero_is_off():
  config = dataclasses.replace(
    everything(), loss=dataclasses.replace(everything().loss, class_balance=0.0)
  )
  assert class_balance.weights(config, labeled(made_labels(2)), print) is None
