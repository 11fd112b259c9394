"""What follows from --direction: names, channels, what discriminators see, and what is refused."""

import json

import jax
import numpy as np
import pytest

from cyclegan_jax import checksum, config as config_lib
from cyclegan_jax.data.source import ends, make_domains
from cyclegan_jax.errors import UserError
from cyclegan_jax.models import networks
from cyclegan_jax.training.hooks import collapse_warnings
from cyclegan_jax.training.step import diagnostics
from cyclegan_jax.training.step.microbatch import Microbatch

CUT = dict(preset='cut', ir_channels=3)


def made(direction='ir_to_rgb', preset='pix2pix', **settings):
  return config_lib.make(preset, dataset='x', direction=direction, **settings)


@pytest.mark.parametrize('settings', [dict(preset='pix2pix'), CUT, dict(preset='regression')])
@pytest.mark.parametrize('direction', ['rgb_to_ir', 'ir_to_rgb'])
def test_methods_with_one_generator_have_the_direction_asked_for(settings, direction):
  config = made(direction, **settings)
  source, target = direction.split('_to_')
  assert (config.model.source, config.model.target) == (source, target)
  assert networks.generators(config.model) == (direction,)
  judged = () if settings['preset'] == 'regression' else (target,)
  assert networks.discriminators(config.model) == judged
  projected = (f'projection_{source}',) if settings is CUT else ()
  assert networks.projections(config.model) == projected
  domains = make_domains(config.data)
  assert [domain.name for domain in ends(domains, direction)] == [source, target]


def test_cyclegan_learns_both_and_is_measured_from_rgb_to_ir():
  config = config_lib.make('cyclegan', dataset='x')
  assert networks.generators(config.model) == ('rgb_to_ir', 'ir_to_rgb')
  assert networks.discriminators(config.model) == ('rgb', 'ir')
  assert (config.model.source, config.model.target) == ('rgb', 'ir')


@pytest.mark.parametrize(
  'direction, target, channels', [('rgb_to_ir', 'ir', 1), ('ir_to_rgb', 'rgb', 3)]
)
def test_networks_have_the_channels_of_their_direction(direction, target, channels):
  config = made(direction)
  domains = make_domains(config.data)
  assert networks.discriminator_channels(config.model, domains) == {target: 4}
  params, _ = networks.abstract(config.model, domains)
  assert params[direction]['down'][0]['kernel'].shape[2] == 4 - channels
  assert params[direction]['up'][7]['bias'].shape == (channels,)


@pytest.mark.parametrize('direction, order', [('rgb_to_ir', 'rgb ir'), ('ir_to_rgb', 'ir rgb')])
def test_a_discriminator_of_pairs_sees_the_source_before_the_target(direction, order):
  config, rng = made(direction), np.random.default_rng(0)
  source, target = order.split()
  images = {
    name: rng.uniform(-1, 1, (2, 4, 6, channels)).astype(np.float32)
    for name, channels in (('rgb', 3), ('ir', 1))
  }
  masks = {f'{name}_mask': rng.random((2, 4, 6, 1)) < 0.5 for name in images}
  batch = Microbatch({}, config, np.int32(0), {**images, **masks}, 0)
  fake = rng.uniform(-1, 1, images[target].shape).astype(np.float32)
  # Pixels without thermal data are black: a fake has those of what it was made from.
  for image, of in ((images[target], target), (fake, source)):
    black = np.where(masks[f'{of}_mask'], image, -1)
    np.testing.assert_array_equal(
      batch.discriminator_input(target, image, of), np.concatenate([images[source], black], -1)
    )
  assert [way[1:] for way in batch.directions()] == [(source, target)]


@pytest.mark.parametrize(
  'settings, words',
  [
    (dict(preset='udacity'), '--direction=ir_to_rgb is for --method=pix2pix.*both directions'),
    (dict(preset='dclgan'), '--direction=ir_to_rgb is for --method=pix2pix.*both directions'),
    (dict(condition='quantiles'), 'makes RGB images. Give --condition=none'),
    (dict(preset='cut'), '--rgb_channels=3: .*RGB images to the encoder of IR ones.*ir_channels=1'),
    (dict(direction='up'), '--direction=up must be one of rgb_to_ir, ir_to_rgb'),
  ],
)
def test_directions_that_cannot_be_are_refused(settings, words):
  with pytest.raises(UserError, match=words):
    made(**settings)


def test_an_earlier_run_translates_from_rgb_to_ir():
  text = config_lib.to_json(made('rgb_to_ir'))
  assert text.count('"direction": "rgb_to_ir",') == 1
  content = checksum.loads(text)
  del content['model']['direction']
  assert config_lib.from_json(json.dumps(content), 'config.json') == made('rgb_to_ir')


def test_figures_of_a_step_are_about_the_target():
  rng = np.random.default_rng(0)
  ir, rgb = (rng.uniform(-1, 1, (1, 4, 5, 6, n)).astype(np.float32) for n in (1, 3))
  fake = np.repeat(-ir, 3, -1)
  observe = lambda images, fake: diagnostics.observe(images, fake, 'ir_to_rgb', paired=True)
  one_device = jax.jit(jax.vmap(observe, axis_name='devices'))
  found = one_device({'rgb': rgb, 'ir': ir}, fake)
  assert float(found['spread_true'][0]) == pytest.approx(rgb[0].std(0).mean(), rel=1e-5)
  assert float(found['spread_generated'][0]) == pytest.approx(ir[0].std(0).mean(), rel=1e-5)
  assert float(found['correlation_luminance'][0]) == pytest.approx(-1, abs=1e-5)
  row = {name: float(value[0]) for name, value in found.items()}
  (said,) = collapse_warnings.warnings(row, 4, 'ir_to_rgb')
  assert 'the generated RGB images are the IR images inverted' in said
