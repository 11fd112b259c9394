"""Output layers of classes: against numpy, and where they are refused."""

import dataclasses

from flax import nnx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from cyclegan_jax import config as config_lib
from cyclegan_jax.data.source import make_domains, with_inputs
from cyclegan_jax.errors import UserError
from cyclegan_jax.inference.tiling import receptive_field
from cyclegan_jax.models import generators, networks
from cyclegan_jax.models.initializers import Draws
from cyclegan_jax.models.network import Network
from cyclegan_jax.settings import DataConfig, ModelConfig

NAMES = ('sky', 'road', 'person')
N = len(NAMES) + 1
TINY = dict(base_width=4, n_residual_blocks=1, norm='none')
# The least that each of them takes.
DEPTHS = {'udacity': 1, 'resnet': 1, 'unet': 3}
ROAD = 1
# With color output for one of them.
CHANNELS = {'udacity': 3, 'resnet': 1, 'unet': 1}


def made(name, channels):
  """A generator, its parameters, labels, and what it sees: depth, images, labels, wavelengths."""
  config = ModelConfig(
    method='pix2pix',
    generator=name,
    inputs='depth,rgb,labels',
    output_layers='classes',
    n_downsampling=DEPTHS[name],
    **TINY,
  )
  data = DataConfig(ir_channels=channels, normalization='spectral_channels')
  domains = with_inputs(make_domains(data), config, NAMES)
  params, _ = networks.initialize(config, domains, 0)
  # Large enough weights for images that differ.
  params = jax.tree.map(lambda x: 3 * x, params['rgb_to_ir'])
  rng = np.random.default_rng(0)
  labels = rng.choice(np.array([0, 1, 2, 255], np.uint8), (2, 16, 16))
  pixels = rng.integers(0, 256, (2, 16, 16, 3), np.uint8)
  depth = rng.integers(0, 9999, (2, 16, 16), np.uint16)
  seen = domains['rgb'].seen({'rgb': pixels, 'labels': labels, 'depth': depth})
  return networks.build(config, domains)['rgb_to_ir'], params, labels, seen


@pytest.mark.parametrize('name', generators.GENERATORS)
def test_pixels_are_of_their_classes_layer_which_alone_learns_from_them(name):
  channels = CHANNELS[name]
  net, params, labels, seen = made(name, channels)
  config = ModelConfig(generator=name, n_downsampling=DEPTHS[name], **TINY)
  alone = Network(
    nnx.split(generators.GENERATORS[name](config, 10, channels * N, Draws(None)))[0], net.constants
  )

  def loss(params):
    y = net(params, {}, seen, training=True)[0]
    images, _ = alone(params['generator'], {}, seen, training=True)
    return jnp.sum(jnp.where(labels[..., None] == ROAD, jnp.abs(y - 0.3), 0)), (y, images)

  grads, (y, images) = jax.jit(jax.grad(loss, has_aux=True))(params)
  classes = np.minimum(labels, len(NAMES))[..., None, None]
  apart = np.asarray(images).reshape(2, 16, 16, channels, N)
  np.testing.assert_allclose(y, np.take_along_axis(apart, classes, -1)[..., 0], atol=1e-6)
  assert np.ptp(apart, axis=-1).mean() > 0.05
  # Behind a tanh, the gradient of a bias is a sum over the class's pixels.
  here, y = labels == ROAD, np.asarray(y)
  expected = np.zeros((channels, N))
  expected[:, ROAD] = np.sum((np.sign(y - 0.3) * (1 - y**2))[here], 0)
  inner = grads['generator']
  last = inner['last'] if name == 'resnet' else inner['up'][DEPTHS[name] - 1]
  np.testing.assert_allclose(np.reshape(last['bias'], (channels, N)), expected, rtol=1e-3)
  kernel = np.moveaxis(np.asarray(last['kernel']), 3 if name == 'resnet' else 2, 0)
  learns = np.abs(kernel).reshape(channels, N, -1).max(-1) > 0
  np.testing.assert_array_equal(learns, np.arange(N) == np.full((channels, 1), ROAD))


@pytest.mark.parametrize('name', generators.GENERATORS)
def test_tiles_overlap_as_those_of_the_generator_alone(name):
  shared = ModelConfig(method='pix2pix', generator=name, **TINY)
  classes = dataclasses.replace(shared, output_layers='classes', inputs='labels')
  assert receptive_field.radius(classes) == receptive_field.radius(shared)


@pytest.mark.parametrize(
  'preset, settings, words',
  [
    ('pix2pix', {}, r'--inputs=rgb has no labels\. .*, or --inputs=rgb,labels\.'),
    ('regression', dict(inputs='depth'), '--inputs=depth has no labels'),
    ('pix2pix', dict(direction='ir_to_rgb'), 'is for --method=pix2pix with --direction=rgb_to_ir'),
    ('cyclegan', {}, r'is for --method=pix2pix .*start from --preset=pix2pix with --inputs=rgb'),
    ('exemplar', {}, 'is for --method=pix2pix'),
    ('cut', {}, 'is for --method=pix2pix'),
    ('thermalgan', dict(inputs='rgb,labels'), '--base=class_means contradict each other'),
  ],
)
def test_generators_that_see_no_labels_are_refused(preset, settings, words):
  with pytest.raises(UserError, match=words):
    config_lib.make(preset, dataset='x', output_layers='classes', **settings)
