"""Losses by example: what moves what, masks, parts and devices, and settings that do not fit."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from cyclegan_jax import config as config_lib
from cyclegan_jax.data.source import make_domains
from cyclegan_jax.errors import UserError
from cyclegan_jax.models import networks
from cyclegan_jax.training.step.exchange import Exchange
from tests.training import fresh
from tests.training.step import stepping
from tests.training.step.stepping import assert_close

SIZE = 16
TINY = dict(
  preset='exemplar',
  dataset='x',
  image_size=(SIZE, SIZE),
  load_size=(0, 0),
  base_width=4,
  n_residual_blocks=1,
  discriminator_width=4,
  discriminator_layers=2,
  batch_size=8,
)


def batch(masked=False, rows=8):
  rng = np.random.default_rng(0)
  draw = lambda channels: rng.uniform(-1, 1, (rows, SIZE, SIZE, channels)).astype(np.float32)
  masks = {}
  if masked:
    mask = np.ones((rows, SIZE, SIZE, 1), bool)
    mask[:, :5, 3:] = False
    masks = {'rgb_mask': mask, 'ir_mask': mask[:, ::-1]}
  return {'rgb': draw(3), 'ir': draw(1), **masks}


def made(**settings):
  """A microbatch of two rows, and what it is computed with."""
  config = config_lib.make(**{**TINY, 'sync_batch_norm': False, **settings})
  nets, state = networks.build(config.model, make_domains(config.data)), fresh.state(config)
  return lambda images: Exchange(nets, config, state.step, images, 0), state


@pytest.mark.slow
def test_codes_move_all_but_the_encoder_of_contents():
  of, state = made()
  part = of(batch(rows=1))

  def apart(params):
    arrays = params['rgb_to_ir'], state.batch_stats['rgb_to_ir']
    codes, _ = part.generate(params, state.batch_stats)
    terms = part._codes_apart(arrays, codes)
    assert set(terms) == {'content_rgb', 'content_ir', 'style_rgb', 'style_ir'}
    return sum(terms.values())

  moved = jax.jit(jax.grad(apart))(state.params)['rgb_to_ir']
  size = lambda name: sum(float(jnp.abs(x).sum()) for x in jax.tree.leaves(moved[name]))
  assert size('content') == 0
  for name in ('style_rgb', 'style_ir', 'decoder_rgb', 'decoder_ir'):
    assert size(name) > 0, name


@pytest.mark.slow
def test_fakes_have_the_content_of_one_image_and_the_style_of_the_other():
  of, state = made()
  images = batch(rows=2)
  generate = jax.jit(lambda images: of(images).generate(state.params, state.batch_stats))
  found, stats = generate(images)
  net, arrays = of(images).nets['rgb_to_ir'], state.params['rgb_to_ir']
  module = net.module(arrays, state.batch_stats['rgb_to_ir'])
  wanted = module.decoder_ir(module.content(images['rgb']), module.style_ir(images['ir']))
  np.testing.assert_allclose(found['ir'], wanted, atol=1e-4)
  back = module.decoder_rgb(module.content(images['ir']), module.style_rgb(images['rgb']))
  np.testing.assert_allclose(found['rgb'], back, atol=1e-4)
  mean = np.asarray(module.style_ir(images['ir'])).mean(0)
  np.testing.assert_allclose(stats['rgb_to_ir']['mean_style'], mean, atol=1e-5)
  # Another IR image: other fakes of IR images of the same content.
  other, _ = generate({**images, 'ir': -images['ir']})
  assert np.abs(other['ir'] - found['ir']).max() > 1e-4
  np.testing.assert_array_equal(other['content_rgb'], found['content_rgb'])


def test_a_content_counts_where_all_its_pixels_do():
  of, _ = made()
  images = batch(masked=True, rows=1)
  mask = np.asarray(of(images)._mask_of_content('rgb', 4))
  by_hand = [
    [images['rgb_mask'][0, 4 * i : 4 * i + 4, 4 * j : 4 * j + 4].all() for j in range(4)]
    for i in range(4)
  ]
  np.testing.assert_array_equal(mask[0, ..., 0], by_hand)
  assert of(batch())._mask_of_content('rgb', 4) is None


def stepped(devices=1, **settings):
  """State and terms after a step, in float64, with masks; discriminators are those of others."""
  small = dict(n_downsampling=1, adversarial_weight=0.0, batch_size=4)
  config = config_lib.make(**{**TINY, **small, 'paired': True, 'ema_decay': 0.9, **settings})
  return stepping.run_in_float64(config, devices, [batch(True, 4)])


@pytest.mark.slow
def test_devices_parts_and_remat_change_nothing():
  whole, terms = stepped()
  state, found = stepped(devices=2, accumulate=2, remat=True)
  assert_close(found, terms, atol=1e-6)
  moments, wanted = (one.opt_state['generators'][0].mu for one in (state, whole))
  assert_close(moments, wanted, atol=1e-7)
  # Parts are steps of the mean style: here two of equal weight.
  for name, seen in ((state, 2), (whole, 1)):
    assert name.batch_stats['rgb_to_ir']['seen'] == seen
  assert_close(
    state.batch_stats['rgb_to_ir']['mean_style'],
    whole.batch_stats['rgb_to_ir']['mean_style'],
    atol=1e-9,
  )
  assert set(state.ema) == {'rgb_to_ir'}


@pytest.mark.parametrize(
  'settings, message',
  [
    (dict(preset='cyclegan', code_weight=1.0), '--code_weight=1 is for --method=exemplar'),
    (dict(preset='pix2pix', reconstruction_weight=2.0), '--reconstruction_weight=2 is for'),
    (dict(generator='udacity'), '--generator=udacity: --method=exemplar has encoders'),
    (dict(normalization='spectral_channels'), 'is to know no domain'),
    (dict(image_size=(12, 16)), '--image_size=12x16 is too small for the styles'),
    (dict(nce_weight=1.0), '--nce_weight=1: --method=exemplar has no such term'),
    (dict(condition='quantiles'), '--condition=quantiles is for --method=pix2pix'),
    (dict(direction='ir_to_rgb'), '--direction=ir_to_rgb is for --method=pix2pix and'),
    (dict(base='lowpass'), '--base=lowpass is for --method=pix2pix'),
  ],
)
def test_settings_that_do_not_fit_are_refused(settings, message):
  with pytest.raises(UserError, match=message):
    config_lib.make(**{'preset': 'exemplar', 'dataset': 'x', **settings})
