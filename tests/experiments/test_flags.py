"""Flags as settings, in this process."""

import pathlib

from absl import flags
import pytest

from cyclegan_jax import config as config_lib
from experiments import flags as common


@pytest.fixture
def parsed(monkeypatch):
  """Reads a command line as experiments.train does: makes a configuration of it."""
  values = flags.FlagValues()
  monkeypatch.setattr(flags, 'FLAGS', values)
  for kind in ('boolean', 'string', 'enum', 'integer', 'float'):
    define = getattr(flags, f'DEFINE_{kind}')
    monkeypatch.setattr(flags, f'DEFINE_{kind}', lambda *args, define=define: define(
        *args, flag_values=values))
  common.define_config_flags()

  def parse(*arguments):
    values(['train', *arguments])
    return common.config_from_flags()

  return parse


@pytest.mark.parametrize('arguments, normalisation, name', [
    ([], 'plain', 'osu_paired'), (['--emsn'], 'emsn', 'osu_paired_emsn'),
    (['--noemsn'], 'plain', 'osu_paired'),
    (['--emsn', '--normalisation=emsn'], 'emsn', 'osu_paired_emsn'),
    (['--normalisation=spectral_log', '--ir_band=lwir'], 'spectral_log', 'osu_paired_spectral_log'),
    # A file of flags before them may say --emsn.
    (['--emsn', '--noemsn', '--normalisation=spectral_channels'], 'spectral_channels',
     'osu_paired_spectral_channels')])
def test_emsn_is_short_for_a_normalisation(parsed, arguments, normalisation, name):
  config = parsed('--dataset=osu', '--paired', *arguments)
  assert config.data.normalisation == normalisation
  assert common.default_workdir(config) == pathlib.Path('runs', name)
  shown = [line.split() for line in config_lib.describe(config).splitlines()]
  assert not any('emsn' in line[:2] for line in shown)
