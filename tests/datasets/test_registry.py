"""The options of single data sets: their metadata, and how they meet the settings of all."""

import dataclasses
import subprocess
import sys

import pytest

from cyclegan_jax import settings
from cyclegan_jax.settings import DataConfig
from datasets import loading, registry, shards
from datasets.aau import config as aau_config, registration
from datasets.camera import survey
from datasets.folder import splits
from datasets.osu import config as osu_config
from tests.conftest import REPOSITORY


def test_every_data_set_can_be_opened():
  assert set(registry.DATASETS) == set(loading._OPENERS)


# Options that any text may be given for.
FREE_TEXT = (
  *(
    'skip_scenes',
    'rgb_pattern',
    'ir_pattern',
    'rgb_column',
    'ir_column',
    'label_column',
    'pair_table',
  ),
)


@pytest.mark.parametrize('name', registry.OPTIONS)
def test_every_option_knows_itself(name):
  assert name not in settings.fields() and name != 'options'
  fields = registry.declarations(name)
  assert len({repr(field.default) for field in fields.values()}) == 1
  for field in fields.values():
    assert field.metadata['help'].endswith('.') and field.metadata['affects'] == 'pixels'
    if not isinstance(field.default, bool) and name not in FREE_TEXT:
      assert field.default in field.metadata['allowed']


def test_choices_are_what_the_builders_know():
  choices = {
    (name, dataset): field.metadata['allowed']
    for name in ('split_by', 'registration', 'align')
    for dataset, field in registry.declarations(name).items()
  }
  assert choices['split_by', 'osu'] == ('auto', *osu_config.METHODS)
  assert choices['split_by', 'aau'] == ('auto', *aau_config.METHODS)
  assert choices['split_by', 'folder'] == choices['split_by', 'camera'] == splits.METHODS
  assert choices['split_by', 'parquet'] == choices['split_by', 'webdataset'] == shards.METHODS
  assert choices['registration', 'aau'] == registration.MODES
  assert choices['align', 'camera'] == survey.ALIGN


def test_settings_that_only_some_data_sets_use():
  found = {name: list(registry.declarations(name)) for name in settings.fields()}
  assert {name: owners for name, owners in found.items() if owners != ['']} == {
    'source_dir': ['osu', 'aau', 'folder', 'camera', 'parquet', 'webdataset'],
    'ir_span': ['folder', 'camera', 'parquet', 'webdataset'],
    'mask': ['osu', 'aau', 'camera'],
    'rgb_dir': ['folder'],
    'ir_dir': ['folder'],
    'label_dir': ['folder'],
    'exclude': ['folder', 'camera', 'parquet', 'webdataset'],
  }


def test_options_at_their_defaults_are_left_out():
  given = {'split_by': 'auto', 'plane_depth': 1500.0, 'skip_scenes': '2'}
  assert registry.changed(given) == {'skip_scenes': '2'}
  options = registry.resolve(DataConfig(dataset='aau', options=registry.changed(given)))
  assert options == registry.AauOptions(skip_scenes='2')
  assert dataclasses.asdict(options)['split_by'] == 'auto'


def test_importing_the_package_is_quick():
  code = (
    'import sys, datasets.registry\n'
    'print("tensorflow_datasets" in sys.modules, "jax" in sys.modules, "numpy" in sys.modules)'
  )
  done = subprocess.run(
    [sys.executable, '-c', code], cwd=REPOSITORY, capture_output=True, text=True, check=True
  )
  assert done.stdout.split() == ['False'] * 3
