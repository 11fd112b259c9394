"""Runs that start from the weights of another one."""

import dataclasses
import json
import shutil

import jax
import numpy as np
import pytest

from cyclegan_jax.errors import UserError
from cyclegan_jax.runs import addresses, published
from cyclegan_jax.training import loop, preflight, run_start, warm_start
from cyclegan_jax.training.checkpoint import of_run
from cyclegan_jax.training.step import state as state_lib
import datasets
from tests.runs import hub_server

REGRESSION = dict(adversarial_weight=0.0, method='pix2pix', cycle_weight=0.0, redraw_fakes=False)


@pytest.fixture(scope='module')
def source(tiny, tmp_path_factory):
  """A run with moving averages that differ from its parameters, and that state."""
  workdir, config = tmp_path_factory.mktemp('source'), tiny(ema_decay=0.9, seed=7)
  dataset = datasets.open_dataset(config.data)
  state = state_lib.initialize(config, dataset.domains)
  state = dataclasses.replace(state, ema=jax.tree.map(lambda x: x + 1, state.ema))
  run_start.write(config, dataset, workdir, state)
  return workdir, state


def start(config, workdir):
  """The first state, and what is said about it."""
  lines = []
  domains = datasets.open_dataset(config.data).domains
  workdir.mkdir()
  return warm_start.initialize(config, domains, workdir, lines.append), '\n'.join(lines)


def equal(a, b):
  jax.tree.map(np.testing.assert_array_equal, a, b)


def test_generators_start_from_what_the_other_run_translates_with(tiny, source, tmp_path):
  folder, theirs = source
  config = tiny(**REGRESSION, initialize_from=str(folder), ema_decay=0.5)
  ours, said = start(config, tmp_path / 'run')
  assert said == f'Weights of rgb_to_ir are from {folder}, step 0 (folder, preset udacity).'
  assert set(ours.params) == {'rgb_to_ir'} and ours.step == 0
  equal(ours.params['rgb_to_ir'], theirs.ema['rgb_to_ir'])
  equal(ours.ema['rgb_to_ir'], theirs.ema['rgb_to_ir'])
  equal(ours.batch_stats['rgb_to_ir'], theirs.batch_stats['rgb_to_ir'])
  record = json.loads((tmp_path / 'run' / 'initialized_from.json').read_text())
  assert record['run'] == folder.name and record['networks'] == ['rgb_to_ir']


def test_a_published_model_is_a_start_too(tiny, source, tmp_path, monkeypatch):
  pytest.importorskip('huggingface_hub', reason='needs the extra hub')
  folder, theirs = source
  config = tiny(seed=7)
  domains = datasets.open_dataset(config.data).domains
  stats = {name: theirs.batch_stats[name] for name in theirs.ema}
  (tmp_path / 'published').mkdir()
  weights = published.Weights(config, domains, 5, 9, theirs.ema, stats)
  published.write(tmp_path / 'published', weights, folder)
  monkeypatch.setenv('XDG_CACHE_HOME', str(tmp_path / 'cache'))
  with hub_server.running() as server:
    monkeypatch.setenv('HF_ENDPOINT', server.endpoint)
    server.repositories['a/b'] = hub_server.Repository()
    files = (tmp_path / 'published').iterdir()
    server.repositories['a/b'].commit({file.name: file.read_bytes() for file in files})
    for name, place in (('one', tmp_path / 'published'), ('other', 'hf://a/b')):
      ours, said = start(tiny(**REGRESSION, initialize_from=str(place)), tmp_path / name)
      assert f'Weights of rgb_to_ir are from {place}, step 5 (folder, preset udacity).' in said
      equal(ours.params['rgb_to_ir'], theirs.ema['rgb_to_ir'])
  assert json.loads((tmp_path / 'other' / 'initialized_from.json').read_text())['run'] == 'hf://a/b'


def test_the_model_that_comes_with_the_program_is_a_start_too(tiny, tmp_path, monkeypatch):
  monkeypatch.chdir(tmp_path)  # There is no folder of that name.
  shape = dict(image_size=(64, 64), load_size=(0, 0), n_downsampling=6, base_width=12)
  config = tiny(preset='thermal', **shape, dropout=0.0, initialize_from='rendered')
  preflight.check(config, tmp_path / 'run')
  ours, said = start(config, tmp_path / 'run')
  theirs = published.read(addresses.bundled('rendered'))
  assert f'are from rendered, step {theirs.step} (synthetic, preset thermal)' in said
  equal(ours.params['rgb_to_ir'], theirs.params['rgb_to_ir'])
  record = json.loads((tmp_path / 'run' / 'initialized_from.json').read_text())
  assert record['run'] == 'rendered'


def test_other_networks_follow_where_shapes_allow_and_the_rest_is_drawn(tiny, source, tmp_path):
  folder, theirs = source
  ours, said = start(tiny(initialize_from=str(folder)), tmp_path / 'same')
  equal(ours.params['ir'], theirs.params['ir'])
  assert 'Drawn anew' not in said
  wide = tiny(initialize_from=str(folder), discriminator_width=8)
  ours, said = start(wide, tmp_path / 'wide')
  assert 'Drawn anew: ' in said.splitlines()[-1]
  fresh = state_lib.initialize(wide, datasets.open_dataset(wide.data).domains)
  equal(ours.params['ir'], fresh.params['ir'])


def test_generators_of_another_shape_are_named_with_the_settings_that_fit(tiny, source, tmp_path):
  with pytest.raises(UserError) as refused:
    start(tiny(initialize_from=str(source[0]), base_width=8), tmp_path / 'run')
  message = str(refused.value)
  assert '_to_' in message and '(3, 3, 8, 8) there and (3, 3, 16, 16) here' in message
  assert message.endswith("Train with that run's settings: --base_width=4.")


def test_a_folder_without_a_run_is_refused_before_any_work(tiny, tmp_path):
  config = tiny(initialize_from=str(tmp_path / 'nothing'))
  with pytest.raises(UserError, match='--initialize_from=.*nothing'):
    preflight.check(config, tmp_path / 'run')


@pytest.mark.slow
def test_a_run_goes_on_when_its_source_is_gone(tiny, source, tmp_path):
  copy, workdir = tmp_path / 'copy', tmp_path / 'run'
  shutil.copytree(source[0], copy)
  for steps in (1, 2):
    config = tiny(**REGRESSION, initialize_from=str(copy), checkpoint_every=1, steps=steps)
    loop.train(config, datasets.open_dataset(config.data), workdir, log=lambda line: None)
    shutil.rmtree(copy, ignore_errors=True)
  with of_run(workdir) as (_, _, checkpoints):
    assert checkpoints.latest_step() == 2
