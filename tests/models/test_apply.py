"""A generator on all local devices: each gets its share, and nothing else changes."""

import grain
import jax
import numpy as np
import pytest

from cyclegan_jax import memory
from cyclegan_jax.data.source import make_domains
from cyclegan_jax.evaluation import measure
from cyclegan_jax.models import apply, networks
from cyclegan_jax.settings import DataConfig, ModelConfig

DOMAINS = make_domains(DataConfig())
SIZE = (16, 24)


@pytest.fixture(scope='module')
def generators():
  config = ModelConfig(base_width=4, n_residual_blocks=1, n_downsampling=2, norm='instance')
  arrays = networks.initialize(config, DOMAINS, 0)
  return apply.translators(networks.build(config, DOMAINS), *arrays)


@pytest.fixture
def shares(monkeypatch):
  """Of each batch that is translated, the number of rows on each device."""
  found, translate = [], apply.translate

  def recorded(net, params, batch_stats, x):
    y = translate(net, params, batch_stats, x)
    if isinstance(x, jax.Array):
      assert {s.device: s.index for s in x.addressable_shards} == {
        s.device: s.index for s in y.addressable_shards
      }
    found.append({shard.device: len(shard.data) for shard in y.addressable_shards})
    return y

  monkeypatch.setattr(apply, 'translate', recorded)
  return found


def test_translators_are_the_generators(generators):
  assert list(generators) == ['rgb_to_ir', 'ir_to_rgb']


@pytest.mark.parametrize('n', [1, 3, 6, 9])
def test_batches_are_shared_among_devices(generators, shares, n):
  assert jax.local_device_count() == 4
  x = np.random.default_rng(0).uniform(-1, 1, (n, *SIZE, 3)).astype(np.float32)
  translate = generators['rgb_to_ir']
  result = translate(x)
  assert result.shape == (n, *SIZE, 1)
  # One image stays whole on one device; more are filled up to a power of two.
  rows = {1: 1, 3: 4, 6: 8, 9: 16}[n]
  assert list(shares[0].values()) == ([1] if n == 1 else [rows // 4] * 4)
  np.testing.assert_allclose(result, np.concatenate([translate(one[None]) for one in x]), atol=1e-5)


def test_each_device_gets_its_share_of_a_validation_batch(generators, shares):
  """As training validates: with the weights that its first device holds."""
  first = jax.local_devices()[0]
  generator = generators['rgb_to_ir']
  generator = apply.Translator(
    generator.net, *jax.device_put((generator.params, generator.batch_stats), first)
  )
  rng = np.random.default_rng(0)
  examples = [
    {
      'rgb': rng.integers(0, 256, (*SIZE, 3), np.uint8),
      'ir': rng.integers(0, 256, (*SIZE, 1), np.uint8),
      'id': str(i),
      'sequence': '',
    }
    for i in range(10)
  ]
  measured = measure.measure(
    {'model': measure.predictor(generator, DOMAINS)},
    grain.MapDataset.source(examples),
    DOMAINS['ir'],
    8,
    print,
  )['model']
  # Two batches of eight, the second one filled up: two rows on each of the four devices.
  assert shares == [dict.fromkeys(jax.local_devices(), 2)] * 2
  assert measured.ids == [example['id'] for example in examples]
  alone = apply.translate(
    generator.net,
    generator.params,
    generator.batch_stats,
    DOMAINS['rgb'].normalize(np.stack([example['rgb'] for example in examples])),
  )
  expected = np.stack([example['ir'] for example in examples]) - DOMAINS['ir'].to_pixels(
    alone
  ).astype(float)
  np.testing.assert_allclose(
    measured.per_image['mse'], np.square(expected).mean((1, 2, 3)), rtol=1e-2
  )


@pytest.mark.parametrize('n', [1, 8])
def test_what_does_not_fit_is_not_run(generators, shares, monkeypatch, n):
  x = np.zeros((n, 32, 48, 3), np.float32)
  translate = generators['rgb_to_ir']
  needed = translate.needed(x.shape)
  # At least the input and the output.
  assert needed > -(-n // 4) * 32 * 48 * 4 * 4
  monkeypatch.setattr(memory, 'on_device', lambda: needed // 2)
  for _ in range(2):
    with pytest.raises(memory.TooLittle, match='are free'):
      translate(x)
  assert not shares
  monkeypatch.setattr(memory, 'on_device', lambda: 2 * needed)
  assert len(translate(x)) == n
