"""--precision=bfloat16: which operations compute in it, and how far results move."""

import itertools
import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from cyclegan_jax import config as config_lib
from cyclegan_jax.data.source import make_domains
from cyclegan_jax.models import networks

SMALL = dict(
  base_width=8,
  n_residual_blocks=1,
  n_downsampling=3,
  discriminator_width=8,
  discriminator_layers=2,
  sync_batch_norm=False,
)
# bfloat16 keeps 8 bits of the mantissa: about 0.4 % at each rounding, a dozen layers deep.
TOLERANCE = 0.05


def made(preset, precision):
  config = config_lib.make(preset, dataset='none', precision=precision, **SMALL)
  model, domains = config.model, make_domains(config.data)
  channels = {'rgb_to_ir': 3, **networks.discriminator_channels(model, domains)}
  return (networks.build(model, domains), *networks.initialize(model, domains, 0), channels)


@pytest.mark.slow
@pytest.mark.parametrize('training', (True, False))
@pytest.mark.parametrize(
  'preset, name',
  [
    *itertools.product(('udacity', 'cyclegan', 'pix2pix'), ('rgb_to_ir', 'ir')),
    ('pix2pixhd', 'ir'),
    ('infragan', 'ir'),
  ],
)
def test_outputs_are_float32_and_near_those_of_float32(preset, name, training):
  outputs = {}
  for precision in ('float32', 'bfloat16'):
    nets, params, stats, channels = made(preset, precision)
    x = jax.random.uniform(jax.random.key(1), (2, 32, 32, channels[name]), minval=-1)
    y, new_stats = nets[name](params[name], stats[name], x, training=training)
    outputs[precision] = y.scores if name == 'ir' else [y]
    found = jax.tree.leaves((params, new_stats, outputs[precision]))
    assert {leaf.dtype for leaf in found} == {np.dtype('float32')}
  for exact, rounded in zip(outputs['float32'], outputs['bfloat16'], strict=True):
    assert not np.array_equal(exact, rounded)
    np.testing.assert_allclose(rounded, exact, atol=TOLERANCE * np.abs(exact).max())


@pytest.mark.parametrize('preset', ('udacity', 'cyclegan', 'pix2pix'))
def test_every_convolution_and_no_statistic_is_bfloat16(preset):
  nets, params, stats, _ = made(preset, 'bfloat16')

  def loss(params, x):
    y, _ = nets['rgb_to_ir'](params, stats['rgb_to_ir'], x, training=True)
    return jnp.abs(y).mean()

  x = jnp.zeros((2, 32, 32, 3))
  gradients = jax.eval_shape(jax.grad(loss), params['rgb_to_ir'], x)
  assert {leaf.dtype for leaf in jax.tree.leaves(gradients)} == {np.dtype('float32')}
  exported = jax.export.export(jax.jit(jax.grad(loss)), platforms=('cuda',))(params['rgb_to_ir'], x)
  lines = exported.mlir_module().splitlines()
  convolutions = [line for line in lines if 'stablehlo.convolution' in line]
  assert convolutions and all(re.search(r'-> tensor<[\dx]+xbf16>', line) for line in convolutions)
  # Means over the image, what norms are made of, and the loss.
  sums = [line for line in lines if 'stablehlo.reduce(' in line and 'stablehlo.add' in line]
  over_images = [line for line in sums if re.search(r'dimensions = \[(0, )?1, 2', line)]
  assert over_images and all('bf16' not in line for line in over_images)
