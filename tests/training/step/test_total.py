"""Every loss term that is logged is part of what is minimized, with the weight of its flag."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from cyclegan_jax import config as config_lib
from cyclegan_jax.data.source import make_domains
from cyclegan_jax.models import networks
from cyclegan_jax.settings import LossConfig
from cyclegan_jax.training.step import bases, exchange, losses

SIZE = 16
TINY = dict(
  dataset='x',
  image_size=(SIZE, SIZE),
  load_size=(0, 0),
  base_width=4,
  n_residual_blocks=1,
  n_downsampling=2,
  discriminator_width=4,
  discriminator_layers=2,
  sync_batch_norm=False,
  redraw_fakes=False,
)
NCE = dict(projection_width=8, nce_patches=8, initializer='uniform')
# Weights that no two terms share.
SUPERVISED = dict(
  supervised_weight=2.0, ssim_weight=3.0, gradient_weight=5.0, sharpness_weight=29.0
)
CASES = {
  'cyclegan': dict(
    **SUPERVISED,
    **NCE,
    paired=True,
    ir_channels=3,
    adversarial_weight=7.0,
    cycle_weight=11.0,
    identity_weight=13.0,
    nce_weight=17.0,
    feature_matching_weight=19.0,
    r1_weight=23.0,
    r1_every=1,
    discriminator_weight=0.5,
  ),
  'cut': dict(
    **NCE, method='cut', cycle_weight=0.0, nce_weight=17.0, nce_identity=True, generator='resnet'
  ),
  'two stages': dict(
    method='pix2pix',
    paired=True,
    cycle_weight=0.0,
    base='lowpass',
    supervised_weight=2.0,
    thermal_weight=31.0,
  ),
  'exemplar': dict(
    method='exemplar',
    generator='resnet',
    norm='none',
    discriminator='multiscale',
    discriminator_scales=2,
    discriminator_activation='leaky_relu',
    adversarial_weight=7.0,
    cycle_weight=11.0,
    identity_weight=0.0,
    reconstruction_weight=37.0,
    code_weight=41.0,
  ),
  'regression': dict(
    **SUPERVISED, paired=True, method='pix2pix', adversarial_weight=0.0, cycle_weight=0.0
  ),
}


def flag(term):
  """The setting that weighs a term of the generators, from the term's name alone."""
  kind = term.rpartition('_')[0]
  kinds = {'nce_identity': 'nce', 'content': 'code', 'style': 'code'}
  return f'{kinds.get(kind, kind)}_weight'


@functools.cache
def both(case):
  """The configuration, and total and terms of the generators and of the discriminators."""
  config = config_lib.make(**{**TINY, **CASES[case]})
  domains = make_domains(config.data)
  nets = networks.build(config.model, domains)
  params, stats = networks.initialize(config.model, domains, 0)
  rng = np.random.default_rng(0)
  images = {
    name: rng.uniform(-1, 1, (2, SIZE, SIZE, domain.channels)).astype(np.float32)
    for name, domain in domains.items()
  }

  # The one device of the pmap axis.
  @jax.jit
  @functools.partial(jax.vmap, in_axes=(None, None, 0), axis_name='devices')
  def compute(params, stats, images):
    batch = exchange.kind(config)(nets, config, np.int32(0), bases.added(images, config), None)
    fakes, passed = batch.generate(params, stats)
    generators = batch.generator_loss(params, fakes, params, stats, passed)
    if not networks.discriminators(config.model):
      return generators, (0.0, (stats, {}))
    inputs = {
      made: batch.discriminator_input(made, fakes[made], source)
      for _, source, target in batch.directions()
      for made in batch.made(target)
    }
    return generators, batch.discriminator_loss(params, inputs, stats)

  result = compute(params, stats, {name: image[None] for name, image in images.items()})
  (total, (_, terms)), (judged, (_, found)) = jax.tree.map(lambda x: x[0], result)
  return config, (total, terms), (judged, found)


QUICK = ('two stages', 'regression')


@pytest.fixture(
  scope='module',
  params=[case if case in QUICK else pytest.param(case, marks=pytest.mark.slow) for case in CASES],
)
def computed(request):
  return both(request.param)


def test_the_generators_minimize_what_is_logged(computed):
  config, (total, terms), _ = computed
  terms = dict(terms)
  assert terms.pop('generator') == total
  halves = 2 if config.loss.nce_identity else 1
  weights = {
    name: getattr(config.loss, flag(name)) / (halves if name.startswith('nce') else 1)
    for name in terms
  }
  assert all(weights.values())
  want = sum(float(weights[name]) * float(value) for name, value in terms.items())
  assert float(total) == pytest.approx(want, rel=1e-5)
  # Terms that are 0 would hide their weights.
  assert all(float(value) != 0 for value in terms.values())


def test_the_discriminators_minimize_what_is_logged(computed):
  config, _, (total, terms) = computed
  weights = {name: config.loss.r1_weight if name.startswith('r1') else 1.0 for name in terms}
  want = sum(weights[name] * float(value) for name, value in terms.items())
  assert float(total) == pytest.approx(want, rel=1e-5)


def test_every_weight_has_a_term():
  """Otherwise a flag is taken and does nothing."""
  weights = {name for name in LossConfig.__dataclass_fields__ if name.endswith('_weight')}
  tried = {name for case in CASES.values() for name in case if name.endswith('_weight')}
  assert tried == weights


@pytest.mark.slow
def test_every_term_is_logged():
  weights = {name for name in LossConfig.__dataclass_fields__ if name.endswith('_weight')}
  logged = set()
  for case in CASES:
    _, (_, terms), (_, found) = both(case)
    logged |= {flag(name) for name in (*terms, *found) if name != 'generator'}
  assert logged == weights


def test_a_total_knows_no_other_terms():
  total, terms = losses.total({'a': (2.0, jnp.float32(3)), 'b': (0.5, jnp.float32(4))})
  assert float(total) == 8 and terms == {'a': 3, 'b': 4}
