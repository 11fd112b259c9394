"""Settings of PatchNCE: what follows what, and what is refused."""

import pytest

from cyclegan_jax import config as config_lib
from cyclegan_jax.errors import UserError


@pytest.mark.parametrize(
  'overrides, width',
  [
    (dict(), 0),
    (dict(nce_weight=1.0), 256),
    (dict(nce_weight=1.0, projection_width=64), 64),
    (dict(preset='cut'), 256),
    (dict(preset='dclgan', nce_weight=0.0), 0),
  ],
)
def test_projections_exist_where_patch_nce_does(overrides, width):
  assert config_lib.make(**overrides).model.projection_width == width


def test_cut_is_unpaired_and_may_be_paired():
  assert not config_lib.make('cut').data.paired
  assert config_lib.make('cut', paired=True).loss.supervised_weight == 10


@pytest.mark.parametrize(
  'overrides, words',
  [
    (dict(preset='cut', nce_weight=0.0), ['--method=cut', '--nce_weight=1']),
    (dict(preset='cut', cycle_weight=1.0), ['--cycle_weight=1', 'one generator', '--preset=cut']),
    (dict(preset='cut', identity_weight=1.0, ir_channels=3), ['--identity_weight=1']),
    (dict(preset='cut', ir_channels=3, rgb_channels=1), ['--ir_channels=3', '--rgb_channels=1']),
    (dict(projection_width=8), ['--nce_weight=0', '--projection_width=8', 'contradict']),
    (dict(nce_identity=True), ['--nce_identity', '--nce_weight']),
    (dict(flip_equivariance=True), ['--flip_equivariance', '--nce_weight']),
    (dict(nce_weight=1.0, nce_identity=True), ['--nce_identity', '--identity_weight']),
    (dict(nce_weight=1.0, nce_temperature=0.0), ['--nce_temperature=0.0', 'above 0']),
    (dict(nce_weight=1.0, nce_patches=0), ['--nce_patches=0']),
  ],
)
def test_settings_that_do_not_fit(overrides, words):
  with pytest.raises(UserError) as error:
    config_lib.make(**overrides)
  for word in words:
    assert word in str(error.value)


@pytest.mark.parametrize('preset', ['cut', 'fastcut', 'dclgan'])
def test_a_configuration_comes_back_from_its_file(preset):
  config = config_lib.make(preset, dataset='x')
  assert config_lib.from_json(config_lib.to_json(config), 'config.json') == config
