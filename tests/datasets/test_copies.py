"""A run whose images are gone: its prepared copy, or a message that says what to give."""

import dataclasses
import shutil

import numpy as np
import PIL.Image
import pytest

from cyclegan_jax.data import pipeline
from cyclegan_jax.data.source import Dataset
from cyclegan_jax.errors import UserError
from cyclegan_jax.runs import run_folder
from cyclegan_jax.settings import Config, DataConfig
import datasets
from tests.conftest import make_pairs


def config_of(tmp_path, **settings):
  source = str(tmp_path / 'raw')
  prepared = str(tmp_path / 'prepared')
  values = dict(dataset='folder', source_dir=source, data_dir=prepared, image_size=(16, 16))
  return DataConfig(**{**values, **settings})


def pixels(dataset, config):
  return [pipeline.domain_pixels(dataset, 'train', 'ir', config)[i]['ir'] for i in range(3)]


@pytest.mark.parametrize('deep', [False, True])
def test_the_copy_gives_what_the_images_gave(tmp_path, deep):
  make_pairs(tmp_path / 'raw')
  if deep:
    for i, file in enumerate(sorted((tmp_path / 'raw/ir').iterdir())):
      values = np.random.default_rng(i).integers(0, 65536, (24, 32), np.uint16)
      PIL.Image.fromarray(values).save(file)
  config = config_of(tmp_path, paired=True)
  before = datasets.open_dataset(config)
  expected = pixels(before, config)
  shutil.rmtree(tmp_path / 'raw')
  after = datasets.open_dataset(config, before.prepared)
  assert 'is gone; its prepared copy' in after.description
  assert (after.facts(), after.prepared) == (before.facts(), before.prepared)
  np.testing.assert_array_equal(pixels(after, config), expected)
  # Moved, copy and all.
  shutil.move(tmp_path / 'prepared', tmp_path / 'elsewhere')
  moved = config_of(tmp_path, paired=True, data_dir=str(tmp_path / 'elsewhere'))
  assert datasets.open_dataset(moved, before.prepared).facts() == before.facts()


def test_collections_without_pairs_too(tmp_path):
  make_pairs(tmp_path / 'raw')
  config = config_of(tmp_path, options={'pairs': 'none'})
  before = datasets.open_dataset(config)
  shutil.rmtree(tmp_path / 'raw')
  after = datasets.open_dataset(config, before.prepared)
  assert after.facts() == before.facts() and not after.splits['train'].aligned


def test_without_a_copy_the_message_names_the_flags(tmp_path):
  make_pairs(tmp_path / 'raw')
  config = config_of(tmp_path)
  prepared = datasets.open_dataset(config).prepared
  for folder in ('raw', 'prepared'):
    shutil.rmtree(tmp_path / folder)
  with pytest.raises(UserError, match='--source_dir=NEW, or --data_dir=NEW') as caught:
    datasets.open_dataset(config, prepared)
  assert str(tmp_path / 'raw') in str(caught.value)


def test_a_run_remembers_its_copy_and_refuses_other_data_with_a_way_on(tmp_path):
  make_pairs(tmp_path / 'raw')
  config = config_of(tmp_path)
  dataset, run = datasets.open_dataset(config), tmp_path / 'run'
  run.mkdir()
  assert run_folder.prepared(run) == ''
  run_folder.create(run, Config(data=config), dataset, overwrite=False)
  assert run_folder.prepared(run) == dataset.prepared
  run_folder.check_data(run, dataset)
  other: Dataset = dataclasses.replace(dataset, fingerprint='another')
  with pytest.raises(UserError, match=f'experiments.evaluate --workdir={run} --on=FOLDER'):
    run_folder.check_data(run, other)
