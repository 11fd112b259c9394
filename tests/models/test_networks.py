"""Shapes, parameter counts, initial weights and layers, against published or closed forms."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from cyclegan_jax import config as config_lib
from cyclegan_jax.data.source import make_domains
from cyclegan_jax.models import layers, networks
from cyclegan_jax.models.network import Network
from cyclegan_jax.settings import DataConfig, ModelConfig

TINY = dict(
  base_width=4, n_residual_blocks=1, n_downsampling=2, discriminator_width=4, discriminator_layers=2
)


def made_domains(rgb_channels, ir_channels):
  return make_domains(DataConfig(rgb_channels=rgb_channels, ir_channels=ir_channels))


def build(config, rgb_channels=3, ir_channels=1):
  domains = made_domains(rgb_channels, ir_channels)
  params, stats = networks.initialize(config, domains, 0)
  return networks.build(config, domains), params, stats


def apply(net, params, stats, x, training):
  return jax.jit(net, static_argnames='training')(params, stats, x, training=training)


def abstract(preset, ir_channels, **overrides):
  """The networks of a preset with their shapes, nothing computed."""
  config = config_lib.make(preset, dataset='x', ir_channels=ir_channels, **overrides)
  return config, networks.abstract(config.model, make_domains(config.data))


# Of the published networks, 3 to 3 channels, and with one IR channel.
@pytest.mark.parametrize(
  'preset, ir_channels, counts',
  [
    (
      'udacity',
      3,
      {'rgb_to_ir': 8_402_176, 'ir_to_rgb': 8_402_176, 'rgb': 2_765_568, 'ir': 2_765_568},
    ),
    (
      'cyclegan',
      3,
      {'rgb_to_ir': 11_378_179, 'ir_to_rgb': 11_378_179, 'rgb': 2_764_737, 'ir': 2_764_737},
    ),
    (
      'cyclegan',
      1,
      {'rgb_to_ir': 11_371_905, 'ir_to_rgb': 11_371_907, 'rgb': 2_764_737, 'ir': 2_762_689},
    ),
    ('pix2pix', 3, {'rgb_to_ir': 54_413_955, 'ir': 2_768_705}),
  ],
)
def test_parameter_counts(preset, ir_channels, counts):
  _, (params, _) = abstract(preset, ir_channels)
  assert {name: networks.count_parameters(tree) for name, tree in params.items()} == counts


@pytest.mark.parametrize(
  'preset, size, scores',
  [('udacity', 128, 7), ('cyclegan', 256, 30), ('cyclegan', 128, 14), ('pix2pix', 256, 30)],
)
def test_score_maps(preset, size, scores):
  config, (params, stats) = abstract(preset, 3)
  domains = made_domains(3, 3)
  nets = networks.build(config.model, domains)
  channels = networks.discriminator_channels(config.model, domains)['ir']
  verdict, _ = jax.eval_shape(
    lambda p, s, x: nets['ir'](p, s, x, training=False),
    params['ir'],
    stats['ir'],
    jax.ShapeDtypeStruct((1, size, size, channels), jnp.float32),
  )
  assert [map_.shape for map_ in verdict.scores] == [(1, scores, scores, 1)]


def test_only_the_bottleneck_and_the_ends_of_a_unet_lack_norms_and_one_layer_has_a_bias():
  _, (params, _) = abstract('pix2pix', 1)
  unet = params['rgb_to_ir']
  assert [len(unet[name]) for name in ('down', 'down_norms', 'up', 'up_norms')] == [8, 6, 8, 7]
  with_bias = [
    (name, i) for name in ('down', 'up') for i, layer in unet[name].items() if 'bias' in layer
  ]
  assert with_bias == [('up', 7)]


@pytest.mark.parametrize('rgb_channels, ir_channels', [(3, 1), (3, 3), (1, 1)])
@pytest.mark.parametrize('size', [(32, 32), (24, 40)])
def test_shapes(rgb_channels, ir_channels, size):
  nets, params, stats = build(ModelConfig(**TINY), rgb_channels, ir_channels)
  channels = {'rgb': rgb_channels, 'ir': ir_channels}
  for name in ('rgb_to_ir', 'ir_to_rgb'):
    source, target = name.split('_to_')
    x = jnp.zeros((2, *size, channels[source]))
    y, _ = apply(nets[name], params[name], stats[name], x, training=False)
    assert y.shape == (2, *size, channels[target]) and y.dtype == jnp.float32
    assert jnp.abs(y).max() <= 1
  for name in ('rgb', 'ir'):
    x = jnp.zeros((2, *size, channels[name]))
    y, _ = apply(nets[name], params[name], stats[name], x, training=False)
    assert [map_.shape for map_ in y.scores] == [(2, size[0] // 4 - 1, size[1] // 4 - 1, 1)]


def test_generators_see_the_wavelengths_of_their_source_and_discriminators_none():
  domains = make_domains(DataConfig(normalization='spectral_channels', ir_band='lwir'))
  config = ModelConfig(**TINY, norm='none')
  nets = networks.build(config, domains)
  params, _ = networks.initialize(config, domains, 0)
  assert [nets[name].constants for name in ('rgb', 'ir')] == [(), ()]
  for name in ('rgb_to_ir', 'ir_to_rgb'):
    domain = domains[name.split('_to_')[0]]
    x = jax.random.uniform(jax.random.key(1), (2, 16, 16, domain.channels), minval=-1)
    planes = np.broadcast_to(np.float32(domain.wavelength_channels), x.shape)
    bare = Network(nets[name].graph)
    np.testing.assert_allclose(
      apply(nets[name], params[name], {}, x, training=True)[0],
      apply(bare, params[name], {}, jnp.concatenate([x, planes], -1), training=True)[0],
      atol=1e-6,
    )


@pytest.mark.parametrize(
  'field, value',
  [
    ('activation', 'leaky_relu'),
    ('norm', 'instance'),
    ('norm', 'none'),
    ('upsampling', 'resize'),
    ('upsampling', 'bilinear'),
    ('n_downsampling', 1),
    ('n_residual_blocks', 0),
    ('generator', 'resnet'),
    ('initializer', 'normal'),
    ('initializer', 'xavier'),
  ],
)
def test_every_knob_gives_another_working_network(field, value):
  x = jax.random.uniform(jax.random.key(1), (2, 16, 16, 3), minval=-1)

  def output(config):
    nets, params, stats = build(config)
    net = nets['rgb_to_ir']
    y, _ = apply(net, params['rgb_to_ir'], stats['rgb_to_ir'], x, training=False)
    return np.asarray(y)

  plain, changed = output(ModelConfig(**TINY)), output(ModelConfig(**{**TINY, field: value}))
  assert changed.shape == plain.shape
  assert np.isfinite(changed).all() and not np.allclose(plain, changed)


def test_batch_norm_uses_running_statistics_only_in_evaluation():
  config = ModelConfig(**TINY, sync_batch_norm=False)
  nets, params, stats = build(config)
  x = jax.random.normal(jax.random.key(1), (4, 16, 16, 3))
  run = lambda x, training: apply(
    nets['rgb_to_ir'], params['rgb_to_ir'], stats['rgb_to_ir'], x, training
  )
  one, _ = run(x[:1], False)
  all_, unchanged = run(x, False)
  np.testing.assert_allclose(all_[:1], one, atol=1e-5)
  assert jax.tree.all(jax.tree.map(jnp.array_equal, unchanged, stats['rgb_to_ir']))
  trained, moved = run(x, True)
  assert not np.allclose(trained, all_, atol=1e-3)
  # PyTorch's momentum 0.1 after one batch: 0.9 * 0 + 0.1 * batch mean of the first layer.
  kernel = params['rgb_to_ir']['down'][0]['kernel']
  first = jax.lax.conv_general_dilated(
    x, kernel, (2, 2), [(1, 1)] * 2, dimension_numbers=('NHWC', 'HWIO', 'NHWC')
  )
  np.testing.assert_allclose(moved['down_norms'][0]['mean'], 0.1 * first.mean((0, 1, 2)), atol=1e-5)


def test_initial_weights_have_pytorchs_distribution():
  params, _ = networks.initialize(ModelConfig(), made_domains(3, 3), 0)
  generator = params['rgb_to_ir']
  for kernel, fan_in in [
    (generator['down'][1]['kernel'], 16 * 64),
    (generator['blocks'][0]['conv1']['kernel'], 9 * 256),
    # transposed: PyTorch counts the output channels
    (generator['up'][0]['kernel'], 16 * 128),
  ]:
    bound = fan_in**-0.5
    assert np.abs(kernel).max() <= bound
    np.testing.assert_allclose(np.asarray(kernel).var(), bound**2 / 3, rtol=0.02)
    np.testing.assert_allclose(np.abs(kernel).max(), bound, rtol=1e-3)


def test_initial_weights_are_normal_for_the_other_presets():
  config = config_lib.make(
    'pix2pix', dataset='x', base_width=32, n_downsampling=7, discriminator_width=16
  )
  params, _ = networks.initialize(config.model, made_domains(3, 1), 0)
  for kernel in (
    params['rgb_to_ir']['down'][3]['kernel'],
    params['rgb_to_ir']['up'][2]['kernel'],
    params['ir']['convs'][2]['kernel'],
  ):
    values = np.asarray(kernel).ravel() / 0.02
    assert abs(values.mean()) < 0.01 and abs(values.std() - 1) < 0.01
    # Kurtosis tells a normal distribution from others of the same variance.
    assert abs((values**4).mean() - 3) < 0.1
  scales = np.concatenate(
    [np.asarray(norm['scale']) for norm in params['rgb_to_ir']['up_norms'].values()]
  )
  assert abs(scales.mean() - 1) < 0.003 and 0.018 < scales.std() < 0.022
  for layer in (params['rgb_to_ir']['up'][6], params['ir']['score']):
    assert not np.any(layer['bias'])


def test_initial_biases_have_pytorchs_distribution():
  params, _ = networks.initialize(ModelConfig(norm='none'), made_domains(3, 3), 0)
  for layer, fan_in in (
    (params['rgb_to_ir']['down'][2], 16 * 128),
    (params['rgb_to_ir']['up'][0], 16 * 128),
  ):
    bound = fan_in**-0.5
    assert 0.9 * bound < np.abs(layer['bias']).max() <= bound
    np.testing.assert_allclose(np.asarray(layer['bias']).var(), bound**2 / 3, rtol=0.25)


UNET = dict(
  generator='unet',
  n_downsampling=6,
  base_width=4,
  dropout=0.5,
  norm='none',
  discriminator_layers=2,
  discriminator_width=4,
)


@pytest.mark.parametrize(
  'skips, missing',
  [
    ('all', 0),
    ('1,2,-1', 524_288 + 2_097_152 + 2 * 4_194_304),
    ('2,3,4,5,6,7', 1_024),
    ('none', 1_024 + 131_072 + 524_288 + 2_097_152 + 3 * 4_194_304),
  ],
)
def test_skips_that_a_unet_lacks_save_their_part_of_each_kernel(skips, missing):
  # 4 x 4 x the channels of a skip x those that its layer makes.
  config = ModelConfig(method='pix2pix', generator='unet', n_downsampling=8, unet_skips=skips)
  found = networks.abstract(config, made_domains(3, 1))
  assert networks.count_parameters(found[0]['rgb_to_ir']) == 54_409_857 - missing


@pytest.mark.slow
def test_dropout_is_an_images_own_and_absent_without_keys():
  nets, params, stats = build(ModelConfig(**UNET))
  x = jax.random.normal(jax.random.key(1), (3, 64, 64, 3))
  keys = jax.random.split(jax.random.key(2), 3)

  def output(x, keys):
    return np.asarray(
      nets['rgb_to_ir'](params['rgb_to_ir'], stats['rgb_to_ir'], x, training=True, keys=keys)[0]
    )

  whole = output(x, keys)
  np.testing.assert_allclose(whole[1:2], output(x[1:2], keys[1:2]), atol=1e-5)
  assert not np.allclose(whole, output(x, keys[::-1]), atol=1e-4)
  np.testing.assert_array_equal(output(x, None), output(x, None))


def test_dropout_keeps_the_mean():
  x = jnp.ones((2, 50, 50, 40))
  y = np.asarray(layers.dropout(x, 0.3, jax.random.split(jax.random.key(0), 2), 5))
  assert set(np.unique(y.round(4))) == {0, np.float32(1 / 0.7).round(4)}
  np.testing.assert_allclose(y.mean((1, 2, 3)), 1, atol=0.02)
