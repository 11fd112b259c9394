"""Every --normalization through networks, losses, pictures and whole runs."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import skimage.metrics

from cyclegan_jax import normalization
from cyclegan_jax.data import images
from cyclegan_jax.inference import model as model_lib
from cyclegan_jax.models import networks
from cyclegan_jax.reports import sample_grid
from cyclegan_jax.settings import fields
from cyclegan_jax.training import state as state_lib
from cyclegan_jax.training.objectives import Part
import datasets
from tests.training import test_steps
from tests.training.test_loop import train
from tests.training.test_steps import SIZE

KINDS = fields()['normalization'][1].metadata['allowed']
BANDS = {'rgb': (380, 750), 'ir': (7500, 14000)}


def made(kind, **overrides):
  """A part of a batch of noise, its state, and its pixels."""
  bands = dict(ir_band='lwir') if kind.startswith('spectral_') else {}
  config = test_steps.tiny(normalization=kind, norm='none', **bands, **overrides)
  norms = normalization.normalizations(config.data)
  nets = networks.build(config.model, config.data.rgb_channels, config.data.ir_channels, norms)
  rng = np.random.default_rng(0)
  pixels = {
    name: rng.integers(0, 256, (4, SIZE, SIZE, getattr(config.data, f'{name}_channels')))
    for name in norms
  }
  batch = {name: norms[name].forward(x.astype(np.float32)) for name, x in pixels.items()}
  state = jax.jit(state_lib.initialize, static_argnums=0)(config)
  return Part(nets, config, batch), state, pixels, norms


def unit(kind, domain, pixels):
  """From -1 to 1: pixels, or the logarithms of their wavelengths."""
  low, high = BANDS[domain]
  if kind != 'spectral_log':
    return pixels / 127.5 - 1
  return 2 * np.log((low + (high - low) * pixels / 255) / low) / np.log(high / low) - 1


@pytest.mark.parametrize('kind', [kind for kind in KINDS if kind != 'emsn'])
def test_loss_terms_are_those_of_pixels_in_every_interval(kind):
  part, state, pixels, norms = made(kind, ssim_weight=1.0, gradient_weight=1.0)
  _, (_, terms, fakes) = jax.jit(part.generators)(
    state_lib.select(state.params, ('rgb_to_ir', 'ir_to_rgb')), state
  )
  for domain, other in (('rgb', 'ir'), ('ir', 'rgb')):
    cycled, _ = jax.jit(
      lambda p, x, name=f'{other}_to_{domain}': part.nets[name](p, {}, x, training=True)
    )(state.params[f'{other}_to_{domain}'], fakes[other])
    true = unit(kind, domain, pixels[domain])
    fake, cycled = (
      unit(kind, domain, np.float64(norms[domain].inverse(np.asarray(x))))
      for x in (fakes[domain], cycled)
    )
    assert terms[f'supervised_{domain}'] == pytest.approx(np.abs(true - fake).mean(), rel=1e-4)
    assert terms[f'cycle_{domain}'] == pytest.approx(np.abs(true - cycled).mean(), rel=1e-4)
    gradient = sum(np.abs(np.diff(true - fake, axis=axis)).mean() for axis in (1, 2))
    assert terms[f'gradient_{domain}'] == pytest.approx(gradient, rel=1e-4)
    similarity = np.mean(
      [
        skimage.metrics.structural_similarity(
          a + 1,
          b + 1,
          gaussian_weights=True,
          sigma=1.5,
          use_sample_covariance=False,
          data_range=2,
          channel_axis=-1,
        )
        for a, b in zip(true, fake)
      ]
    )
    assert terms[f'ssim_{domain}'] == pytest.approx(1 - similarity, abs=1e-3)


@pytest.mark.parametrize(
  'kind, generator',
  [
    ('plain', {}),
    ('spectral_linear', {}),
    ('spectral_channels', {}),
    ('spectral_log', dict(generator='resnet')),
    ('spectral_log', dict(generator='unet', n_downsampling=3)),
  ],
)
def test_generators_fill_the_interval_and_do_not_leave_it(kind, generator):
  part, state, _, norms = made(kind, **generator)
  fakes, _ = jax.jit(part.fakes)(state)
  loud = jax.tree.map(lambda x: 50 * x, state.params)
  extremes, _ = jax.jit(part.fakes)(dataclasses.replace(state, params=loud))
  for domain, norm in norms.items():
    low, high = np.float32(norm.interval)
    values = np.asarray(extremes[domain])
    np.testing.assert_allclose([values.min(), values.max()], [low, high], atol=2e-7)
    # Untrained networks' outputs lie near 0 before they are spread.
    assert abs(np.mean(fakes[domain]) - (low + high) / 2) < 0.3 * (high - low)
    assert fakes[domain].shape == part.batch[domain].shape


@pytest.mark.parametrize('kind', KINDS)
def test_discriminators_see_pixels_without_data_black(kind):
  part, _, _, norms = made(kind)
  mask = np.zeros((4, SIZE, SIZE, 1), bool)
  masked = Part(part.nets, part.config, {**part.batch, 'ir_mask': mask, 'rgb_mask': mask})
  for domain, norm in norms.items():
    black = norm.forward(np.zeros(1, np.float32))[0]
    for source in norms:
      np.testing.assert_array_equal(masked.judged(domain, part.batch[domain], source), black)


def test_generators_see_wavelengths_and_those_of_the_image_at_hand():
  """In the identity term a generator sees an image of its target, with that one's wavelengths."""
  part, state, _, norms = made('spectral_channels', ir_channels=3, identity_weight=1.0)
  _, (_, terms, fakes) = jax.jit(part.generators)(
    state_lib.select(state.params, ('rgb_to_ir', 'ir_to_rgb')), state
  )

  def run(name, image, domain):
    constants = np.broadcast_to(np.float32(norms[domain].constants), image.shape)
    bare = networks.Network(part.nets[name].graph)
    return jax.jit(lambda p, x: bare(p, {}, x, training=True)[0])(
      state.params[name], jnp.concatenate([image, constants], -1)
    )

  np.testing.assert_allclose(fakes['ir'], run('rgb_to_ir', part.batch['rgb'], 'rgb'), atol=1e-5)
  for domain, name in (('ir', 'rgb_to_ir'), ('rgb', 'ir_to_rgb')):
    image = part.batch[domain]
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
    rgb, ir = (dataset.domains[name].normalization for name in ('rgb', 'ir'))
    copy = {
      'rgb_to_ir': lambda x: ir.forward(rgb.inverse(x)[..., :1]),
      'ir_to_rgb': lambda x: np.repeat(rgb.forward(ir.inverse(x)), 3, -1),
    }
    grids.append(sample_grid.grid(copy, dataset, config))
  assert np.ptp(grids[0]) > 100
  for grid in grids[1:]:
    np.testing.assert_array_equal(grid, grids[0])


@pytest.mark.parametrize(
  'kind, said',
  [
    pytest.param('plain', 'Sampling: pairs', marks=pytest.mark.slow),
    pytest.param('emsn', 'Normalization: emsn. As printed', marks=pytest.mark.slow),
    pytest.param(
      'spectral_linear',
      'RGB (380-750 nm) lies in [-1.000, -0.946]; IR (1000-14000 nm) lies in [-0.909, 1.000]',
      marks=pytest.mark.slow,
    ),
    ('spectral_log', 'on the axis of 380-14000 nm: RGB (380-750 nm) lies in [-1.000, -0.623]'),
    pytest.param(
      'spectral_channels', 'RGB -0.673, -0.813, -0.879; IR 0.654', marks=pytest.mark.slow
    ),
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
