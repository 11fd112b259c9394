"""A generator of two stages against its stages, applied by hand."""

from flax import nnx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from cyclegan_jax import config as config_lib
from cyclegan_jax.data import condition
from cyclegan_jax.data.source import make_domains
from cyclegan_jax.inference.export import export
from cyclegan_jax.inference.export.program import Program
from cyclegan_jax.inference.tiling import receptive_field
from cyclegan_jax.models import apply, generators, layers, networks, two_stage
from cyclegan_jax.models.initializers import Draws
from cyclegan_jax.models.network import Network, with_channels
from cyclegan_jax.settings import DataConfig, ModelConfig
from tests.inference import made_up
from tests.inference.tiling.test_receptive_field import reach_by_gradient

TOLD = condition.of_kind('quantiles').measured(np.array([[-0.2, 0.6], [0.1, 0.4]], np.float32))
TINY = dict(base_width=4, n_downsampling=1, n_residual_blocks=0, norm='none')
CONFIG = ModelConfig(method='pix2pix', base='lowpass', condition='quantiles', **TINY)


def made():
  """The network, its arrays, and images."""
  domains = make_domains(DataConfig(normalization='spectral_channels'), condition=TOLD)
  params, stats = networks.initialize(CONFIG, domains, 0)
  # Large enough weights for contrasts to matter.
  params = jax.tree.map(lambda x: 3 * x, params['rgb_to_ir'])
  x = np.random.default_rng(0).uniform(-1, 1, (2, 16, 16, 3)).astype(np.float32)
  return networks.build(CONFIG, domains)['rgb_to_ir'], params, stats['rgb_to_ir'], x, domains


def stage(params, name, in_channels, x):
  """The output of one stage, as of a network of its own."""
  make = lambda: generators.UdacityGenerator(CONFIG, in_channels, 1, Draws(None))
  graph = nnx.split(make())[0]
  return apply.translate(Network(graph), params[name], {}, jnp.asarray(x))


def test_contrasts_are_added_to_a_base_which_alone_hears_the_condition():
  net, params, stats, x, domains = made()
  wavelengths = domains['rgb'].wavelength_channels
  vectors = np.array([[0.5, 0.9], [-0.8, 0.1]], np.float32)
  seen = np.asarray(with_channels(x, wavelengths))
  base = stage(params, 'base', 8, with_channels(seen, vectors))
  contrasts = stage(params, 'contrast', 7, np.concatenate([base, seen], -1))
  assert np.abs(contrasts).max() > 0.05
  y = apply.translate(net, params, stats, x, vectors)
  np.testing.assert_allclose(y, np.clip(base + contrasts, -1, 1), atol=1e-5)
  # In training, on bases from elsewhere: what is told changes no contrasts.
  true = np.random.default_rng(1).uniform(-1, 1, (2, 16, 16, 1)).astype(np.float32)
  stages = jax.jit(
    lambda told: net(params, stats, x, training=True, condition=told, true_base=true)[0]
  )
  (one, warm), (other, cold) = stages(vectors), stages(-vectors)
  np.testing.assert_allclose(one, base, atol=1e-5)
  assert np.abs(one - other).max() > 0.01
  np.testing.assert_array_equal(warm, cold)
  wanted = true + stage(params, 'contrast', 7, np.concatenate([true, seen], -1))
  np.testing.assert_allclose(warm, wanted, atol=1e-5)


def test_contrasts_on_generated_bases_do_not_change_the_bases():
  config = ModelConfig(method='pix2pix', base='lowpass', contrast_base='generated', **TINY)
  domains = make_domains(DataConfig())
  net = networks.build(config, domains)['rgb_to_ir']
  params, _ = networks.initialize(config, domains, 0)
  x = np.random.default_rng(0).uniform(-1, 1, (1, 16, 16, 3)).astype(np.float32)
  far = np.full((1, 16, 16, 1), 0.9, np.float32)

  def total(params):
    (_, ir), _ = net(params, {}, x, training=True, true_base=far)
    return jnp.sum(ir), ir

  grads, ir = jax.jit(jax.grad(total, has_aux=True))(params['rgb_to_ir'])
  assert not any(leaf.any() for leaf in jax.tree.leaves(grads['base']))
  assert all(leaf.any() for leaf in jax.tree.leaves(grads['contrast']))
  translated = apply.translate(net, params['rgb_to_ir'], {}, x)
  np.testing.assert_allclose(ir, translated, atol=1e-6)


def test_stages_drop_out_different_elements():
  keys = jax.random.split(jax.random.key(0), 3)
  kept = lambda keys: layers.dropout(jnp.ones((3, 8, 8, 4)), 0.5, keys, 1) > 0
  first, second = kept(keys), kept(two_stage.of_second_stage(keys))
  assert 0.3 < np.mean(first == second) < 0.7


def test_the_receptive_field_is_that_of_the_gradient():
  config, alone = (
    ModelConfig(method='pix2pix', base=base, **{**TINY, 'base_width': 1})
    for base in ('lowpass', 'none')
  )
  size = 2 ** (2 * receptive_field.radius(config)).bit_length()
  assert receptive_field.radius(config) == reach_by_gradient(config, size)
  assert receptive_field.radius(config) > receptive_field.radius(alone)


def test_parameters_are_those_of_two_generators_and_two_discriminators():
  config = config_lib.make('thermalgan', dataset='x', condition='none')
  domains = make_domains(config.data)
  params, _ = networks.abstract(config.model, domains)
  counts = {name: networks.count_parameters(tree) for name, tree in params.items()}
  # Of the second stage those of the published networks: a U-Net of 9 layers from 4 to 1 channels,
  # and a discriminator of 5.
  assert networks.count_parameters(params['rgb_to_ir']['contrast']) == 66_995_841
  assert counts['ir'] == 2_767_681
  assert counts['base'] == 2_767_681 - 64 * 16
  assert counts['rgb_to_ir'] == 2 * 66_995_841 - 64 * 16


@pytest.mark.slow
def test_tiles_and_exported_files_give_the_whole_image(tmp_path):
  pytest.importorskip('onnxruntime', reason='pip install onnxruntime')
  made = made_up.model(
    'thermalgan',
    told=TOLD,
    base='lowpass',
    condition='quantiles',
    image_size=(64, 64),
    load_size=(0, 0),
    n_downsampling=3,
    norm='instance',
  )
  image = made_up.picture(160, 224)
  whole = made.translate(image, tile=0)
  tiled = made.translate(image, tile=128, overlap=96)
  overlap = 2 * receptive_field.radius(made.config.model)
  assert overlap <= 96 and abs(tiled.astype(int) - whole).max() <= 1
  for form in ('onnx', 'stablehlo'):
    module = export.load_format(form)
    module.write(tmp_path / form, Program(made, 'rgb_to_ir', 255), {})
    got = module.load(tmp_path / form)(image[None])[0]
    assert abs(got.astype(int) - whole).max() <= 1
