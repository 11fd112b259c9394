"""Every --normalization through networks, losses, pictures and whole runs."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from cyclegan_jax.data.source import make_domains
from cyclegan_jax.image_files import images
from cyclegan_jax.inference import model as model_lib
from cyclegan_jax.models import networks
from cyclegan_jax.models.network import Network
from cyclegan_jax.reports import sample_grid
from cyclegan_jax.settings import fields
from cyclegan_jax.training.step import state as state_lib
from cyclegan_jax.training.step.microbatch import Microbatch
import datasets
from tests.training import fresh
from tests.training.step import test_steps
from tests.training.step.test_steps import SIZE
from tests.training.test_loop import train

KINDS = fields()['normalization'][1].metadata['allowed']


def made(kind, **overrides):
  """A part of a batch of noise, and its state."""
  config = test_steps.tiny(normalization=kind, norm='none', **overrides)
  domains = make_domains(config.data)
  rng = np.random.default_rng(0)
  batch = {
    name: domain.normalize(rng.integers(0, 256, (4, SIZE, SIZE, domain.channels)))
    for name, domain in domains.items()
  }
  state, nets = fresh.state(config), networks.build(config.model, domains)
  return Microbatch(nets, config, state.step, batch, 0), state, domains


@pytest.mark.parametrize('kind', KINDS)
def test_discriminators_see_pixels_without_data_black(kind):
  part, _, domains = made(kind)
  mask = np.zeros((4, SIZE, SIZE, 1), bool)
  masked = dataclasses.replace(part, images={**part.images, 'ir_mask': mask, 'rgb_mask': mask})
  for name, domain in domains.items():
    black = domain.normalize(np.uint8(0))
    for source in domains:
      np.testing.assert_array_equal(
        masked.discriminator_input(name, part.images[name], source), black
      )


@pytest.mark.slow
def test_generators_see_wavelengths_and_those_of_the_image_at_hand():
  """In the identity term a generator sees an image of its target, with that one's wavelengths."""
  part, state, domains = made(
    'spectral_channels', ir_channels=3, identity_weight=1.0, ir_band='lwir'
  )
  # Large enough weights for wavelengths to matter.
  state = dataclasses.replace(state, params=jax.tree.map(lambda x: 3 * x, state.params))
  generators = state_lib.select(state.params, ('rgb_to_ir', 'ir_to_rgb'))

  @jax.jit
  def losses(params):
    fakes, stats = part.generate(params, state.batch_stats)
    _, (_, terms) = part.generator_loss(params, fakes, state.params, state.batch_stats, stats)
    return terms, fakes

  terms, fakes = losses(generators)

  def run(name, image, domain):
    constants = np.broadcast_to(np.float32(domains[domain].wavelength_channels), image.shape)
    bare = Network(part.nets[name].graph)
    return jax.jit(lambda p, x: bare(p, {}, x, training=True)[0])(
      state.params[name], jnp.concatenate([image, constants], -1)
    )

  np.testing.assert_allclose(fakes['ir'], run('rgb_to_ir', part.images['rgb'], 'rgb'), atol=1e-5)
  for domain, name in (('ir', 'rgb_to_ir'), ('rgb', 'ir_to_rgb')):
    image = part.images[domain]
    right, wrong = (
      float(np.abs(image - run(name, image, seen)).mean())
      for seen in (domain, {'ir': 'rgb', 'rgb': 'ir'}[domain])
    )
    assert terms[f'identity_{domain}'] == pytest.approx(right, rel=1e-5)
    assert abs(right - wrong) > 5e-5 * right


@pytest.fixture(scope='module')
def opened(tiny):
  """Of every normalization: a configuration and its data set."""
  configs = {kind: tiny(normalization=kind, steps=2, checkpoint_every=2) for kind in KINDS}
  return {kind: (config, datasets.open_dataset(config.data)) for kind, config in configs.items()}


def test_pictures_show_pixel_values(opened):
  """With generators that copy pixels, all columns of the grids are equal."""
  grids = []
  for config, dataset in opened.values():
    copy = {'rgb_to_ir': lambda x: x[..., :1], 'ir_to_rgb': lambda x: np.repeat(x, 3, -1)}
    grids.append(sample_grid.grid(copy, dataset, config))
  assert np.ptp(grids[0]) > 100
  for grid in grids[1:]:
    np.testing.assert_array_equal(grid, grids[0])


@pytest.mark.slow
@pytest.mark.parametrize(
  'kind, said',
  [
    ('plain', 'Sampling: pairs'),
    ('emsn', 'Normalization: emsn. As printed'),
    ('spectral_channels', 'RGB -0.673, -0.813, -0.879; IR 0.654'),
  ],
)
def test_runs_train_validate_and_translate(opened, kind, said, tmp_path):
  config, _ = opened[kind]
  assert said in train(config, tmp_path / kind)
  picture = images.read_image(tmp_path / kind / 'samples' / 'step_00000002.png')
  assert picture.shape[2] == 3
  model = model_lib.load(tmp_path / kind)
  image = np.random.default_rng(0).integers(0, 256, (20, 33, 3), np.uint8)
  result = model.translate(image)
  assert result.shape == (20, 33, 1) and result.dtype == np.uint8
  # Not stuck at an end: what an untrained generator gives is near the middle of its interval.
  assert 5 < np.median(result) < 250
