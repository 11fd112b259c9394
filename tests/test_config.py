"""Presets, overrides, validation messages and JSON."""

import json

from hypothesis import given, strategies as st
import pytest

from cyclegan_jax import config as config_lib, settings
from cyclegan_jax.errors import UserError


def test_default_preset_is_the_papers():
  config = config_lib.make(dataset='osu', paired=True, emsn=True)
  assert config.data.image_size == (128, 128)
  assert (config.train.batch_size, config.train.epochs, config.train.learning_rate) == (16, 9, 2e-4)
  assert (config.model.n_residual_blocks, config.model.base_width) == (6, 64)
  assert config.loss.supervised_weight == 10.0


@pytest.mark.parametrize(
  'overrides, weight',
  [
    (dict(paired=True), 10.0),
    (dict(paired=True, supervised_weight=0.0), 0.0),
    (dict(paired=True, supervised_weight=3.0), 3.0),
    (dict(), 0.0),
    (dict(paired=False), 0.0),
  ],
)
def test_paired_switches_the_supervised_term_on(overrides, weight):
  assert config_lib.make(**overrides).loss.supervised_weight == weight


@pytest.mark.parametrize(
  'overrides, expected',
  [
    (dict(), 'plain'),
    (dict(emsn=True), 'emsn'),
    (dict(emsn=False), 'plain'),
    (dict(emsn=None), 'plain'),
    (dict(preset='demo_cyclegan'), 'emsn'),
    (dict(preset='demo_cyclegan', emsn=False), 'plain'),
    (dict(preset='demo', normalization='spectral_channels'), 'spectral_channels'),
    (dict(emsn=False, normalization='spectral_channels'), 'spectral_channels'),
    (dict(emsn=True, normalization='emsn'), 'emsn'),
  ],
)
def test_emsn_is_short_for_a_normalization(overrides, expected):
  config = config_lib.make(**overrides)
  assert config.data.normalization == expected
  assert 'emsn' not in settings.flatten(config)


@pytest.mark.parametrize('normalization', ['plain', 'emsn', 'spectral_channels'])
def test_bfloat16_is_accepted_with_every_normalization(normalization):
  config = config_lib.make(normalization=normalization, precision='bfloat16')
  assert config.model.precision == 'bfloat16'


def test_unpaired_demo_has_no_supervised_term():
  assert config_lib.make('demo_cyclegan', paired=False).loss.supervised_weight == 0.0


@pytest.mark.parametrize(
  'overrides, weight',
  [(dict(), 100.0), (dict(paired=True), 100.0), (dict(supervised_weight=5.0), 5.0)],
)
def test_pix2pix_keeps_its_own_supervised_weight(overrides, weight):
  assert config_lib.make('pix2pix', **overrides).loss.supervised_weight == weight


@pytest.mark.parametrize(
  'overrides, weight',
  [
    (dict(), 0.0),
    (dict(ir_channels=3), 5.0),
    (dict(rgb_channels=1), 5.0),
    (dict(ir_channels=3, identity_weight=2.0), 2.0),
  ],
)
def test_cyclegan_has_an_identity_term_where_channels_agree(overrides, weight):
  assert config_lib.make('cyclegan', **overrides).loss.identity_weight == weight


@pytest.mark.parametrize(
  'overrides, words',
  [
    (dict(preset='pix2pix', paired=False), ['--method=pix2pix', '--paired', '--preset=udacity']),
    (dict(preset='demo', paired=False), ['--preset=demo', '--paired', '--preset=udacity']),
    (dict(preset='pix2pix', cycle_weight=1.0), ['--cycle_weight=1', 'one generator']),
    (
      dict(preset='pix2pix', image_size=(128, 128), load_size=(0, 0)),
      ['--image_size=128x128', 'multiples of 256', '--n_downsampling=8', '--n_downsampling=7'],
    ),
    (dict(preset='pix2pix', n_downsampling=2), ['--n_downsampling=2', 'unet']),
    (
      dict(preset='cyclegan', epochs=201, decay_start=100, decay_epochs=100),
      ['--epochs=201', '--decay_start', '200'],
    ),
    (dict(preset='cyclegan', redraw_fakes=True), ['--noredraw_fakes']),
    (dict(preset='cyclegan', image_size=(16, 16)), ['--image_size=16x16', '24']),
    (dict(decay_start=3), ['--decay_start=3', '--decay_epochs']),
    (dict(ssim_weight=1.0), ['--ssim_weight=1', '--paired']),
    (dict(ema_decay=1.0), ['--ema_decay=1.0']),
    (dict(dropout=0.5), ['--dropout=0.5', 'unet']),
    (dict(unet_skips='1'), ['--unet_skips=1', 'only --generator=unet']),
    (dict(preset='pix2pix', unet_skips='1,8'), ['--unet_skips=1,8', 'from 1 to 7', '1,2,-1']),
    (dict(preset='pix2pix', unet_skips='inner'), ['--unet_skips=inner', 'from 1 to 7']),
    (dict(pool_size=-1), ['--pool_size=-1']),
    (
      dict(emsn=True, normalization='spectral_channels'),
      ['--emsn', '--normalization=spectral_channels', 'contradict'],
    ),
    (dict(emsn=True, normalization='plain'), ['--emsn', '--normalization=plain']),
    (dict(emsn=False, normalization='emsn'), ['--noemsn', '--normalization=emsn']),
    (dict(normalization='zscore'), ['--normalization=zscore', 'spectral_channels']),
    (dict(normalization='spectral_log'), ['--normalization=spectral_log', 'spectral_channels']),
    (dict(ir_band='lwir'), ['--ir_band=lwir', '--normalization=plain', 'spectral_channels']),
    (dict(emsn=True, ir_band='8000:9000'), ['--ir_band=8000:9000', '--normalization=emsn']),
    *(
      (
        dict(normalization='spectral_channels', ir_band=band),
        [f'--ir_band={band}', 'longest', '380:14000', 'lwir, mwir, nir'],
      )
      for band in (
        'swir',
        '9000:8000',
        '0:750',
        '300:750',
        '380:nan',
        '8000',
        '8000:15000',
        '1:2:3',
      )
    ),
    (dict(ir_range='-20:120'), ['--ir_range=-20:120', 'MIN:MAX,UNIT']),
    (dict(ir_range='120:-20,degC'), ['--ir_range=120:-20,degC']),
    (dict(ir_range='0:inf,K'), ['--ir_range=0:inf,K']),
    (dict(ir_range='0:nan,K'), ['--ir_range=0:nan,K']),
    (dict(ir_range='0,K'), ['--ir_range=0,K']),
    (dict(ir_range='0:1, '), ['--ir_range=0:1, ']),
    (dict(ir_range='0:1,K\n'), ['--ir_range=0:1,K']),
    (dict(preset='nosuch'), ['--preset=nosuch', 'udacity', 'demo']),
    (dict(image_size=(100, 128)), ['--image_size=100x128', 'multiples of 8']),
    (dict(image_size=(16, 16)), ['--image_size=16x16', '--discriminator_layers=4', '32']),
    (dict(image_size=(8, 8), discriminator_layers=1), ['--image_size=8x8', 'at least 11']),
    (dict(image_size=(64, 64), load_size=(60, 80)), ['crop is larger', '64x64', '60x80']),
    (dict(load_size=(160, 160), resize='none'), ['--load_size', '--resize=none']),
    (dict(supervised_weight=1.0), ['--supervised_weight=1', '--paired']),
    (dict(identity_weight=5.0), ['--identity_weight=5', '--ir_channels=1']),
    (dict(batch_size=0), ['--batch_size=0']),
    (dict(learning_rate=-1.0), ['--learning_rate=-1.0']),
    (dict(seed=-1), ['--seed=-1']),
    (dict(cache_gib=-2.0), ['--cache_gib=-2', '-1: a quarter']),
    (dict(cache_gib=float('nan')), ['--cache_gib=nan']),
    (dict(cache_gib=float('inf')), ['--cache_gib=inf']),
    (dict(beta1=1.5), ['--beta1=1.5']),
    (dict(cycle_weight=float('nan')), ['--cycle_weight=nan']),
    (dict(image_size=128), ['--image_size=128', 'height and a width']),
    (dict(epochs=0), ['--epochs=0', '--steps=0']),
    (dict(activation='gelu'), ['--activation=gelu', 'leaky_relu']),
    (dict(rgb_channels=4), ['--rgb_channels=4', '3']),
    (dict(n_residual_blocks=-1), ['--n_residual_blocks=-1']),
  ],
)
def test_bad_values_name_the_flag(overrides, words):
  with pytest.raises(UserError) as error:
    config_lib.make(**overrides)
  for word in words:
    assert word in str(error.value)


@pytest.mark.parametrize('preset', config_lib.PRESETS)
def test_presets_are_valid_and_survive_json(preset):
  config = config_lib.make(preset)
  assert config_lib.from_json(config_lib.to_json(config), 'x') == config


@given(
  steps=st.integers(0, 10**9),
  weight=st.floats(0, 1e6),
  height=st.integers(4, 64),
  width=st.integers(4, 64),
  name=st.text(max_size=20),
)
def test_json_keeps_every_value(steps, weight, height, width, name):
  config = config_lib.make(
    steps=steps, cycle_weight=weight, source_dir=name, image_size=(8 * height, 8 * width)
  )
  assert config_lib.from_json(config_lib.to_json(config), 'x') == config


@pytest.mark.parametrize(
  'text',
  [
    'not json',
    '[]',
    '{}',
    config_lib.to_json(config_lib.make()).replace('"batch_size": 16', '"batch_size": "16"'),
    '{"format": 2}',
    json.dumps({'format': 2, 'data': {'nosuch': 1}, 'model': {}, 'loss': {}, 'train': {}}),
  ],
)
def test_foreign_json_is_refused_by_name(text):
  with pytest.raises(UserError, match='run/config.json'):
    config_lib.from_json(text, 'run/config.json')


def test_changed_values_are_marked():
  lines = config_lib.describe(config_lib.make('demo', batch_size=4)).splitlines()
  assert any(line.split() == ['*', 'batch_size', '4'] for line in lines)
  assert sum(line.startswith('  *') for line in lines) == 1


def test_options_of_the_data_set_are_settings_like_others():
  plain = config_lib.make(dataset='x')
  config = config_lib.make(dataset='x', options={'split_by': 'sequence', 'depth': 1.5})
  assert config_lib.from_json(config_lib.to_json(config), 'x') == config
  assert settings.flatten(config)['depth'] == 1.5 and hash(config) == hash(plain)
  assert settings.differences(plain, config) == {
    'split_by': (None, 'sequence'),
    'depth': (None, 1.5),
  }
  assert '  * split_by                 sequence' in config_lib.describe(config)


def test_unknown_settings_are_refused():
  with pytest.raises(TypeError, match='split_by'):
    config_lib.make(split_by='sequence')


@pytest.mark.parametrize(
  'name, value, number',
  [
    ('supervised_weight', None, 10.0),
    ('supervised_weight', 0.0, 0.0),
    ('identity_weight', None, 0),
  ],
)
def test_weights_that_follow_others_are_numbers(name, value, number):
  config = config_lib.make('cyclegan', paired=True, **{name: value})
  assert getattr(config.loss, name) == number


@pytest.mark.parametrize(
  'found, words',
  [
    (None, ['format 1', 'format 2', 'commit 665ee7a', '--workdir']),
    (3, ['format 3', 'format 2', 'newer', '--workdir']),
  ],
)
def test_other_formats_are_refused_by_both_numbers(found, words):
  tree = json.loads(config_lib.to_json(config_lib.make()))
  assert tree.pop('format') == 2
  if found:
    tree['format'] = found
  with pytest.raises(UserError) as error:
    config_lib.from_json(json.dumps(tree), 'run/config.json')
  for word in ['run/config.json', *words]:
    assert word in str(error.value)
