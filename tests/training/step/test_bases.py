"""Bases, contrasts, and temperatures by hand; what each stage's networks see; runs."""

import dataclasses
import functools

import jax
import numpy as np
import pytest
import scipy.ndimage

from cyclegan_jax import config as config_lib
from cyclegan_jax.data import condition
from cyclegan_jax.data.source import make_domains
from cyclegan_jax.errors import UserError
from cyclegan_jax.inference import model as model_lib
from cyclegan_jax.models import networks
from cyclegan_jax.training import loop
from cyclegan_jax.training.step import bases, microbatch, state as state_lib
import datasets
from tests.training.step import stepping
from tests.training.step.stepping import assert_close

NAMES = ('sky', 'road', 'person')
# Values that floating-point numbers hold exactly.
IR = np.array(
  [
    [-0.5, -0.5, -0.25, -0.75],
    [-0.5, -0.5, -0.5, -0.5],
    [0.25, 0.75, 0.0, 0.5],
    [0.25, 0.75, 0.0, -0.5],
  ],
  np.float32,
)
LABELS = np.array([[0, 0, 0, 0], [0, 0, 0, 0], [1, 1, 2, 2], [1, 1, 2, 255]], np.uint8)
BASE = np.array([[-0.5] * 4, [-0.5] * 4, [0.5, 0.5, 1 / 6, 1 / 6], [0.5, 0.5, 1 / 6, -0.5]])
SMALL = dict(
  dataset='x',
  image_size=(16, 16),
  load_size=(0, 0),
  generator='udacity',
  dropout=0.0,
  norm='none',
  base_width=4,
  n_residual_blocks=0,
  n_downsampling=1,
  discriminator_width=4,
  discriminator_layers=2,
  batch_size=4,
)


def small(**overrides):
  return config_lib.make('thermalgan', **{**SMALL, **overrides})


def lowpass(**overrides):
  return small(base='lowpass', condition='quantiles', **overrides)


def noise(config, masked=False, dtype=np.float32):
  """A batch with labels, and a condition of random numbers."""
  rng = np.random.default_rng(0)
  rows, size = config.train.batch_size, config.data.image_size
  draw = lambda channels: rng.uniform(-1, 1, (rows, *size, channels)).astype(dtype)
  batch = {
    'rgb': draw(config.data.rgb_channels),
    'ir': draw(config.data.ir_channels),
    'labels': rng.choice(np.array([0, 1, 2, 255], np.uint8), (rows, *size)),
    condition.KEY: rng.uniform(-1, 1, (rows, told(config).size)).astype(dtype),
  }
  if masked:
    share = np.linspace(0.2, 1, rows)[:, None, None, None]
    batch |= {f'{name}_mask': rng.random((rows, *size, 1)) < share for name in ('rgb', 'ir')}
  return batch


def told(config):
  return condition.of_kind(config.model.condition, NAMES)


def test_base_contrasts_and_temperatures_of_a_4x4_image():
  config = small()
  batch = bases.added({'ir': IR[None, ..., None], 'labels': LABELS[None]}, config)
  base = np.asarray(batch['base'])
  np.testing.assert_allclose(base[0, ..., 0], BASE, atol=1e-7)
  contrasts = batch['ir'] - base
  np.testing.assert_allclose(contrasts[0, 2], [[-0.25], [0.25], [-1 / 6], [1 / 3]], atol=1e-7)
  np.testing.assert_array_equal((base + contrasts)[0, :, :2], batch['ir'][0, :, :2])
  np.testing.assert_allclose(base + contrasts, batch['ir'], atol=1e-7)
  # What the networks are told of it, as the pipeline computes it.
  temperatures = told(config).of_images(batch['ir'], LABELS[None], None)
  np.testing.assert_allclose(temperatures, [[-0.5, 0.5, 1 / 6, 1, 1, 1]], atol=1e-7)
  # The base is off by 0.2, 0, and 0.4 in the three classes, whatever its pixels without a label.
  shift = np.select([LABELS == 0, LABELS == 1, LABELS == 2], [0.2, 0.0, -0.4], 5.0)
  off = bases.thermal_l1(base + shift[None, ..., None].astype(np.float32), batch, config)
  assert off == pytest.approx(0.2, abs=1e-6)
  assert bases.thermal_l1(base, batch, config) == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize('masked', [False, True])
@pytest.mark.parametrize('make', [small, lowpass])
def test_the_thermal_term_is_the_distance_of_conditions(make, masked):
  config = make(ir_channels=3)
  batch = noise(config, masked)
  if masked:
    batch['ir_mask'][0] = False
  batch = bases.added(batch, config)
  made = np.random.default_rng(1).uniform(-1, 1, batch['ir'].shape).astype(np.float32)
  # The reference: the pipeline's conditions, of gray images.
  kind, mask, differences = told(config), batch.get('ir_mask'), []
  for i in range(len(made)):
    part = None if mask is None else mask[i : i + 1]
    of = lambda x: kind.of_images(x[..., None], batch['labels'][i : i + 1], part)
    each = [
      [of(images[i : i + 1, ..., c]) for c in range(3)]
      for images in (np.asarray(batch['base']), made)
    ]
    if kind.needs_labels:
      there = kind.present(each[0][0])[0]
      apart = [np.abs(kind.levels(a) - kind.levels(b))[0, there] for a, b in zip(*each)]
      differences.append(np.mean(apart) if there.any() else 0)
    else:
      gray = [of(images[i : i + 1].mean(-1)) for images in (np.asarray(batch['base']), made)]
      differences.append(np.abs(gray[0] - gray[1]).mean())
  got = jax.jit(functools.partial(bases.thermal_l1, config=config))(made, batch)
  assert got == pytest.approx(np.mean(differences), rel=1e-5) and got > 0.005


def test_masked_pixels_count_in_no_base():
  mask = np.ones((1, 4, 4, 1), bool)
  mask[0, 2, 1] = mask[0, 3, 3] = mask[0, 0, :3] = False
  batch = {'ir': IR[None, ..., None], 'labels': LABELS[None], 'ir_mask': mask}
  batch = bases.added(batch, small())
  np.testing.assert_allclose(batch['base'][0, 1, :, 0], -2.75 / 5, rtol=1e-6)
  np.testing.assert_allclose(batch['base'][0, 3, :, 0], [1.25 / 3] * 2 + [1 / 6, 0], rtol=1e-6)
  np.testing.assert_array_equal(batch['base_mask'], mask)


@pytest.mark.parametrize('masked', [False, True])
def test_a_lowpass_base_is_a_gaussian_mean_over_pixels_that_count(masked):
  config = lowpass(image_size=(64, 96))
  batch = bases.added(noise(config, masked), config)
  mask = batch['ir_mask'][..., 0] if masked else np.ones(batch['ir'].shape[:3], bool)
  # Two pixels of 64 are eight of 256; black beyond the border.
  blur = lambda x: scipy.ndimage.gaussian_filter(x, 2.0, mode='constant', truncate=12)
  for image, counts, base in zip(batch['ir'][..., 0].astype(np.float64), mask, batch['base']):
    want = blur(image * counts) / blur(counts.astype(np.float64))
    np.testing.assert_allclose(base[..., 0], want, atol=1e-5)


def test_discriminators_see_bases_with_temperatures_and_contrasts_with_bases():
  config = small()
  batch, domains = noise(config, masked=True), make_domains(config.data, condition=told(config))
  made = microbatch.Microbatch(
    networks.build(config.model, domains), config, np.int32(0), bases.added(batch, config), None
  )
  images = made.images
  begin = state_lib.abstract(config, domains)
  shapes, _ = jax.eval_shape(made.generate, begin.params, begin.batch_stats)
  assert {name: x.shape for name, x in shapes.items()} == dict.fromkeys(
    ('base', 'ir'), batch['ir'].shape
  )
  draw = np.random.default_rng(1).uniform
  fakes = {name: draw(-1, 1, x.shape).astype(np.float32) for name, x in shapes.items()}
  own = lambda x, source: np.where(images[f'{source}_mask'], x, -1)
  planes = np.broadcast_to(images[condition.KEY][:, None, None], (4, 16, 16, 6))
  for name, image, source in (
    ('base', images['base'], 'base'),
    ('base', fakes['base'], 'rgb'),
    ('ir', images['ir'], 'ir'),
    ('ir', fakes['ir'], 'rgb'),
  ):
    seen = made.discriminator_input(name, image, source)
    image = own(image, source)
    beside = (
      [image, planes] if name == 'base' else [images['base'], image - np.asarray(images['base'])]
    )
    np.testing.assert_allclose(seen, np.concatenate([images['rgb'], *beside], -1), atol=1e-6)
    assert seen.shape[-1] == networks.discriminator_channels(config.model, domains)[name]


STEPS = {
  'class means, their weights, and pools': small(pool_size=6, class_balance=0.5),
  'blurred, on generated bases': lowpass(contrast_base='generated', diff_augment='cutout'),
}


def stepped(config, devices):
  """State and terms after two steps, in float64."""
  table = np.linspace(0.5, 2, 256).astype(np.float32) if config.loss.class_balance else None
  return stepping.run_in_float64(
    config,
    devices,
    [noise(config, masked=True, dtype=np.float64)] * 2,
    domains=make_domains(config.data, condition=told(config)),
    class_weights=table,
  )


@pytest.mark.slow
@pytest.mark.parametrize('name', STEPS)
def test_devices_parts_and_remat_change_nothing(name):
  config = STEPS[name]
  expected, expected_terms = stepped(config, 1)
  parts = dataclasses.replace(config.train, accumulate=2, remat=True)
  state, terms = stepped(dataclasses.replace(config, train=parts), 2)
  assert_close(terms, expected_terms, atol=1e-5)
  assert_close(state.pools, expected.pools, atol=1e-6)
  for group in ('generators', 'discriminators'):
    assert_close(state.opt_state[group][0].mu, expected.opt_state[group][0].mu, atol=1e-6)


@pytest.mark.slow
def test_a_run_of_two_stages_is_one_generator_that_obeys(tiny, labeled_pairs, tmp_path):
  config = tiny(
    preset='thermalgan',
    source_dir=str(labeled_pairs),
    label_dir='labels',
    generator='udacity',
    dropout=0.0,
    learning_rate=1e-3,
    steps=60,
    checkpoint_every=60,
  )
  dataset = datasets.open_dataset(config.data)
  said = []
  assert loop.train(config, dataset, tmp_path / 'run', log=said.append) == 0
  assert any('discriminator base' in line and 'discriminator ir' in line for line in said)
  model = model_lib.load(tmp_path / 'run')
  assert list(model.translators) == ['rgb_to_ir']
  kind = model.domains['ir'].condition
  image = np.random.default_rng(0).integers(0, 256, (32, 32, 3), np.uint8)
  commanded = lambda level: model.translate(image, condition=kind.command({'background': level}))
  assert commanded(0.9).mean() > commanded(-0.9).mean() + 5


def test_data_without_labels_are_refused(tiny, tmp_path):
  config = tiny(method='pix2pix', cycle_weight=0.0, base='class_means')
  dataset = datasets.open_dataset(config.data)
  with pytest.raises(UserError, match='--base=class_means needs labels, .*--base=lowpass'):
    loop.train(config, dataset, tmp_path / 'run', log=print)
  assert not (tmp_path / 'run').exists()


@pytest.mark.parametrize(
  'preset, settings, message',
  [
    ('udacity', dict(base='lowpass'), '--base=lowpass is for --method=pix2pix, not for cyclegan'),
    ('pix2pix', dict(thermal_weight=2.0), '--thermal_weight=2 compares bases'),
    ('thermalgan', dict(base='none'), '--thermal_weight=5 .* or --thermal_weight=0'),
    ('pix2pix', dict(contrast_base='generated'), '--contrast_base=generated is for generators'),
    ('thermalgan', dict(nce_weight=1.0), '--base=class_means and --nce_weight=1 contradict'),
  ],
)
def test_settings_that_do_not_fit_two_stages_are_refused(preset, settings, message):
  with pytest.raises(UserError, match=message):
    config_lib.make(preset, dataset='x', **settings)
