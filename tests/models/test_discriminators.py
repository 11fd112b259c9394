"""The discriminators: shapes, parameter counts, smallest images, spectral norm, and kernels."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from cyclegan_jax import config as config_lib, discriminator_sizes
from cyclegan_jax.data.source import make_domains
from cyclegan_jax.errors import UserError
from cyclegan_jax.models import networks
from cyclegan_jax.models.discriminators import DISCRIMINATORS
from cyclegan_jax.settings import fields


def make(**overrides):
  """A discriminator of IR images alone: its configuration, network and arrays."""
  return config_lib.make(
    **{
      **dict(dataset='x', n_downsampling=1, base_width=1, n_residual_blocks=0),
      **dict(discriminator_width=4, discriminator_layers=2, norm='none'),
      **overrides,
    }
  )


def arrays_of(config):
  domains = make_domains(config.data)
  params, stats = networks.initialize(config.model, domains, 1)
  net = jax.jit(networks.build(config.model, domains)['ir'], static_argnames='training')
  return net, params['ir'], stats['ir']


def abstract(config, rows=1):
  """Shapes of the verdict and of the arrays, nothing computed."""
  domains = make_domains(config.data)
  params, stats = networks.abstract(config.model, domains)
  channels = networks.discriminator_channels(config.model, domains)['ir']
  net = networks.build(config.model, domains)['ir']
  image = jax.ShapeDtypeStruct((rows, *config.data.image_size, channels), jnp.float32)
  verdict, _ = jax.eval_shape(
    lambda p, s, x: net(p, s, x, training=True), params['ir'], stats['ir'], image
  )
  return verdict, params, stats


def test_every_discriminator_is_known():
  """Whoever adds a discriminator learns here what else has to know of it."""
  choices = set(fields()['discriminator'][1].metadata['allowed'])
  assert DISCRIMINATORS.keys() | {'none'} == choices == discriminator_sizes.SIDES.keys()


# As the authors' own programs count, from 3 channels to 1.
@pytest.mark.parametrize(
  'preset, count, generator',
  [('pix2pixhd', 5_531_522, 182_436_993), ('infragan', 138_532_227, 66_994_817)],
)
def test_parameter_counts_of_published_networks(preset, count, generator):
  _, params, _ = abstract(config_lib.make(preset, dataset='x'))
  assert networks.count_parameters(params['ir']) == count
  assert networks.count_parameters(params['rgb_to_ir']) == generator


def test_shapes_of_published_networks():
  hd = config_lib.make('pix2pixhd', dataset='x', image_size=(256, 256))
  verdict, _, _ = abstract(hd, rows=2)
  assert [scores.shape for scores in verdict.scores] == [(2, 35, 35, 1), (2, 19, 19, 1)]
  widths = [(129, 64), (65, 128), (33, 256), (34, 512)]
  assert [x.shape for x in verdict.features[0]] == [(2, side, side, n) for side, n in widths]
  assert [len(features) for features in verdict.features] == [4, 4]

  verdict, _, _ = abstract(config_lib.make('infragan', dataset='x'))
  assert [scores.shape for scores in verdict.scores] == [(1, 512, 512, 1), (1, 1, 1, 1)]
  pixels, image = verdict.features
  assert [x.shape[1:] for x in image] == [
    (256, 256, 64),
    (128, 128, 128),
    (64, 64, 256),
    (32, 32, 512),
    (16, 16, 512),
    (8, 8, 1024),
    (4, 4, 2048),
  ]
  assert [x.shape[-1] for x in pixels] == [1024, 512, 512, 256, 128, 64, 64]


@pytest.mark.parametrize('spectral_norm', [False, True])
@pytest.mark.parametrize('kind', DISCRIMINATORS)
def test_the_smallest_image_works_and_a_smaller_one_is_refused(kind, spectral_norm, monkeypatch):
  monkeypatch.setattr('cyclegan_jax.validation.SMALLEST_IMAGE', 1)
  settings = dict(
    discriminator=kind, discriminator_scales=3, spectral_norm=spectral_norm, norm='instance'
  )
  sides = discriminator_sizes.SIDES[kind](make(**settings).model)
  small = sides.smallest
  config = make(**settings, image_size=(small, small + max(2, sides.multiple)))
  net, params, stats = arrays_of(config)
  x = jax.random.uniform(jax.random.key(1), (2, *config.data.image_size, 1), minval=-1)
  verdict, _ = net(params, stats, x, training=True)
  for scores in verdict.scores:
    assert scores.size and np.isfinite(scores).all()
    # Norms have left something of the two images.
    assert np.abs(scores[0] - scores[1]).max() > 1e-5
  with pytest.raises(UserError, match=rf'--image_size={small - 2}x{small}.*{sides.because}'):
    make(**settings, image_size=(small - 2, small))


def test_without_discriminator_its_layers_do_not_limit_the_image():
  make(paired=True, adversarial_weight=0.0, discriminator_layers=9, image_size=(16, 16))


@pytest.mark.parametrize(
  'kind',
  [
    pytest.param(kind, marks=pytest.mark.slow) if kind in ('unet', 'multiscale') else kind
    for kind in DISCRIMINATORS
  ],
)
def test_spectral_norm_makes_kernels_norm_1_in_place_of_norms(kind):
  config = make(
    discriminator=kind, spectral_norm=True, norm='batch', sync_batch_norm=False, image_size=(16, 16)
  )
  net, params, stats = arrays_of(config)
  x = jax.random.uniform(jax.random.key(1), (1, 16, 16, 1), minval=-1)
  apply = jax.jit(
    lambda stats, training: net(params, stats, x, training=training), static_argnums=1
  )
  before = stats
  for _ in range(100):
    verdict, stats = apply(stats, True)
  assert jax.tree.all(jax.tree.map(jnp.array_equal, apply(stats, False)[1], stats))
  assert not jax.tree.all(jax.tree.map(jnp.allclose, before, stats))
  seen = 0
  for path, u in jax.tree.leaves_with_path(stats):
    assert path[-2].key == 'spectral_norm'
    if path[-1].key == 'u':
      layer = params
      for part in path[:-2]:
        layer = layer[part.key]
      matrix = np.asarray(layer['kernel']).reshape(-1, len(u))
      largest = np.linalg.svd(matrix, compute_uv=False)[0]
      estimate = np.linalg.norm(matrix @ u)
      assert estimate == pytest.approx(largest, rel=1e-2)
      seen += 1
  kernels = [path for path, _ in jax.tree.leaves_with_path(params) if path[-1].key == 'kernel']
  # The U-Net's last convolution has none.
  assert seen == len(kernels) - (kind == 'unet')
  scales = [path for path, _ in jax.tree.leaves_with_path(params) if path[-1].key == 'scale']
  assert not scales
  # The larger the kernels, the same the scores, but for biases.
  twice = jax.tree.map_with_path(
    lambda path, p: 2 * p if path[-1].key == 'kernel' and 'pixel_score' not in str(path) else p,
    params,
  )
  again, _ = net(twice, stats, x, training=False)
  for a, b in zip(verdict.scores, again.scores):
    np.testing.assert_allclose(a, b, atol=1e-4)


def test_generators_have_no_spectral_norm():
  config = make(spectral_norm=True)
  _, stats = networks.initialize(config.model, make_domains(config.data), 0)
  assert not stats['rgb_to_ir'] and stats['ir']


def test_scales_see_means_of_3x3_pixels_within_the_border():
  config = make(discriminator='multiscale', image_size=(14, 12))
  net, params, stats = arrays_of(config)
  # The same weights at both scales.
  params = {'scales': {0: params['scales'][0], 1: params['scales'][0]}}
  x = np.random.default_rng(0).uniform(-1, 1, (1, 14, 12, 1)).astype(np.float32)
  smaller = np.zeros((1, 7, 6, 1), np.float32)
  for i, j in itertools.product(range(7), range(6)):
    window = x[:, max(0, 2 * i - 1) : 2 * i + 2, max(0, 2 * j - 1) : 2 * j + 2]
    smaller[:, i, j] = window.mean((1, 2))
  _, expected = net(params, stats, x, training=True)[0].scores
  first, _ = net(params, stats, smaller, training=True)[0].scores
  np.testing.assert_allclose(first, expected, atol=1e-6)


def test_a_unet_judges_pixels_and_the_whole_image():
  config = make(discriminator='unet', image_size=(32, 32))
  net, params, stats = arrays_of(config)
  x = np.random.default_rng(0).uniform(-1, 1, (2, 32, 32, 1)).astype(np.float32)
  scores = lambda x: net(params, stats, x, training=True)[0].scores
  pixels, image = scores(x)
  assert pixels.shape == (2, 32, 32, 1) and image.shape == (2, 1, 1, 1)
  # A change in one corner changes the verdict on the image, and on pixels near it most.
  changed = x.copy()
  changed[:, :4, :4] = -changed[:, :4, :4]
  pixels_after, image_after = scores(changed)
  assert (np.abs(image_after - image) > 1e-4).all()
  moved = np.abs(pixels_after - pixels)[..., 0]
  assert (moved[:, :4, :4].mean((1, 2)) > 3 * moved[:, 16:, 16:].mean((1, 2))).all()


def test_a_unets_kernels_begin_orthogonal_and_its_attention_at_0():
  config = make(
    discriminator='unet', discriminator_layers=5, image_size=(32, 32), initializer='normal'
  )
  _, params, _ = arrays_of(config)
  for path, kernel in jax.tree.leaves_with_path(params):
    if path[-1].key == 'kernel':
      matrix = np.asarray(kernel).reshape(-1, kernel.shape[-1])
      singular = np.linalg.svd(matrix, compute_uv=False)
      np.testing.assert_allclose(singular, 1, atol=1e-4, err_msg=str(path))
  assert params['attention']['share'] == 0
  assert np.any(params['down'][1]['conv1']['bias'])
  _, params, _ = arrays_of(make(discriminator='unet', image_size=(32, 32)))
  assert 'attention' not in params
