"""Flags as settings, in this process."""

import pathlib
import subprocess
import sys

from absl import flags
import pytest

from cyclegan_jax import config as config_lib
from cyclegan_jax.errors import UserError
from cyclegan_jax.settings import fields
from datasets import registry
from experiments import flags as common, help_text
from tests.conftest import REPOSITORY


def parsed(*arguments):
  """The configuration that experiments.train makes of a command line."""
  values = flags.FlagValues()
  common.define_config_flags(values)
  common.parse(values, ['train', *arguments])
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


def test_options_of_the_data_set_are_flags_like_others():
  config = parsed('--dataset=aau', '--split_by=sequence', '--skip_scenes=2', '--registration=none')
  assert config.data.options == {'split_by': 'sequence', 'skip_scenes': '2'}
  assert parsed('--dataset=osu', '--split_by=auto') == parsed('--dataset=osu')


@pytest.mark.parametrize(
  'arguments, words',
  [
    (['--dataset=osu', '--registration=depth'], ['--registration=depth', '--dataset=osu', 'aau']),
    (['--dataset=osu', '--split_by=hash'], ['--split_by=hash', 'auto, paper, sequence, location']),
    (['--preset=demo', '--allow_unmatched'], ['--dataset=synthetic', 'osu and aau']),
    (['--dataset=folder', '--mask=crop'], ['--mask=crop', 'osu and aau and camera']),
    (['--dataset=nosuch'], ['--dataset=nosuch', 'synthetic']),
    (['--upsampling=strided'], ['--upsampling=strided', 'transposed, resize']),
  ],
)
def test_values_are_refused_with_what_there_is(arguments, words):
  with pytest.raises(UserError) as error:
    parsed(*arguments)
  for word in words:
    assert word in str(error.value)


@pytest.mark.parametrize(
  'argument, words',
  [
    ('--normalisation=emsn', '--normalisation is now --normalization'),
    ('--initialiser=normal', '--initialiser is now --initializer'),
    ('--generator=strided', '--generator=strided is now --generator=udacity'),
    ('--discriminator=strided', '--discriminator=strided is now --discriminator=udacity'),
    ('--nosuch=1', 'nosuch'),
  ],
)
def test_former_names_are_refused_with_the_new_one(argument, words):
  with pytest.raises(flags.Error, match=words):
    parsed(argument)


def test_demo_renders_its_data_unless_others_are_given():
  demo = parsed('--preset=demo').data
  assert (demo.dataset, demo.options) == ('synthetic', {'extra_scenes': 200})
  assert parsed('--preset=demo', '--extra_scenes=0').data.options == {}
  assert parsed('--preset=demo', '--dataset=synthetic').data.options == {}
  assert parsed('--preset=demo', '--dataset=osu').data.dataset == 'osu'
  assert parsed().data.dataset == ''


def test_a_data_set_may_have_defaults_of_its_own():
  assert parsed('--dataset=camera').data.ir_span == 'auto'
  assert parsed('--dataset=camera', '--ir_span=0:50,degC').data.ir_span == '0:50,degC'
  assert parsed('--dataset=osu').data.ir_span == ''


def test_paths_are_made_absolute_and_sizes_parsed(tmp_path, monkeypatch):
  monkeypatch.chdir(tmp_path)
  data = parsed('--dataset=folder', '--source_dir=x', '--rgb_dir=y', '--image_size=64x96').data
  assert data.source_dir == str(tmp_path / 'x') and data.rgb_dir == 'y'
  assert data.image_size == (64, 96)


def test_every_setting_has_help_in_its_section():
  values = flags.FlagValues()
  common.define_config_flags(values)
  flags.DEFINE_string('mine', None, 'Of the command.', flag_values=values)
  text = help_text.of_command(values, '')
  sections = dict(part.split(':\n', 1) for part in text.split('\n\n') if ':\n  --' in part)
  assert list(sections) == [
    'data',
    'options of single data sets',
    'model',
    'loss',
    'training',
    'run',
  ]
  assert [line for line in sections['data'].splitlines() if line.startswith('  --')][:2] == [
    '  --preset',
    '  --dataset',
  ]
  assert sections['run'].startswith('  --mine\n      Of the command.')
  for name in (*fields(), *registry.OPTIONS, 'emsn'):
    assert sum(text.count(f'\n  --{no}{name}{end}') for no in ('', '[no]') for end in '\n=') == 1
  assert '--resize=area|bicubic|none\n' in text
  assert 'osu (OSU Color-Thermal)' in text and 'folder: Subfolder with' in text


def test_help_imports_nothing_heavy():
  code = (
    'import sys\n'
    'import experiments.train\n'
    'print([name for name in ("jax", "numpy", "tensorflow_datasets") if name in sys.modules])'
  )
  done = subprocess.run(
    [sys.executable, '-c', code], cwd=REPOSITORY, capture_output=True, text=True, check=True
  )
  assert done.stdout.strip() == '[]'
