"""The training step of every preset as a GPU gets it, without a GPU: lowered for CUDA, and read."""

import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from cyclegan_jax import config as config_lib
from cyclegan_jax.data.source import make_domains
from cyclegan_jax.models import networks
from cyclegan_jax.training.step import parallel, state as state_lib

pytestmark = pytest.mark.slow

DEVICES = 4
SMALL = dict(
  dataset='x',
  image_size=(32, 32),
  load_size=(0, 0),
  base_width=8,
  discriminator_width=8,
  discriminator_layers=2,
  batch_size=2 * DEVICES,
)
OF_PRESET = {
  'cyclegan': dict(n_residual_blocks=1),
  'pix2pix': dict(n_downsampling=5),
  'pix2pixhd': dict(n_downsampling=2, n_residual_blocks=1),
  'infragan': dict(n_downsampling=5, discriminator_layers=5),
  'cut': dict(n_residual_blocks=1, nce_patches=8),
  'fastcut': dict(n_residual_blocks=1, nce_patches=8),
  'dclgan': dict(n_residual_blocks=1, nce_patches=8),
  'exemplar': dict(n_residual_blocks=1),
  'sparse': dict(n_downsampling=5),
  'regression': dict(n_downsampling=5, discriminator_layers=4),
  'thermal': dict(n_downsampling=5),
  'thermalgan': dict(n_downsampling=5, condition='none'),
}


def lowered(preset, masked=False, **settings):
  """The step's StableHLO for CUDA, and its configuration."""
  small = {**SMALL, **OF_PRESET.get(preset, {}), **settings}
  config = config_lib.make(preset, **small)
  domains = make_domains(config.data)
  shape = (DEVICES, config.train.batch_size // DEVICES, *config.data.image_size)
  batch = {
    name: jax.ShapeDtypeStruct((*shape, domain.channels), jnp.float32)
    for name, domain in domains.items()
  }
  if masked:
    batch |= {f'{name}_mask': jax.ShapeDtypeStruct((*shape, 1), jnp.bool_) for name in domains}
  if config.labeled:
    batch['labels'] = jax.ShapeDtypeStruct(shape, jnp.uint8)
  state = jax.tree.map(
    lambda x: jax.ShapeDtypeStruct((DEVICES, *x.shape), x.dtype),
    state_lib.abstract(config, domains),
  )
  optimizer = state_lib.make_optimizer(config.train, 10)
  step = parallel.compile_train_step(networks.build(config.model, domains), config, optimizer)
  traced = jax.jit(step).trace(state, batch)
  # Weights, statistics and moments stay float32 whatever convolutions compute in.
  floats = [x for x in jax.tree.leaves(traced.out_info) if jnp.issubdtype(x.dtype, jnp.floating)]
  assert {x.dtype for x in floats} == {np.dtype('float32')}
  return traced.lower(lowering_platforms=('cuda',)).as_text(), config


def check(text, config):
  """No operation is for CPUs only, and convolutions compute in the precision that was asked for."""
  # What no compiler but that of one platform knows, such as LAPACK's routines.
  assert 'custom_call' not in text
  convolutions = re.findall(r'stablehlo\.convolution.*-> tensor<[\dx]*x(\w+)>', text)
  kind = {'float32': 'f32', 'bfloat16': 'bf16'}[config.model.precision]
  assert len(convolutions) > 10 and set(convolutions) == {kind}
  # On CPUs, most convolutions are products of matrices; ops/ has no place on a GPU. Spectral norm,
  # projections and the attention of infragan's discriminator are such products by themselves.
  if not (config.model.spectral_norm or config.model.projection_width):
    assert text.count('stablehlo.dot_general') < len(convolutions) / 4
  # All devices have means in common. From JAX 0.12 on, groups are written as axes of the mesh.
  groups = f'dense<{[list(range(DEVICES))]}> : tensor<1x{DEVICES}xi64>'
  axes, mesh = '[#stablehlo.axis_ref<name = "devices">]', f'["devices"={DEVICES}]'
  exchanges = re.findall(r'"stablehlo\.all_reduce".*', text)
  assert exchanges
  assert all(groups in line or (axes in line and mesh in text) for line in exchanges)
  # Each update exchanges its gradients at once. Loss terms, spreads, and statistics are the rest.
  vectors = re.findall(r'"stablehlo\.all_reduce".*?\}\) : \(tensor<(\d+)xf32>\)', text, re.DOTALL)
  updates = 1 + bool(networks.discriminators(config.model))
  params = jax.tree.leaves(state_lib.abstract(config, make_domains(config.data)).params)
  assert sum(sorted(map(int, vectors))[-updates:]) == sum(leaf.size for leaf in params)
  assert len(vectors) <= updates + 5


@pytest.mark.parametrize('preset', config_lib.PRESETS)
def test_every_preset_in_bfloat16(preset):
  check(*lowered(preset, precision='bfloat16'))


@pytest.mark.parametrize(
  'settings',
  [
    dict(masked=True),
    dict(accumulate=2),
    dict(remat=True),
    dict(sync_batch_norm=False),
    dict(ema_decay=0.99, pool_size=4, diff_augment='translation+cutout', r1_weight=1.0),
  ],
)
def test_other_settings(settings):
  check(*lowered('udacity', n_downsampling=2, n_residual_blocks=1, **settings))


def test_by_example_in_parts_with_masks():
  check(*lowered('exemplar', masked=True, accumulate=2, remat=True, paired=True))
