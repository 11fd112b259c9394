"""Flags as settings, in this process."""

import pathlib

from absl import flags
import pytest

from cyclegan_jax import config as config_lib
from experiments import flags as common


def parsed(*arguments):
  """The configuration that experiments.train makes of a command line."""
  values = flags.FlagValues()
  common.define_config_flags(values)
  values(['train', *arguments])
  return common.config_from_flags(values)


@pytest.mark.parametrize(
  'arguments, normalization, name',
  [
    ([], 'plain', 'osu_paired'),
    (['--emsn'], 'emsn', 'osu_paired_emsn'),
    (['--noemsn'], 'plain', 'osu_paired'),
    (['--emsn', '--normalization=emsn'], 'emsn', 'osu_paired_emsn'),
    (
      ['--normalization=spectral_channels', '--ir_band=lwir'],
      'spectral_channels',
      'osu_paired_spectral_channels',
    ),
    # A file of flags before them may say --emsn.
    (
      ['--emsn', '--noemsn', '--normalization=spectral_channels'],
      'spectral_channels',
      'osu_paired_spectral_channels',
    ),
  ],
)
def test_emsn_is_short_for_a_normalization(arguments, normalization, name):
  config = parsed('--dataset=osu', '--paired', *arguments)
  assert config.data.normalization == normalization
  assert common.default_workdir(config) == pathlib.Path('runs', name)
  shown = [line.split() for line in config_lib.describe(config).splitlines()]
  assert not any('emsn' in line[:2] for line in shown)
