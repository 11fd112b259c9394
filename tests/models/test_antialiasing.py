"""Blurs before halving, bilinear enlargement, and the networks of Park et al. 2020 made of them."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.ndimage

from cyclegan_jax.data.source import make_domains
from cyclegan_jax.models import antialiasing, layers, networks
from cyclegan_jax.models.initializers import Draws
from cyclegan_jax.settings import DataConfig, ModelConfig
from tests.models.test_networks import abstract, build, made_domains


@pytest.mark.parametrize('size', [(2, 2), (8, 6), (7, 5), (3, 9)])
def test_blur_pool(size):
  x = np.random.default_rng(0).normal(size=(2, *size, 3)).astype(np.float32)
  expected = x
  for axis in (1, 2):
    expected = scipy.ndimage.correlate1d(expected, [0.25, 0.5, 0.25], axis, mode='mirror')
  y = antialiasing.BlurPool()(jnp.asarray(x))
  np.testing.assert_allclose(y, expected[:, ::2, ::2], atol=1e-6)


@pytest.mark.parametrize('size', [(1, 1), (4, 6), (5, 2)])
def test_bilinear_enlargement(size):
  layer = layers.BilinearConv(ModelConfig(), 3, 3, use_bias=False, rngs=Draws(0))
  # The convolution changes nothing.
  layer.conv.kernel[...] = jnp.zeros((3, 3, 3, 3)).at[1, 1].set(jnp.eye(3))
  x = np.random.default_rng(0).normal(size=(2, *size, 3)).astype(np.float32)
  expected = jax.image.resize(x, (2, 2 * size[0], 2 * size[1], 3), 'bilinear')
  np.testing.assert_allclose(layer(jnp.asarray(x)), expected, atol=1e-6)


def test_parameters_as_published():
  # 3 to 3 channels; netF of the repository on 3, 128, 256, 256 and 256 channels.
  _, (params, _) = abstract('cut', 3)
  counts = {name: networks.count_parameters(tree) for name, tree in params.items()}
  assert counts == {'rgb_to_ir': 11_378_179, 'ir': 2_764_737, 'projection_rgb': 560_384}
  _, (params, _) = abstract('dclgan', 1)
  assert set(params) == {'rgb_to_ir', 'ir_to_rgb', 'rgb', 'ir', 'projection_rgb', 'projection_ir'}
  assert len(params['projection_ir']['out']) == 4


@pytest.mark.parametrize('size, scores', [(256, 30), (128, 14), (64, 6)])
def test_antialiased_score_maps_have_the_size_of_others(size, scores):
  config, (params, stats) = abstract('cut', 1)
  net = networks.build(config.model, made_domains(3, 1))['ir']
  image = jax.ShapeDtypeStruct((1, size, size, 1), jnp.float32)
  verdict, _ = jax.eval_shape(
    lambda p, s, x: net(p, s, x, training=False), params['ir'], stats['ir'], image
  )
  assert [map_.shape for map_ in verdict.scores] == [(1, scores, scores, 1)]


def test_initial_weights_are_glorots_times_a_fiftieth():
  config, _ = abstract('cut', 1)
  params, _ = networks.initialize(config.model, made_domains(3, 1), 0)
  for kernel, fans in (
    (params['rgb_to_ir']['blocks'][3]['conv1']['kernel'], 9 * (256 + 256)),
    (params['rgb_to_ir']['up'][0]['conv']['kernel'], 9 * (256 + 128)),
    (params['ir']['convs'][2]['kernel'], 16 * (128 + 256)),
    (params['projection_rgb']['hidden'][1]['kernel'], 128 + 256),
  ):
    values = np.asarray(kernel).ravel() / (0.02 * (2 / fans) ** 0.5)
    assert abs(values.mean()) < 0.02 and abs(values.std() - 1) < 0.01
    assert abs((values**4).mean() - 3) < 0.15
  for layer in (params['rgb_to_ir']['last'], params['projection_rgb']['out'][0]):
    assert not np.any(layer['bias'])


# What is compared in an image of 32x32: height and channels of each.
@pytest.mark.parametrize(
  'settings, compared',
  [
    (
      dict(generator='resnet', n_downsampling=2, n_residual_blocks=9, antialias=True),
      [(38, 3), (32, 8), (16, 16), (8, 16), (8, 16)],
    ),
    (
      dict(generator='resnet', n_downsampling=2, n_residual_blocks=9),
      [(38, 3), (16, 8), (8, 16), (8, 16), (8, 16)],
    ),
    (
      dict(generator='resnet', n_downsampling=1, n_residual_blocks=1, nce_pixels=False),
      [(16, 8), (16, 8)],
    ),
    (dict(n_downsampling=3, n_residual_blocks=0), [(32, 3), (16, 4), (8, 8), (4, 16)]),
    (dict(n_downsampling=2, n_residual_blocks=2), [(32, 3), (16, 4), (8, 8), (8, 8), (8, 8)]),
    (dict(generator='unet', n_downsampling=3), [(32, 3), (16, 4), (8, 8), (4, 16)]),
    (dict(generator='unet', n_downsampling=5), [(32, 3), (16, 4), (8, 8), (4, 16), (2, 32)]),
  ],
)
def test_what_patch_nce_compares(settings, compared):
  config = ModelConfig(
    method='cut', base_width=4, projection_width=8, sync_batch_norm=False, **settings
  )
  nets, params, stats = build(config)
  image = jax.random.normal(jax.random.key(1), (2, 32, 32, 3))
  features = jax.jit(nets['rgb_to_ir'].encode)(params['rgb_to_ir'], stats['rgb_to_ir'], image)
  assert [(f.shape[1], f.shape[-1]) for f in features] == compared
  # The projection fits, and what it makes has unit length.
  patches = [f.reshape(2, -1, f.shape[-1])[:, :3] for f in features]
  projected, _ = nets['projection_rgb'](params['projection_rgb'], {}, patches, training=True)
  for vectors in projected:
    assert vectors.shape == (2, 3, 8)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=-1), 1, atol=1e-3)


def test_an_ir_image_brings_its_own_wavelengths():
  domains = make_domains(DataConfig(normalization='spectral_channels'))
  config = ModelConfig(method='cut', projection_width=8, base_width=4)
  net = networks.build(config, domains)['rgb_to_ir']
  assert net.constants == domains['rgb'].wavelength_channels
  assert net.target_constants == domains['ir'].wavelength_channels * 3


def test_a_vector_of_zeros_has_no_gradient():
  config = ModelConfig(method='cut', projection_width=8, base_width=4, initializer='xavier')
  nets, params, _ = build(config)

  def total(x):
    projected, _ = nets['projection_rgb'](params['projection_rgb'], {}, x, training=True)
    return sum(jnp.sum(y) for y in projected)

  widths = [hidden['kernel'].shape[0] for hidden in params['projection_rgb']['hidden'].values()]
  gradient = jax.grad(total)([jnp.zeros((1, 2, width)) for width in widths])
  assert not any(jnp.any(part) for part in gradient)
