"""All parts that a run is made of: each works wherever one of its kind is used.

A new generator, discriminator, norm, or preset is found here through its registry. What it needs
elsewhere (tiles, export, sizes) is then tried, so that nothing can be forgotten.
"""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from cyclegan_jax import config as config_lib, discriminator_sizes, settings
from cyclegan_jax.data.source import make_domains
from cyclegan_jax.inference.export import export
from cyclegan_jax.inference.export.program import Program
from cyclegan_jax.inference.tiling import receptive_field
from cyclegan_jax.models import discriminators, generators, initializers, networks
from cyclegan_jax.models.generator import Generator
from cyclegan_jax.settings import DataConfig, ModelConfig
from tests.inference.made_up import model, picture
from tests.inference.tiling.test_receptive_field import reach_by_gradient

FIELDS = settings.fields()
NORMS = FIELDS['norm'][1].metadata['allowed']
GENERATORS_AND_NORMS = [*itertools.product(generators.GENERATORS, NORMS)]
# The least that a U-Net takes.
TINY = dict(base_width=4, n_downsampling=3, n_residual_blocks=1)
DOMAINS = make_domains(DataConfig())


def small(generator, norm, **more):
  """A model of any generator, made for 64x64 images."""
  discriminator = dict(discriminator_layers=2, discriminator_width=4)
  return model(
    'udacity',
    generator=generator,
    norm=norm,
    image_size=(64, 64),
    **{**TINY, **discriminator, **more},
  )


@pytest.mark.parametrize(
  'name, parts',
  [
    ('generator', set(generators.GENERATORS)),
    ('discriminator', {*discriminators.DISCRIMINATORS, 'none'}),
    ('discriminator', set(discriminator_sizes.SIDES)),
  ],
)
def test_flags_name_the_parts_there_are(name, parts):
  assert set(FIELDS[name][1].metadata['allowed']) == parts


def test_initializers_are_known_to_layers():
  # Spectral norm brings one of its own.
  assert set(FIELDS['initializer'][1].metadata['allowed']) <= set(initializers.KERNELS)


@pytest.mark.parametrize('name', generators.GENERATORS)
def test_a_generator_says_what_tiles_need_of_it(name):
  own = generators.GENERATORS[name]
  for method in ('deepest_path', 'peak_arrays', 'encode'):
    assert getattr(own, method) is not getattr(Generator, method), method
  assert own.peak_arrays(ModelConfig(generator=name)) > 0


def test_a_generator_that_says_nothing_is_no_other_one():
  class Silent(Generator):
    pass

  for method in (Silent.deepest_path, Silent.peak_arrays):
    with pytest.raises(NotImplementedError):
      method(ModelConfig())


@pytest.mark.parametrize('name', generators.GENERATORS)
def test_equal_networks_are_one_key(name):
  # Compiled programs are kept by network.
  one, other = (networks.build(ModelConfig(generator=name, **TINY), DOMAINS) for _ in range(2))
  assert one == other and {*one.values()} == {*other.values()}


@pytest.mark.parametrize('name', generators.GENERATORS)
def test_the_receptive_field_is_that_of_the_gradient(name):
  config = ModelConfig(generator=name, norm='none', **{**TINY, 'base_width': 1})
  size = 2 ** (2 * receptive_field.radius(config)).bit_length()
  assert receptive_field.radius(config) == reach_by_gradient(config, size)


@pytest.mark.slow
@pytest.mark.parametrize('name, norm', GENERATORS_AND_NORMS)
def test_tiles_give_the_whole_image(name, norm):
  made = small(name, norm)
  overlap = 2 * receptive_field.radius(made.config.model)
  tile = overlap + 64
  image = picture(tile + 40, tile + 72)
  whole = made.translate(image, tile=0)
  assert whole.shape == (*image.shape[:2], 1)
  tiled = made.translate(image, tile=tile, overlap=overlap)
  assert abs(tiled.astype(int) - whole).max() <= 1


@pytest.mark.slow
@pytest.mark.parametrize(
  'form, name, norm',
  [
    *(('onnx', *parts) for parts in GENERATORS_AND_NORMS),
    # Of the network itself, whatever its norms.
    *(('stablehlo', name, 'batch') for name in generators.GENERATORS),
  ],
)
def test_exported_files_have_the_shapes_and_pixels_of_the_model(name, norm, form, tmp_path):
  for package in export.FORMATS[form]:
    pytest.importorskip(package, reason=f'pip install {package}')
  made = small(name, norm)
  module = export.load_format(form)
  module.write(tmp_path / 'file', Program(made, 'rgb_to_ir', 255), {})
  image = picture(21, 43)
  got, want = module.load(tmp_path / 'file')(image[None])[0], made.translate(image)
  assert got.shape == want.shape and got.dtype == want.dtype
  assert abs(got.astype(int) - want).max() <= 1


@pytest.mark.parametrize('name, norm', [*itertools.product(discriminators.DISCRIMINATORS, NORMS)])
def test_discriminators_judge_the_smallest_image_they_allow(name, norm):
  config = config_lib.make(
    discriminator=name, norm=norm, image_size=(64, 64), discriminator_layers=2, **TINY
  ).model
  sides = discriminator_sizes.SIDES[name](config)
  side = -(-sides.smallest // sides.multiple) * sides.multiple
  nets = networks.build(config, DOMAINS)
  params, stats = networks.abstract(config, DOMAINS)
  apply = lambda p, s, x: nets['ir'](p, s, x, training=False)[0]
  image = jax.ShapeDtypeStruct((2, side, side, 1), jnp.float32)
  verdict = jax.eval_shape(apply, params['ir'], stats['ir'], image)
  assert verdict.scores
  for scores in verdict.scores:
    assert scores.shape[0] == 2 and scores.size > 0 and scores.dtype == jnp.float32


@pytest.mark.slow
@pytest.mark.parametrize('preset', config_lib.PRESETS)
def test_presets_build_networks_for_their_image_size(preset):
  config = config_lib.make(preset)
  nets = networks.build(config.model, DOMAINS)
  params, stats = networks.abstract(config.model, DOMAINS)
  for name in networks.generators(config.model):
    source, target = (DOMAINS[domain] for domain in name.split('_to_'))
    image = jax.ShapeDtypeStruct((1, *config.data.image_size, source.channels), jnp.float32)
    apply = lambda p, s, x, net=nets[name]: net(p, s, x, training=False)[0]
    made = jax.eval_shape(apply, params[name], stats[name], image)
    assert made.shape == (1, *config.data.image_size, target.channels)
  assert receptive_field.radius(config.model) > 0
  assert np.isfinite(generators.GENERATORS[config.model.generator].peak_arrays(config.model))
