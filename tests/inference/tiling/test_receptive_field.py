"""The reach of generators, against the gradient of an output pixel."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from cyclegan_jax import config as config_lib
from cyclegan_jax.data.source import make_domains
from cyclegan_jax.inference.tiling import receptive_field
from cyclegan_jax.models import networks
from cyclegan_jax.settings import DataConfig, ModelConfig


def reach_by_gradient(config, size):
  """The largest distance of an input pixel that moves one of the outputs around the center."""
  domains = make_domains(DataConfig(rgb_channels=1, ir_channels=1))
  params, stats = networks.initialize(config, domains, 0)
  # All weights of one sign, so that nothing cancels and no activation is cut off; small, so that
  # tanh lets everything through.
  params = jax.tree.map(lambda x: jnp.full_like(x, 0.05 if x.ndim > 1 else 0), params['rgb_to_ir'])
  net, stride, center = (
    networks.build(config, domains)['rgb_to_ir'],
    2**config.n_downsampling,
    size // 2,
  )

  def output(x, place):
    return net(params, stats['rgb_to_ir'], x, training=False)[0][0, place, place, 0]

  gradient = jax.jit(jax.grad(output))
  reaches = []
  for place in range(center, center + stride):
    seen = np.nonzero(np.asarray(gradient(jnp.full((1, size, size, 1), 1e-3), place))[0, :, :, 0])
    assert seen[0].min() > 0 and seen[0].max() < size - 1  # else the border cuts it
    reaches += [place - seen[0].min(), seen[0].max() - place, seen[1].max() - place]
  return max(reaches)


@pytest.mark.parametrize('upsampling', ['transposed', 'resize', 'bilinear'])
@pytest.mark.parametrize(
  'generator, downsampling, blocks, size',
  [
    ('udacity', 1, 0, 32),
    ('udacity', 2, 1, 96),
    ('udacity', 3, 1, 128),
    ('resnet', 1, 1, 64),
    ('resnet', 2, 2, 128),
    ('unet', 3, 0, 64),
  ],
)
def test_radius(generator, downsampling, blocks, size, upsampling):
  config = ModelConfig(
    generator=generator,
    n_downsampling=downsampling,
    n_residual_blocks=blocks,
    base_width=1,
    norm='none',
    upsampling=upsampling,
    # Of resnets alone.
    antialias=upsampling == 'bilinear',
  )
  assert receptive_field.radius(config) == reach_by_gradient(config, size)


@pytest.mark.parametrize('preset, radius', [('udacity', 117), ('cyclegan', 84), ('pix2pix', 765)])
def test_radius_of_presets(preset, radius):
  """Largest distances; the published receptive fields would be twice that and one."""
  assert receptive_field.radius(config_lib.make(preset).model) == radius
