"""What networks see of a scene: planes of depth and classes, beside the image or instead of it."""

import dataclasses

import jax.numpy as jnp
import numpy as np
import pytest

from cyclegan_jax import config as config_lib
from cyclegan_jax.data import labels, pipeline
from cyclegan_jax.data.planes import Inputs
from cyclegan_jax.data.source import make_domains, Split, with_inputs
from cyclegan_jax.devices import sharding
from cyclegan_jax.errors import UserError
from cyclegan_jax.settings import DataConfig
from tests.data import test_labels

NAMES = ('sky', 'road', 'person')
RNG = np.random.default_rng(0)
IMAGE = RNG.uniform(-1, 1, (2, 4, 6, 3)).astype(np.float32)
LAYERS = {
  'labels': RNG.choice([0, 1, 2, 255], (2, 4, 6)).astype(np.uint8),
  'depth': RNG.choice([0, 1, 50, 700, 50_000, 65_535], (2, 4, 6)).astype(np.uint16),
}


@pytest.mark.parametrize('xp', [np, jnp])
@pytest.mark.parametrize('kinds', ['rgb,depth,labels', 'depth,labels', 'labels', 'rgb,depth'])
def test_planes_are_what_they_say(kinds, xp):
  inputs = Inputs(tuple(kinds.split(',')), NAMES)
  found = np.asarray(inputs.seen(xp.asarray(IMAGE), LAYERS, xp))
  parts = {'rgb': IMAGE}
  meters = np.where(LAYERS['depth'], LAYERS['depth'] / 100, np.inf).clip(0.5, 500)
  # From half a meter to 500 meters there are three decades.
  parts['depth'] = (2 * np.log10(meters / 0.5) / 3 - 1)[..., np.newaxis]
  parts['labels'] = np.stack([np.where(LAYERS['labels'] == i, 1, -1) for i in range(3)], -1)
  expected = np.concatenate([parts[kind] for kind in inputs.kinds], -1)
  assert found.dtype == np.float32 and found.shape[-1] == inputs.channels(3)
  np.testing.assert_allclose(found, expected, atol=1e-5)


def test_a_domain_shows_its_inputs():
  config = config_lib.make('pix2pix', dataset='x', inputs='depth, rgb')
  plain = make_domains(config.data)
  domains = with_inputs(plain, config.model, NAMES)
  assert plain['rgb'].seen_channels == 3 and domains['rgb'].seen_channels == 4
  assert domains['rgb'].inputs.class_names == () and domains['ir'].inputs is None
  batch = {'rgb': RNG.integers(0, 256, (2, 4, 6, 3), np.uint8), **LAYERS}
  seen = domains['rgb'].seen(batch)
  np.testing.assert_array_equal(seen[..., 1:], plain['rgb'].normalize(batch['rgb']))
  np.testing.assert_array_equal(plain['rgb'].seen(batch), seen[..., 1:])


@pytest.mark.parametrize(
  'settings, words',
  [
    (dict(inputs='rgb,heat'), 'expected some of rgb,depth,labels, each once'),
    (dict(inputs='rgb,rgb'), 'each once'),
    (dict(inputs=''), 'each once'),
    (dict(inputs='labels', preset='udacity'), 'for --method=pix2pix with --direction=rgb_to_ir'),
    (dict(inputs='labels', direction='ir_to_rgb'), 'for --method=pix2pix with'),
  ],
)
def test_inputs_that_cannot_be_are_refused(settings, words):
  with pytest.raises(UserError, match=words):
    config_lib.make(**{'preset': 'pix2pix', 'dataset': 'x', **settings})


@pytest.mark.parametrize(
  'settings',
  [
    dict(zoom=0.5, flip=True, image_size=(48, 64)),
    dict(keep_aspect='pad', image_size=(24, 48)),
    dict(load_size=(48, 64), image_size=(32, 40), flip=True),
  ],
)
def test_depth_goes_where_labels_go(settings):
  config = DataConfig(paired=True, **settings)
  table = np.zeros(256, np.uint16)
  table[:3] = 1000, 40_000, 70
  plain = test_labels.dataset()
  records = [
    {**record, 'depth': table[labels.read(record['labels'], 'x')]}
    for record in plain.splits['train'].ir
  ]
  split = Split('train', records, records, aligned=True)
  data = dataclasses.replace(plain, splits={'train': split}, has_depth=True)
  drawn = pipeline.examples(data, 'train', config, train=True)
  for i in range(8):
    assert drawn[i]['depth'].dtype == np.uint16
    np.testing.assert_array_equal(drawn[i]['depth'], table[drawn[i]['labels']])
  batches = pipeline.batches(data, config, 4, sharding(), labeled=True)
  batch = next(iter(batches))
  np.testing.assert_array_equal(batch['depth'], table[np.asarray(batch['labels'])])


def test_data_whose_splits_are_no_pairs_are_refused():
  data = test_labels.dataset(aligned=False)
  assert data.with_inputs(config_lib.make('pix2pix', dataset='x').model) == data
  with pytest.raises(UserError, match='and images of split train are no pairs. Give --inputs=rgb'):
    data.with_inputs(config_lib.make('pix2pix', dataset='x', inputs='labels').model)


def test_data_without_a_layer_are_refused():
  data = dataclasses.replace(test_labels.dataset(), class_names=())
  for kind, cure in (('labels', '--label_dir'), ('depth', '--dataset=synthetic')):
    model = config_lib.make('pix2pix', dataset='x', inputs=f'rgb,{kind}').model
    with pytest.raises(UserError, match=f'needs {kind}, and these data have none.*{cure}'):
      data.with_inputs(model)
